//! Lookup join: a stream joined with the current content of tables.

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

/// Joins each epoch's new rows with tables as of that epoch; it has no state.
///
/// ```text
///  new rows of the stream ─┐
///                          ├▶ batch plan ─▶ rows, never corrected afterwards
///  tables as of the epoch ─┘
/// ```
/// It is for append-only input. A retraction has to retract the joined rows of its insert, which the tables may no longer contain:
/// changelogs are joined by [`Recompute`](crate::operators::Recompute), which stores its output.
///
/// # Invariants
/// * Without new rows, no table is read.
/// * The output of a row depends only on that row and the tables, not on how rows are split into epochs.
#[derive(Debug)]
pub struct LookupJoin {
    plan: SubPlan,
    what: String,
    found: String,
}

impl LookupJoin {
    /// Runs `plan`, whose leaf reads the rows of the stream. For EXPLAIN: `what` is the join, `found` how rows of the tables are found.
    pub fn new(plan: SubPlan, what: String, found: String) -> Self {
        Self { plan, what, found }
    }

    /// How rows of the tables are found, and why.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// The batch plan.
    pub fn plan(&self) -> &SubPlan {
        &self.plan
    }

    /// The join, for EXPLAIN.
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
