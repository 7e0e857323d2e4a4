//! Keys of rows.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, ArrayRef, UInt32Array};
use arrow::compute::{concat, take};

use crate::common::Result;

use super::zset;

/// Each key of several batches once, given and returned as columns.
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
    let firsts = rows.iter().zip(0u32..).filter(|(row, _)| seen.insert(row.data().to_vec())).map(|(_, i)| i);
    let indices = UInt32Array::from_iter_values(firsts);
    columns.iter().map(|c| Ok(take(c, &indices, None)?)).collect()
}

/// Keys by their place.
pub(in crate::operators) struct KeyIndex(HashMap<Box<[u8]>, usize>);

impl KeyIndex {
    /// Of these keys, in order, as columns and how many rows they have.
    ///
    /// # Errors
    /// When keys cannot be compared.
    pub(in crate::operators) fn new(keys: &[ArrayRef], rows: usize) -> Result<Self> {
        let Some(encoded) = zset::encode(keys)? else {
            // Without columns all keys are the same.
            return Ok(Self((rows > 0).then(|| (Box::default(), 0)).into_iter().collect()));
        };
        Ok(Self(encoded.iter().enumerate().map(|(place, row)| (row.data().into(), place)).collect()))
    }

    /// The places of other rows' keys; `None` for those that are not among them.
    ///
    /// # Errors
    /// When keys cannot be compared.
    pub(in crate::operators) fn of(&self, keys: &[ArrayRef], rows: usize) -> Result<Vec<Option<usize>>> {
        let Some(encoded) = zset::encode(keys)? else { return Ok(vec![self.0.get(&[][..]).copied(); rows]) };
        Ok(encoded.iter().map(|row| self.0.get(row.data()).copied()).collect())
    }
}
