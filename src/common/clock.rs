//! The clocks: wall time behind a trait, so that tests of idleness, ticks and pacing need not wait, and the monotonic clock.
//!
//! No other module asks the machine for the time (`clippy.toml`).
#![allow(clippy::disallowed_methods)]

use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

/// Milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// Now, by the monotonic clock.
pub fn instant() -> Instant {
    Instant::now()
}

/// Returns the time since an instant.
pub fn since(instant: Instant) -> Duration {
    instant.elapsed()
}

/// Now, by the clock of the runtime's timers.
pub fn timer() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// The wall time, for display.
pub fn utc() -> DateTime<Utc> {
    Utc::now()
}

/// A source of wall time.
pub trait Clock: Debug + Send + Sync {
    /// The wall time in milliseconds since 1970-01-01 UTC.
    fn now(&self) -> Millis;
}

/// The machine's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
    }
}
