//! Threads for bounded queries, separate from those of jobs.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::common::{Error, Result};
use crate::operators::epoch::expression_errors::with_expressions;

/// The number of batches of a result that are computed ahead.
const AHEAD: usize = 1;
/// Operators call each other recursively, so a deep plan needs a deep stack; pages that are not used take no memory.
const STACK: usize = 64 << 20;

/// The threads that the queries of a workspace share. They start with the first query and end with the last result.
#[derive(Debug, Default)]
pub struct QueryRuntime {
    /// The number of threads; `None`: one per core.
    threads: Option<usize>,
    runtime: Mutex<Option<Runtime>>,
}

impl QueryRuntime {
    /// Creates the runtime, without starting threads; `None`: one per core.
    pub fn new(threads: Option<usize>) -> Self {
        Self { threads, runtime: Mutex::default() }
    }

    /// The number of threads, and so of a plan's partitions; `None`: one per core.
    pub(super) fn threads(&self) -> Option<usize> {
        self.threads
    }

    /// Runs a plan on threads that only bounded queries use.
    ///
    /// An operator may compute for seconds without yielding (a cross join). On the threads of the process's own runtime it would block
    /// signals, timers and sockets: Ctrl-C would have no effect, and jobs would stop. Dropping the stream of rows ends the query.
    ///
    /// # Errors
    /// When the threads cannot be started.
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
        // The stream of rows keeps the threads alive.
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
        // Shuts down without waiting: this may be a thread of a runtime, and the results of running queries are not needed.
        if let Some(runtime) = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            runtime.shutdown_background();
        }
    }
}
