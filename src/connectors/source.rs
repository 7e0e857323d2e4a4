//! The trait of sources: tables that can be read, and the ways to read them that a system offers.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::{Projection, Result};

use super::lookup::Lookup;
use super::metadata_predicate::MetadataPredicate;
use super::reader::{Prefetch, SourceCounters, SourceReader};
use super::split::{PartitionRange, Split};

/// A table that can be read.
///
/// ```text
///              ┌─ scan()     ─▶ BoundedScan                       all rows as of now        queries that end
///  Source ─────┼─ stream()   ─▶ StreamSource                      rows as they come
///  what it is  │                    └ enumerator ─▶ SplitEnumerator   chooses ranges        one per run of a job
///              │                                       └ reader ─▶ SourceReader    fetches rows of some of them
///              ├─ snapshot() ─▶ TableProvider                     all rows as of an epoch   joins with a stream
///              └─ lookup()   ─▶ Lookup                            the rows of some keys     joins with a stream
/// ```
/// A system implements the ways that it supports: one that only finds rows by key has a [`Lookup`] alone.
///
/// # Invariants
/// * A source holds no position and no connection that a job could disturb: all jobs of a process share it. The state of a run of a job is
///   in the enumerator and the readers that it opens.
/// * Creating a source asks no server.
pub trait Source: Debug + Send + Sync {
    /// Physical and metadata columns in declared order (computed columns are the planner's).
    fn schema(&self) -> SchemaRef;

    /// How its rows change. Unless it is [`Changes::Append`], [`Self::schema`] ends with the column [`WEIGHT`](crate::common::WEIGHT): +1
    /// for an inserted row, −1 for a deleted one (of which an upsert table knows only the key: its other columns may be NULL, and mean
    /// nothing).
    fn changes(&self) -> Changes {
        Changes::Append
    }

    /// For [`Changes::All`]: whether every row is inserted before it is deleted.
    fn in_order(&self) -> bool {
        false
    }

    /// Sets of columns, by name, in which no two rows are equal at the same time, as far as the source itself ensures it.
    fn keys(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// The event-time column, and the column of [`Self::schema`] that holds the watermark at each row, if the source provides its own
    /// watermark.
    fn watermark(&self) -> Option<(&str, &str)> {
        None
    }

    /// Identifies what the source reads, without connection details: a job does not resume on another source.
    fn identity(&self) -> String {
        String::new()
    }

    /// The table for messages that cannot be read ([`Fetched::rejected`](super::Fetched::rejected)), if they are not only counted.
    fn dead_letter(&self) -> Option<&str> {
        None
    }

    /// Its rows as of now, for queries that end; `None` if the table is not read as a whole.
    fn scan(&self) -> Option<BoundedScan> {
        None
    }

    /// Its rows as they come, for continuous queries; `None` for a table that cannot be followed.
    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        None
    }

    /// All rows as of the time of each scan, if rows of a stream are joined with the table as of then. Its columns are those of
    /// [`Self::schema`], and all its rows are facts ([`Changes::Append`]).
    fn snapshot(&self) -> Option<Arc<dyn TableProvider>> {
        None
    }

    /// The rows of some keys, if the system finds them by key. Its rows are facts, too.
    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        None
    }
}

/// How the rows of a table change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Append-only: rows are never retracted.
    Append,
    /// Upserts: each row replaces or deletes the row of its key, which is not repeated. The key's columns by name.
    Upsert(Vec<String>),
    /// Retractions: inserts and deletes, both with the whole row; [`Source::in_order`] says whether an insert always precedes its delete.
    All,
}

/// How a query that ends reads a table.
#[derive(Debug, Clone)]
pub enum BoundedScan {
    /// The system plans its own reads. The columns are those of [`Source::schema`], and all rows are facts ([`Changes::Append`]).
    Provider(Arc<dyn TableProvider>),
    /// The planner reads it split by split.
    Splits(Arc<dyn SplitScan>),
}

/// A bounded read by splits.
#[async_trait]
pub trait SplitScan: Debug + Send + Sync {
    /// Returns what there is now, from the earliest position on. Every range has an end.
    ///
    /// # Errors
    /// When the server does not answer, or the table never ends.
    async fn ranges(&self) -> Result<Vec<PartitionRange>>;

    /// Returns the parts of these ranges that can hold rows that match the predicate; other rows may be among them. Several ranges of one
    /// partition may be returned, none if nothing can match.
    ///
    /// # Errors
    /// When the server does not answer.
    async fn prune_ranges(&self, ranges: Vec<PartitionRange>, _predicate: &MetadataPredicate) -> Result<Vec<PartitionRange>> {
        Ok(ranges)
    }

    /// Reads one split, with only the fields of [`Source::schema`] that `projection` wants. A `limit` is the number of rows that the query
    /// needs at most: a hint to read in small steps, and to stop.
    ///
    /// # Errors
    /// When reading cannot begin; later errors come from the stream.
    fn read(&self, split: &Split, projection: &Projection, limit: Option<usize>) -> Result<SendableRecordBatchStream>;
}

/// A table whose rows are read as a stream.
#[async_trait]
pub trait StreamSource: Debug + Send + Sync {
    /// Whether reading ends by itself.
    fn bounded(&self) -> bool;

    /// Opens it for one run of a job, asking no server yet.
    ///
    /// # Errors
    /// When it cannot be opened as it is declared.
    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>>;

    /// Commits the read offsets to the server; for information only, so errors are only logged.
    async fn commit_offsets(&self, _positions: &[(i32, i64)]) {}
}

/// The run of a job that reads a stream.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    /// The job's name, if it is durable: the source keeps unread data for it.
    pub job: Option<String>,
    /// Counts what is read. The counters survive a retry of the run.
    pub counters: Arc<SourceCounters>,
}

/// Chooses what one run of a job reads of a table. It asks the server where partitions begin and end, but fetches no rows.
///
/// ```text
///  first start    start(mode) ─▶ ranges ─┐
///                                        ├─▶ reader(ranges) ─▶ SourceReader ◀─ assign(new ranges)
///  restart        resume(positions, ─────┘                            ▲
///                   state) ─▶ new ranges                 discoveries() ─┘
/// ```
/// # Invariants
/// * `start` and `resume` can be called again after the server was unreachable; the last choice counts.
#[async_trait]
pub trait SplitEnumerator: Debug + Send + Sync {
    /// An id of what the source reads that differs from that of an earlier object of the same name, if the server provides one: positions
    /// in one are invalid in another.
    ///
    /// # Errors
    /// When the server does not answer.
    async fn incarnation(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Returns where each partition begins and, if it is bounded, ends. With [`StartMode::History`] reading stops at the current end.
    ///
    /// # Errors
    /// When the server does not answer, or the mode cannot be applied.
    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>>;

    /// Checks committed positions against the server, and restores all [state that readers reported](super::Fetched::state), in order:
    /// returns partitions that are new since, to be read from their beginning.
    ///
    /// # Errors
    /// When rows that were not read yet are gone, or the server does not answer.
    async fn resume(&mut self, positions: &[PartitionRange], state: &[String]) -> Result<Vec<PartitionRange>>;

    /// Starts the discovery of partitions besides these; `None` if there will be none.
    fn discoveries(&mut self, _known: &[PartitionRange]) -> Option<Discoveries> {
        None
    }

    /// Starts reading ahead from these positions, with only the fields of [`Source::schema`] that `projection` wants. Readers of disjoint
    /// ranges do not disturb each other.
    ///
    /// # Errors
    /// When reading cannot begin.
    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>>;
}

/// Where a run of a job begins to read a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartMode {
    /// By the table's startup and bounded modes.
    Declared,
    /// `--from earliest`.
    Earliest,
    /// `--from latest`.
    Latest,
    /// `--from timestamp:...`, in milliseconds since 1970.
    Timestamp(i64),
    /// From the earliest position to the end as of now, as queries that end read it.
    History,
}

/// New partitions that are found while a job runs.
#[derive(Debug)]
pub struct Discoveries {
    found: mpsc::UnboundedReceiver<Result<Vec<PartitionRange>>>,
    task: JoinHandle<()>,
}

impl Discoveries {
    /// What `look` sends, which runs until these are dropped.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(
        look: impl FnOnce(mpsc::UnboundedSender<Result<Vec<PartitionRange>>>) -> F,
    ) -> Self {
        let (sender, found) = mpsc::unbounded_channel();
        Self { found, task: tokio::spawn(look(sender)) }
    }

    /// Returns the partitions found since the last call.
    ///
    /// # Errors
    /// When the object that is read no longer exists.
    pub fn take(&mut self) -> Result<Vec<PartitionRange>> {
        let mut all = Vec::new();
        while let Ok(found) = self.found.try_recv() {
            all.extend(found?);
        }
        Ok(all)
    }
}

impl Drop for Discoveries {
    fn drop(&mut self) {
        self.task.abort();
    }
}
