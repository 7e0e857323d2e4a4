//! The trait of sinks: tables that can be written, and how a commit of a job reaches them exactly once.

use std::fmt::Debug;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;

use super::{OnError, RejectedRow};

/// The identity of a writer, by which a sink fences older copies and finds its own record again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// The job's name.
    pub job: String,
    /// Created with the checkpoint folder, renewed by `--fresh`.
    pub job_uuid: String,
    /// Created with the checkpoint folder as well, but kept by `--fresh`: names derived from it find what the previous job may still hold
    /// open.
    pub folder: String,
    /// Counts the starts of the job; higher ones win.
    pub incarnation: u64,
    /// The sink's id in the job, unique among its sinks.
    pub sink: String,
}

/// One commit, as a sink sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its number.
    pub n: u64,
    /// Identifies this attempt to write that number. The target stores it with the number, to distinguish this commit from another folder's
    /// commit of the same number.
    pub attempt: String,
    /// The job's clock in its newest epoch, in milliseconds since 1970.
    pub clock: i64,
    /// The watermark, in milliseconds since 1970: all rows before it are in commits up to this one. `None` if the job has no event time.
    pub watermark: Option<i64>,
}

impl CommitInfo {
    /// A commit of a job without a clock or event time.
    pub fn new(n: u64, attempt: &str) -> Self {
        Self { n, attempt: attempt.to_string(), clock: 0, watermark: None }
    }
}

/// The newest commit that a target holds, as recorded there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub n: u64,
    /// The attempt that wrote the commit, as in [`CommitInfo::attempt`]; `None` if the target does not store it.
    pub attempt: Option<String>,
}

/// How a sink applies rows.
///
/// The rows of an updating query carry [`WEIGHT`](crate::common::WEIGHT) as one more column after those of [`Sink::schema`]; they are
/// consolidated per commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkMode {
    /// Rows are only added; the sink never gets weights.
    Append,
    /// Keeps the last row per key; the key's columns by name. With weights each key comes at most once: +1 puts its row, −1 deletes it, and
    /// then only the key's columns count.
    Upsert(Vec<String>),
    /// Takes every change as it is: deleted rows (−1) before inserted ones (+1).
    Changelog,
    /// Takes and drops rows and changes of any kind, so that the job keeps none for it.
    Discard,
}

impl SinkMode {
    /// The mode of a table with this PRIMARY KEY, which may be empty.
    pub fn by_key(primary_key: &[String]) -> Self {
        if primary_key.is_empty() { Self::Append } else { Self::Upsert(primary_key.to_vec()) }
    }
}

/// A table that can be written.
#[async_trait]
pub trait Sink: Debug + Send + Sync {
    /// The columns that an INSERT fills, by position: physical and writable metadata columns, in declared order.
    fn schema(&self) -> SchemaRef;

    /// Identifies the target, without connection details: a job does not resume into another target.
    fn identity(&self) -> String {
        String::new()
    }

    /// How the sink applies rows.
    fn mode(&self) -> SinkMode;

    /// Creates what must exist (a topic), once, before a job starts; returns a line for the user if it created something.
    async fn prepare(&self) -> Result<Option<String>>;

    /// Whether the target stores rows and the number of their commit atomically, so that [`Self::open`] can read that number.
    fn exactly_once(&self) -> bool {
        false
    }

    /// What happens to a row that the target cannot hold.
    fn on_error(&self) -> OnError {
        OnError::Skip
    }

    /// The table for rows that this one cannot hold ([`SinkWriter::rejected`]), if they are not only counted.
    fn dead_letter(&self) -> Option<&str> {
        None
    }

    /// How many rows the target has refused since the process started.
    fn rejected(&self) -> u64 {
        0
    }

    /// Opens the sink for a whole result that is written once: a bounded INSERT. `None`: the result is written as one commit.
    async fn bulk_writer(&self) -> Result<Option<Box<dyn BulkWriter>>> {
        Ok(None)
    }

    /// Takes over from older copies and returns the writer with the newest commit that the target holds, if any.
    ///
    /// # Errors
    /// [`crate::common::ErrorKind::Fenced`] when a newer copy has taken over already.
    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)>;
}

/// Writes a whole result, of which nothing is visible before it is complete.
#[async_trait]
pub trait BulkWriter: Send {
    /// Adds rows.
    async fn write(&mut self, rows: RecordBatch) -> Result<()>;

    /// Makes all rows visible.
    async fn finish(&mut self) -> Result<()>;

    /// Discards what was written.
    async fn abort(&mut self);
}

/// Writes commits, in order, each exactly once.
///
/// A caller calls `write` once per piece of the commit, then `commit`; after an error it drops the writer and opens the sink again, which
/// tells whether the commit succeeded. A sink without transactions writes in `write`, and does nothing in `commit`.
#[async_trait]
pub trait SinkWriter: Send {
    /// Opens a transaction and writes rows of a commit into it.
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()>;

    /// Makes the rows visible, together with the commit's number.
    async fn commit(&mut self, commit: &CommitInfo) -> Result<()>;

    /// Returns the rows since the last call that the target cannot hold, after `on-error` was applied to them: all that go to a dead-letter
    /// table, else one of them ([`Rejects`]).
    fn rejected(&mut self) -> Vec<RejectedRow> {
        Vec::new()
    }

    /// Discards what was written since the last commit, as far as the target can.
    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    /// Called between commits, and for a commit without rows: advances the watermark, in milliseconds since 1970. All rows before it are in
    /// commits up to the next one.
    fn advance_watermark(&mut self, _time: i64) {}

    /// Called after commit `n`: returns the commit up to which the target holds everything durably. Rows of later commits are held back,
    /// and written again after a restart.
    fn durable_up_to(&self, n: u64) -> u64 {
        n
    }

    /// When [`Self::flush`] is due, if no commit comes before.
    fn next_flush_at(&self) -> Option<Instant> {
        None
    }

    /// Makes visible what is held back; returns when readers see everything that was committed.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
