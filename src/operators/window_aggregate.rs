//! GROUP BY window: partial aggregates wait in their window's pane, and each window comes out once, when it is complete.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::{Distribution, PhysicalExpr};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{TryStreamExt, stream};

use crate::common::{Error, Result};
use crate::state::{PaneDelta, PaneTable};

use super::context::StateId;
use super::merge::GroupMerger;
use super::{EpochContext, properties, to_millis};

/// A pane with more batches than this is merged into one when it is next added to.
const COMPACT_AT: usize = 32;

/// Final aggregation per window.
///
/// ```text
///  rows ▶ late filter ▶ partial aggregate ─┬─ window end > W ─▶ delta: added to the window's pane
///                        (DataFusion's)    └─ window end ≤ W ─┐
///  state n−1: panes ──── window end ≤ W ──────────────────────┴▶ merge ▶ evaluate ▶ output, panes dropped
/// ```
/// Input rows are partial aggregates: group columns, then the aggregates' state fields. W is the watermark at the epoch's
/// *end*, known because the stage below has run to its end before this node executes.
///
/// # Invariants
/// * A window comes out at most once: its pane goes in the epoch that emits it, and rows for it are late from then on.
/// * The output does not depend on how the input was split into epochs, because merging partial states is associative.
#[derive(Debug, Clone)]
pub struct WindowAggregateExec {
    input: Arc<dyn ExecutionPlan>,
    node: u32,
    /// Which group column is the window's end.
    end_column: usize,
    /// Tables below this node; its W is the least of theirs.
    sources: Vec<String>,
    /// DataFusion's final aggregate over an empty input: what the functions are, and the schema of the results.
    last: Arc<dyn ExecutionPlan>,
    group_columns: usize,
    aggregates: Vec<Arc<AggregateFunctionExpr>>,
    /// W at the epoch's end; `None` in a template and before time is known.
    watermark: Option<i64>,
    properties: Arc<PlanProperties>,
}

impl WindowAggregateExec {
    /// Finishes the partial rows of `input` as `last`, an `AggregateExec` in mode `Final`, would.
    ///
    /// # Errors
    /// When `last` is something else.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        node: u32,
        end_column: usize,
        sources: Vec<String>,
        last: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let aggregate = last.downcast_ref::<AggregateExec>().ok_or_else(|| Error::internal("a window aggregate needs an aggregate"))?;
        let (group_columns, aggregates) = (aggregate.group_expr().expr().len(), aggregate.aggr_expr().to_vec());
        let properties = properties(&last.schema(), 1);
        Ok(Self { input, node, end_column, sources, last, group_columns, aggregates, watermark: None, properties })
    }

    /// Its number in the job; names its state.
    pub fn node(&self) -> u32 {
        self.node
    }

    /// Which group column is the window's end.
    pub fn end_column(&self) -> usize {
        self.end_column
    }

    /// Tables below this node.
    pub fn sources(&self) -> &[String] {
        &self.sources
    }

    /// What feeds it.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// DataFusion's final aggregate, over an empty input.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        &self.last
    }

    /// W at the epoch's end.
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// The same node at another watermark.
    #[must_use]
    pub fn with_watermark(&self, watermark: Option<i64>) -> Self {
        Self { watermark, ..self.clone() }
    }

    fn with_input(&self, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Self> {
        let input = children.pop().ok_or_else(|| Error::internal("WindowAggregateExec has one input"))?;
        Ok(Self { input, ..self.clone() })
    }

    /// One step: state and partial rows in, results and delta out.
    fn step(&self, state: &PaneTable, input: &[RecordBatch]) -> Result<(RecordBatch, PaneDelta)> {
        let watermark = self.watermark.unwrap_or(i64::MIN);
        let partial = self.input.schema();
        let mut arrived = by_pane(input, self.end_column)?;
        let mut delta = PaneDelta::default();

        let mut closing: BTreeMap<i64, Vec<RecordBatch>> =
            state.closing(watermark).into_iter().map(|end| (end, state.pane(end).to_vec())).collect();
        if !closing.is_empty() {
            delta.close_to = Some(watermark);
        }
        let open = arrived.split_off(&watermark.saturating_add(1));
        for (end, batches) in arrived {
            closing.entry(end).or_default().extend(batches);
        }
        let mut results = GroupMerger::new(&partial, self.group_columns, &self.aggregates)?;
        for batch in closing.values().flatten() {
            results.merge(batch)?;
        }
        for (end, batches) in open {
            let kept = state.pane(end);
            if kept.len() < COMPACT_AT {
                delta.add.push((end, concat_batches(&partial, &batches)?));
                continue;
            }
            let mut pane = GroupMerger::new(&partial, self.group_columns, &self.aggregates)?;
            for batch in kept.iter().chain(&batches) {
                pane.merge(batch)?;
            }
            delta.replace.push((end, pane.into_state(&partial)?));
        }
        Ok((results.into_results(&self.schema())?, delta))
    }
}

/// Partial rows by their window's end in milliseconds.
fn by_pane(input: &[RecordBatch], end_column: usize) -> Result<BTreeMap<i64, Vec<RecordBatch>>> {
    let mut panes: BTreeMap<i64, Vec<RecordBatch>> = BTreeMap::new();
    for batch in input {
        let ends = to_millis(batch.column(end_column))?;
        let mut rows: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (row, end) in (0u32..).zip(ends.iter()) {
            let end = end.ok_or_else(|| Error::internal("a window without an end"))?;
            rows.entry(end).or_default().push(row);
        }
        for (end, rows) in rows {
            let part = if rows.len() == batch.num_rows() { batch.clone() } else { take_record_batch(batch, &UInt32Array::from(rows))? };
            panes.entry(end).or_default().push(part);
        }
    }
    Ok(panes)
}

impl DisplayAs for WindowAggregateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.aggregates.iter().map(|a| a.name()).collect();
        let schema = self.schema();
        let end = schema.field(self.end_column).name();
        write!(f, "WindowAggregateExec: node={}, final on {end}, aggregates=[{}], state bounded by watermark", self.node, names.join(", "))
    }
}

impl ExecutionPlan for WindowAggregateExec {
    fn name(&self) -> &'static str {
        "WindowAggregateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn apply_expressions(&self, _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        // The aggregates' arguments belong to the partial aggregate below; here only their states are merged.
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

    fn execute(&self, _partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let epoch = EpochContext::required(&context)?;
        let input = self.input.execute(0, context)?;
        let node = self.clone();
        let results = async move {
            let input: Vec<RecordBatch> = input.try_collect().await?;
            let id = StateId { node: node.node, shard: 0 };
            let (results, delta) = node.step(&epoch.table(id), &input)?;
            epoch.report_delta(id, delta);
            DfResult::Ok(results)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::once(results))))
    }
}
