//! A bounded plan inside an operator, run over rows that the operator passes to it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};
use serde::{Deserialize, Serialize};

use crate::common::Result;

use crate::operators::epoch::expression_errors::with_expressions;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder};
use crate::operators::epoch::stateful::OperatorContext;
use crate::operators::{ClockExec, ExchangeExec, StaticScanExec, WatermarkExec, first_columns};

/// A batch plan whose leaves are [`crate::operators::ExchangeExec`]s, numbered separately from the stages of its job, and tables as of the
/// epoch ([`StaticScanExec`]).
#[derive(Debug, Clone)]
pub struct SubPlan {
    plan: Arc<dyn ExecutionPlan>,
    /// The exchange of each input.
    leaves: Vec<u32>,
}

impl SubPlan {
    /// A plan that reads its inputs from the exchanges of these numbers.
    pub fn new(plan: Arc<dyn ExecutionPlan>, leaves: Vec<u32>) -> Self {
        Self { plan, leaves }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<dyn ExecutionPlan> {
        &self.plan
    }

    /// The numbers of its inputs.
    pub fn leaves(&self) -> &[u32] {
        &self.leaves
    }

    /// The output schema.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// The tables that it scans, each once.
    pub fn tables(&self) -> Vec<String> {
        let mut tables = Vec::new();
        // The closure never fails, so neither does the walk.
        let _ = self.plan.apply(|node| {
            tables.extend(node.downcast_ref::<StaticScanExec>().map(|scan| scan.table().to_string()));
            Ok(TreeNodeRecursion::Continue)
        });
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Runs it over these inputs.
    ///
    /// # Errors
    /// The errors of the plan.
    pub async fn run(&self, ctx: &OperatorContext, inputs: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        for (id, rows) in self.leaves.iter().zip(inputs) {
            ctx.epoch.put_exchange(*id, ctx.partition, ctx.epoch.spill_context().keep([rows])?);
        }
        // An executed plan is never reused: it may hold a build side or a channel of the previous run.
        let plan = Arc::clone(&self.plan).transform_up(|node| {
            let bound: Arc<dyn ExecutionPlan> = if let Some(clock) = node.downcast_ref::<ClockExec>() {
                Arc::new(clock.at(ctx.epoch_time.clock))
            } else if let Some(watermark) = node.downcast_ref::<WatermarkExec>() {
                Arc::new(watermark.with_watermark(ctx.epoch_time.start))
            } else if let Some(leaf) = node.downcast_ref::<ExchangeExec>() {
                Arc::new(leaf.only(ctx.partition))
            } else {
                return Ok(Transformed::no(node));
            };
            Ok(Transformed::yes(bound))
        })?;
        let plan = reset_plan_states(plan.data)?;
        let rows = collect(plan, Arc::clone(&ctx.tasks)).await;
        self.leaves.iter().for_each(|id| ctx.epoch.drop_exchange_partition(*id, ctx.partition));
        let rows = rows.map_err(|error| with_expressions(error.into(), &self.plan))?;
        let schema = self.schema();
        // DataFusion does not always derive the same nullability of a column.
        rows.iter().map(|b| first_columns(&schema, b)).collect()
    }
}

/// The serialized form of a [`SubPlan`].
#[derive(Debug, Serialize, Deserialize)]
pub struct SubPlanParts {
    plan: PlanBytes,
    leaves: Vec<u32>,
}

impl SubPlan {
    /// Encodes it.
    ///
    /// # Errors
    /// When its plan cannot be encoded: a bug.
    pub fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<SubPlanParts> {
        Ok(SubPlanParts { plan: encoder.plan(&self.plan)?, leaves: self.leaves.clone() })
    }

    /// Decodes it.
    ///
    /// # Errors
    /// When the parts are damaged.
    pub fn decode(parts: SubPlanParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(decoder.plan(&parts.plan)?, parts.leaves))
    }
}
