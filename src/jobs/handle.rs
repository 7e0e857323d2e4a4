//! A handle of a job that runs in this process.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::common::{Error, Result};

use super::claim;
use super::driver::Ending;
use super::metrics::JobMetrics;
use super::progress::{Phase, Status};
use super::spec::JobSpec;

/// Rows that a job has read are committed within this time, unless the job is slow.
const COMMITTED: Duration = Duration::from_millis(300);

/// A handle of a running job: its status, its end, and a way to stop it. The job runs on when all clones are dropped.
#[derive(Debug, Clone)]
pub struct JobHandle {
    name: Arc<str>,
    stop: CancellationToken,
    status: watch::Receiver<Status>,
    /// `None` when the job has ended, because it holds the plan and the sinks.
    metrics: Arc<Mutex<Option<JobMetrics>>>,
    bounded: bool,
    ended: watch::Receiver<Option<Result<Ending>>>,
}

impl JobHandle {
    /// Starts a job in the background.
    pub fn start(job: JobSpec) -> Self {
        let (stop, status, metrics) = (CancellationToken::new(), job.status.subscribe(), Arc::new(Mutex::new(Some(JobMetrics::new(&job)))));
        let (name, stopped): (Arc<str>, _) = (job.name.as_str().into(), stop.clone());
        let bounded = job.sources.iter().all(|source| source.stream.bounded());
        let (tell, ended) = watch::channel(None);
        let cut_off = format!("job `{name}` was cut off");
        let measured = Arc::clone(&metrics);
        let running = tokio::spawn(async move { claim::run(&job, &stopped).await });
        tokio::spawn(async move {
            let ending = running.await.unwrap_or_else(|e| Err(Error::internal(cut_off).with_source(e)));
            *measured.lock() = None;
            // Fails if every handle of the job is dropped.
            let _ = tell.send(Some(ending));
        });
        Self { name, stop, status, metrics, bounded, ended }
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its current status.
    pub fn status(&self) -> Status {
        let status = self.status.borrow().clone();
        // A job that was aborted could not set it.
        let failed = !status.phase.is_over() && self.is_over();
        if failed { Status { phase: Phase::Failed, ..status } } else { status }
    }

    /// Whether all of its sources are bounded.
    pub fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// EXPLAIN ANALYZE of the job so far; `None` when it has ended.
    pub fn explain(&self) -> Option<String> {
        self.metrics.lock().as_ref().map(JobMetrics::explain)
    }

    /// Rows and time of each partition, and skewed keys ([`JobMetrics::partitions`]); `None` once the job has ended.
    pub fn partitions(&self) -> (Option<String>, Option<String>) {
        self.metrics.lock().as_ref().map_or((None, None), JobMetrics::partitions)
    }

    /// Asks it to stop, which it does after a last commit.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// The error with which it failed.
    pub async fn ended(&self) -> Result<Ending> {
        let mut ended = self.ended.clone();
        let ending = ended.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
        ending.unwrap_or_else(|| Err(Error::internal(format!("job `{}` was cut off", self.name))))
    }

    /// Waits until it has its start positions, or is waiting for an unavailable server.
    pub async fn begun(&self) {
        self.wait(|status| status.phase != Phase::Starting || status.waits.is_some()).await;
    }

    /// Waits until its first rows are visible to readers.
    pub async fn first_rows(&self) {
        self.wait(|status| status.published > 0).await;
    }

    /// Waits until it has ended, or waits for a server.
    pub async fn over_or_waiting(&self) {
        self.wait(|status| status.phase.is_over() || status.waits.is_some()).await;
    }

    /// Waits until it has processed all input that exists now.
    pub async fn caught_up(&self) {
        // Waits for a slow sink, but not for an unavailable server.
        let done = |status: &Status| status.phase.is_over() || (status.phase == Phase::Starting && status.waits.is_some());
        let read = |status: &Status| status.commit > 0 && status.published >= status.commit && status.lag == Some(0);
        let mut status = self.status.clone();
        let Ok(commit) = status.wait_for(|status| done(status) || read(status)).await.map(|status| status.commit) else { return };
        // The last rows may not have been committed yet.
        let committed = status.wait_for(|status| done(status) || (status.commit > commit && status.published >= status.commit));
        let _ = tokio::time::timeout(COMMITTED, committed).await;
    }

    /// Waits until its status satisfies a condition, or the job has ended.
    async fn wait(&self, until: impl FnMut(&Status) -> bool) {
        let _ = self.status.clone().wait_for(until).await;
    }
}
