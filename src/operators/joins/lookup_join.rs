//! A stream joined with tables as they are now.

use std::any::Any;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;

use crate::operators::changes::recompute::concat;
use crate::operators::changes::subplan::SubPlan;
use crate::operators::changes::subplan::SubPlanParts;
use crate::operators::epoch::portable::{PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, TableSpec};

/// Joins each epoch's new rows with tables as of that epoch, and keeps nothing.
///
/// ```text
///  new rows of the stream ─┐
///                          ├▶ batch plan ─▶ rows, never corrected afterwards
///  tables as of the epoch ─┘
/// ```
/// It is for rows that only come. Those that go again have to take back what they gave, which the tables may no longer tell: they
/// are joined by [`Recompute`](crate::operators::Recompute), which keeps what each row gave.
///
/// # Invariants
/// * Where no new rows come, no table is read.
/// * What a row gives depends on that row and the tables alone, so rows come out once, however they came in epochs.
#[derive(Debug)]
pub struct LookupJoin {
    plan: SubPlan,
    what: String,
    found: String,
}

impl LookupJoin {
    /// Runs `plan`, whose one leaf reads the rows of the stream; `what` tells of the join for people, `found` how rows of the tables are.
    pub fn new(plan: SubPlan, what: String, found: String) -> Self {
        Self { plan, what, found }
    }

    /// How rows of the tables are found, and why so.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// The join, for people.
    pub fn what(&self) -> &str {
        &self.what
    }
}

#[async_trait]
impl Operator for LookupJoin {
    fn name(&self) -> &'static str {
        "LookupJoin"
    }

    fn describe(&self) -> String {
        match self.plan.tables().as_slice() {
            [] => self.what.clone(),
            tables => format!("{}, tables=[{}] static as of epoch", self.what, tables.join(", ")),
        }
    }

    fn strategy(&self) -> String {
        match self.plan.tables().as_slice() {
            [] => "incremental".to_string(),
            tables => {
                let tables = tables.join(", ");
                format!("static as of epoch: new rows meet {tables} as of then, and are not joined again; {}", self.found)
            }
        }
    }

    fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    fn tables(&self) -> Vec<TableSpec> {
        Vec::new()
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let rows: Vec<RecordBatch> = inputs.into_iter().flatten().filter(|b| b.num_rows() > 0).collect();
        let Some(first) = rows.first() else { return Ok(Vec::new()) };
        self.plan.run(ctx, vec![concat(&first.schema(), &rows)?]).await
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`LookupJoin`].
#[derive(Debug, Serialize, Deserialize)]
pub struct LookupJoinParts {
    plan: SubPlanParts,
    what: String,
    found: String,
}

impl PortableOperator for LookupJoin {
    const NAME: &'static str = "LookupJoin";
    type Parts = LookupJoinParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<LookupJoinParts> {
        Ok(LookupJoinParts { plan: self.plan().encode(encoder)?, what: self.what().to_string(), found: self.found().to_string() })
    }

    fn decode(parts: LookupJoinParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Ok(Self::new(SubPlan::decode(parts.plan, decoder)?, parts.what, parts.found))
    }
}
