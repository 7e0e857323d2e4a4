//! Takes out rows whose window is closed already: counted, never silently gone.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::compute::{filter_record_batch, min, not, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyedTable, StateTable};

use super::context::{LateRows, StateId};
use super::one_input::{OneInput, OneInputExec};
use super::session::Sessions;
use super::{EpochContext, session_late, to_millis};

/// Drops and reports rows whose time has passed, see [`LateFilter`].
pub type LateFilterExec = OneInputExec<LateFilter>;

/// Which rows are dropped and reported.
///
/// It stands right below the first event-time operator, after windows are assigned, and looks at W at the epoch's *start*: so
/// the order of rows inside an epoch does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LateFilter {
    /// The operator that the rows are late for.
    pub node: u32,
    /// The tables that the rows come from.
    pub sources: Vec<String>,
    /// When a row is late.
    pub rule: LateRule,
    /// W at the epoch's start; `None` in a template and before time is known.
    pub watermark: Option<i64>,
}

/// When a row is late.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LateRule {
    /// When the time in this column, plus so many milliseconds, is ≤ W: a window's end plus the allowed lateness, or the row's
    /// own time.
    Until(usize, i64),
    /// When `ts + gap` ≤ W, or when the row touches a session that has closed: with it that would have been another one. Closed
    /// sessions are the operator's table 1, at version n−1.
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
    /// Splits a batch; the late part goes to the report.
    fn split(&self, batch: RecordBatch, late: &BooleanArray, sources: &Arc<[String]>, epoch: &EpochContext) -> Result<RecordBatch> {
        let in_time = not(late)?;
        let rows = filter_record_batch(&batch, late)?;
        epoch.report_late(LateRows { node: self.node, sources: Arc::clone(sources), rows });
        Ok(filter_record_batch(&batch, &in_time)?)
    }

    /// The closed sessions, if the rule asks for them.
    fn closed(&self, epoch: &EpochContext) -> Result<Option<Arc<KeyedTable>>> {
        if !matches!(self.rule, LateRule::Session(_)) {
            return Ok(None);
        }
        match epoch.table(StateId { node: self.node, table: 1 })? {
            StateTable::Keyed(closed) => Ok(Some(closed)),
            StateTable::Panes(_) => Err(Error::internal("closed sessions have keys")),
        }
    }
}

/// Rows whose time, `after` milliseconds later, W has reached; `None`: there are none.
fn until(batch: &RecordBatch, column: usize, after: i64, watermark: i64) -> Result<Option<BooleanArray>> {
    let ends = to_millis(batch.column(column))?;
    let watermark = watermark.saturating_sub(after);
    if min(&ends).is_none_or(|least| least > watermark) {
        return Ok(None);
    }
    let late = lt_eq(&ends, &Int64Array::new_scalar(watermark))?;
    // A row without a time is the business of whoever needs one.
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
        let sources: Arc<[String]> = self.sources.clone().into();
        let split = move |batch: RecordBatch| {
            let late = match (&self.rule, &closed) {
                (LateRule::Until(column, after), _) => until(&batch, *column, *after, watermark)?,
                (LateRule::Session(sessions), Some(closed)) => session_late::late(&batch, sessions, watermark, closed)?,
                (LateRule::Session(_), None) => None,
            };
            match late {
                Some(late) => self.split(batch, &late, &sources, &epoch),
                None => Ok(batch),
            }
        };
        Ok(rows.map(move |batch| Ok(split(batch?)?)).boxed())
    }
}
