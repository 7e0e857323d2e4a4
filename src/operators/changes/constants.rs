//! Constant rows: VALUES, and SELECT without FROM.

use std::any::Any;
use std::sync::Arc;

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::Result;
use crate::state::{KeyMode, KeyedDelta, Layout};

use super::subplan::{SubPlan, SubPlanParts};
use super::zset;
use crate::operators::epoch::portable::{PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, TableSpec};

/// Emits the rows of a plan without inputs in the job's first epoch, and never again: they are append-only.
///
/// # Invariants
/// * The state is one row, stored when the constants were emitted.
#[derive(Debug)]
pub struct Constants {
    plan: SubPlan,
    layout: Arc<Layout>,
}

impl Constants {
    /// The rows of `plan`.
    pub fn new(plan: SubPlan) -> Self {
        let schema = Arc::new(Schema::new(vec![Field::new("came", DataType::Int64, false)]));
        Self { plan, layout: Arc::new(Layout { schema, key: Vec::new(), time: None, mode: KeyMode::Multiset }) }
    }

    /// The plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }
}

#[async_trait]
impl Operator for Constants {
    fn name(&self) -> &'static str {
        "Constants"
    }

    fn describe(&self) -> String {
        "once, with the first epoch".to_string()
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn tables(&self) -> Vec<TableSpec> {
        vec![TableSpec::by_key("came", &self.layout).bounded("one number".to_string())]
    }

    async fn process_epoch(&self, ctx: &OperatorContext, _: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        if !ctx.keyed(0)?.is_empty() {
            return Ok(Vec::new());
        }
        let came = RecordBatch::try_new(Arc::clone(&self.layout.schema), vec![Arc::new(Int64Array::from(vec![1]))])?;
        let change = zset::with_weight(&came, &zset::weighted(&self.layout.schema), 1)?;
        ctx.emit_delta(0, KeyedDelta::new(vec![change], None))?;
        self.plan.run(ctx, Vec::new()).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl PortableOperator for Constants {
    const NAME: &'static str = "Constants";
    type Parts = SubPlanParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<SubPlanParts> {
        self.plan().encode(encoder)
    }

    fn decode(parts: SubPlanParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(SubPlan::decode(parts, decoder)?))
    }
}
