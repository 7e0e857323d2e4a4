//! Threads for queries that end, apart from those of jobs.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::common::{Error, Result};
use crate::operators::epoch::expression_errors::with_expressions;

/// How many batches of a result are computed ahead.
const AHEAD: usize = 1;
/// Operators are asked one within the other, so a deep plan takes a deep stack; what is not used is not taken.
const STACK: usize = 64 << 20;

/// The threads that the queries of a workspace share. They begin with the first query, and end with the last of its answers.
#[derive(Debug, Default)]
pub struct QueryRuntime {
    /// How many; `None`: as many as there are cores.
    threads: Option<usize>,
    runtime: Mutex<Option<Runtime>>,
}

impl QueryRuntime {
    /// The number of threads; `None`: as many as there are cores.
    pub fn new(threads: Option<usize>) -> Self {
        Self { threads, runtime: Mutex::default() }
    }

    /// How many threads, and so partitions of a plan; `None`: as many as there are cores.
    pub(super) fn threads(&self) -> Option<usize> {
        self.threads
    }

    /// Runs a plan on threads that only such plans use.
    ///
    /// An operator may compute for seconds without a pause (a join of everything with everything). On the threads of the process's own
    /// runtime it would block signals, timers and sockets: Ctrl-C would have no effect, and jobs would stop. Dropping
    /// the stream of rows ends the query.
    ///
    /// # Errors
    /// When no threads can be started.
    pub(super) fn execute(self: &Arc<Self>, plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut rows = RecordBatchReceiverStream::builder(plan.schema(), AHEAD);
        let sender = rows.tx();
        let work = async move {
            let mut made = execute_stream(Arc::clone(&plan), context)?;
            while let Ok(wanted) = sender.reserve().await {
                let Some(batch) = made.next().await else { break };
                wanted.send(batch.map_err(|error| with_expressions(error.into(), &plan).into()));
            }
            Ok(())
        };
        rows.spawn_on(work, &self.handle()?);
        // The stream of rows holds the threads, too.
        let (rows, threads) = (rows.build(), Arc::clone(self));
        Ok(Box::pin(RecordBatchStreamAdapter::new(rows.schema(), rows.inspect(move |_| _ = &threads))))
    }

    fn handle(&self) -> Result<Handle> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.as_ref() {
            return Ok(runtime.handle().clone());
        }
        let mut new = Builder::new_multi_thread();
        if let Some(threads) = self.threads {
            new.worker_threads(threads);
        }
        let new = new.thread_name("query").thread_stack_size(STACK).enable_all().build();
        let new = new.map_err(|e| Error::internal(format!("no threads can be started: {e}")))?;
        Ok(runtime.insert(new).handle().clone())
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        // Does not wait: this may be a runtime's thread, and the results of queries still running are not needed.
        if let Some(runtime) = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}
