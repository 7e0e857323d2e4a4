//! Source readers, which fetch rows of a stream ahead of the epochs that use them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::{Error, Result};

use super::split::PartitionRange;

/// How much a reader may prefetch.
#[derive(Debug, Clone, Copy)]
pub struct Prefetch {
    /// Rows per decoded batch.
    pub batch_rows: usize,
    /// Bytes of decoded batches waiting for an epoch, and bytes that one epoch takes; exceeded by one batch at most.
    pub max_bytes: usize,
    /// The most threads that read and decode at the same time.
    pub threads: usize,
}

impl Default for Prefetch {
    fn default() -> Self {
        Self { batch_rows: 8192, max_bytes: 32 << 20, threads: 1 }
    }
}

/// A running reader of some ranges of one table.
#[async_trait]
pub trait SourceReader: Send {
    /// Returns what was read since the last call, at most `max_rows` rows; waits up to `wait` for the first of them.
    ///
    /// Each row is returned once, in order per partition. An empty result still carries the state of every partition.
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched>;

    /// Adds ranges to read.
    ///
    /// # Errors
    /// When the source never has new ranges, or they cannot be read.
    fn assign(&mut self, ranges: Vec<PartitionRange>) -> Result<()> {
        Err(Error::internal(format!("a reader that takes no more ranges was given {}", ranges.len())))
    }

    /// Pauses these partitions (they are too far ahead in event time) and resumes all others.
    fn pause(&mut self, partitions: &[i32]);
}

/// Rows for an epoch.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Batches with the columns of the projection, in order of arrival.
    pub chunks: Vec<Chunk>,
    /// The state of every partition of the reader.
    pub partitions: Vec<PartitionState>,
    /// Messages that were set aside, for a dead-letter table.
    pub rejected: Vec<Rejected>,
    /// State to restore after a restart besides positions, as lines in the source's own format. It is committed together with the rows, and
    /// passed to [`SplitEnumerator::resume`](super::SplitEnumerator::resume).
    pub state: Vec<String>,
}

impl Fetched {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.chunks.iter().map(|c| c.batch.num_rows()).sum()
    }
}

/// Consecutive rows of one partition.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The partition.
    pub partition: i32,
    /// The rows.
    pub batch: RecordBatch,
}

/// The progress of the reader in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// The partition.
    pub partition: i32,
    /// The position after everything returned so far (gaps and rejected messages included).
    pub position: i64,
    /// The newest last stable offset that the server has reported, if any.
    pub end: Option<i64>,
    /// True when a healthy answer of the server has just confirmed that there is nothing after `position`.
    pub at_end: bool,
    /// True when the partition is bounded and `position` has reached its end.
    pub exhausted: bool,
}

/// A message that could not be decoded.
#[derive(Debug, Clone)]
pub struct Rejected {
    /// The partition.
    pub partition: i32,
    /// Its position.
    pub position: i64,
    /// Its time in milliseconds since 1970, if it has one.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Why it could not be decoded.
    pub error: String,
}

/// Counts of what a source read and set aside since the process started.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Rows decoded.
    pub rows: AtomicU64,
    /// Bytes of messages read.
    pub bytes: AtomicU64,
    /// Messages that could not be read and were skipped or routed.
    pub bad: AtomicU64,
    /// Messages without a value in a table that has no deletes.
    pub tombstones: AtomicU64,
}

impl SourceCounters {
    /// Adds to one of the counters.
    pub fn add(counter: &AtomicU64, n: usize) {
        counter.fetch_add(n as u64, Ordering::Relaxed);
    }

    /// Reads one of the counters.
    pub fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
