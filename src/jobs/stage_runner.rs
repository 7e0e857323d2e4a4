//! Runs the bound plans of an epoch.

use std::fmt::Debug;
use std::sync::Arc;

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};

use crate::common::Result;

/// Runs the bound plan of a stage, in this process or in another one: a plan can be serialized
/// ([`Portable`](crate::operators::epoch::portable)), and finds the state and the rows of its epoch in the context.
pub trait StageRunner: Debug + Send + Sync {
    /// Returns the rows of one run, by partition. Partitions have to be read concurrently: the plan may exchange rows between them.
    ///
    /// # Errors
    /// When the plan cannot start; later errors come from the streams.
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
