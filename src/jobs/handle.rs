//! A job that runs in this process, for those who have started it or look at it.

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

/// What a job has read is committed within this time, unless it is slow.
const COMMITTED: Duration = Duration::from_millis(300);

/// A running job: how it goes, how it ends, and how to stop it. All clones mean the same job, which runs on when they are gone.
#[derive(Debug, Clone)]
pub struct JobHandle {
    name: Arc<str>,
    stop: CancellationToken,
    status: watch::Receiver<Status>,
    /// Gone when the job has ended: it holds the plan and the sinks.
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

    /// How it goes now.
    pub fn status(&self) -> Status {
        let status = self.status.borrow().clone();
        // One that was cut off could not say so.
        let failed = !status.phase.is_over() && self.is_over();
        if failed { Status { phase: Phase::Failed, ..status } } else { status }
    }

    /// Whether all that it reads ends by itself.
    pub fn is_bounded(&self) -> bool {
        self.bounded
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// What each step of it has cost so far; nothing when it has ended.
    pub fn explain(&self) -> Option<String> {
        self.metrics.lock().as_ref().map(JobMetrics::explain)
    }

    /// Tells it to stop, which it does after a last commit.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// What it has failed with.
    pub async fn ended(&self) -> Result<Ending> {
        let mut ended = self.ended.clone();
        let ending = ended.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
        ending.unwrap_or_else(|| Err(Error::internal(format!("job `{}` was cut off", self.name))))
    }

    /// Waits until it has asked its servers where to begin, or waits for one that is away.
    pub async fn begun(&self) {
        self.wait(|status| status.phase != Phase::Starting || status.waits.is_some()).await;
    }

    /// Waits until what it has written first can be read.
    pub async fn first_rows(&self) {
        self.wait(|status| status.published > 0).await;
    }

    /// Waits until it has ended, or waits for a server.
    pub async fn over_or_waiting(&self) {
        self.wait(|status| status.phase.is_over() || status.waits.is_some()).await;
    }

    /// Waits until it has written what was there to be read.
    pub async fn caught_up(&self) {
        // A sink that is slow is waited for, a server that is away is not.
        let done = |status: &Status| status.phase.is_over() || (status.phase == Phase::Starting && status.waits.is_some());
        let read = |status: &Status| status.commit > 0 && status.published >= status.commit && status.lag == Some(0);
        let mut status = self.status.clone();
        let Ok(commit) = status.wait_for(|status| done(status) || read(status)).await.map(|status| status.commit) else { return };
        // What was read last may not have been committed yet.
        let committed = status.wait_for(|status| done(status) || (status.commit > commit && status.published >= status.commit));
        let _ = tokio::time::timeout(COMMITTED, committed).await;
    }

    /// Waits until its status is such a one, or the job is gone.
    async fn wait(&self, until: impl FnMut(&Status) -> bool) {
        let _ = self.status.clone().wait_for(until).await;
    }
}
