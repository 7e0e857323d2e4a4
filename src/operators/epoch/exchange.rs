//! Where a plan is cut: rows that an earlier stage of the same epoch left, read by number.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream;
use serde::{Deserialize, Serialize};

use super::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableNode};
use crate::common::Result;
use crate::operators::{EpochContext, properties};

/// Reads what stage `id` left in the [`EpochContext`], as one partition.
///
/// An epoch runs in stages because a stateful operator has to know how far time has come in the whole epoch before it can
/// say what is complete; and because plans are trees: a node that is used twice runs once and is read by number.
#[derive(Debug, Clone)]
pub struct ExchangeExec {
    id: u32,
    properties: Arc<PlanProperties>,
    schema: SchemaRef,
}

impl ExchangeExec {
    /// Reads stage `id`, whose rows have `schema`.
    pub fn new(id: u32, schema: SchemaRef) -> Self {
        Self { id, properties: properties(&schema, 1), schema }
    }

    /// The stage.
    pub fn id(&self) -> u32 {
        self.id
    }
}

impl DisplayAs for ExchangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExchangeExec: stage={}", self.id)
    }
}

impl ExecutionPlan for ExchangeExec {
    fn name(&self) -> &'static str {
        "ExchangeExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>, _: ReplaceChildrenOptions) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let rows = EpochContext::required(&context)?.exchange(self.id)?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(rows.batches().map(|batch| Ok(batch?))))))
    }
}

/// What a [`ExchangeExec`] is made of.
#[derive(Debug, Serialize, Deserialize)]
pub struct ExchangeParts {
    id: u32,
    schema: PlanBytes,
}

impl PortableNode for ExchangeExec {
    const NAME: &'static str = "Exchange";
    type Parts = ExchangeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<ExchangeParts> {
        Ok(ExchangeParts { id: self.id(), schema: encoder.schema(&self.schema())? })
    }

    fn decode(parts: ExchangeParts, _inputs: &[Arc<dyn ExecutionPlan>], decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(parts.id, decoder.schema(&parts.schema)?))
    }
}
