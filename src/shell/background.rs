//! Jobs that the shell started and that run in the background, and messages about them.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;

use crate::common::{ErrorKind, Result};
use crate::jobs::handle::JobHandle;
use crate::jobs::{Ending, Phase, Status};
use crate::sql::ast::Parsed;
use crate::workspace::Connection;

/// How long a job may take to begin before its INSERT is called done.
const BEGIN: Duration = Duration::from_secs(10);
/// How long jobs of a script that has failed may read on.
const READ_ON: Duration = Duration::from_secs(10);

/// The jobs of a session: each INSERT, materialized view or statement set is one.
#[derive(Debug, Default)]
pub(super) struct Background {
    jobs: BTreeMap<String, Watched>,
}

/// A job, and which of its messages were printed.
#[derive(Debug)]
struct Watched {
    job: JobHandle,
    /// The notice that was printed.
    notice: Option<String>,
    /// Whether it was printed that it waits.
    waits: bool,
}

impl Background {
    /// Starts these parts as one job; what to say of it.
    pub(super) async fn start(&mut self, connection: &Connection, parts: &[Parsed]) -> Result<String> {
        let job = connection.start_job(parts).await?;
        let name = job.name().to_string();
        let mut started = format!("job {name} started; SHOW JOBS tells how it goes, STOP JOB '{name}' ends it");
        let _ = tokio::time::timeout(BEGIN, job.begun()).await;
        let status = job.status();
        if status.phase == Phase::Failed {
            return ended(&name, job.ended().await);
        }
        let mut watched = Watched { job, notice: None, waits: false };
        if status.phase == Phase::Starting {
            watched.news().iter().for_each(|line| started.push_str(&format!("\n{line}")));
        } else if let Some(notice) = status.notice {
            started.push_str(&format!("\njob {name}: {notice}"));
            watched.notice = Some(notice);
        }
        self.jobs.insert(name, watched);
        Ok(started)
    }

    /// Waits until each job has written what was there to be read, has ended, or waits for a server, but no longer than this.
    pub(super) async fn caught_up(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, join_all(self.jobs.values().map(|watched| watched.job.caught_up()))).await;
    }

    /// Lets jobs whose input ends go on to their end, and the others to what is there now.
    pub(super) async fn read_on(&self) {
        let bounded = self.jobs.values().filter(|watched| watched.job.is_bounded());
        tokio::join!(self.caught_up(READ_ON), join_all(bounded.map(|watched| watched.job.over_or_waiting())));
    }

    /// Stops a job, and waits for its last commit; what to say of it.
    pub(super) async fn stop(&mut self, connection: &Connection, name: &str) -> Result<String> {
        let Some(Watched { job, .. }) = self.jobs.remove(name) else { return Err(connection.no_such_job(name)) };
        job.stop();
        ended(name, job.ended().await)
    }

    /// Waits until what the jobs have written first can be read, but no longer than this.
    pub(super) async fn first_rows(&self, patience: Duration) {
        // One that is slow or has failed says so by itself.
        let _ = tokio::time::timeout(patience, join_all(self.jobs.values().map(|watched| watched.job.first_rows()))).await;
    }

    /// Whether a job of this session runs.
    pub(super) fn runs(&self, name: &str) -> bool {
        self.jobs.get(name).is_some_and(|watched| !watched.job.is_over())
    }

    /// How many jobs run.
    pub(super) fn count(&self) -> usize {
        self.jobs.values().filter(|watched| !watched.job.is_over()).count()
    }

    /// What there is to say of jobs since it was asked last: those that have ended by themselves, what they wait for, and that they wait no
    /// longer.
    pub(super) async fn news(&mut self) -> Vec<Result<String>> {
        let over: Vec<String> = self.jobs.iter().filter(|(_, watched)| watched.job.is_over()).map(|(name, _)| name.clone()).collect();
        let mut news: Vec<Result<String>> = self.jobs.values_mut().flat_map(Watched::news).map(Ok).collect();
        for name in over {
            if let Some(watched) = self.jobs.remove(&name) {
                news.push(ended(&name, watched.job.ended().await));
            }
        }
        news
    }

    /// Waits until all jobs have ended, or one has failed.
    pub(super) async fn wait(&mut self) -> Result<()> {
        while let Some((name, watched)) = self.jobs.pop_first() {
            let done = ended(&name, watched.job.ended().await)?;
            eprintln!("{done}");
        }
        Ok(())
    }

    /// Stops all jobs, and waits for their last commits.
    pub(super) async fn stop_all(&mut self) -> Result<()> {
        self.jobs.values().for_each(|watched| watched.job.stop());
        self.wait().await
    }
}

impl Watched {
    /// New messages: a notice, that the job waits, that it no longer waits. The reason for waiting may be worded differently each time, so
    /// only the first is printed.
    fn news(&mut self) -> Vec<String> {
        let (name, Status { phase, notice, waits, .. }) = (self.job.name(), self.job.status());
        let mut news = Vec::new();
        // Its end has a separate message.
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

/// The message about the end of a job.
fn ended(name: &str, ending: Result<Ending>) -> Result<String> {
    match ending {
        Ok(Ending::Finished(n)) => Ok(format!("job {name} finished at commit {n}")),
        Ok(Ending::Stopped(n)) => Ok(format!("job {name} stopped at commit {n}; the same statement resumes it")),
        Err(e) if e.kind() == ErrorKind::Interrupted => Err(e),
        Err(e) => Err(e.context(format!("job {name}"))),
    }
}
