//! The status of a running job.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::{Duration, Instant};

use crate::common::clock;
use crate::common::units::human;

/// A job's status.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// Its phase.
    pub phase: Phase,
    /// Epochs since this start.
    pub epoch: u64,
    /// The newest commit.
    pub commit: u64,
    /// The newest commit that every sink has confirmed.
    pub published: u64,
    /// The commit that this start resumed from, if any.
    pub resumed: Option<u64>,
    /// Rows read since this start.
    pub rows: u64,
    /// Rows written since this start.
    pub rows_out: u64,
    /// Rows read per second, over the last seconds.
    pub rows_per_second: f64,
    /// Positions behind the ends of all partitions, as far as known.
    pub lag: Option<u64>,
    /// The least watermark of all sources that have one, in milliseconds since 1970.
    pub watermark: Option<i64>,
    /// Late (row, window) pairs.
    pub late: u64,
    /// The same by the number of the operator that they were late for.
    pub late_by_node: BTreeMap<u32, u64>,
    /// Deletes of missing rows, which were dropped.
    pub unmatched: u64,
    /// Messages and rows that were rejected.
    pub bad: u64,
    /// Messages without a value that were skipped.
    pub tombstones: u64,
    /// Epochs that ran out of memory and were run again with less state in it.
    pub retries: u64,
    /// Bytes of all commits since this start: rows for sinks and changes of the state.
    pub committed_bytes: u64,
    /// Rows in state tables.
    pub state_rows: u64,
    /// Bytes in state tables, in memory.
    pub state_bytes: u64,
    /// Bytes of state on the local disk, because they do not fit into memory.
    pub state_disk: u64,
    /// The time since the job's start.
    pub uptime: Duration,
    /// A notice to print once: a topic was created, a row was rejected.
    pub notice: Option<String>,
    /// The unavailable server that the job waits for; `None` when the server is back.
    pub waits: Option<String>,
}

impl Status {
    /// The current notice or wait reason.
    pub fn message(&self) -> Option<&str> {
        self.waits.as_deref().or(self.notice.as_deref())
    }
}

/// The phase of a job's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Reading its last commit and asking servers.
    #[default]
    Starting,
    /// Running epochs.
    Running,
    /// Committing the rest.
    Stopping,
    /// Stopped, to be resumed.
    Stopped,
    /// Its bounded input is exhausted and everything is published.
    Finished,
    /// It ended with an error, which is the notice.
    Failed,
}

impl Phase {
    /// Whether the job has ended.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Stopped | Self::Finished | Self::Failed)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "STARTING",
            Self::Running => "RUNNING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
        })
    }
}

/// Milliseconds since 1970 as `2024-05-01 12:00:03.250`; the end of time as `end`.
pub fn show_time(millis: i64) -> String {
    match chrono::DateTime::from_timestamp_millis(millis) {
        Some(time) if millis != i64::MAX => time.format("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        _ => "end".to_string(),
    }
}

impl fmt::Display for Status {
    /// The one line that `run` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "shown with three digits")]
        let speed = human(self.rows_per_second as u64);
        let lag = self.lag.map_or("?".to_string(), human);
        let watermark = self.watermark.map_or("-".to_string(), show_time);
        write!(f, "{} {speed} rows/s, lag {lag}, watermark {watermark}, epoch {}, commit {}", self.phase, self.epoch, self.commit)?;
        if self.published < self.commit {
            write!(f, " (published {})", self.published)?;
        }
        write!(f, ", in {}, out {}", human(self.rows), human(self.rows_out))?;
        for (n, what) in [(self.late, "late"), (self.bad, "bad"), (self.tombstones, "tombstones"), (self.unmatched, "unmatched deletes")] {
            if n > 0 {
                write!(f, ", {what} {}", human(n))?;
            }
        }
        Ok(())
    }
}

/// Rows per second over the last few seconds.
#[derive(Debug, Default)]
pub(super) struct Speed(VecDeque<(Instant, u64)>);

impl Speed {
    const SPAN: Duration = Duration::from_secs(3);

    pub(super) fn add(&mut self, rows: u64) {
        self.0.push_back((clock::instant(), rows));
    }

    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    pub(super) fn per_second(&mut self) -> f64 {
        while self.0.front().is_some_and(|(at, _)| clock::since(*at) > Self::SPAN) {
            self.0.pop_front();
        }
        let Some((first, _)) = self.0.front() else { return 0.0 };
        let rows: u64 = self.0.iter().map(|(_, n)| n).sum();
        rows as f64 / clock::since(*first).as_secs_f64().max(0.5)
    }
}
