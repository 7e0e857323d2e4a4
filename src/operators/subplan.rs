//! A bounded plan inside an operator, run over rows that the operator hands it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::{ExecutionPlan, collect};

use crate::common::Result;

use super::first_columns;
use super::stateful::Step;

/// A batch plan whose leaves are [`super::ExchangeExec`]s, numbered apart from the stages of its job.
#[derive(Debug, Clone)]
pub struct SubPlan {
    plan: Arc<dyn ExecutionPlan>,
    /// The exchange that each input is read by.
    leaves: Vec<u32>,
}

impl SubPlan {
    /// A plan that reads its inputs by these numbers.
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

    /// The columns that come out.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// Runs it over these inputs.
    ///
    /// # Errors
    /// What the plan says.
    pub async fn run(&self, step: &Step, inputs: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        for (id, rows) in self.leaves.iter().zip(inputs) {
            step.epoch.put_exchange(*id, step.epoch.shelf().keep([rows])?);
        }
        // An executed plan is never reused: a build side or a channel of the run before must not leak into this one.
        let plan = reset_plan_states(Arc::clone(&self.plan))?;
        let rows = collect(plan, Arc::clone(&step.tasks)).await;
        self.leaves.iter().for_each(|id| step.epoch.drop_exchange(*id));
        let rows = rows?;
        let schema = self.schema();
        // DataFusion may say of a column that it is never NULL in one place and not in another.
        rows.iter().map(|b| first_columns(&schema, b)).collect()
    }
}
