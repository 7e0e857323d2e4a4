//! GROUP BY window: partial aggregates are stored per window, and each window is emitted once, when it is complete.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::physical_plan::ExecutionPlan;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::{PaneDelta, PaneTable, SpillableBatches};

use super::panes::{MergedRows, append_run, by_pane, merge};
use crate::operators::aggregates::merge::{Functions, Merged};
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, Placement, TableSpec, all_keyed, key_columns};

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
/// * A window is emitted at most once: its pane is dropped in the epoch that emits it, and further rows for it are late.
/// * The output does not depend on how the input was split into epochs, because merging partial states is associative.
///
/// With allowed lateness the output is partial rows, for a [`crate::operators::KeyedAggregate`] above, which emits the first result.
/// Rows between the window's end and the end of its lateness pass through at once, and update that result.
#[derive(Debug)]
pub struct WindowAggregate {
    functions: Functions,
    /// The group column of the window's end, and the milliseconds to add to it.
    end: (usize, i64),
    /// Whether the output is partial rows.
    partial: bool,
}

impl WindowAggregate {
    /// Evaluates partial rows with the functions of `last`, DataFusion's final aggregate over an empty input.
    ///
    /// # Errors
    /// When `last` is something else.
    pub fn new(last: Arc<dyn ExecutionPlan>, end: (usize, i64)) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, partial: false })
    }

    /// The same operator without the evaluation.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn partial(last: Arc<dyn ExecutionPlan>, end: (usize, i64)) -> Result<Self> {
        Ok(Self { functions: Functions::new(last)?, end, partial: true })
    }

    /// Whether the output is partial rows.
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// The group column of the window's end, and the milliseconds to add to it.
    pub fn end(&self) -> (usize, i64) {
        self.end
    }

    /// DataFusion's final aggregate, over an empty input.
    pub fn last(&self) -> &Arc<dyn ExecutionPlan> {
        self.functions.last()
    }

    fn want(&self) -> Merged {
        if self.partial { Merged::State } else { Merged::Results }
    }

    /// Takes state and partial rows; returns results and the delta.
    async fn advance(&self, ctx: &OperatorContext, state: &PaneTable, input: &[RecordBatch]) -> Result<(MergedRows, PaneDelta)> {
        let watermark = ctx.watermark();
        let mut arrived = by_pane(input, self.end.0, self.end.1)?;
        let mut delta = PaneDelta::default();
        let open = arrived.split_off(&watermark.saturating_add(1));
        let arrived: Vec<RecordBatch> = arrived.into_values().flatten().collect();

        let closing: Vec<SpillableBatches> = state.closing(watermark).into_iter().flat_map(|end| state.runs(end).to_vec()).collect();
        delta.close_to = (!closing.is_empty()).then_some(watermark);
        let size = closing.iter().map(SpillableBatches::size).sum::<usize>()
            + arrived.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
        let complete = closing.into_iter().flat_map(|run| run.batches()).chain(arrived.into_iter().map(Ok));
        let results = merge(&self.functions, Box::new(complete), size, self.want(), state, &ctx.tasks)?;
        append_run(&self.functions, state, open, &mut delta, &ctx.tasks).await?;
        Ok((results, delta))
    }
}

#[async_trait]
impl Operator for WindowAggregate {
    fn name(&self) -> &'static str {
        "WindowAggregate"
    }

    fn describe(&self) -> String {
        let end = self.functions.partial().field(self.end.0).name();
        let what = if self.partial { "first" } else { "final" };
        format!("{what} on {end}, aggregates=[{}]", self.functions.names())
    }

    fn schema(&self) -> SchemaRef {
        self.functions.merged(self.want())
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_pane("panes", Placement::columns(self.functions.partial(), 0..self.functions.groups())).timer()]
    }

    /// Includes the window: the windows of a key are independent.
    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed([key_columns(self.functions.partial(), 0..self.functions.groups())])
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let (results, delta) = self.advance(ctx, ctx.panes(0)?.as_ref(), inputs.first().map_or(&[], Vec::as_slice)).await?;
        ctx.emit_delta(0, delta)?;
        Ok(results.into_output(ctx))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`WindowAggregate`].
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowAggregateParts {
    last: PlanBytes,
    end: (usize, i64),
    partial: bool,
}

impl PortableOperator for WindowAggregate {
    const NAME: &'static str = "WindowAggregate";
    type Parts = WindowAggregateParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<WindowAggregateParts> {
        Ok(WindowAggregateParts { last: encoder.plan(self.last())?, end: self.end(), partial: self.is_partial() })
    }

    fn decode(parts: WindowAggregateParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let last = decoder.plan(&parts.last)?;
        if parts.partial { Self::partial(last, parts.end) } else { Self::new(last, parts.end) }
    }
}
