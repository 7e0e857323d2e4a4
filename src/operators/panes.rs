//! Rows by the window that they belong to.

use std::collections::BTreeMap;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::to_millis;

/// Rows by their window's end: the time in `column`, plus `shift`, in milliseconds.
///
/// # Errors
/// When a row has no time.
pub(super) fn by_pane(input: &[RecordBatch], column: usize, shift: i64) -> Result<BTreeMap<i64, Vec<RecordBatch>>> {
    let mut panes: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
    for batch in input {
        let ends = to_millis(batch.column(column))?;
        let mut rows: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (row, end) in (0u32..).zip(ends.iter()) {
            let end = end.ok_or_else(|| Error::internal("a window without an end"))?;
            rows.entry(end.saturating_add(shift)).or_default().push(row);
        }
        for (end, rows) in rows {
            let part = if rows.len() == batch.num_rows() { batch.clone() } else { take_record_batch(batch, &UInt32Array::from(rows))? };
            panes.entry(end).or_default().push(part);
        }
    }
    Ok(panes)
}
