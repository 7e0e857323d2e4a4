//! The plan node of stateless operators with one input.

use std::fmt::{self, Debug};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::stream::BoxStream;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::common::{Error, Result};

use super::portable::{PlanDecoder, PlanEncoder, PortableNode, only_input};
use crate::operators::properties;

/// A stateless operator over the rows of one partition.
///
/// It holds only plain data, which [`crate::planner`]'s codec can send to another process; runtime objects come from the
/// `TaskContext`.
pub trait OneInput: Debug + Clone + Send + Sync + 'static {
    /// Its name in EXPLAIN.
    const NAME: &'static str;
    /// Whether it needs all rows in one partition. Otherwise it keeps the partitions and the order of rows.
    const TOGETHER: bool = false;

    /// The output columns for these input columns.
    ///
    /// # Errors
    /// When it cannot run over these columns.
    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef>;

    /// Additional details for EXPLAIN, over these columns; empty: none.
    fn describe(&self, input: &Schema) -> String;

    /// Runs over one partition; `schema` is that of the output.
    ///
    /// # Errors
    /// When the context lacks what it needs.
    fn run(
        self,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>>;

    /// The same for an operator that depends on the number of the partition.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn run_in(
        self,
        partition: usize,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let _ = partition;
        self.run(rows, schema, context)
    }
}

/// Runs an [`OneInput`] as a node of a plan.
#[derive(Debug, Clone)]
pub struct OneInputExec<O> {
    input: Arc<dyn ExecutionPlan>,
    operator: O,
    properties: Arc<PlanProperties>,
    schema: SchemaRef,
}

impl<O: OneInput> OneInputExec<O> {
    /// The operator over this input.
    ///
    /// # Errors
    /// As [`OneInput::schema`].
    pub fn new(input: Arc<dyn ExecutionPlan>, operator: O) -> Result<Self> {
        let schema = operator.schema(&input.schema())?;
        let partitions = if O::TOGETHER { 1 } else { input.properties().partitioning.partition_count() };
        Ok(Self { properties: properties(&schema, partitions), input, operator, schema })
    }

    /// The operator.
    pub fn operator(&self) -> &O {
        &self.operator
    }

    /// The same node with another operator, which yields the same columns.
    pub(in crate::operators) fn with(&self, operator: O) -> Self {
        Self { operator, ..self.clone() }
    }

    fn over(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal(format!("{} has one input", O::NAME)))?;
        Ok(Arc::new(Self::new(input, self.operator.clone())?))
    }
}

impl<O: OneInput> DisplayAs for OneInputExec<O> {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operator.describe(&self.input.schema()) {
            nothing if nothing.is_empty() => write!(f, "{}", O::NAME),
            more => write!(f, "{}: {more}", O::NAME),
        }
    }
}

impl<O: OneInput> ExecutionPlan for OneInputExec<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![if O::TOGETHER { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }]
    }

    /// Rows keep their order, but if this returned true, the optimizer would sort below this node by columns that exist only above it.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        self.over(children)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, Arc::clone(&context))?;
        let rows = self.operator.clone().run_in(partition, rows, Arc::clone(&self.schema), &context)?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}

impl<O: OneInput + Serialize + DeserializeOwned> PortableNode for OneInputExec<O> {
    const NAME: &'static str = O::NAME;
    type Parts = O;

    fn encode(&self, _encoder: &PlanEncoder<'_>) -> Result<O> {
        Ok(self.operator.clone())
    }

    fn decode(operator: O, inputs: &[Arc<dyn ExecutionPlan>], _decoder: &PlanDecoder<'_>) -> Result<Self> {
        Self::new(only_input(inputs)?, operator)
    }
}
