//! Groups rows by window or pane, and stores and merges panes.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{PaneDelta, PaneTable, SpillableBatches};

use super::arithmetic::{Windows, per_milli};
use crate::operators::aggregates::merge::{Functions, GroupMerger, Merged};
use crate::operators::aggregates::merge_sorted::{Partials, merge_sorted};
use crate::operators::epoch::stateful::OperatorContext;
use crate::operators::to_millis;

/// A pane with more runs than this is merged when rows are next added to it.
const COMPACT_AT: usize = 32;
/// The fraction of the state's memory, as a divisor, up to which rows are merged in memory: groups take more than their rows.
const MERGE_SHARE: usize = 8;

/// Windows that share panes, and the columns of a relation that hold the bounds of its rows' panes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Serialize, Deserialize)]
pub struct Panes {
    /// The windows.
    pub windows: Windows,
    /// Columns, and which of [`super::arithmetic::WINDOW_COLUMNS`] each is.
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

/// Merged rows: one batch if they fit into memory, else a stream.
pub(super) enum MergedRows {
    /// All of them.
    Batch(RecordBatch),
    /// One batch after the other.
    Stream(SendableRecordBatchStream),
}

impl MergedRows {
    /// The rows as the output of a step.
    pub(super) fn into_output(self, ctx: &OperatorContext) -> Vec<RecordBatch> {
        match self {
            Self::Batch(batch) => vec![batch],
            Self::Stream(stream) => {
                ctx.emit_stream(stream);
                Vec::new()
            }
        }
    }
}

/// Merges partial rows group by group. `size` is their size in bytes; `state` provides the memory limit.
///
/// # Errors
/// When the rows are not of these functions, or cannot be read.
pub(super) fn merge(
    functions: &Functions,
    rows: Partials,
    size: usize,
    want: Merged,
    state: &PaneTable,
    tasks: &Arc<TaskContext>,
) -> Result<MergedRows> {
    if size > state.spill_context().memory().limit() / MERGE_SHARE {
        return Ok(MergedRows::Stream(merge_sorted(functions, rows, want, tasks)?));
    }
    let mut merger = GroupMerger::new(functions)?;
    for batch in rows {
        merger.merge(&batch?)?;
    }
    Ok(MergedRows::Batch(merger.finish(want)?))
}

/// Adds partial rows to panes that stay open. When a pane has many runs, its last ones are merged with the new rows: as many as are
/// not much larger than those after them, so that run sizes decrease and a row is rewritten O(log n) times.
///
/// # Errors
/// When the rows are not of these functions, or a disk fails.
pub(super) async fn append_run(
    functions: &Functions,
    state: &PaneTable,
    open: BTreeMap<i64, Vec<RecordBatch>>,
    delta: &mut PaneDelta,
    tasks: &Arc<TaskContext>,
) -> Result<()> {
    for (end, batches) in open {
        let runs = state.runs(end);
        let new = concat_batches(functions.partial(), &batches)?;
        let kept = if runs.len() < COMPACT_AT { runs.len() } else { first_to_merge(runs, new.num_rows()) };
        let run = match runs.get(kept..).filter(|rest| !rest.is_empty()) {
            None => state.spill_context().keep([new])?,
            Some(rest) => compact(functions, rest, Some(new), state, tasks).await?,
        };
        delta.put(end, kept, run);
    }
    Ok(())
}

/// The index of the first run that is merged, with all later runs, with the new rows.
fn first_to_merge(runs: &[SpillableBatches], new: usize) -> usize {
    let mut rows = new;
    let merged = runs.iter().rev().take_while(|run| {
        let small = run.rows() / 2 <= rows;
        rows += run.rows();
        small
    });
    runs.len() - merged.count()
}

/// Merges runs and the rows after them into one run with a row per group.
///
/// # Errors
/// As [`append_run`].
pub(super) async fn compact(
    functions: &Functions,
    runs: &[SpillableBatches],
    new: Option<RecordBatch>,
    state: &PaneTable,
    tasks: &Arc<TaskContext>,
) -> Result<SpillableBatches> {
    let size = runs.iter().map(SpillableBatches::size).sum::<usize>() + new.as_ref().map_or(0, RecordBatch::get_array_memory_size);
    let kept: Vec<_> = runs.iter().map(SpillableBatches::batches).collect();
    let rows: Partials = Box::new(kept.into_iter().flatten().chain(new.map(Ok)));
    match merge(functions, rows, size, Merged::State, state, tasks)? {
        MergedRows::Batch(batch) => state.spill_context().keep([batch]),
        MergedRows::Stream(mut stream) => {
            let mut run = SpillableBatches::default();
            while let Some(batch) = stream.try_next().await? {
                run.extend(state.spill_context().keep_copies([batch])?);
            }
            Ok(run)
        }
    }
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
