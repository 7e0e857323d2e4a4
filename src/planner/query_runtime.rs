//! Threads for queries that end, apart from those of jobs.

use std::sync::{Arc, LazyLock};

use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

use crate::common::{Error, Result};
use crate::operators::epoch::expression_errors::named;

/// So many batches of an answer are made before they are asked for.
const AHEAD: usize = 1;
/// Operators are asked one within the other, so a deep plan takes a deep stack; what is not used is not taken.
const STACK: usize = 64 << 20;

/// Runs a plan on threads that only such plans use.
///
/// An operator may compute for seconds without a pause (a join of everything with everything). On the threads of the process's own
/// runtime nobody would look at signals, clocks and sockets meanwhile: Ctrl-C would not be heard, and jobs would stand still. Whoever
/// drops the rows has ended the query.
///
/// # Errors
/// When no threads can be started.
pub(super) fn execute_on_query_runtime(plan: Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
    let mut rows = RecordBatchReceiverStream::builder(plan.schema(), AHEAD);
    let sender = rows.tx();
    let work = async move {
        let mut made = execute_stream(Arc::clone(&plan), context)?;
        while let Ok(wanted) = sender.reserve().await {
            let Some(batch) = made.next().await else { break };
            wanted.send(batch.map_err(|error| named(error.into(), &plan).into()));
        }
        Ok(())
    };
    rows.spawn_on(work, runtime()?.handle());
    Ok(rows.build())
}

fn runtime() -> Result<&'static Runtime> {
    static QUERIES: LazyLock<std::io::Result<Runtime>> =
        LazyLock::new(|| Builder::new_multi_thread().thread_name("query").thread_stack_size(STACK).enable_all().build());
    QUERIES.as_ref().map_err(|e| Error::internal(format!("no threads can be started: {e}")))
}
