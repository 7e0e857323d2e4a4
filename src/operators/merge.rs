//! Merges partial aggregates group by group, vectorised, with DataFusion's own accumulators.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use crate::common::Result;

/// A fresh table of groups that batches of partial state are merged into, once; emitting it empties it.
///
/// A partial row is: group columns, then every aggregate's state fields in order (what `AggregateExec` in mode `Partial`
/// yields). Accumulators cannot be read without being emptied, so nobody keeps a merger between epochs: stored partial
/// rows are merged anew when they are needed.
pub struct GroupMerger {
    groups: Box<dyn GroupValues>,
    accumulators: Vec<(Box<dyn GroupsAccumulator>, usize)>,
    group_columns: usize,
    indices: Vec<usize>,
}

impl GroupMerger {
    /// A merger for partial rows of `schema`, whose first `group_columns` columns are the key.
    pub fn new(schema: &SchemaRef, group_columns: usize, aggregates: &[Arc<AggregateFunctionExpr>]) -> Result<Self> {
        let key = Schema::new(schema.fields().iter().take(group_columns).cloned().collect::<Vec<_>>());
        let accumulators = aggregates.iter().map(|a| Ok((accumulator(a)?, a.state_fields()?.len()))).collect::<Result<Vec<_>>>()?;
        Ok(Self { groups: new_group_values(Arc::new(key), &GroupOrdering::None)?, accumulators, group_columns, indices: Vec::new() })
    }

    /// Merges a batch of partial rows.
    pub fn merge(&mut self, batch: &RecordBatch) -> Result<()> {
        let (key, mut rest) = batch.columns().split_at(self.group_columns);
        self.groups.intern(key, &mut self.indices)?;
        for (accumulator, width) in &mut self.accumulators {
            let (state, others) = rest.split_at(*width);
            accumulator.merge_batch(state, &self.indices, self.groups.len())?;
            rest = others;
        }
        Ok(())
    }

    /// The merged rows as partial state again, and nothing is left.
    pub fn into_state(self, schema: &SchemaRef) -> Result<RecordBatch> {
        self.emit(schema, |accumulator| Ok(accumulator.state(EmitTo::All)?))
    }

    /// The merged rows as results, and nothing is left.
    pub fn into_results(self, schema: &SchemaRef) -> Result<RecordBatch> {
        self.emit(schema, |accumulator| Ok(vec![accumulator.evaluate(EmitTo::All)?]))
    }

    fn emit(mut self, schema: &SchemaRef, out: impl Fn(&mut dyn GroupsAccumulator) -> Result<Vec<ArrayRef>>) -> Result<RecordBatch> {
        if self.groups.is_empty() {
            return Ok(RecordBatch::new_empty(Arc::clone(schema)));
        }
        let mut columns = self.groups.emit(EmitTo::All)?;
        for (accumulator, _) in &mut self.accumulators {
            columns.extend(out(accumulator.as_mut())?);
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// What DataFusion does privately: its vectorised accumulator, or an adapter over the row-wise one.
fn accumulator(aggregate: &Arc<AggregateFunctionExpr>) -> Result<Box<dyn GroupsAccumulator>> {
    if aggregate.groups_accumulator_supported() {
        return Ok(aggregate.create_groups_accumulator()?);
    }
    let aggregate = Arc::clone(aggregate);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || aggregate.create_accumulator())))
}
