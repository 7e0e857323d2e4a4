//! Rows by the window or pane that they belong to, and how panes are kept and merged.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Int64Array, UInt32Array};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{PaneDelta, PaneTable, Run};

use super::arithmetic::{Windows, per_milli};
use crate::operators::aggregates::merge::{Functions, GroupMerger, Merged};
use crate::operators::aggregates::merge_sorted::{Partials, merge_sorted};
use crate::operators::epoch::stateful::OperatorContext;
use crate::operators::to_millis;

/// A pane with more runs than this is merged when it is next added to.
const COMPACT_AT: usize = 32;
/// The part of the state's memory that rows may have which are merged without going to disk: groups take more than their rows.
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

/// Merged rows: at once if they fit into memory, else as they come.
pub(super) enum Rows {
    /// All of them.
    Batch(RecordBatch),
    /// One batch after the other.
    Stream(SendableRecordBatchStream),
}

impl Rows {
    /// Lets them come out of a step, whose answer this is.
    pub(super) fn give(self, ctx: &OperatorContext) -> Vec<RecordBatch> {
        match self {
            Self::Batch(batch) => vec![batch],
            Self::Stream(stream) => {
                ctx.emit_stream(stream);
                Vec::new()
            }
        }
    }
}

/// Merges partial rows group by group. `size` is how many bytes they have, of a state with the memory of `state`.
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
) -> Result<Rows> {
    if size > state.shelf().memory().limit() / MERGE_SHARE {
        return Ok(Rows::Stream(merge_sorted(functions, rows, want, tasks)?));
    }
    let mut merger = GroupMerger::new(functions)?;
    for batch in rows {
        merger.merge(&batch?)?;
    }
    Ok(Rows::Batch(merger.finish(want)?))
}

/// Adds partial rows to panes that stay open. When a pane has many runs, the last ones are merged with what comes: as many as are
/// not much larger than those behind them, so that runs get shorter towards the end and a row is written again O(log n) times.
///
/// # Errors
/// When the rows are not of these functions, or a disk fails.
pub(super) async fn keep(
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
            None => state.shelf().keep([new])?,
            Some(rest) => compact(functions, rest, Some(new), state, tasks).await?,
        };
        delta.put(end, kept, run);
    }
    Ok(())
}

/// The number of the first run that is merged with the new rows and all behind it.
fn first_to_merge(runs: &[Run], new: usize) -> usize {
    let mut rows = new;
    let merged = runs.iter().rev().take_while(|run| {
        let small = run.rows() / 2 <= rows;
        rows += run.rows();
        small
    });
    runs.len() - merged.count()
}

/// Runs and rows behind them as one run with a row per group.
///
/// # Errors
/// As [`keep`].
pub(super) async fn compact(
    functions: &Functions,
    runs: &[Run],
    new: Option<RecordBatch>,
    state: &PaneTable,
    tasks: &Arc<TaskContext>,
) -> Result<Run> {
    let size = runs.iter().map(Run::size).sum::<usize>() + new.as_ref().map_or(0, RecordBatch::get_array_memory_size);
    let kept: Vec<_> = runs.iter().map(Run::batches).collect();
    let rows: Partials = Box::new(kept.into_iter().flatten().chain(new.map(Ok)));
    match merge(functions, rows, size, Merged::State, state, tasks)? {
        Rows::Batch(batch) => state.shelf().keep([batch]),
        Rows::Stream(mut stream) => {
            let mut run = Run::default();
            while let Some(batch) = stream.try_next().await? {
                run.extend(state.shelf().keep_alone([batch])?);
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
