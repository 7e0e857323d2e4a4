//! Takes out rows that have no time, before windows are assigned: counted, never silently gone.

use std::fmt;
use std::sync::Arc;

use arrow::compute::{filter_record_batch, is_not_null};
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

use super::{EpochContext, properties};

/// Drops rows whose time is NULL; inside an epoch they are reported. A batch query has nobody to report to.
#[derive(Debug, Clone)]
pub struct TimedExec {
    input: Arc<dyn ExecutionPlan>,
    /// The column that holds the time.
    column: usize,
    properties: Arc<PlanProperties>,
}

impl TimedExec {
    /// A filter on the time in `column`.
    pub fn new(input: Arc<dyn ExecutionPlan>, column: usize) -> Self {
        let properties = properties(&input.schema(), input.properties().partitioning.partition_count());
        Self { input, column, properties }
    }

    /// The column that holds the time.
    pub fn column(&self) -> usize {
        self.column
    }
}

fn filter(batch: RecordBatch, column: usize, epoch: Option<&EpochContext>) -> Result<RecordBatch> {
    let times = batch.column(column);
    if times.null_count() == 0 {
        return Ok(batch);
    }
    if let Some(epoch) = epoch {
        epoch.report_timeless(batch.schema_ref().field(column).name(), times.null_count() as u64);
    }
    Ok(filter_record_batch(&batch, &is_not_null(times)?)?)
}

impl DisplayAs for TimedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimedExec: {} IS NOT NULL", self.input.schema().field(self.column).name())
    }
}

impl ExecutionPlan for TimedExec {
    fn name(&self) -> &'static str {
        "TimedExec"
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
        let input = children.pop().ok_or_else(|| Error::internal("TimedExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.column)))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("TimedExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.column)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let epoch = EpochContext::of(&context);
        let column = self.column;
        let rows = self.input.execute(partition, context)?;
        let rows = rows.map(move |batch| Ok(filter(batch?, column, epoch.as_deref())?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.input.schema(), rows)))
    }
}
