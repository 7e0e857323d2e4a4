//! A job from its folder on: taken, run, and run again when an older copy has written meanwhile.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::common::{Result, secret};

use super::begin::check_identity;
use super::commits::Commits;
use super::driver::{Attempt, Ending, attempt};
use super::progress::Phase;
use super::spec::JobSpec;

/// Runs a job until it is stopped, its input is exhausted, or it fails.
///
/// A stop finishes the epoch, commits, and waits for the sinks. Exactly once: a commit is one object; sinks take rows from
/// it, in order, and record its number with them.
///
/// # Errors
/// What cannot be mended by waiting: a changed query, a second copy, data that is gone, a fenced sink.
pub async fn run(spec: &JobSpec, stop: &CancellationToken) -> Result<Ending> {
    take(spec).await?.run(stop).await
}

/// A job whose folder is this process's, and of the same query.
pub struct Taken<'a> {
    spec: &'a JobSpec,
    commits: Commits,
    /// For as long as the job runs; an object store has none.
    lock: Option<Box<dyn Send + Sync>>,
}

/// Takes a job's folder. What is refused has changed nothing, also in a copy that runs.
///
/// # Errors
/// Another copy, a changed query, a folder that is not whole.
pub async fn take(spec: &JobSpec) -> Result<Taken<'_>> {
    let taken = async {
        let lock = spec.store.lock()?;
        let fresh = spec.settings.fresh;
        // Before the claim, which would end another copy. What cannot be read it tells better.
        if let (false, Ok(Some(last))) = (fresh, Commits::reader(Arc::clone(&spec.store)).last().await) {
            check_identity(spec, &spec.identity(), &last.body.identity)?;
        }
        let commits = Commits::claim(Arc::clone(&spec.store), fresh, lock.is_some(), spec.faults.clone()).await?;
        Ok(Taken { spec, commits, lock })
    };
    told(spec, taken.await)
}

impl Taken<'_> {
    /// Runs the job as [`run`] does.
    ///
    /// # Errors
    /// As [`run`].
    pub async fn run(self, stop: &CancellationToken) -> Result<Ending> {
        told(self.spec, self.attempts(stop).await)
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

/// Who looks at the job later should see why it failed.
fn told<T>(spec: &JobSpec, outcome: Result<T>) -> Result<T> {
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
