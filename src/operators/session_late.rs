//! Late rows of sessions.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, not};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use crate::common::{Error, Result};
use crate::state::{KeyedTable, StateTable};

use super::context::{LateRows, StateId};
use super::session::Sessions;
use super::{EpochContext, properties, to_millis, zset};

/// Drops and reports rows with `ts + gap ≤ W` at the epoch's start, and rows that touch a session that has closed: with them
/// it would have been another one.
///
/// It reads the closed sessions of its operator, table 1, at version n−1.
#[derive(Debug, Clone)]
pub struct SessionLateExec {
    input: Arc<dyn ExecutionPlan>,
    node: u32,
    /// Tables that the rows come from.
    sources: Arc<[String]>,
    sessions: Sessions,
    watermark: Option<i64>,
    properties: Arc<PlanProperties>,
}

impl SessionLateExec {
    /// A filter for operator `node`, over rows of `sources` with provisional sessions.
    pub fn new(input: Arc<dyn ExecutionPlan>, node: u32, sources: Arc<[String]>, sessions: Sessions, watermark: Option<i64>) -> Self {
        let properties = properties(&input.schema(), input.properties().partitioning.partition_count());
        Self { input, node, sources, sessions, watermark, properties }
    }

    /// The operator.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Tables that the rows come from.
    pub fn sources(&self) -> &Arc<[String]> {
        &self.sources
    }

    /// Where the columns of sessions are.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// W at the epoch's start.
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// The same filter at another watermark.
    #[must_use]
    pub fn with_watermark(&self, watermark: Option<i64>) -> Self {
        Self { watermark, ..self.clone() }
    }

    fn with_input(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        let input = children.pop().ok_or_else(|| Error::internal("SessionLateExec has one input"))?;
        Ok(Self::new(input, self.node, Arc::clone(&self.sources), self.sessions.clone(), self.watermark))
    }
}

/// Splits a batch; the late part goes to the report.
fn split(batch: RecordBatch, filter: &SessionLateExec, watermark: i64, closed: &KeyedTable, epoch: &EpochContext) -> Result<RecordBatch> {
    let sessions = &filter.sessions;
    let end = sessions.window[1].ok_or_else(|| Error::internal("a session without an end"))?;
    let ends = to_millis(batch.column(end))?;
    let gap = sessions.gap;
    // Closed sessions end at W or before.
    let old = |row: usize| ends.is_valid(row) && ends.value(row).saturating_sub(gap) < watermark;
    if !(0..batch.num_rows()).any(old) {
        return Ok(batch);
    }
    let keys: Vec<ArrayRef> = sessions.keys.iter().map(|k| Arc::clone(batch.column(*k))).collect();
    let known = closed.get(&keys)?;
    let width = sessions.keys.len();
    let bound = |i: usize| known.column(i).as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a session without bounds"));
    let (known_starts, known_ends) = (bound(width)?, bound(width + 1)?);
    let (own, theirs) = (zset::encode(&keys)?, zset::encode(&known.columns()[..width])?);
    let touches = |row: usize| {
        let (start, end) = (ends.value(row).saturating_sub(gap), ends.value(row));
        (0..known.num_rows()).any(|k| {
            let same = match (&own, &theirs) {
                (Some(own), Some(theirs)) => own.row(row).data() == theirs.row(k).data(),
                _ => true,
            };
            same && start < known_ends.value(k) && known_starts.value(k) < end
        })
    };
    let late: BooleanArray = (0..batch.num_rows()).map(|row| Some(old(row) && (ends.value(row) <= watermark || touches(row)))).collect();
    if late.true_count() == 0 {
        return Ok(batch);
    }
    let rows = filter_record_batch(&batch, &late)?;
    epoch.report_late(LateRows { node: filter.node, sources: Arc::clone(&filter.sources), rows });
    Ok(filter_record_batch(&batch, &not(&late)?)?)
}

impl DisplayAs for SessionLateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionLateExec: node={}, gap={} ms", self.node, self.sessions.gap)
    }
}

impl ExecutionPlan for SessionLateExec {
    fn name(&self) -> &'static str {
        "SessionLateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_input(children)?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(self.with_input(children)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let epoch = EpochContext::required(&context)?;
        let rows = self.input.execute(partition, context)?;
        let Some(watermark) = self.watermark else { return Ok(rows) };
        let StateTable::Keyed(closed) = epoch.table(StateId { node: self.node, table: 1 })? else {
            return Err(Error::internal("closed sessions have keys").into());
        };
        let filter = self.clone();
        let rows = rows.map(move |batch| Ok(split(batch?, &filter, watermark, &closed, &epoch)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), rows)))
    }
}
