//! What a live answer holds: the rows that are true now.

use std::collections::VecDeque;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use indexmap::IndexMap;

use crate::common::Result;

use super::render::Cells;

/// Of rows that never change so many are kept, to show the last of them.
const KEPT: usize = 10_000;

type Row = Vec<Option<String>>;

/// Rows as text, in the order in which they, or their keys, came first.
///
/// A row that goes and comes again with other values in the same commit keeps its place: its key stays, with no row, until
/// [`Content::cells`] is asked.
#[derive(Debug)]
pub(super) struct Content {
    empty: Cells,
    /// Rows that only come.
    added: VecDeque<Row>,
    /// Rows that come and go, with how often each is there: by key if one is known, else by all that is in them.
    changing: Option<IndexMap<Row, (Row, i64)>>,
    key: Vec<usize>,
    count: u64,
}

impl Content {
    /// Nothing yet. `updating`: batches carry weights; `key`: the columns by which one row takes the place of another.
    pub(super) fn new(schema: &Schema, updating: bool, key: Option<Vec<usize>>) -> Self {
        let key = key.unwrap_or_else(|| (0..schema.fields().len()).collect());
        Self { empty: Cells::new(schema), added: VecDeque::new(), changing: updating.then(IndexMap::new), key, count: 0 }
    }

    /// Takes in rows or changes.
    pub(super) fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let mut cells = self.empty.clone();
        cells.add(batch)?;
        let Some(changing) = &mut self.changing else {
            self.count += cells.rows.len() as u64;
            self.added.extend(cells.rows);
            let old = self.added.len().saturating_sub(KEPT);
            self.added.drain(..old);
            return Ok(());
        };
        let weights = batch.columns().last().and_then(|c| c.as_primitive_opt::<Int64Type>());
        let weight = |row: usize| weights.map_or(1, |w| w.value(row));
        for (index, row) in cells.rows.into_iter().enumerate() {
            let key: Row = self.key.iter().filter_map(|column| row.get(*column)).cloned().collect();
            let (now, times) = changing.entry(key).or_insert_with(|| (row.clone(), 0));
            // What goes comes before what comes in its place.
            if weight(index) > 0 {
                *now = row;
            }
            *times += weight(index);
        }
        Ok(())
    }

    /// How many rows there are.
    pub(super) fn count(&mut self) -> u64 {
        match &mut self.changing {
            None => self.count,
            Some(changing) => {
                changing.retain(|_, (_, times)| *times != 0);
                changing.values().map(|(_, times)| times.unsigned_abs()).sum()
            }
        }
    }

    /// The last `rows` of them, with the names of the columns.
    pub(super) fn last(&mut self, rows: usize) -> Cells {
        let mut cells = self.empty.clone();
        match &mut self.changing {
            None => cells.rows.extend(self.added.iter().skip(self.added.len().saturating_sub(rows)).cloned()),
            Some(changing) => {
                changing.retain(|_, (_, times)| *times != 0);
                let copies = |(row, times): &(Row, i64)| std::iter::repeat_n(row.clone(), usize::try_from(*times).unwrap_or(0));
                cells.rows.extend(changing.values().rev().flat_map(copies).take(rows));
                cells.rows.reverse();
            }
        }
        cells
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field};

    use super::*;

    fn changes(rows: &[(&str, i64, i64)]) -> RecordBatch {
        let field = |name: &str, data_type| Field::new(name, data_type, true);
        let schema = Schema::new(vec![field("k", DataType::Utf8), field("n", DataType::Int64), field("__weight", DataType::Int64)]);
        let keys: StringArray = rows.iter().map(|r| Some(r.0)).collect();
        let (values, weights): (Int64Array, Int64Array) = (rows.iter().map(|r| r.1).collect(), rows.iter().map(|r| r.2).collect());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(keys), Arc::new(values), Arc::new(weights)]).unwrap()
    }

    fn shown(content: &mut Content) -> Vec<String> {
        content.last(10).rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_row_that_changes_keeps_its_place() {
        let schema = Schema::new(changes(&[]).schema().fields().iter().take(2).cloned().collect::<Vec<_>>());
        let mut content = Content::new(&schema, true, Some(vec![0]));
        content.add(&changes(&[("a", 1, 1), ("b", 1, 1), ("c", 1, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("c", 1, -1), ("a", 2, 1), ("d", 1, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 2", "b 1", "d 1"]);
        assert_eq!(content.count(), 3);

        let mut content = Content::new(&schema, true, None);
        content.add(&changes(&[("a", 1, 2), ("b", 1, 1)])).unwrap();
        content.add(&changes(&[("a", 1, -1), ("b", 1, -1), ("b", 2, 1)])).unwrap();
        assert_eq!(shown(&mut content), ["a 1", "b 2"]);

        let mut content = Content::new(&schema, false, None);
        content.add(&changes(&[("a", 1, 1), ("b", 1, 1)])).unwrap();
        assert_eq!((content.last(1).rows.len(), content.count()), (1, 2));
    }
}
