//! Jobs whose epochs a test sizes and watches, and whose plans travel as bytes before they run.
#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::fmt::Debug;
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream_partitioned};
use datafusion_proto::bytes::{physical_plan_from_bytes_with_extension_codec, physical_plan_to_bytes_with_extension_codec};
use futures::StreamExt;
use millstream::common::{Projection, Result};
use millstream::connectors::{
    Discoveries, Fetched, PartitionRange, Prefetch, RunContext, SourceReader, SplitEnumerator, StartMode, StreamSource,
};
use millstream::jobs::JobSpec;
use millstream::jobs::stage_runner::StageRunner;
use millstream::operators::EpochContext;
use millstream::operators::epoch::context::LateRows;
use millstream::planner::codec::Codec;

/// Asked before each fetch of a source: how many rows it may give, at most.
pub trait Watch: Debug + Send + Sync {
    /// How many rows the epoch may take of a source, at most.
    fn epoch_rows(&self) -> usize;
}

/// Lets `watch` size the epochs of a job.
pub fn watched(spec: &mut JobSpec, watch: &Arc<dyn Watch>) {
    for source in &mut spec.sources {
        source.stream = Arc::new(Watched { inner: Arc::clone(&source.stream), watch: Arc::clone(watch) });
    }
}

/// Sends the plans of a job through bytes before they run; returns what collects the rows that come too late.
pub fn travelling(spec: &mut JobSpec) -> Arc<Travelling> {
    let runner = Arc::new(Travelling::default());
    spec.runner = Arc::clone(&runner) as _;
    runner
}

/// Encodes each bound plan, decodes it, and only then runs it, as a worker would.
#[derive(Debug, Default)]
pub struct Travelling {
    late: Arc<Mutex<Late>>,
}

/// The late rows of all epochs, and how many of them are of the newest one.
#[derive(Debug, Default)]
struct Late {
    rows: Vec<LateRows>,
    newest: (Weak<EpochContext>, usize),
}

impl Late {
    /// Takes what is new of an epoch, which several partitions of several stages tell.
    fn take(&mut self, epoch: &Arc<EpochContext>) {
        let known = if self.newest.0.ptr_eq(&Arc::downgrade(epoch)) { self.newest.1 } else { 0 };
        let rows = epoch.late_rows();
        self.newest = (Arc::downgrade(epoch), rows.len().max(known));
        self.rows.extend(rows.into_iter().skip(known));
    }
}

impl Travelling {
    /// The rows that came too late in any epoch; of one that ran twice some come twice.
    pub fn take_late(&self) -> Vec<LateRows> {
        std::mem::take(&mut self.late.lock().unwrap().rows)
    }
}

impl StageRunner for Travelling {
    fn run(&self, plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>> {
        let epoch = EpochContext::required(context)?;
        epoch.keep_late_rows();
        let bytes = physical_plan_to_bytes_with_extension_codec(plan, &Codec)?;
        let plan = physical_plan_from_bytes_with_extension_codec(&bytes, context, &Codec)?;
        let schema = plan.schema();
        let watched = |rows: SendableRecordBatchStream| -> SendableRecordBatchStream {
            let (epoch, late) = (Arc::clone(&epoch), Arc::clone(&self.late));
            let end = futures::stream::poll_fn(move |_| {
                late.lock().unwrap().take(&epoch);
                Poll::Ready(None)
            });
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), rows.chain(end)))
        };
        Ok(execute_stream_partitioned(plan, Arc::clone(context))?.into_iter().map(watched).collect())
    }
}

/// A stream, an enumerator or a reader, whose rows come as a test wants.
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
