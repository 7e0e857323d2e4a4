//! The naive table.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;

use super::super::{KeyMode, KeyedDelta};
use super::rows::{Row, printed};

/// What a keyed table should hold, kept as simply as can be.
#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) mode: KeyMode,
    pub(super) key: Vec<usize>,
    pub(super) time: Option<usize>,
    /// By key (`Upsert`) or by the whole row (`Multiset`): the row and its weight.
    pub(super) rows: BTreeMap<Row, (Row, i64)>,
    pub(super) closed_to: Option<i64>,
    pub(super) unmatched: u64,
}

impl Model {
    /// The key of a row.
    pub(super) fn key(&self, row: &Row) -> Row {
        self.key.iter().map(|c| row[*c].clone()).collect()
    }

    fn is_closed(&self, row: &Row) -> bool {
        self.time.is_some_and(|t| self.closed_to.is_some_and(|to| row[t].parse::<i64>().unwrap() <= to))
    }

    /// One epoch.
    pub(super) fn fold(&mut self, delta: &KeyedDelta) {
        let rows = delta.rows.iter().flat_map(weighted);
        match self.mode {
            KeyMode::Upsert => rows.for_each(|(row, weight)| match weight {
                0 => {}
                1.. => drop(self.rows.insert(self.key(&row), (row, 1))),
                _ => drop(self.rows.remove(&self.key(&row))),
            }),
            KeyMode::Multiset => {
                let mut sums = BTreeMap::<Row, i64>::new();
                rows.for_each(|(row, weight)| *sums.entry(row).or_default() += weight);
                for (row, sum) in sums {
                    let weight = self.rows.get(&row).map_or(0, |(_, w)| *w) + sum;
                    if weight < 0 && !self.is_closed(&row) {
                        self.unmatched += weight.unsigned_abs();
                    }
                    if weight > 0 {
                        self.rows.insert(row.clone(), (row, weight));
                    } else {
                        self.rows.remove(&row);
                    }
                }
            }
        }
        self.closed_to = self.closed_to.max(delta.close_to);
        let closed: Vec<Row> = self.rows.iter().filter(|(_, (row, _))| self.is_closed(row)).map(|(key, _)| key.clone()).collect();
        closed.iter().for_each(|key| drop(self.rows.remove(key)));
    }

    /// All rows that pass, sorted.
    pub(super) fn rows(&self, keep: impl Fn(&Row) -> bool) -> Vec<(Row, i64)> {
        let mut rows: Vec<_> = self.rows.values().filter(|(row, _)| keep(row)).cloned().collect();
        rows.sort();
        rows
    }

    /// The rows under these keys.
    pub(super) fn get(&self, keys: &BTreeSet<Row>) -> Vec<(Row, i64)> {
        self.rows(|row| keys.contains(&self.key(row)))
    }

    /// The least time of a row.
    pub(super) fn next_time(&self) -> Option<i64> {
        self.rows.values().filter_map(|(row, _)| self.time.map(|t| row[t].parse().unwrap())).min()
    }
}

/// The rows of a batch with their weights.
pub(super) fn weighted(batch: &RecordBatch) -> Vec<(Row, i64)> {
    let rows = printed(batch.columns(), batch.num_rows());
    rows.into_iter().map(|mut row| row.pop().map(|w| (row, w.parse().unwrap())).unwrap()).collect()
}
