//! Claiming a job's folder, and running the job: once more when an older copy has written meanwhile.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::common::{Result, secret};

use super::commits::Commits;
use super::driver::{Attempt, Ending, attempt};
use super::progress::Phase;
use super::spec::JobSpec;
use super::startup::check_identity;

/// Runs a job until it is stopped, its input is exhausted, or it fails.
///
/// A stop finishes the epoch, commits, and waits for the sinks. Exactly once: a commit is one object; sinks take rows from
/// it, in order, and record its number with them.
///
/// # Errors
/// What cannot be mended by waiting: a changed query, a second copy, data that is gone, a fenced sink.
pub async fn run(spec: &JobSpec, stop: &CancellationToken) -> Result<Ending> {
    claim(spec).await?.run(stop).await
}

/// A job whose folder is this process's, and of the same query.
pub struct ClaimedJob<'a> {
    spec: &'a JobSpec,
    commits: Commits,
    /// For as long as the job runs; an object store has none.
    lock: Option<Box<dyn Send + Sync>>,
}

/// Claims a job's folder. What is refused has changed nothing, also in a copy that runs.
///
/// # Errors
/// Another copy, a changed query, a folder that is not whole.
pub async fn claim(spec: &JobSpec) -> Result<ClaimedJob<'_>> {
    let claimed = async {
        let lock = spec.store.lock()?;
        let fresh = spec.settings.fresh;
        // Before the claim, which would end another copy. What cannot be read it tells better.
        if let (false, Ok(Some(last))) = (fresh, Commits::reader(Arc::clone(&spec.store)).last().await) {
            check_identity(spec, &spec.identity(), &last.body.identity)?;
        }
        let commits = Commits::claim(Arc::clone(&spec.store), fresh, lock.is_some(), spec.faults.clone()).await?;
        Ok(ClaimedJob { spec, commits, lock })
    };
    with_status(spec, claimed.await)
}

impl ClaimedJob<'_> {
    /// Runs the job as [`run`] does.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn run(self, stop: &CancellationToken) -> Result<Ending> {
        with_status(self.spec, self.attempts(stop).await)
    }

    async fn attempts(self, stop: &CancellationToken) -> Result<Ending> {
        let Self { spec, mut commits, lock } = self;
        loop {
            match attempt(spec, commits, stop).await? {
                Attempt::Ended(ending) => return Ok(ending),
                // An older copy wrote a commit in the meantime: go on from there. `--fresh` has been done already.
                Attempt::Again => {
                    commits = Commits::claim(Arc::clone(&spec.store), false, lock.is_some(), spec.faults.clone()).await?;
                }
            }
        }
    }
}

/// An error stands in the job's status, too: SHOW JOBS says later why it failed.
fn with_status<T>(spec: &JobSpec, outcome: Result<T>) -> Result<T> {
    if let Err(error) = &outcome {
        spec.status.send_modify(|status| {
            (status.phase, status.waits, status.notice) = (Phase::Failed, None, Some(secret::shown(error.message())));
        });
    }
    outcome
}

/// Whether a job would go on from what its folder holds, or begin in an empty one: the folder is not of another query.
///
/// # Errors
/// When the folder cannot be read.
pub async fn resumes(spec: &JobSpec) -> Result<bool> {
    let last = Commits::reader(Arc::clone(&spec.store)).last().await?;
    Ok(last.is_none_or(|commit| commit.body.identity == spec.identity()))
}
