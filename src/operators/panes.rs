//! Rows by the window or pane that they belong to.

use std::collections::BTreeMap;

use arrow::array::{Int64Array, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{PaneDelta, PaneTable};

use super::merge::{Functions, GroupMerger};
use super::to_millis;
use super::windows::{Windows, per_milli};

/// A pane with more batches than this is merged into one when it is next added to.
const COMPACT_AT: usize = 32;

/// Windows that share panes, and the columns of a relation that hold the bounds of its rows' panes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Serialize, Deserialize)]
pub struct Panes {
    /// The windows.
    pub windows: Windows,
    /// Columns, and which of [`super::windows::WINDOW_COLUMNS`] each is.
    pub columns: Vec<(usize, usize)>,
}

impl Panes {
    /// Rows of a pane as rows of one of its windows, `(start, end)` in milliseconds.
    ///
    /// # Errors
    /// When a window column is not a timestamp; that would be a bug.
    pub(super) fn in_window(&self, rows: &RecordBatch, (start, end): (i64, i64)) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        for (column, which) in &self.columns {
            let column = columns.get_mut(*column).ok_or_else(|| Error::internal("a window column is missing"))?;
            let millis = [start, end, end.saturating_sub(1)].get(*which).copied().unwrap_or(end);
            let value = millis.saturating_mul(per_milli(column.data_type()));
            *column = cast(&Int64Array::from_value(value, rows.num_rows()), column.data_type())?;
        }
        Ok(RecordBatch::try_new(rows.schema(), columns)?)
    }
}

/// Adds partial rows to panes that stay open.
///
/// # Errors
/// When the rows are not of these functions.
pub(super) fn keep(functions: &Functions, state: &PaneTable, open: BTreeMap<i64, Vec<RecordBatch>>, delta: &mut PaneDelta) -> Result<()> {
    for (end, batches) in open {
        let kept = state.pane(end);
        if kept.len() < COMPACT_AT {
            delta.add.push((end, concat_batches(functions.partial(), &batches)?));
            continue;
        }
        let mut pane = GroupMerger::new(functions)?;
        for batch in kept.iter().chain(&batches) {
            pane.merge(batch)?;
        }
        delta.replace.push((end, pane.into_state()?));
    }
    Ok(())
}

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
