//! Merges partial aggregates that do not fit in memory: sorted by group, so that one group is merged after the other.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::stream;
use parking_lot::Mutex;

use crate::common::{Error, Result};

use super::merge::{Functions, Merged};

/// A stream of partial rows, in batches.
pub(in crate::operators) type Partials = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// Merges like [`super::merge::GroupMerger`], without all groups in memory: DataFusion's sort spills to disk when its pool is
/// exhausted, and its aggregate emits a group as soon as the next one begins.
///
/// # Errors
/// When the rows cannot be read, or the disk is full; the stream may fail, too.
pub(in crate::operators) fn merge_sorted(
    functions: &Functions,
    rows: Partials,
    want: Merged,
    tasks: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(functions.partial());
    let rows = Arc::new(Rows { schema: Arc::clone(&schema), rows: Mutex::new(Some(rows)) });
    let input: Arc<dyn ExecutionPlan> = Arc::new(StreamingTableExec::try_new(Arc::clone(&schema), vec![rows], None, [], false, None)?);
    let groups = schema.fields().iter().take(functions.groups()).enumerate();
    let order = groups.map(|(i, field)| PhysicalSortExpr::new_default(Arc::new(Column::new(field.name(), i))));
    let input = match LexOrdering::new(order) {
        Some(order) => Arc::new(SortExec::new(order, input)),
        None => input,
    };
    let last = functions.aggregate()?;
    let mode = match want {
        Merged::State => AggregateMode::PartialReduce,
        Merged::Results => AggregateMode::Final,
    };
    let (groups, aggregates, filters) = (last.group_expr().clone(), last.aggr_expr().to_vec(), last.filter_expr().to_vec());
    let merged = AggregateExec::try_new(mode, groups, aggregates, filters, input, last.input_schema())?;
    Ok(execute_stream(Arc::new(merged), Arc::clone(tasks))?)
}

/// The leaf of the plan: reads the rows, once.
struct Rows {
    schema: SchemaRef,
    rows: Mutex<Option<Partials>>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("partial rows")
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows =
            self.rows.lock().take().unwrap_or_else(|| Box::new(std::iter::once(Err(Error::internal("partial rows are read twice")))));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter(rows.map(|batch| Ok(batch?)))))
    }
}
