//! Takes out rows whose window is closed already: counted, never silently gone.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, Int64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::compute::{filter_record_batch, min, not, prep_null_mask_filter};
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

use super::context::LateRows;
use super::{EpochContext, properties, to_millis};

/// Drops and reports rows whose time has passed: (row, window) pairs with `window end + allowed lateness ≤ W at the epoch's
/// start`, or rows with `ts < W`.
///
/// It stands right below the first event-time operator, after windows are assigned, and looks at W at the *start*: so the
/// order of rows inside an epoch does not matter.
#[derive(Debug, Clone)]
pub struct LateFilterExec {
    input: Arc<dyn ExecutionPlan>,
    /// The operator that the rows are late for.
    node: u32,
    /// The tables that the rows come from.
    sources: Arc<[String]>,
    /// The column that holds a time, and how many milliseconds after it W makes the row late.
    until: (usize, i64),
    /// W at the epoch's start; `None` in a template and before time is known.
    watermark: Option<i64>,
    properties: Arc<PlanProperties>,
}

impl LateFilterExec {
    /// A filter for operator `node`: a row is late when the time in this column, plus so many milliseconds, is ≤ W.
    /// The rows come from `sources`.
    pub fn new(input: Arc<dyn ExecutionPlan>, node: u32, sources: Arc<[String]>, until: (usize, i64), watermark: Option<i64>) -> Self {
        let properties = properties(&input.schema(), input.properties().partitioning.partition_count());
        Self { input, node, sources, until, watermark, properties }
    }

    /// The tables that the rows come from.
    pub fn sources(&self) -> &Arc<[String]> {
        &self.sources
    }

    /// The operator that the rows are late for.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// The column that holds a time, and how many milliseconds after it W makes the row late.
    pub fn until(&self) -> (usize, i64) {
        self.until
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
}

/// Splits a batch; the late part goes to the report.
fn split(batch: RecordBatch, filter: &LateFilterExec, watermark: i64, epoch: &EpochContext) -> Result<RecordBatch> {
    let (column, after) = filter.until;
    let ends = to_millis(batch.column(column))?;
    // A row without a time is the business of whoever needs one.
    let watermark = watermark.saturating_sub(after);
    if min(&ends).is_none_or(|least| least > watermark) {
        return Ok(batch);
    }
    let late = lt_eq(&ends, &Int64Array::new_scalar(watermark))?;
    let late = if late.null_count() > 0 { prep_null_mask_filter(&late) } else { late };
    let in_time = not(&late)?;
    let rows = filter_record_batch(&batch, &late)?;
    epoch.report_late(LateRows { node: filter.node, sources: Arc::clone(&filter.sources), rows });
    Ok(filter_record_batch(&batch, &in_time)?)
}

impl DisplayAs for LateFilterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, after) = self.until;
        write!(f, "LateFilterExec: node={}, {} + {after} ms", self.node, self.input.schema().field(column).name())
    }
}

impl ExecutionPlan for LateFilterExec {
    fn name(&self) -> &'static str {
        "LateFilterExec"
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
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("LateFilterExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.node, Arc::clone(&self.sources), self.until, self.watermark)))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("LateFilterExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.node, Arc::clone(&self.sources), self.until, self.watermark)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let epoch = EpochContext::required(&context)?;
        let rows = self.input.execute(partition, context)?;
        let Some(watermark) = self.watermark else { return Ok(rows) };
        let filter = self.clone();
        let rows = rows.map(move |batch| Ok(split(batch?, &filter, watermark, &epoch)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), rows)))
    }
}
