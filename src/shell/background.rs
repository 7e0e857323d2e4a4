//! Jobs that were started in the shell and go on behind it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::{Error, ErrorKind, Result, names};
use crate::jobs::memory::Memory;
use crate::jobs::{self, Ending, JobMetrics, Phase, Status};
use crate::sql::ast::{Parsed, Statement};
use crate::state::StateStore;
use crate::workspace::Workspace;
use crate::workspace::statements::settings;

/// A name that is taken gets a number behind it, up to this one.
const NAMES: usize = 100;

/// How long a job may take to begin before its INSERT is called done.
const BEGIN: Duration = Duration::from_secs(10);
/// How long jobs of a script that has failed may read on.
const READ_ON: Duration = Duration::from_secs(10);
/// What a job has read is committed within this time, unless it is slow.
const COMMITTED: Duration = Duration::from_millis(300);

/// The jobs of a session: each INSERT, materialized view or statement set is one.
#[derive(Debug)]
pub(super) struct Background {
    root: Arc<dyn StateStore>,
    remote: bool,
    memory: Memory,
    running: BTreeMap<String, Running>,
}

#[derive(Debug)]
struct Running {
    stop: CancellationToken,
    status: watch::Receiver<Status>,
    gauge: JobMetrics,
    /// The notice that was told.
    notice: Option<String>,
    /// Whether it was told that it waits.
    waits: bool,
    /// All that it reads ends by itself.
    bounded: bool,
    task: JoinHandle<Result<Ending>>,
}

impl Background {
    pub(super) fn new((root, remote): (Arc<dyn StateStore>, bool), memory: Memory) -> Self {
        Self { root, remote, memory, running: BTreeMap::new() }
    }

    /// Starts these parts as one job; what to say of it.
    pub(super) async fn start(&mut self, workspace: &Workspace, parts: Vec<Parsed>) -> Result<String> {
        let said = workspace.job_settings()?;
        let mut settings = settings(&said, self.remote);
        self.memory.share(&mut settings);
        let wanted = said.pipeline_name.clone().unwrap_or_else(|| target(&parts));
        for number in 1..=NAMES {
            let name = if number == 1 { wanted.clone() } else { format!("{wanted}-{number}") };
            let taken = self.running.get(&name).is_some_and(|job| !job.task.is_finished());
            if taken && said.pipeline_name.is_some() {
                return Err(Error::sql(format!("job `{name}` is running"))
                    .hint(format!("STOP JOB '{name}', or SET 'pipeline.name' to another name")));
            }
            if taken {
                continue;
            }
            let spec = workspace.plan_job(&name, &parts, Arc::clone(&self.root), settings.clone()).await?;
            // A folder of that name may hold the state of something else.
            if said.pipeline_name.is_none() && !jobs::resumes(&spec).await? {
                continue;
            }
            let (stop, status, gauge) = (CancellationToken::new(), spec.status.subscribe(), JobMetrics::new(&spec));
            workspace.watch(&name, status.clone());
            let stopped = stop.clone();
            let bounded = spec.sources.iter().all(|source| source.stream.bounded());
            let task = tokio::spawn(async move { jobs::run(&spec, &stopped).await });
            self.running.insert(name.clone(), Running { stop, status, gauge, notice: None, waits: false, bounded, task });
            return self.begun(&name).await;
        }
        Err(Error::sql(format!("there are {NAMES} jobs named `{wanted}` already")).hint("SET 'pipeline.name' = '...' names the next one"))
    }

    /// Waits until a job that was started has asked its servers where to begin; what to say of it.
    async fn begun(&mut self, name: &str) -> Result<String> {
        let mut started = format!("job {name} started; SHOW JOBS tells how it goes, STOP JOB '{name}' ends it");
        let Some(job) = self.running.get_mut(name) else { return Ok(started) };
        let begun = job.status.wait_for(|status| status.phase != Phase::Starting || status.waits.is_some());
        let _ = tokio::time::timeout(BEGIN, begun).await;
        let failed = job.status.borrow().phase == Phase::Failed;
        let status = job.status.borrow().clone();
        if status.phase == Phase::Starting {
            job.news(name).iter().for_each(|line| started.push_str(&format!("\n{line}")));
        } else if let Some(notice) = status.notice.filter(|_| !failed) {
            started.push_str(&format!("\njob {name}: {notice}"));
            job.notice = Some(notice);
        }
        match if failed { self.running.remove(name) } else { None } {
            Some(job) => ended(name, job.task.await),
            None => Ok(started),
        }
    }

    /// Waits until each job has written what was there to be read, has ended, or waits for a server, but no longer than this.
    pub(super) async fn caught_up(&self, patience: Duration) {
        let all = self.running.values().map(|job| caught_up(job.status.clone()));
        let _ = tokio::time::timeout(patience, futures::future::join_all(all)).await;
    }

    /// Lets jobs whose input ends go on to their end, and the others to what is there now.
    pub(super) async fn read_on(&self) {
        let ends = self.running.values().filter(|job| job.bounded).map(|job| {
            let mut status = job.status.clone();
            async move {
                let _ = status.wait_for(|status| status.phase.is_over() || status.waits.is_some()).await;
            }
        });
        tokio::join!(self.caught_up(READ_ON), futures::future::join_all(ends));
    }

    /// Stops a job, and waits for its last commit; what to say of it.
    pub(super) async fn stop(&mut self, name: &str) -> Result<String> {
        let Some(job) = self.running.remove(name) else {
            return Err(self.unknown(name));
        };
        job.stop.cancel();
        ended(name, job.task.await)
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::sql(format!("no job `{name}` was started in this session"));
        let names: Vec<&str> = self.running.keys().map(String::as_str).collect();
        if names.is_empty() { error } else { error.hint(crate::common::suggest::hint(name, &names)) }
    }

    /// What a job does and what that has cost so far, step by step.
    pub(super) async fn analyze(&self, name: &str) -> Result<String> {
        if let Some(job) = self.running.get(name) {
            return Ok(job.gauge.explain());
        }
        names::check_job(name)?;
        if self.root.below(name).list("commits").await?.is_empty() {
            return Err(self.unknown(name));
        }
        Err(Error::sql(format!("job `{name}` does not run in this session"))
            .hint("what a job has cost is known where it runs: ask in the shell that started it; `millstream run` tells how it goes in its last line"))
    }

    /// Waits until what the jobs have written first can be read, but no longer than this.
    pub(super) async fn first_rows(&self, patience: Duration) {
        let shown = self.running.values().map(|job| {
            let mut status = job.status.clone();
            async move { status.wait_for(|status| status.published > 0).await.is_ok() }
        });
        // One that is slow or has failed says so by itself.
        let _ = tokio::time::timeout(patience, futures::future::join_all(shown)).await;
    }

    /// Whether a job of this session runs.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.running.get(name).is_some_and(|job| !job.task.is_finished())
    }

    /// How many jobs run.
    pub(super) fn count(&self) -> usize {
        self.running.values().filter(|job| !job.task.is_finished()).count()
    }

    /// What there is to say of jobs since it was asked last: those that have ended by themselves, what they wait for, and that they wait no
    /// longer.
    pub(super) async fn news(&mut self) -> Vec<Result<String>> {
        let over: Vec<String> = self.running.iter().filter(|(_, job)| job.task.is_finished()).map(|(name, _)| name.clone()).collect();
        let mut news: Vec<Result<String>> = self.running.iter_mut().flat_map(|(name, job)| job.news(name)).map(Ok).collect();
        for name in over {
            if let Some(job) = self.running.remove(&name) {
                news.push(ended(&name, job.task.await));
            }
        }
        news
    }

    /// Waits until all jobs have ended, or one has failed.
    pub(super) async fn wait(&mut self) -> Result<()> {
        while let Some((name, job)) = self.running.pop_first() {
            let done = ended(&name, job.task.await)?;
            eprintln!("{done}");
        }
        Ok(())
    }

    /// Stops all jobs, and waits for their last commits.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        self.running.values().for_each(|job| job.stop.cancel());
        self.wait().await
    }
}

impl Running {
    /// What was not told yet: a notice, that it waits, that it does not any more. Why it waits may be put in other words each time, so it is
    /// told once.
    fn news(&mut self, name: &str) -> Vec<String> {
        let Status { phase, notice, waits, .. } = self.status.borrow().clone();
        let mut news = Vec::new();
        // How it ended is told by itself.
        if phase == Phase::Failed {
            return news;
        }
        if notice != self.notice {
            news.extend(notice.iter().map(|notice| format!("job {name}: {notice}")));
            self.notice = notice;
        }
        if waits.is_some() != self.waits {
            self.waits = waits.is_some();
            news.push(waits.map_or_else(|| format!("job {name} goes on"), |waits| format!("job {name}: {waits}")));
        }
        news
    }
}

/// Waits until a job has written what was there to be read.
async fn caught_up(mut status: watch::Receiver<Status>) {
    // A sink that is slow is waited for, a server that is away is not.
    let done = |status: &Status| status.phase.is_over() || (status.phase == Phase::Starting && status.waits.is_some());
    let read = |status: &Status| status.commit > 0 && status.published >= status.commit && status.lag == Some(0);
    let Ok(commit) = status.wait_for(|status| done(status) || read(status)).await.map(|status| status.commit) else { return };
    // What was read last may not have been committed yet.
    let committed = status.wait_for(|status| done(status) || (status.commit > commit && status.published >= status.commit));
    let _ = tokio::time::timeout(COMMITTED, committed).await;
}

/// The name of a job that got none: what it writes.
fn target(parts: &[Parsed]) -> String {
    let name = match parts.first().map(|part| &part.statement) {
        Some(Statement::Insert(insert)) => insert.table.as_str(),
        Some(Statement::CreateView(view)) => view.name.as_str(),
        _ => "job",
    };
    names::job_from(name)
}

/// How a job ended, for people.
fn ended(name: &str, done: std::result::Result<Result<Ending>, tokio::task::JoinError>) -> Result<String> {
    match done.map_err(|e| Error::internal(format!("job `{name}` was cut off")).with_source(e))? {
        Ok(Ending::Finished(n)) => Ok(format!("job {name} finished at commit {n}")),
        Ok(Ending::Stopped(n)) => Ok(format!("job {name} stopped at commit {n}; the same statement resumes it")),
        Err(e) if e.kind() == ErrorKind::Interrupted => Err(e),
        Err(e) => Err(e.context(format!("job {name}"))),
    }
}
