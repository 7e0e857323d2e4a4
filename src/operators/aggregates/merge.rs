//! Merges partial aggregates group by group, vectorised, with DataFusion's own accumulators.

use std::sync::Arc;

use arrow::array::ArrayRef;
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

/// The functions of a two-phase aggregate: DataFusion's partial aggregate runs in an earlier stage, the final phase here.
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
    /// When it is not such a node.
    pub fn new(last: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let aggregate = last.downcast_ref::<AggregateExec>().ok_or_else(|| Error::internal("not an aggregate"))?;
        let (groups, aggregates) = (aggregate.group_expr().expr().len(), aggregate.aggr_expr().to_vec());
        let partial = aggregate.input().schema();
        Ok(Self { last, groups, aggregates, partial })
    }

    /// DataFusion's node.
    pub(super) fn aggregate(&self) -> Result<&AggregateExec> {
        self.last.downcast_ref().ok_or_else(|| Error::internal("not an aggregate"))
    }

    /// The schema of merged rows.
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

    /// The number of group columns; they come first.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// The aggregates' names, for EXPLAIN.
    pub fn names(&self) -> String {
        self.aggregates.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
    }
}

/// The output of a merge.
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
/// yields). Reading an accumulator empties it, so a merger does not outlive its epoch: stored partial rows are merged again when they are
/// needed.
pub struct GroupMerger<'f> {
    functions: &'f Functions,
    groups: Box<dyn GroupValues>,
    accumulators: Accumulators,
    /// A second set, if both state and results are needed: emitting either empties its accumulators.
    again: Option<Accumulators>,
    indices: Vec<usize>,
    /// Without group columns there is one group, which `GroupValues` does not count.
    rows: usize,
}

impl<'f> GroupMerger<'f> {
    /// A merger for partial rows of these functions.
    pub fn new(functions: &'f Functions) -> Result<Self> {
        let key = Schema::new(functions.partial.fields().iter().take(functions.groups).cloned().collect::<Vec<_>>());
        let groups = new_group_values(Arc::new(key), &GroupOrdering::None)?;
        Ok(Self { functions, groups, accumulators: Accumulators::new(functions)?, again: None, indices: Vec::new(), rows: 0 })
    }

    /// A merger for both state and results; see [`Self::into_both`].
    pub fn for_both(functions: &'f Functions) -> Result<Self> {
        Ok(Self { again: Some(Accumulators::new(functions)?), ..Self::new(functions)? })
    }

    /// Merges a batch of partial rows.
    pub fn merge(&mut self, batch: &RecordBatch) -> Result<()> {
        let (key, rest) = batch.columns().split_at(self.functions.groups);
        if key.is_empty() {
            self.rows = self.rows.max(batch.num_rows().min(1));
            self.indices.clear();
            self.indices.resize(batch.num_rows(), 0);
        } else {
            self.groups.intern(key, &mut self.indices)?;
            self.rows = self.groups.len();
        }
        self.accumulators.merge(rest, &self.indices, self.rows)?;
        self.again.as_mut().map_or(Ok(()), |again| again.merge(rest, &self.indices, self.rows))
    }

    /// The merged rows as partial state.
    pub fn into_state(self) -> Result<RecordBatch> {
        self.finish(Merged::State)
    }

    /// The merged rows as results.
    pub fn into_results(self) -> Result<RecordBatch> {
        self.finish(Merged::Results)
    }

    /// The merged rows.
    pub fn finish(mut self, want: Merged) -> Result<RecordBatch> {
        let keys = self.keys()?;
        self.accumulators.finish(self.functions, &keys, self.rows, want)
    }

    /// The merged rows as partial state and as results, in the same order.
    ///
    /// # Errors
    /// When the merger was not made by [`Self::for_both`].
    pub fn into_both(mut self) -> Result<(RecordBatch, RecordBatch)> {
        let keys = self.keys()?;
        let again = self.again.as_mut().ok_or_else(|| Error::internal("a merger for one of state and results was asked for both"))?;
        let state = again.finish(self.functions, &keys, self.rows, Merged::State)?;
        Ok((state, self.accumulators.finish(self.functions, &keys, self.rows, Merged::Results)?))
    }

    fn keys(&mut self) -> Result<Vec<ArrayRef>> {
        Ok(if self.functions.groups == 0 || self.rows == 0 { Vec::new() } else { self.groups.emit(EmitTo::All)? })
    }
}

/// The results of partial rows with distinct groups, in their order, without hashing the keys.
///
/// # Errors
/// When they are not partial rows.
pub fn results_of(functions: &Functions, rows: &RecordBatch) -> Result<RecordBatch> {
    let (keys, rest) = rows.columns().split_at(functions.groups);
    let places: Vec<usize> = (0..rows.num_rows()).collect();
    let mut accumulators = Accumulators::new(functions)?;
    accumulators.merge(rest, &places, rows.num_rows())?;
    accumulators.finish(functions, keys, rows.num_rows(), Merged::Results)
}

/// An accumulator per aggregate, with the number of columns of its state.
struct Accumulators(Vec<(Box<dyn GroupsAccumulator>, usize)>);

impl Accumulators {
    fn new(functions: &Functions) -> Result<Self> {
        let of = |a: &Arc<AggregateFunctionExpr>| Ok((accumulator(a, functions.groups > 0)?, a.state_fields()?.len()));
        Ok(Self(functions.aggregates.iter().map(of).collect::<Result<_>>()?))
    }

    /// Merges states into the groups with these indices; `groups` is the number of groups.
    fn merge(&mut self, mut states: &[ArrayRef], places: &[usize], groups: usize) -> Result<()> {
        for (accumulator, width) in &mut self.0 {
            let (state, others) = states.split_at(*width);
            accumulator.merge_batch(state, places, groups)?;
            states = others;
        }
        Ok(())
    }

    /// The rows of the groups with these keys; empties the accumulators.
    fn finish(&mut self, functions: &Functions, keys: &[ArrayRef], groups: usize, want: Merged) -> Result<RecordBatch> {
        let schema = functions.merged(want);
        if groups == 0 {
            return Ok(RecordBatch::new_empty(schema));
        }
        let mut columns = keys.to_vec();
        for (accumulator, _) in &mut self.0 {
            match want {
                Merged::State => columns.extend(accumulator.state(EmitTo::All)?),
                Merged::Results => columns.push(accumulator.evaluate(EmitTo::All)?),
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(groups));
        Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
    }
}

/// DataFusion's vectorised accumulator, or an adapter over the row-wise one (DataFusion's own choice is private). Without groups it is
/// always the adapter, because DataFusion then makes the partial rows with it: the state of an average over no rows is a count of 0, by
/// which the vectorised accumulator would divide.
fn accumulator(aggregate: &Arc<AggregateFunctionExpr>, grouped: bool) -> Result<Box<dyn GroupsAccumulator>> {
    if grouped && aggregate.groups_accumulator_supported() {
        return Ok(aggregate.create_groups_accumulator()?);
    }
    let aggregate = Arc::clone(aggregate);
    Ok(Box::new(GroupsAccumulatorAdapter::new(move || aggregate.create_accumulator())))
}
