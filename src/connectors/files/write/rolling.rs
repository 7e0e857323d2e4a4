//! Decides when a file that a job writes is full.

use std::time::{Duration, Instant};

use crate::common::{Error, Result, clock, units};
use crate::connectors::TableSpec;

use super::partition_time::PartitionTime;

/// A file rolls after this many commits, which are kept until then.
const MOST_COMMITS: u64 = 1000;

/// The options of a table for rolling.
#[derive(Debug, Clone)]
pub struct Rolling {
    /// The size in bytes.
    size: usize,
    /// The age of its first row.
    age: Duration,
    /// The time since its newest row.
    silence: Duration,
    /// The success file of complete partitions.
    pub success: Option<Success>,
}

/// The success file of a partition: written when the partition is complete.
#[derive(Debug, Clone)]
pub struct Success {
    /// Its name.
    pub name: String,
    /// When the partition is complete; without it as soon as its files are visible, and again with the next ones.
    pub time: Option<PartitionTime>,
}

/// Commits that are held back.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The first commit with rows.
    pub first: u64,
    /// The newest commit.
    pub last: u64,
    /// When the first row was written.
    pub since: Instant,
    /// When the newest row was written.
    pub touched: Instant,
}

impl Rolling {
    /// Reads a table's options.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn read(table: &TableSpec) -> Result<Self> {
        let context = |key: &str, e: Error| e.in_table_option(&table.name, key);
        let duration = |key: &str| table.option(key).map(units::duration).transpose().map_err(|e| context(key, e));
        let half_an_hour = Duration::from_secs(30 * 60);
        let size = "sink.rolling-policy.file-size";
        let size = table.option(size).map(units::bytes).transpose().map_err(|e| context(size, e))?.unwrap_or(128 << 20);
        duration("sink.rolling-policy.check-interval")?;
        let time = PartitionTime::read(table)?;
        let name = table.option("sink.partition-commit.success-file.name").unwrap_or("_SUCCESS");
        if name.contains('/') || !name.starts_with(['_', '.']) {
            return Err(Error::option("sink.partition-commit.success-file.name", format!("cannot be '{name}'"))
                .in_table(&table.name)
                .hint("a name with `_` or `.` in front, so that readers do not take it for data"));
        }
        Ok(Self {
            size: usize::try_from(size).unwrap_or(usize::MAX).max(1),
            age: duration("sink.rolling-policy.rollover-interval")?.unwrap_or(half_an_hour),
            silence: duration("sink.rolling-policy.inactivity-interval")?.unwrap_or(half_an_hour),
            success: table.option("sink.partition-commit.policy.kind").map(|_| Success { name: name.to_string(), time }),
        })
    }

    /// Returns when the held commits have waited long enough.
    pub fn due(&self, held: &Held) -> Instant {
        (held.since + self.age).min(held.touched + self.silence)
    }

    /// Whether the file must roll; `bytes` is the size of the largest file.
    pub fn is_full(&self, held: &Held, bytes: usize) -> bool {
        bytes >= self.size || held.last - held.first + 1 >= MOST_COMMITS || self.due(held) <= clock::instant()
    }
}
