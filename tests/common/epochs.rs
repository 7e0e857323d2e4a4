//! Jobs whose epochs a test sizes and watches, and whose plans are serialised before they run.
#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion_proto::bytes::{physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec};
use futures::StreamExt;
use futures::stream::BoxStream;
use millstream::common::{Projection, Result};
use millstream::connectors::{
    Discoveries, Fetched, PartitionRange, Prefetch, RunContext, SourceReader, SplitEnumerator, StartMode, StreamSource,
};
use millstream::jobs::JobSpec;
use millstream::jobs::stage_runner::StageRunner;
use millstream::operators::epoch::context::{LateRows, StateId};
use millstream::operators::epoch::one_input::{OneInput, OneInputExec};
use millstream::operators::windows::late_filter::LateFilter;
use millstream::operators::{EpochContext, LateFilterExec};
use millstream::planner::codec::Codec;
use millstream::state::key_groups::DEFAULT_KEY_GROUPS;
use millstream::state::{KeyGroups, StateMemory};

/// Controls a source; called before each fetch.
pub trait Watch: Debug + Send + Sync {
    /// Returns how many rows the epoch may take from a source.
    fn epoch_rows(&self) -> usize;
}

/// Lets `watch` size the epochs of a job.
pub fn watched(spec: &mut JobSpec, watch: &Arc<dyn Watch>) {
    for source in &mut spec.sources {
        source.stream = Arc::new(Watched { inner: Arc::clone(&source.stream), watch: Arc::clone(watch) });
    }
}

/// Encodes and decodes the plans of a job before they run; returns the collector of late rows.
pub fn travelling(spec: &mut JobSpec) -> Arc<Travelling> {
    let runner = Arc::new(Travelling::default());
    spec.runner = Arc::clone(&runner) as _;
    runner
}

/// Encodes each bound plan, decodes it, and only then runs it, as a worker would.
#[derive(Debug, Default)]
pub struct Travelling {
    late: Collected,
}

/// The late rows of all epochs.
type Collected = Arc<Mutex<Vec<LateRows>>>;

impl Travelling {
    /// Returns the late rows of all epochs; those of an epoch that ran twice may come twice.
    pub fn take_late(&self) -> Vec<LateRows> {
        std::mem::take(&mut self.late.lock().unwrap())
    }

    fn watch_late(&self, node: Arc<dyn ExecutionPlan>) -> DfResult<Transformed<Arc<dyn ExecutionPlan>>> {
        let Some(filter) = node.downcast_ref::<LateFilterExec>() else { return Ok(Transformed::no(node)) };
        let watched = WatchedFilter { filter: filter.operator().clone(), late: Arc::clone(&self.late) };
        Ok(Transformed::yes(Arc::new(OneInputExec::new(Arc::clone(node.children()[0]), watched)?)))
    }
}

/// A late filter with a context of its own, which keeps the late rows and also reports them to the epoch.
#[derive(Debug, Clone)]
struct WatchedFilter {
    filter: LateFilter,
    late: Collected,
}

impl OneInput for WatchedFilter {
    const NAME: &'static str = "WatchedFilter";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        self.filter.schema(input)
    }

    fn describe(&self, input: &Schema) -> String {
        self.filter.describe(input)
    }

    fn run(
        self,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let (epoch, node) = (EpochContext::required(context)?, self.filter.node);
        let tables: Vec<_> = epoch.tables(node, 1).cloned().collect();
        let groups = KeyGroups::split(DEFAULT_KEY_GROUPS, tables.len());
        let state = groups.into_iter().zip(tables).map(|(groups, table)| (StateId { node, table: 1, groups }, table)).collect();
        let own = Arc::new(EpochContext::new(HashMap::new(), state, &StateMemory::unlimited(), true));
        let config = context.session_config().clone().with_extension(Arc::clone(&own));
        let context = TaskContext::new(
            context.task_id(),
            context.session_id(),
            config,
            context.scalar_functions().clone(),
            context.higher_order_functions().clone(),
            context.aggregate_functions().clone(),
            context.window_functions().clone(),
            context.runtime_env(),
        );
        let rows = self.filter.run(rows, schema, &context)?;
        let end = futures::stream::poll_fn(move |_| {
            for found in own.finish().late_rows {
                epoch.report_late(found.clone());
                self.late.lock().unwrap().push(found);
            }
            Poll::Ready(None)
        });
        Ok(rows.chain(end).boxed())
    }
}

impl StageRunner for Travelling {
    fn run(&self, plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>> {
        let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec)?;
        let plan = physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec)?;
        let plan = plan.transform_up(|node| self.watch_late(node))?.data;
        Ok(execute_stream_partitioned(plan, Arc::clone(context))?)
    }
}

/// A stream, an enumerator or a reader, whose rows the test controls.
#[derive(Debug)]
struct Watched<T> {
    inner: T,
    watch: Arc<dyn Watch>,
}

#[async_trait]
impl StreamSource for Watched<Arc<dyn StreamSource>> {
    fn bounded(&self) -> bool {
        self.inner.bounded()
    }

    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(Watched { inner: self.inner.enumerator(run)?, watch: Arc::clone(&self.watch) }))
    }

    async fn commit_offsets(&self, positions: &[(i32, i64)]) {
        self.inner.commit_offsets(positions).await;
    }
}

#[async_trait]
impl SplitEnumerator for Watched<Box<dyn SplitEnumerator>> {
    async fn incarnation(&self) -> Result<Option<String>> {
        self.inner.incarnation().await
    }

    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        self.inner.start(mode).await
    }

    async fn resume(&mut self, positions: &[PartitionRange], state: &[String]) -> Result<Vec<PartitionRange>> {
        self.inner.resume(positions, state).await
    }

    fn discoveries(&mut self, known: &[PartitionRange]) -> Option<Discoveries> {
        self.inner.discoveries(known)
    }

    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let inner = self.inner.reader(ranges, projection, prefetch)?;
        Ok(Box::new(Watched { inner, watch: Arc::clone(&self.watch) }))
    }
}

#[async_trait]
impl SourceReader for Watched<Box<dyn SourceReader>> {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let max_rows = self.watch.epoch_rows().min(max_rows);
        self.inner.next(max_rows, wait).await
    }

    fn assign(&mut self, ranges: Vec<PartitionRange>) -> Result<()> {
        self.inner.assign(ranges)
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.inner.pause(partitions);
    }
}
