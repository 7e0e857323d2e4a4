//! Drops late rows, and reports them.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::compute::{filter_record_batch, min, not, prep_null_mask_filter};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyedTable, StateTable};

use super::panes::{Panes, by_pane};
use super::session::Sessions;
use super::session_late;
use crate::operators::epoch::context::LateRows;
use crate::operators::epoch::one_input::{OneInput, OneInputExec};
use crate::operators::{EpochContext, to_millis};

/// Drops and reports rows whose time has passed, see [`LateFilter`].
pub type LateFilterExec = OneInputExec<LateFilter>;

/// Which rows are dropped and reported.
///
/// It is right below the first event-time operator, after windows are assigned, and compares with W at the epoch's *start*, so
/// that the order of rows inside an epoch does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LateFilter {
    /// The operator that the rows are late for.
    pub node: u32,
    /// The filter's own number: an operator may have several.
    pub filter: u32,
    /// The tables that the rows come from.
    pub sources: Vec<String>,
    /// When a row is late.
    pub rule: LateRule,
    /// What makes a row late: equal for all filters that drop the same rows of a table.
    pub reason: String,
    /// The conditions of filters below this one.
    pub passed: Vec<String>,
    /// The reported columns of a late row: names of the table's and the window's columns, and their indices.
    pub reported: Vec<(String, usize)>,
    /// The column with the row's number, see [`crate::operators::epoch::row_number::RowNumber`].
    pub row: Option<usize>,
    /// W at the epoch's start; `None` in a template and before time is known.
    pub watermark: Option<i64>,
}

/// When a row is late.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LateRule {
    /// When the time in this column, plus this many milliseconds, is ≤ W: a window's end plus the allowed lateness, or the row's
    /// own time.
    Until(usize, i64),
    /// The same for rows in panes that windows share: the column is the pane's end. The row is late for each of its windows that has ended,
    /// and is kept while one has not.
    Pane(usize, i64, Panes),
    /// When `ts + gap` ≤ W, or when the row touches a closed session, which it would have extended. Closed sessions are the
    /// operator's table 1, at version n−1.
    Session(Sessions),
}

impl LateFilterExec {
    /// The same filter at another watermark.
    #[must_use]
    pub fn with_watermark(&self, watermark: Option<i64>) -> Self {
        self.with(LateFilter { watermark, ..self.operator().clone() })
    }
}

impl LateFilter {
    /// Splits a batch, and reports the late rows.
    fn split(&self, batch: RecordBatch, late: &BooleanArray, epoch: &EpochContext) -> Result<RecordBatch> {
        let in_time = not(late)?;
        let rows = filter_record_batch(&batch, late)?;
        epoch.report_late(LateRows { node: self.node, filter: self.filter, rows });
        Ok(filter_record_batch(&batch, &in_time)?)
    }

    /// The closed sessions in all partitions of the operator, if the rule needs them.
    fn closed(&self, epoch: &EpochContext) -> Result<Vec<Arc<KeyedTable>>> {
        if !matches!(self.rule, LateRule::Session(_)) {
            return Ok(Vec::new());
        }
        let keyed = |table: &StateTable| match table {
            StateTable::Keyed(closed) => Ok(Arc::clone(closed)),
            StateTable::Panes(_) => Err(Error::internal("closed sessions have keys")),
        };
        epoch.tables(self.node, 1).map(keyed).collect()
    }

    /// Reports each row with each of its ended windows, and drops rows without other windows.
    fn split_panes(
        &self,
        batch: RecordBatch,
        (column, after, panes): (usize, i64, &Panes),
        watermark: i64,
        epoch: &EpochContext,
    ) -> Result<RecordBatch> {
        let ends = to_millis(batch.column(column))?.unary::<_, Int64Type>(|end| end.saturating_add(after));
        // A pane ends no later than the first of its windows.
        let open = panes.windows.first_end_after(watermark).unwrap_or(i64::MAX);
        if min(&ends).is_none_or(|least| least >= open) {
            return Ok(batch);
        }
        for (pane, batches) in by_pane(std::slice::from_ref(&batch), column, after)?.range(..open) {
            for window in panes.windows.windows_of_pane(*pane).take_while(|(_, end)| *end <= watermark) {
                for rows in batches {
                    let rows = panes.in_window(rows, window)?;
                    epoch.report_late(LateRows { node: self.node, filter: self.filter, rows });
                }
            }
        }
        let done = panes.windows.panes_done(watermark);
        let in_time: BooleanArray = ends.iter().map(|end| Some(end.is_none_or(|end| end > done))).collect();
        Ok(filter_record_batch(&batch, &in_time)?)
    }
}

/// The late rows: W has reached their time plus `after` milliseconds; `None`: none is late.
fn until(batch: &RecordBatch, column: usize, after: i64, watermark: i64) -> Result<Option<BooleanArray>> {
    let ends = to_millis(batch.column(column))?;
    let watermark = watermark.saturating_sub(after);
    if min(&ends).is_none_or(|least| least > watermark) {
        return Ok(None);
    }
    let late = lt_eq(&ends, &Int64Array::new_scalar(watermark))?;
    // A row without a time is handled by the operator that needs the time.
    Ok(Some(if late.null_count() > 0 { prep_null_mask_filter(&late) } else { late }))
}

impl OneInput for LateFilter {
    const NAME: &'static str = "LateFilterExec";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        Ok(Arc::clone(input))
    }

    fn describe(&self, input: &Schema) -> String {
        match &self.rule {
            LateRule::Until(column, after) => format!("node={}, {} + {after} ms", self.node, input.field(*column).name()),
            LateRule::Pane(column, after, panes) => {
                format!("node={}, {} + {after} ms, panes of {}", self.node, input.field(*column).name(), panes.windows)
            }
            LateRule::Session(sessions) => format!("node={}, sessions, gap={} ms", self.node, sessions.gap),
        }
    }

    fn run(
        self,
        rows: SendableRecordBatchStream,
        _: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let epoch = EpochContext::required(context)?;
        let Some(watermark) = self.watermark else { return Ok(rows) };
        let closed = self.closed(&epoch)?;
        let split = move |batch: RecordBatch| {
            let late = match &self.rule {
                LateRule::Pane(column, after, panes) => {
                    return self.split_panes(batch, (*column, *after, panes), watermark, &epoch);
                }
                LateRule::Until(column, after) => until(&batch, *column, *after, watermark)?,
                LateRule::Session(sessions) => session_late::late(&batch, sessions, watermark, &closed)?,
            };
            match late {
                Some(late) => self.split(batch, &late, &epoch),
                None => Ok(batch),
            }
        };
        Ok(rows.map(move |batch| Ok(split(batch?)?)).boxed())
    }
}
