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
pub(super) fn distinct(parts: &[Vec<ArrayRef>]) -> Result<Vec<ArrayRef>> {
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

/// For each of the keys its place among the known ones, if it is there. Both are columns and how many rows they have.
///
/// # Errors
/// When keys cannot be compared.
pub(super) fn places(keys: (&[ArrayRef], usize), known: (&[ArrayRef], usize)) -> Result<Vec<Option<u32>>> {
    let (Some(rows), Some(stored)) = (zset::encode(keys.0)?, zset::encode(known.0)?) else {
        // Without columns all keys are the same.
        return Ok(vec![(known.1 > 0).then_some(0); keys.1]);
    };
    let at: HashMap<&[u8], u32> = stored.iter().map(|row| row.data()).zip(0..).collect();
    Ok(rows.iter().map(|row| at.get(row.data()).copied()).collect())
}
