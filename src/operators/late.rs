//! Takes out rows whose window is closed already: counted, never silently gone.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, Int64Array};
use arrow::compute::kernels::cmp::lt_eq;
use arrow::compute::{filter_record_batch, min, not, prep_null_mask_filter};
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

use super::context::LateRows;
use super::panes::{Panes, by_pane};
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
    /// The rows' windows, if they carry panes that windows share.
    panes: Option<Panes>,
    /// W at the epoch's start; `None` in a template and before time is known.
    watermark: Option<i64>,
    properties: Arc<PlanProperties>,
}

impl LateFilterExec {
    /// A filter for operator `node`: a row is late when the time in this column, plus so many milliseconds, is ≤ W.
    /// The rows come from `sources`.
    pub fn new(input: Arc<dyn ExecutionPlan>, node: u32, sources: Arc<[String]>, until: (usize, i64), watermark: Option<i64>) -> Self {
        let properties = properties(&input.schema(), input.properties().partitioning.partition_count());
        Self { input, node, sources, until, panes: None, watermark, properties }
    }

    /// A filter of rows that carry panes in place of windows: the time in the column tells the end of the row's pane.
    #[must_use]
    pub fn of_panes(self, panes: Option<Panes>) -> Self {
        Self { panes, ..self }
    }

    /// The rows' windows, if they carry panes.
    pub fn panes(&self) -> Option<&Panes> {
        self.panes.as_ref()
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
    if let Some(panes) = &filter.panes {
        return split_panes(batch, filter, panes, watermark, epoch);
    }
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

/// The same for rows that carry panes: each is reported with those of its windows that are late, and stays as long as one is not.
fn split_panes(batch: RecordBatch, filter: &LateFilterExec, panes: &Panes, watermark: i64, epoch: &EpochContext) -> Result<RecordBatch> {
    let ends = to_millis(batch.column(filter.until.0))?.unary::<_, Int64Type>(|end| end.saturating_add(filter.until.1));
    let first_open = panes.windows.first_end_after(watermark).unwrap_or(i64::MAX);
    // Windows that hold a pane end with it at the earliest, and each end is one of a window.
    if min(&ends).is_none_or(|least| least >= first_open) {
        return Ok(batch);
    }
    for (pane, rows) in by_pane(std::slice::from_ref(&batch), filter.until.0, filter.until.1)?.range(..first_open) {
        for window in panes.windows.windows_of_pane(*pane).take_while(|(_, end)| *end <= watermark) {
            for rows in rows {
                let rows = panes.in_window(rows, window)?;
                epoch.report_late(LateRows { node: filter.node, sources: Arc::clone(&filter.sources), rows });
            }
        }
    }
    let done = panes.windows.panes_done(watermark);
    let in_time: BooleanArray = ends.iter().map(|end| Some(end.is_none_or(|end| end > done))).collect();
    Ok(filter_record_batch(&batch, &in_time)?)
}

impl DisplayAs for LateFilterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (column, after) = self.until;
        write!(f, "LateFilterExec: node={}, {} + {after} ms", self.node, self.input.schema().field(column).name())?;
        self.panes.as_ref().map_or(Ok(()), |panes| write!(f, ", panes of {}", panes.windows))
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
        Ok(Arc::new(Self::new(input, self.node, Arc::clone(&self.sources), self.until, self.watermark).of_panes(self.panes.clone())))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("LateFilterExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.node, Arc::clone(&self.sources), self.until, self.watermark).of_panes(self.panes.clone())))
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
