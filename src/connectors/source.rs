//! A table that can be read: what its rows are, and the ways to read them that its system offers.

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
///  Source ─────┼─ stream()   ─▶ StreamSource                      rows that are still to come
///  what it is  │                    └ enumerator ─▶ SplitEnumerator   chooses ranges        one per run of a job
///              │                                       └ reader ─▶ SourceReader    fetches rows of some of them
///              ├─ snapshot() ─▶ TableProvider                     all rows as of an epoch   joins with a stream
///              └─ lookup()   ─▶ Lookup                            the rows of some keys     joins with a stream
/// ```
/// A system implements the ways that it has: one that finds rows by key and does nothing else has a [`Lookup`] alone.
///
/// # Invariants
/// * A source holds no position and no connection that a job could disturb: all jobs of a process share it. What a run of a job has
///   read and learned is in the enumerator and the readers that it opens.
/// * To make a source asks no server.
pub trait Source: Debug + Send + Sync {
    /// Physical and metadata columns in declared order (computed columns are the planner's).
    fn schema(&self) -> SchemaRef;

    /// What its rows say. Other than [`Changes::Append`], [`Self::schema`] ends with the column [`WEIGHT`](crate::common::WEIGHT): +1 for a row that
    /// is there now, −1 for one that is gone (of which an upsert table tells the key alone: its other columns may be NULL, and mean nothing).
    fn changes(&self) -> Changes {
        Changes::Append
    }

    /// Of [`Changes::All`]: whether no record takes a row away before another one has brought it.
    fn in_order(&self) -> bool {
        false
    }

    /// Sets of columns, by name, of which no two rows hold equal values at the same time, as far as the source itself ensures it.
    fn keys(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// The column that carries event time, and the one of [`Self::schema`] that tells the watermark as of each row, if the source knows
    /// it by itself.
    fn watermark(&self) -> Option<(&str, &str)> {
        None
    }

    /// What it reads, connection details left out: a job does not resume on something else.
    fn identity(&self) -> String {
        String::new()
    }

    /// The table that takes messages which cannot be read ([`Fetched::rejected`](super::Fetched::rejected)), if they are not only
    /// counted.
    fn dead_letter(&self) -> Option<&str> {
        None
    }

    /// Its rows as of now, for queries that end; nothing if it is not read as a whole.
    fn scan(&self) -> Option<BoundedScan> {
        None
    }

    /// Its rows as they come, for continuous queries; `None` for a table that cannot be followed.
    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        None
    }

    /// All rows as of whenever it is scanned, if it is a table that rows of a stream are joined with as of then. Its columns are those
    /// of [`Self::schema`], and all its rows are facts ([`Changes::Append`]).
    fn snapshot(&self) -> Option<Arc<dyn TableProvider>> {
        None
    }

    /// The rows of some keys, if the system finds them by key. Its rows are facts, too.
    fn lookup(&self) -> Option<Arc<dyn Lookup>> {
        None
    }
}

/// What a table's rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Append-only: rows are never retracted.
    Append,
    /// Upserts: each row replaces or deletes the one of its key, without the old row. The key's columns by name.
    Upsert(Vec<String>),
    /// Retractions: inserts and deletes, both with the whole row; whether a row goes before it comes is asked of [`Source::in_order`].
    All,
}

/// How a query that ends reads a table.
#[derive(Debug, Clone)]
pub enum BoundedScan {
    /// The system plans its own reads. The columns are those of [`Source::schema`], and all rows are facts ([`Changes::Append`]).
    Provider(Arc<dyn TableProvider>),
    /// Split by split.
    Splits(Arc<dyn SplitScan>),
}

/// A bounded read by splits.
#[async_trait]
pub trait SplitScan: Debug + Send + Sync {
    /// What there is now, from the earliest position on. Every range has an end.
    ///
    /// # Errors
    /// When the server cannot be asked, or the table never ends.
    async fn ranges(&self) -> Result<Vec<PartitionRange>>;

    /// What of these ranges holds rows that fit this predicate; rows that do not may be among them. Several ranges of one partition may
    /// come back, none if nothing can be there.
    ///
    /// # Errors
    /// When the server cannot be asked.
    async fn prune_ranges(&self, ranges: Vec<PartitionRange>, _predicate: &MetadataPredicate) -> Result<Vec<PartitionRange>> {
        Ok(ranges)
    }

    /// Reads one split, only what `projection` wants of [`Source::schema`]. With a `limit` the query looks at that many rows at most: a
    /// hint to read in small steps, and to stop.
    ///
    /// # Errors
    /// When reading cannot begin; later errors come from the stream.
    fn read(&self, split: &Split, projection: &Projection, limit: Option<usize>) -> Result<SendableRecordBatchStream>;
}

/// A table whose rows come without an end, or are read as if they did.
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

/// Who reads a stream.
#[derive(Debug, Clone, Default)]
pub struct RunContext {
    /// The job's name, if it is one that lasts: what it has not read yet is kept for it.
    pub job: Option<String>,
    /// Counts what is read. They outlive a run that is tried again.
    pub counters: Arc<SourceCounters>,
}

/// Chooses what one run of a job reads of a table. It asks the server where partitions begin and end, and fetches no rows.
///
/// ```text
///  first start    start(mode) ─▶ ranges ─┐
///                                        ├─▶ reader(ranges) ─▶ SourceReader ◀─ assign(new ranges)
///  restart        resume(positions, ─────┘                            ▲
///                   state) ─▶ new ranges                 discoveries() ─┘
/// ```
/// # Invariants
/// * `start` and `resume` can be called again when a server was away; what they chose last counts.
#[async_trait]
pub trait SplitEnumerator: Debug + Send + Sync {
    /// Which of all things that ever had the name of what it reads it is, if the server tells: positions in one of them mean nothing
    /// in another.
    ///
    /// # Errors
    /// When the server cannot be asked.
    async fn incarnation(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Where each partition begins and, if it has one, ends. With [`StartMode::History`] reading stops at what is there now.
    ///
    /// # Errors
    /// When the server cannot be asked, or the mode has nothing to go by.
    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>>;

    /// Checks committed positions against the server, and takes in all that readers ever [said to keep](super::Fetched::state), in order:
    /// returns partitions that are new since, to be read from their beginning.
    ///
    /// # Errors
    /// When rows that were not read yet are gone, or the server cannot be asked.
    async fn resume(&mut self, positions: &[PartitionRange], state: &[String]) -> Result<Vec<PartitionRange>>;

    /// Begins to look for partitions beside these; nothing if there will be none.
    fn discoveries(&mut self, _known: &[PartitionRange]) -> Option<Discoveries> {
        None
    }

    /// Starts reading ahead from these positions, only what `projection` wants of [`Source::schema`]. Readers of ranges that are disjoint
    /// do not disturb each other.
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

/// Partitions that are found while a job runs.
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

    /// What was found since the last call.
    ///
    /// # Errors
    /// When what is read is not there any more.
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
