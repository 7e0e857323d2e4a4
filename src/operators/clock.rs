//! The epoch's clock as a column.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

use crate::common::clock::Millis;
use crate::common::{Error, Result};
use crate::sql::types::utc;

use super::properties;

/// The column that holds the clock.
pub const CLOCK: &str = "__clock";

/// Puts the epoch's clock behind the columns of append-only rows: the time at which they entered.
///
/// In a template the clock is 0; `bind` puts in an epoch's.
#[derive(Debug, Clone)]
pub struct ClockExec {
    input: Arc<dyn ExecutionPlan>,
    clock: Millis,
    properties: Arc<PlanProperties>,
    schema: SchemaRef,
}

/// The column.
pub fn clock_field() -> Field {
    Field::new(CLOCK, DataType::Timestamp(TimeUnit::Millisecond, utc()), false)
}

/// The column with these values.
pub(super) fn clock_array(clocks: Vec<Millis>) -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from(clocks).with_timezone_opt(utc()))
}

/// A schema with the clock behind its columns.
pub fn clocked(schema: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(clock_field()));
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

impl ClockExec {
    /// The clock behind the columns of `input`.
    pub fn new(input: Arc<dyn ExecutionPlan>, clock: Millis) -> Self {
        let schema = clocked(&input.schema());
        let properties = properties(&schema, input.properties().partitioning.partition_count());
        Self { input, clock, properties, schema }
    }

    /// The clock, in milliseconds since 1970.
    pub fn clock(&self) -> Millis {
        self.clock
    }

    /// The same at another clock.
    #[must_use]
    pub fn at(&self, clock: Millis) -> Self {
        Self { clock, ..self.clone() }
    }
}

fn append(batch: &RecordBatch, schema: &SchemaRef, clock: Millis) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.push(clock_array(vec![clock; batch.num_rows()]));
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

impl DisplayAs for ClockExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClockExec")
    }
}

impl ExecutionPlan for ClockExec {
    fn name(&self) -> &'static str {
        "ClockExec"
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
        let input = children.pop().ok_or_else(|| Error::internal("ClockExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.clock)))
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> DfResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("ClockExec has one input"))?;
        Ok(Arc::new(Self::new(input, self.clock)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?;
        let (schema, clock) = (Arc::clone(&self.schema), self.clock);
        let rows = rows.map(move |batch| Ok(append(&batch?, &schema, clock)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}
