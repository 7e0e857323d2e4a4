//! Keys of rows.

use std::collections::HashSet;

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
