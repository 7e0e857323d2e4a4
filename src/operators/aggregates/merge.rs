//! Merges partial aggregates group by group, vectorised, with DataFusion's own accumulators.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::GroupsAccumulatorAdapter;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::aggregates::group_values::{GroupValues, new_group_values};
use datafusion::physical_plan::aggregates::order::GroupOrdering;

use crate::common::{Error, Result};

/// The functions of an aggregate whose two halves run apart: DataFusion's partial aggregate in an earlier stage, the rest here.
#[derive(Debug, Clone)]
pub struct Functions {
    /// DataFusion's final aggregate over an empty input of partial rows: it holds functions and schemas, and can be encoded.
    last: Arc<dyn ExecutionPlan>,
    groups: usize,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    partial: SchemaRef,
}

impl Functions {
    /// The functions of an `AggregateExec` in mode `Final`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn new(last: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let aggregate = last.downcast_ref::<AggregateExec>().ok_or_else(|| Error::internal("not an aggregate"))?;
        let (groups, aggregates) = (aggregate.group_expr().expr().len(), aggregate.aggr_expr().to_vec());
        let partial = aggregate.input().schema();
        Ok(Self { last, groups, aggregates, partial })
    }

    /// DataFusion's node, as what it is.
    pub(super) fn aggregate(&self) -> Result<&AggregateExec> {
        self.last.downcast_ref().ok_or_else(|| Error::internal("not an aggregate"))
    }

    /// The columns of what merging gives.
    pub fn merged(&self, want: Merged) -> SchemaRef {
        match want {
            Merged::State => Arc::clone(&self.partial),
            Merged::Results => self.results(),
        }
    }

    /// DataFusion's node.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        &self.last
    }

    /// The columns of partial rows: groups, then every aggregate's state fields in order.
    pub fn partial(&self) -> &SchemaRef {
        &self.partial
    }

    /// The columns of results: groups, then one column per aggregate.
    pub fn results(&self) -> SchemaRef {
        self.last.schema()
    }

    /// How many group columns there are; they come first.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The aggregates' names, for EXPLAIN.
    pub fn names(&self) -> String {
        self.aggregates.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
    }
}

/// What merging gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merged {
    /// Partial rows, one per group.
    State,
    /// The aggregates' results.
    Results,
}

/// A fresh table of groups that batches of partial state are merged into, once; emitting it empties it.
///
/// A partial row is: group columns, then every aggregate's state fields in order (what `AggregateExec` in mode `Partial`
/// yields). Accumulators cannot be read without being emptied, so nobody keeps a merger between epochs: stored partial
/// rows are merged anew when they are needed.
pub struct GroupMerger<'f> {
    functions: &'f Functions,
    groups: Box<dyn GroupValues>,
    accumulators: Vec<(Box<dyn GroupsAccumulator>, usize)>,
    indices: Vec<usize>,
    /// Without group columns there is one group, which `GroupValues` does not count.
    rows: usize,
}

impl<'f> GroupMerger<'f> {
    /// A merger for partial rows of these functions.
    pub fn new(functions: &'f Functions) -> Result<Self> {
        let key = Schema::new(functions.partial.fields().iter().take(functions.groups).cloned().collect::<Vec<_>>());
        let accumulators = functions
            .aggregates
            .iter()
            .map(|a| Ok((accumulator(a, functions.groups > 0)?, a.state_fields()?.len())))
            .collect::<Result<Vec<_>>>()?;
        let groups = new_group_values(Arc::new(key), &GroupOrdering::None)?;
        Ok(Self { functions, groups, accumulators, indices: Vec::new(), rows: 0 })
    }

    /// Merges a batch of partial rows.
    pub fn merge(&mut self, batch: &RecordBatch) -> Result<()> {
        let (key, mut rest) = batch.columns().split_at(self.functions.groups);
        if key.is_empty() {
            self.rows = self.rows.max(batch.num_rows().min(1));
            self.indices.clear();
            self.indices.resize(batch.num_rows(), 0);
        } else {
            self.groups.intern(key, &mut self.indices)?;
            self.rows = self.groups.len();
        }
        for (accumulator, width) in &mut self.accumulators {
            let (state, others) = rest.split_at(*width);
            accumulator.merge_batch(state, &self.indices, self.rows)?;
            rest = others;
        }
        Ok(())
    }

    /// The merged rows as partial state again, and nothing is left.
    pub fn into_state(self) -> Result<RecordBatch> {
        self.finish(Merged::State)
    }

    /// The merged rows as results, and nothing is left.
    pub fn into_results(self) -> Result<RecordBatch> {
        self.finish(Merged::Results)
    }

    /// The merged rows, and nothing is left.
    pub fn finish(mut self, want: Merged) -> Result<RecordBatch> {
        let schema = self.functions.merged(want);
        if self.rows == 0 {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mut columns = if self.functions.groups == 0 { Vec::new() } else { self.groups.emit(EmitTo::All)? };
        for (accumulator, _) in &mut self.accumulators {
            match want {
                Merged::State => columns.extend(accumulator.state(EmitTo::All)?),
                Merged::Results => columns.push(accumulator.evaluate(EmitTo::All)?),
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(self.rows));
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }
}

/// What DataFusion does privately: its vectorised accumulator, or an adapter over the row-wise one. That one also where there are
/// no groups, because DataFusion makes the partial rows with it then: the state of an average over nothing is a count of 0,
/// which the vectorised one takes for a value and divides by.
fn accumulator(aggregate: &Arc<AggregateFunctionExpr>, grouped: bool) -> Result<Box<dyn GroupsAccumulator>> {
    if grouped && aggregate.groups_accumulator_supported() {
        return Ok(aggregate.create_groups_accumulator()?);
    }
    let aggregate = Arc::clone(aggregate);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || aggregate.create_accumulator())))
}
