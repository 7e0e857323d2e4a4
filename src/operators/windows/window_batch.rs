//! Window joins, window top-N and other plans per window: evaluated once, when the window is complete.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;
use crate::state::{PaneDelta, SpillableBatches};

use super::panes::by_pane;
use crate::operators::changes::recompute::{Keyed, KeyedParts, concat};
use crate::operators::changes::subplan::SubPlan;
use crate::operators::changes::subplan::SubPlanParts;
use crate::operators::epoch::portable::{PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, Placement, TableSpec, all_keyed};

/// An input of a [`WindowBatch`] operator.
#[derive(Debug, Clone)]
pub struct WindowInput {
    /// Its columns.
    pub schema: SchemaRef,
    /// The column of the window's end, and the milliseconds to add to it.
    pub end: (usize, i64),
    /// The key by which rows are hash-partitioned.
    pub key: PartitionKey,
}

/// The batch plan, run over the rows of the windows that have just become complete; append-only.
///
/// ```text
///  rows of each input ─┬─ window end > W ─▶ delta: stored in the window's pane
///                      └─ window end ≤ W ─┐
///  panes of each input ── window end ≤ W ─┴▶ batch plan ─▶ output, panes dropped
/// ```
/// # Invariants
/// * The plan's result over all input is the union of its results per window and key value: it joins or partitions by both.
/// * All windows that close in an epoch are evaluated together, once, from all inputs.
#[derive(Debug)]
pub struct WindowBatch {
    plan: SubPlan,
    inputs: Vec<WindowInput>,
    what: String,
}

impl WindowBatch {
    /// Runs `plan`, whose leaves read `inputs` in order; `what` is for EXPLAIN.
    pub fn new(plan: SubPlan, inputs: Vec<WindowInput>, what: String) -> Self {
        Self { plan, inputs, what }
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// Its inputs.
    pub fn inputs(&self) -> &[WindowInput] {
        &self.inputs
    }

    /// A description, for EXPLAIN.
    pub fn what(&self) -> &str {
        &self.what
    }
}

#[async_trait]
impl Operator for WindowBatch {
    fn name(&self) -> &'static str {
        "WindowBatch"
    }

    fn describe(&self) -> String {
        format!("{}, final per window", self.what)
    }

    fn strategy(&self) -> String {
        format!("recompute ({} has no incremental form here; once per window, when it is complete)", self.what)
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn tables(&self) -> Vec<TableSpec> {
        self.inputs.iter().map(|input| TableSpec::by_pane("panes", Placement::Key(input.key.clone())).timer()).collect()
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed(self.inputs.iter().map(|input| input.key.clone()))
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let watermark = ctx.watermark();
        let mut complete = Vec::with_capacity(inputs.len());
        for ((table, input), batches) in (0u32..).zip(&self.inputs).zip(&inputs) {
            let state = ctx.panes(table)?;
            let (column, shift) = input.end;
            let mut arrived = by_pane(batches, column, shift)?;
            let open = arrived.split_off(&watermark.saturating_add(1));
            let closing = state.closing(watermark);
            let mut rows =
                closing.iter().flat_map(|end| state.runs(*end)).flat_map(SpillableBatches::batches).collect::<Result<Vec<_>>>()?;
            rows.extend(arrived.into_values().flatten());
            let mut delta = PaneDelta::closing((!closing.is_empty()).then_some(watermark));
            for (end, batches) in open {
                delta.put(end, state.runs(end).len(), state.spill_context().keep([concat(&input.schema, &batches)?])?);
            }
            ctx.emit_delta(table, delta)?;
            complete.push(concat(&input.schema, &rows)?);
        }
        if complete.iter().all(|rows| rows.num_rows() == 0) {
            return Ok(Vec::new());
        }
        self.plan.run(ctx, complete).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`WindowBatch`].
#[derive(Debug, Serialize, Deserialize)]
pub struct WindowBatchParts {
    plan: SubPlanParts,
    inputs: Vec<(KeyedParts, (usize, i64))>,
    what: String,
}

impl PortableOperator for WindowBatch {
    const NAME: &'static str = "WindowBatch";
    type Parts = WindowBatchParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<WindowBatchParts> {
        let keyed = |input: &WindowInput| Keyed { schema: Arc::clone(&input.schema), key: input.key.clone() };
        let inputs = self.inputs().iter().map(|input| Ok((keyed(input).encode(encoder)?, input.end))).collect::<Result<_>>()?;
        Ok(WindowBatchParts { plan: self.plan().encode(encoder)?, inputs, what: self.what().to_string() })
    }

    fn decode(parts: WindowBatchParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        let input = |(parts, end): &(KeyedParts, _)| {
            let Keyed { schema, key } = Keyed::decode(parts, decoder)?;
            Ok(WindowInput { schema, end: *end, key })
        };
        let inputs = parts.inputs.iter().map(input).collect::<Result<_>>()?;
        Ok(Self::new(SubPlan::decode(parts.plan, decoder)?, inputs, parts.what))
    }
}
