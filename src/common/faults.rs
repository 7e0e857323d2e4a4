//! Crash points: the ten numbered steps of an epoch and its commit, before and after which tests stop the process.
//!
//! ```text
//! epoch    1 choose ranges   2 bind and run   3 fold deltas, keep sink rows
//! commit   4 write large objects   5 put commits/<n>   6 the put is known to have won
//! publish  7 write rows in an open transaction   8 commit it with n   9 remember the confirmation   10 prune
//! ```
//! `MILLSTREAM_CRASH=5-after` ends the process there without any clean-up, as `kill -9` does; an optional `@K` waits for
//! the K-th time the point is reached. In-process tests install a [`Faults`] of their own, which returns an error instead.
//! Release builds compile all of it away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, ErrorKind, Result};

/// Which side of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Just before the step.
    Before,
    /// Just after it.
    After,
}

/// Where to stop, if anywhere.
#[derive(Debug, Clone, Default)]
pub struct Faults(Option<Arc<Fault>>);

#[derive(Debug)]
struct Fault {
    step: u8,
    side: Side,
    /// How many times the point is still passed before it fires.
    left: AtomicU64,
    /// End the process, or return an error.
    kill: bool,
}

impl Faults {
    /// Never stops.
    pub fn none() -> Self {
        Self(None)
    }

    /// Stops with an [`ErrorKind::Injected`] error the `nth` time (from 1) that the point is reached.
    pub fn error_at(step: u8, side: Side, nth: u64) -> Self {
        Self(Some(Arc::new(Fault { step, side, left: AtomicU64::new(nth.max(1)), kill: false })))
    }

    /// Reads `MILLSTREAM_CRASH=<step>-before|after[@nth]`; nothing in release builds.
    pub fn from_env() -> Result<Self> {
        if !cfg!(debug_assertions) {
            return Ok(Self::none());
        }
        let Ok(text) = std::env::var("MILLSTREAM_CRASH") else { return Ok(Self::none()) };
        parse(&text).ok_or_else(|| {
            Error::usage(format!("MILLSTREAM_CRASH={text} is not a crash point"))
                .hint("write <1-10>-before or <1-10>-after, with @N for the N-th time")
        })
    }

    /// Passes a point: returns at once unless it is the chosen one.
    #[inline]
    pub fn pass(&self, step: u8, side: Side) -> Result<()> {
        if !cfg!(debug_assertions) {
            return Ok(());
        }
        let Some(fault) = &self.0 else { return Ok(()) };
        if fault.step != step || fault.side != side {
            return Ok(());
        }
        // Saturates: once fired, a fault does not fire again.
        let before = fault.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).unwrap_or(0);
        if before != 1 {
            return Ok(());
        }
        if fault.kill {
            // SAFETY: ends this process like `kill -9`: no destructors, no flushing; that is the point.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
        Err(Error::new(ErrorKind::Injected, format!("stopped at crash point {step}-{side:?}")))
    }
}

fn parse(text: &str) -> Option<Faults> {
    let (point, nth) = text.split_once('@').unwrap_or((text, "1"));
    let (step, side) = point.split_once('-')?;
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        _ => return None,
    };
    let step: u8 = step.parse().ok().filter(|s| (1..=10).contains(s))?;
    Some(Faults(Some(Arc::new(Fault { step, side, left: AtomicU64::new(nth.parse().ok()?), kill: true }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_fires_once_at_its_point() {
        let faults = Faults::error_at(5, Side::After, 2);
        assert!(faults.pass(5, Side::Before).is_ok());
        assert!(faults.pass(5, Side::After).is_ok());
        assert_eq!(faults.pass(5, Side::After).unwrap_err().kind(), ErrorKind::Injected);
        assert!(faults.pass(5, Side::After).is_ok());
    }

    #[test]
    fn points_are_read_and_refused() {
        assert!(parse("10-after@3").is_some());
        for wrong in ["11-after", "0-before", "3-later", "after", ""] {
            assert!(parse(wrong).is_none(), "{wrong}");
        }
    }
}
