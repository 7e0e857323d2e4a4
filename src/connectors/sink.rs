//! A table that can be written: what it takes, and how a commit of a job gets into it exactly once.

use std::fmt::Debug;
use std::time::Instant;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::common::Result;

use super::{OnError, RejectedRow};

/// Who writes: a sink uses it to fence older copies and to find its own record again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writer {
    /// The job's name.
    pub job: String,
    /// Made with the checkpoint folder, renewed by `--fresh`.
    pub job_uuid: String,
    /// Made with the checkpoint folder as well, but kept by `--fresh`: names of what an older life may still hold open are made of it.
    pub folder: String,
    /// Which start of the job this is; higher ones win.
    pub incarnation: u64,
    /// The sink's id in the job, unique among its sinks.
    pub sink: String,
}

/// One commit, as a sink writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its number.
    pub n: u64,
    /// Which try of writing that number it is. The target keeps it beside the number, so that another folder's commit of the same number
    /// is distinguished from this one.
    pub attempt: String,
    /// The job's clock at its newest epoch, in milliseconds since 1970.
    pub clock: i64,
    /// How far event time has come, in milliseconds since 1970: all rows before it are in commits up to this one. Nothing if the job has
    /// no event time.
    pub watermark: Option<i64>,
}

impl CommitInfo {
    /// A commit of a job without a clock and event time.
    pub fn new(n: u64, attempt: &str) -> Self {
        Self { n, attempt: attempt.to_string(), clock: 0, watermark: None }
    }
}

/// The newest commit that a target holds, as recorded there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub n: u64,
    /// Which try of writing a commit of that number it was, as [`CommitInfo::attempt`] said; nothing if that was not kept.
    pub attempt: Option<String>,
}

/// What a sink does with rows.
///
/// The rows of an updating query carry one more column than [`Sink::schema`], [`WEIGHT`](crate::common::WEIGHT) as the last one; they come
/// consolidated per commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkMode {
    /// Rows are only added; it never gets weights.
    Append,
    /// The last row per key wins; the key's columns by name. With weights each key comes at most once: +1 puts its row,
    /// −1 takes it away, and then only the key's columns count.
    Upsert(Vec<String>),
    /// Takes every change as it is: the rows that go (−1) before those that come (+1).
    Changelog,
    /// Takes rows and changes of any kind, and drops them, so that none are kept for it.
    Discard,
}

impl SinkMode {
    /// Of a table with this PRIMARY KEY, which may have none.
    pub fn by_key(primary_key: &[String]) -> Self {
        if primary_key.is_empty() { Self::Append } else { Self::Upsert(primary_key.to_vec()) }
    }
}

/// A table that can be written.
#[async_trait]
pub trait Sink: Debug + Send + Sync {
    /// The columns that an INSERT fills, by position: physical and writable metadata columns, in declared order.
    fn schema(&self) -> SchemaRef;

    /// What it writes, connection details left out: a job does not resume into something else.
    fn identity(&self) -> String {
        String::new()
    }

    /// What it does with rows.
    fn mode(&self) -> SinkMode;

    /// Makes what has to exist (a topic), once, before a job starts; returns a line for the person if it did something.
    async fn prepare(&self) -> Result<Option<String>>;

    /// Whether the target moves atomically together with the number of its commit, so that [`Self::open`] can tell it.
    fn exactly_once(&self) -> bool {
        false
    }

    /// What a row does that it cannot take.
    fn on_error(&self) -> OnError {
        OnError::Skip
    }

    /// The table that takes rows which this one cannot take ([`SinkWriter::rejected`]), if they are not only counted.
    fn dead_letter(&self) -> Option<&str> {
        None
    }

    /// How many rows the target could not take since the process started.
    fn rejected(&self) -> u64 {
        0
    }

    /// Opens it for a whole result that is written once: an INSERT that ends. `None`: the result is one commit.
    async fn bulk_writer(&self) -> Result<Option<Box<dyn BulkWriter>>> {
        Ok(None)
    }

    /// Takes over from older copies and returns the writer with the newest commit that the target holds, if any.
    ///
    /// # Errors
    /// [`crate::common::ErrorKind::Fenced`] when a newer copy has taken over already.
    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)>;
}

/// Takes a whole result, of which nothing shows before all of it is there.
#[async_trait]
pub trait BulkWriter: Send {
    /// Adds rows.
    async fn write(&mut self, rows: RecordBatch) -> Result<()>;

    /// Shows all of them.
    async fn finish(&mut self) -> Result<()>;

    /// Takes back what was written.
    async fn abort(&mut self);
}

/// Writes commits, in order, each exactly once.
///
/// `write`, as often as the commit has pieces, then `commit`; after an error the writer is dropped and the sink opened again, which tells
/// whether the commit got through. A sink without transactions writes in `write`, and does nothing in `commit`.
#[async_trait]
pub trait SinkWriter: Send {
    /// Opens a transaction and writes rows of a commit into it.
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()>;

    /// Makes them visible, together with the commit's number.
    async fn commit(&mut self, commit: &CommitInfo) -> Result<()>;

    /// Rows given since the last call that the target cannot take, of which `on-error` has said already what becomes of them: all
    /// that go to a dead-letter table, else one of them ([`Rejects`]).
    fn rejected(&mut self) -> Vec<RejectedRow> {
        Vec::new()
    }

    /// Takes back what was written since the last commit, as far as the target can.
    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    /// Between commits, and for one without rows: how far event time has come, in milliseconds since 1970. All rows before it are in
    /// commits up to the next one.
    fn advance_watermark(&mut self, _time: i64) {}

    /// After commit `n`: up to which commit the target holds everything for good. Rows of later ones are held back, and come again
    /// after a restart.
    fn durable_up_to(&self, n: u64) -> u64 {
        n
    }

    /// When [`Self::flush`] wants to be called, if no commit comes before.
    fn next_flush_at(&self) -> Option<Instant> {
        None
    }

    /// Makes visible what is held back; returns when readers see all that was committed.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
