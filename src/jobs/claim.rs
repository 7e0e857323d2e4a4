//! Claims a job's folder, and runs the job: again if an older copy has written in the meantime.

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
/// A stop finishes the epoch, commits, and waits for the sinks. Delivery is exactly once: a commit is one object; sinks take rows from it,
/// in order, and record its number with them.
///
/// # Errors
/// Permanent errors: a changed query, a second copy, missing data, a fenced sink.
pub async fn run(spec: &JobSpec, stop: &CancellationToken) -> Result<Ending> {
    claim(spec).await?.run(stop).await
}

/// A job whose folder this process has claimed, and whose query was checked.
pub struct ClaimedJob<'a> {
    spec: &'a JobSpec,
    commits: Commits,
    /// The lock, held while the job runs; object stores have none.
    lock: Option<Box<dyn Send + Sync>>,
}

/// Claims a job's folder. A claim that fails has no effect, not even on a running copy.
///
/// # Errors
/// When another copy runs, the query has changed, or commits are missing from the folder.
pub async fn claim(spec: &JobSpec) -> Result<ClaimedJob<'_>> {
    let claimed = async {
        let lock = spec.store.lock()?;
        let fresh = spec.settings.fresh;
        // Before the claim, which would end another copy. The claim reports unreadable folders better.
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
                // An older copy wrote a commit in the meantime: resume from it. `--fresh` was already applied.
                Attempt::Again => {
                    commits = Commits::claim(Arc::clone(&spec.store), false, lock.is_some(), spec.faults.clone()).await?;
                }
            }
        }
    }
}

/// Adds an error to the job's status as well, for SHOW JOBS.
fn with_status<T>(spec: &JobSpec, outcome: Result<T>) -> Result<T> {
    if let Err(error) = &outcome {
        spec.status.send_modify(|status| {
            (status.phase, status.waits, status.notice) = (Phase::Failed, None, Some(secret::shown(error.message())));
        });
    }
    outcome
}

/// Whether a job could resume from its folder, or start in an empty one: the folder does not belong to another query.
///
/// # Errors
/// When the folder cannot be read.
pub async fn resumes(spec: &JobSpec) -> Result<bool> {
    let last = Commits::reader(Arc::clone(&spec.store)).last().await?;
    Ok(last.is_none_or(|commit| commit.body.identity == spec.identity()))
}
