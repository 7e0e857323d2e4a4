//! When a file that a job writes is full.

use std::time::{Duration, Instant};

use crate::common::{Error, Result, units};
use crate::connectors::TableSpec;

/// A file rolls after so many commits, which are kept until then.
const MOST_COMMITS: u64 = 1000;

/// What a table says of it.
#[derive(Debug, Clone)]
pub struct Rolling {
    /// In bytes.
    size: usize,
    /// Since its first row.
    age: Duration,
    /// Since its newest row.
    silence: Duration,
    /// The name of the file that is put beside files that are shown.
    pub success_file: Option<String>,
}

/// What is held back.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The first commit with rows.
    pub first: u64,
    /// The newest one.
    pub last: u64,
    /// When the first row came.
    pub since: Instant,
    /// When the newest row came.
    pub touched: Instant,
}

impl Rolling {
    /// Reads a table's options.
    ///
    /// # Errors
    /// Names the option that does not fit.
    pub fn read(table: &TableSpec) -> Result<Self> {
        let context = |key: &str, e: Error| e.context(format!("table `{}`, option `{key}`", table.name));
        let duration = |key: &str| table.option(key).map(units::duration).transpose().map_err(|e| context(key, e));
        let half_an_hour = Duration::from_secs(30 * 60);
        let size = "sink.rolling-policy.file-size";
        let size = table.option(size).map(units::bytes).transpose().map_err(|e| context(size, e))?.unwrap_or(128 << 20);
        duration("sink.rolling-policy.check-interval")?;
        let delay = "sink.partition-commit.delay";
        if duration(delay)?.is_some_and(|d| !d.is_zero()) {
            return Err(Error::sql(format!("table `{}`: option `{delay}` can only be 0 s", table.name))
                .hint("a partition gets its success file as soon as its files are shown, and again when more of them are"));
        }
        let name = table.option("sink.partition-commit.success-file.name").unwrap_or("_SUCCESS");
        if name.contains('/') || !name.starts_with(['_', '.']) {
            return Err(Error::sql(format!("table `{}`: option `sink.partition-commit.success-file.name` cannot be '{name}'", table.name))
                .hint("a name with `_` or `.` in front, so that nobody takes it for data"));
        }
        Ok(Self {
            size: usize::try_from(size).unwrap_or(usize::MAX).max(1),
            age: duration("sink.rolling-policy.rollover-interval")?.unwrap_or(half_an_hour),
            silence: duration("sink.rolling-policy.inactivity-interval")?.unwrap_or(half_an_hour),
            success_file: table.option("sink.partition-commit.policy.kind").map(|_| name.to_string()),
        })
    }

    /// When what is held back has waited long enough.
    pub fn due(&self, held: &Held) -> Instant {
        (held.since + self.age).min(held.touched + self.silence)
    }

    /// Whether it is time; `bytes` are those of the largest file.
    pub fn is_full(&self, held: &Held, bytes: usize) -> bool {
        bytes >= self.size || held.last - held.first + 1 >= MOST_COMMITS || self.due(held) <= Instant::now()
    }
}
