//! What runs the bound plans of an epoch.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};

use crate::common::Result;

/// Runs the bound plan of a stage, in this process or in another one: a plan says all that it is made of
/// ([`Portable`](crate::operators::epoch::portable)), and finds the state and the rows of its epoch in the context.
pub trait StageRunner: Debug + Send + Sync {
    /// The rows of one run, by partition. Partitions have to be read side by side: rows may move between them inside of the plan.
    ///
    /// # Errors
    /// When the plan cannot run; the streams tell of what goes wrong later.
    fn run(&self, plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>>;
}

/// Runs plans in this process.
#[derive(Debug, Default, Clone, Copy)]
pub struct InProcess;

impl StageRunner for InProcess {
    fn run(&self, plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>> {
        Ok(execute_stream_partitioned(plan, Arc::clone(context))?)
    }
}
