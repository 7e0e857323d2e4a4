//! Crash points: the steps of an epoch and its commit, before and after which tests can stop the process.
//!
//! ```text
//! epoch    1 choose-ranges   2 run-plans   3 fold-state: deltas, sink rows
//! commit   4 write-sections: large ones, as objects   5 put-commit: commits/<n>   6 confirm-put: it has won
//! publish  7 write-rows, in an open transaction   8 commit-rows with n   9 confirm-sink: remember that   10 prune
//! background write-snapshot: a large state table, as objects, over several commits
//! ```
//! `MILLSTREAM_CRASH=after-put-commit` kills the process there without any clean-up, like `kill -9`; an optional `@K` waits for the K-th
//! time the point is reached. Only debug builds and builds with the feature `crash-points` read it.
//! In-process tests install [`Faults`] that return an error instead.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, ErrorKind, Result};

/// A step of an epoch, of its commit, or of its sinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EpochStep {
    /// The rows of the readers are taken.
    ChooseRanges,
    /// The stages run.
    RunPlans,
    /// Deltas go into the state tables.
    FoldState,
    /// Large sections of the commit are written as separate objects.
    WriteSections,
    /// The commit is put if its number is free.
    PutCommit,
    /// The put is known to have won.
    ConfirmPut,
    /// A sink writes the commit's rows.
    WriteRows,
    /// It commits them together with the number.
    CommitRows,
    /// The job records that.
    ConfirmSink,
    /// Commits that are no longer needed are removed.
    Prune,
    /// A large state table is written whole, while epochs and commits go on.
    WriteSnapshot,
}

impl EpochStep {
    /// All steps, in order.
    pub const ALL: [Self; 11] = [
        Self::ChooseRanges,
        Self::RunPlans,
        Self::FoldState,
        Self::WriteSections,
        Self::PutCommit,
        Self::ConfirmPut,
        Self::WriteRows,
        Self::CommitRows,
        Self::ConfirmSink,
        Self::Prune,
        Self::WriteSnapshot,
    ];

    /// The name of the step in a crash point.
    fn name(self) -> &'static str {
        match self {
            Self::ChooseRanges => "choose-ranges",
            Self::RunPlans => "run-plans",
            Self::FoldState => "fold-state",
            Self::WriteSections => "write-sections",
            Self::PutCommit => "put-commit",
            Self::ConfirmPut => "confirm-put",
            Self::WriteRows => "write-rows",
            Self::CommitRows => "commit-rows",
            Self::ConfirmSink => "confirm-sink",
            Self::Prune => "prune",
            Self::WriteSnapshot => "write-snapshot",
        }
    }
}

/// A point at which a job can be stopped: `before-put-commit`, `after-put-commit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// Just before a step.
    Before(EpochStep),
    /// Just after it.
    After(EpochStep),
}

impl CrashPoint {
    /// All points, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        EpochStep::ALL.into_iter().flat_map(|step| [Self::Before(step), Self::After(step)])
    }

    /// The points of the numbered steps, which every commit with rows goes through.
    pub fn numbered() -> impl Iterator<Item = Self> {
        Self::all().filter(|point| point.step() != EpochStep::WriteSnapshot)
    }

    /// The step.
    pub fn step(self) -> EpochStep {
        match self {
            Self::Before(step) | Self::After(step) => step,
        }
    }
}

impl fmt::Display for CrashPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Before(step) => write!(f, "before-{}", step.name()),
            Self::After(step) => write!(f, "after-{}", step.name()),
        }
    }
}

impl FromStr for CrashPoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::all().find(|point| point.to_string() == text);
        found.ok_or_else(|| Error::usage(format!("`{text}` is not a crash point")).hint("write before-put-commit, or after-put-commit"))
    }
}

/// The crash point to stop at, if any.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Fault>>);

#[derive(Debug)]
struct Fault {
    point: CrashPoint,
    /// How many times the point is passed before it fires.
    left: AtomicU64,
    /// Kill the process instead of returning an error.
    kill: bool,
}

impl Faults {
    /// Never stops.
    pub fn none() -> Self {
        Self(None)
    }

    /// Stops with an [`ErrorKind::Injected`] error the `nth` time (from 1) that the point is reached.
    pub fn error_at(point: CrashPoint, nth: u64) -> Self {
        Self(Some(Arc::new(Fault { point, left: AtomicU64::new(nth.max(1)), kill: false })))
    }

    /// Reads `MILLSTREAM_CRASH=<point>[@nth]`; always `none` in release builds.
    ///
    /// # Errors
    /// When it is not a crash point.
    pub fn from_env() -> Result<Self> {
        if !cfg!(any(debug_assertions, feature = "crash-points")) {
            return Ok(Self::none());
        }
        let Ok(text) = std::env::var("MILLSTREAM_CRASH") else { return Ok(Self::none()) };
        parse(&text).map_err(|error| error.context("MILLSTREAM_CRASH"))
    }

    /// Returns at once unless the job must stop before this step.
    ///
    /// # Errors
    /// When it must.
    #[inline]
    pub fn before(&self, step: EpochStep) -> Result<()> {
        self.pass(CrashPoint::Before(step))
    }

    /// Returns at once unless the job must stop after this step.
    ///
    /// # Errors
    /// When it must.
    #[inline]
    pub fn after(&self, step: EpochStep) -> Result<()> {
        self.pass(CrashPoint::After(step))
    }

    #[inline]
    fn pass(&self, point: CrashPoint) -> Result<()> {
        let Some(fault) = self.0.as_ref().filter(|fault| fault.point == point) else { return Ok(()) };
        // Saturates: once fired, a fault does not fire again.
        let before = fault.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).unwrap_or(0);
        if before != 1 {
            return Ok(());
        }
        if fault.kill {
            // SAFETY: ends this process like `kill -9`: no destructors, no flushing; that is intended.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        Err(Error::new(ErrorKind::Injected, format!("stopped at crash point {point}")))
    }
}

fn parse(text: &str) -> Result<Faults> {
    let (point, nth) = text.split_once('@').unwrap_or((text, "1"));
    let nth = nth.parse().map_err(|_| Error::usage(format!("`{text}` does not say how often")).hint("@3 is the third time"))?;
    Ok(Faults(Some(Arc::new(Fault { point: point.parse()?, left: AtomicU64::new(nth), kill: true }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_once_at_its_point() {
        let faults = Faults::error_at(CrashPoint::After(EpochStep::PutCommit), 2);
        assert!(faults.before(EpochStep::PutCommit).is_ok());
        assert!(faults.after(EpochStep::PutCommit).is_ok());
        assert_eq!(faults.after(EpochStep::PutCommit).unwrap_err().kind(), ErrorKind::Injected);
        assert!(faults.after(EpochStep::PutCommit).is_ok());
    }

    #[test]
    fn points_are_read_and_refused() {
        assert!(CrashPoint::all().all(|point| parse(&format!("{point}@3")).is_ok()));
        for wrong in ["after-nothing", "put-commit", "between-prune", "after", "", "after-prune@x"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
