//! Divides the keys of an epoch, so that the stored rows of all of them need not be in memory at once.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{take, take_record_batch};
use arrow::record_batch::RecordBatch;

use crate::common::Result;
use crate::state::KeyedTable;

use super::key_index::KeyIndex;

/// The part of the state's memory that the stored rows of one slice may take.
const MEMORY_PART: usize = 16;
/// Keys of the first slice; each may be four times as large as the one before, as far as the stored rows of that one allow.
const FIRST: usize = 4;

/// The keys of an epoch in slices, each with the changes of its keys.
///
/// ```text
///  keys      k1 k2 k3 │ k4 k5 k6 k7 │ k8      as many as had stored rows of `budget` bytes in the slice before
///  changes   of k1–k3 │ of k4–k7    │ of k8   sorted by key; within a key in their order
/// ```
/// An epoch's changes are bounded, the stored rows of their keys are not: a hundred thousand changed keys may have millions of rows. An
/// operator whose keys do not depend on each other looks up, joins or computes one slice after the other. While tables are small there is
/// one slice, and nothing is sorted; with several, keys are in the order of their hashes.
pub(in crate::operators) struct KeySlices {
    keys: Vec<ArrayRef>,
    /// How many keys there are; 1 if they have no columns.
    count: usize,
    /// The changes of each input, and the position of each row's key in `keys`, ascending; without positions they are not sorted, and
    /// all in the only slice.
    changes: Vec<(RecordBatch, Option<Vec<u32>>)>,
    budget: usize,
    /// The first key of the next slice, and how many it has.
    next: usize,
    size: usize,
}

/// The keys of a slice as columns, and of each input the changes of these keys.
pub(in crate::operators) type KeySlice = (Vec<ArrayRef>, Vec<RecordBatch>);

impl KeySlices {
    /// Divides these distinct keys; `changes` are rows with their keys, of which those with other keys are in no slice if there are
    /// several. `tables` hold the stored rows.
    ///
    /// # Errors
    /// When keys cannot be compared.
    pub(in crate::operators) fn new(
        keys: Vec<ArrayRef>,
        changes: Vec<(RecordBatch, Vec<ArrayRef>)>,
        tables: &[&KeyedTable],
    ) -> Result<Self> {
        let count = keys.first().map_or(1, |column| column.len());
        let memory = tables.first().map(|table| table.memory());
        let budget = memory.map_or(usize::MAX, |memory| memory.limit() / MEMORY_PART);
        // The sizes of tables are sums over their shards. While all tables of the job are small, there is nothing to add up.
        let large = memory.is_some_and(|memory| memory.resident() + memory.on_disk() > budget);
        let stored = || tables.iter().map(|table| table.size()).map(|(_, memory, disk)| memory + disk).sum::<usize>();
        let Some(table) = tables.first().filter(|_| count > 1 && large && stored() > budget) else {
            let changes = changes.into_iter().map(|(rows, _)| (rows, None)).collect();
            return Ok(Self { keys, count, changes, budget, next: 0, size: count });
        };
        let keys = by_hash(&keys, table)?;
        let index = KeyIndex::new(&keys, count)?;
        let changes = changes.iter().map(|(rows, of_rows)| sorted(&index, rows, of_rows)).collect::<Result<_>>()?;
        Ok(Self { keys, count, changes, budget, next: 0, size: FIRST })
    }

    /// The next slice; `stored` is how many bytes of stored rows the one before had.
    pub(in crate::operators) fn next(&mut self, stored: usize) -> Result<Option<KeySlice>> {
        if self.next > 0 {
            let wanted = (self.size as u128 * self.budget as u128 / stored.max(1) as u128).clamp(1, self.count as u128);
            self.size = usize::try_from(wanted).unwrap_or(self.count).min(self.size.saturating_mul(4));
        }
        if self.next >= self.count {
            return Ok(None);
        }
        let (begin, len) = (self.next, self.size.min(self.count - self.next));
        self.next += len;
        let keys = self.keys.iter().map(|column| column.slice(begin, len)).collect();
        let changes = self.changes.iter().map(|(rows, positions)| match positions {
            Some(positions) => {
                let at = |key: usize| positions.partition_point(|position| (*position as usize) < key);
                let (first, end) = (at(begin), at(begin + len));
                rows.slice(first, end - first)
            }
            None => rows.clone(),
        });
        Ok(Some((keys, changes.collect())))
    }
}

/// Keys in the order of their hashes: a slice then needs few of the table's shards, which may be on disk.
fn by_hash(keys: &[ArrayRef], table: &KeyedTable) -> Result<Vec<ArrayRef>> {
    let mut order: Vec<(u64, u32)> = table.hashes(keys)?.into_iter().zip(0..).collect();
    order.sort_unstable();
    let order: UInt32Array = order.into_iter().map(|(_, key)| key).collect();
    keys.iter().map(|column| Ok(take(column, &order, None)?)).collect()
}

/// The rows whose keys are in the index, sorted by the position of their key, and those positions.
fn sorted(index: &KeyIndex, rows: &RecordBatch, of_rows: &[ArrayRef]) -> Result<(RecordBatch, Option<Vec<u32>>)> {
    let positions = index.positions(of_rows, rows.num_rows())?;
    let mut order: Vec<(u32, u32)> =
        (0u32..).zip(positions).filter_map(|(row, position)| Some((u32::try_from(position?).ok()?, row))).collect();
    order.sort_unstable();
    let (positions, rows_in_order): (Vec<u32>, Vec<u32>) = order.into_iter().unzip();
    Ok((take_record_batch(rows, &UInt32Array::from(rows_in_order))?, Some(positions)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;
    use crate::state::{KeyMode, KeyedDelta, Layout, StateMemory};

    fn rows(k: &[i64], v: &[i64]) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("v", DataType::Int64, true)]);
        let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(k.to_vec())), Arc::new(Int64Array::from(v.to_vec()))];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    fn ints(column: &ArrayRef) -> Vec<i64> {
        column.as_primitive::<Int64Type>().values().to_vec()
    }

    /// A table in which each of a hundred keys has a row, under a limit.
    fn table(limit: usize) -> KeyedTable {
        let all = rows(&(0..100).collect::<Vec<_>>(), &[0; 100]);
        let layout = Layout { schema: all.schema(), key: vec![0], time: None, mode: KeyMode::Upsert };
        let memory = StateMemory::new(limit, std::env::temp_dir());
        let mut table = KeyedTable::new(Arc::new(layout), memory).unwrap();
        let weights: ArrayRef = Arc::new(Int64Array::from(vec![1; 100]));
        let mut columns = all.columns().to_vec();
        columns.push(weights);
        let weighted = RecordBatch::try_new(super::super::zset::weighted(&all.schema()), columns).unwrap();
        table.fold(&KeyedDelta::new(vec![weighted], None)).unwrap();
        table
    }

    /// The keys and the values of the changes of each slice, if the stored rows of each take so many bytes.
    fn slices(limit: usize, stored: usize) -> Vec<(Vec<i64>, Vec<i64>)> {
        let table = table(limit);
        let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        // Two changes of each key, far from each other, and one of a key that is none of these.
        let (k, v): (Vec<i64>, Vec<i64>) = (0..100).chain(0..100).zip(0..200).chain([(1000, -1)]).unzip();
        let changes = rows(&k, &v);
        let of_rows = vec![Arc::clone(changes.column(0))];
        let mut slices = KeySlices::new(vec![keys], vec![(changes, of_rows)], &[&table]).unwrap();
        let (mut all, mut before) = (Vec::new(), 0);
        while let Some((keys, changes)) = slices.next(before).unwrap() {
            all.push((ints(&keys[0]), ints(changes[0].column(1))));
            before = stored;
        }
        all
    }

    #[test]
    fn keys_of_small_tables_are_one_slice_in_their_order() {
        let all = slices(1 << 30, 0);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].0.len(), all[0].1.len(), all[0].1.last()), (100, 201, Some(&-1)));
    }

    #[test]
    fn slices_follow_the_size_of_stored_rows() {
        let lens = |stored| slices(1600, stored).iter().map(|(keys, _)| keys.len()).collect::<Vec<_>>();
        // The budget is 100 bytes.
        assert_eq!(lens(1), [4, 16, 64, 16]);
        assert_eq!(lens(100), [4; 25]);
        assert_eq!(lens(400), [[4, 1, 1].as_slice(), &[1; 94]].concat());
        for (keys, changes) in slices(1600, 50) {
            let expected: Vec<i64> = keys.iter().flat_map(|key| [*key, key + 100]).collect();
            assert_eq!(changes, expected);
        }
        let mut keys: Vec<i64> = slices(1600, 50).into_iter().flat_map(|(keys, _)| keys).collect();
        assert!(!keys.is_sorted(), "in the order of hashes");
        keys.sort_unstable();
        assert!(keys.into_iter().eq(0..100));
    }

    #[test]
    fn rows_without_a_key_are_one_slice() {
        let changes = rows(&[1, 2], &[3, 4]);
        let mut slices = KeySlices::new(Vec::new(), vec![(changes, Vec::new())], &[&table(16)]).unwrap();
        assert_eq!(slices.next(0).unwrap().unwrap().1[0].num_rows(), 2);
        assert!(slices.next(1 << 20).unwrap().is_none());
    }
}
