//! An index from key values to positions.

use std::hash::BuildHasher;

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};
use arrow::row::Rows;
use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashSet, HashTable};

use crate::common::Result;

use super::zset;

/// The distinct keys of several batches, as columns.
///
/// # Errors
/// When keys cannot be compared.
pub(in crate::operators) fn distinct(parts: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
    let Some(first) = parts.first() else { return Ok(Vec::new()) };
    let column = |i: usize| -> Result<ArrayRef> {
        let column: Vec<&dyn Array> = parts.iter().filter_map(|p| p.get(i)).map(AsRef::as_ref).collect();
        Ok(concat(&column)?)
    };
    let columns = (0..first.len()).map(column).collect::<Result<Vec<_>>>()?;
    let Some(rows) = zset::encode(&columns)? else { return Ok(columns) };
    let mut seen = HashSet::with_capacity(rows.num_rows());
    let firsts: Vec<u32> = rows.iter().zip(0u32..).filter(|(row, _)| seen.insert(row.data())).map(|(_, i)| i).collect();
    if firsts.len() == rows.num_rows() {
        return Ok(columns);
    }
    let indices = UInt32Array::from(firsts);
    columns.iter().map(|c| Ok(take(c, &indices, None)?)).collect()
}

/// Maps keys to their positions.
pub(in crate::operators) struct KeyIndex {
    /// The keys; `None` if they have no columns: all keys are equal.
    keys: Option<Rows>,
    /// The number of keys.
    rows: usize,
    places: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl KeyIndex {
    /// Indexes these keys, given as columns of `rows` rows.
    ///
    /// # Errors
    /// When keys cannot be compared.
    pub(in crate::operators) fn new(keys: &[ArrayRef], rows: usize) -> Result<Self> {
        let (keys, hasher) = (zset::encode(keys)?, DefaultHashBuilder::default());
        let mut places = HashTable::with_capacity(rows);
        for (place, row) in keys.iter().flatten().enumerate() {
            let bytes = |place: usize| keys.as_ref().map_or(&[][..], |keys| keys.row(place).data());
            match places.entry(hasher.hash_one(row.data()), |p| bytes(*p) == row.data(), |p| hasher.hash_one(bytes(*p))) {
                Entry::Occupied(mut known) => *known.get_mut() = place,
                Entry::Vacant(new) => _ = new.insert(place),
            }
        }
        Ok(Self { keys, rows, places, hasher })
    }

    /// The positions of other rows' keys; `None` for keys that are not in the index.
    ///
    /// # Errors
    /// When keys cannot be compared.
    pub(in crate::operators) fn positions(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Option<usize>>> {
        let (Some(own), Some(encoded)) = (&self.keys, zset::encode(keys)?) else {
            return Ok(vec![(self.rows > 0).then_some(0); rows]);
        };
        let place = |key: &[u8]| self.places.find(self.hasher.hash_one(key), |p| own.row(*p).data() == key).copied();
        Ok(encoded.iter().map(|row| place(row.data())).collect())
    }
}
