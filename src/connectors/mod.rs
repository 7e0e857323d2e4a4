//! Where rows come from and go to. One module per system; everything above knows only the traits here.
//!
//! ```text
//!            plan()  ┌──────────┐ follow()   prefetching, continuous      read()   one bounded split
//!  TableSpec ───────▶│  Source  │──────────▶ Follow::next() ─▶ Fetched    ───────▶ stream of batches
//!                    └──────────┘
//!                    ┌──────────┐ open()     fences older copies, says which commit it holds
//!  TableSpec ───────▶│   Sink   │──────────▶ SinkWriter::write(n, rows) ─▶ SinkWriter::commit(n)
//!                    └──────────┘
//! ```
//! Positions are plain numbers per partition (Kafka offsets, row numbers, ...): a [`Split`] names `[start, end)` of one
//! partition and can be sent to another machine.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use serde::{Deserialize, Serialize};

pub use crate::common::OptionSpec;
use crate::common::{Error, Projection, Result};
use crate::sql::ast::Options;

pub mod blackhole;
pub mod conformance;
pub mod datagen;
pub mod files;
pub mod kafka;
pub mod lookup;
pub mod metadata_predicate;
pub mod offset_batch;
pub mod on_error;
pub mod options;
pub mod peek;
pub mod print;
pub mod registry;
pub mod rejects;
pub mod table;

pub use metadata_predicate::{Intervals, MetadataPredicate};
pub use on_error::OnError;
pub use registry::Connectors;
pub use rejects::{RejectedRow, Rejects};
pub use table::{Inferred, InferredColumn, TableColumn, TableSpec};

/// A system that tables can be declared on: `'connector' = '...'`.
#[async_trait]
pub trait Connector: Debug + Send + Sync {
    /// The value of the `connector` option.
    fn name(&self) -> &'static str;

    /// Every option it knows, for errors, completion and documentation.
    fn options(&self) -> Vec<OptionSpec>;

    /// Metadata columns that a table may declare: key and Arrow type.
    fn metadata(&self) -> Vec<(&'static str, arrow::datatypes::DataType)> {
        Vec::new()
    }

    /// Whether a table may be `PARTITIONED BY` columns.
    fn has_partitions(&self) -> bool {
        false
    }

    /// Checks a declaration without connecting to anything.
    fn validate(&self, table: &TableSpec) -> Result<()>;

    /// The table as something to read, or an error if it cannot be read.
    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>>;

    /// The table as something to write, or an error if it cannot be written.
    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>>;

    /// The options of a table that nobody declared, but whose name alone says where it is: `FROM 'data/*.parquet'`.
    fn table_of(&self, _name: &str) -> Option<Options> {
        None
    }

    /// The options of the table that `COPY ... TO` writes with these words (`format`, `header`, ...); `None` if this connector is not
    /// one to copy to.
    fn copy_options(&self, _path: &str, _words: &[(String, String)]) -> Option<Result<Options>> {
        None
    }

    /// Opens what `COPY ... TO` writes.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn copy(&self, table: Arc<TableSpec>) -> Result<Box<dyn BulkWriter>> {
        Err(Error::internal(format!("nothing is copied to connector '{}': {}", self.name(), table.name)))
    }

    /// The newest records of a table as people look at them, the newest one last: what stands there beside what it is read as; `None`
    /// if it has nothing of that kind.
    ///
    /// # Errors
    /// When they cannot be reached. A record that cannot be read is shown, too.
    async fn peek(&self, _table: Arc<TableSpec>, _rows: usize) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// Finds out the columns of a table that declares none, asking the system.
    ///
    /// # Errors
    /// When the connector cannot do that, or there is nothing to find them in.
    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        Err(Error::sql(format!("table `{}`: connector '{}' does not find out columns", table.name, self.name()))
            .hint(format!("declare them: CREATE TABLE {} (column TYPE, ...)", table.name)))
    }
}

/// `[start, end)` of one partition of one table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Split {
    /// The table's name.
    pub table: String,
    /// The partition.
    pub partition: i32,
    /// The first position.
    pub start: i64,
    /// The position after the last; positions in between may be missing (gaps).
    pub end: i64,
}

/// What is asked of a table when reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadMode {
    /// A batch query: from the earliest position to the end as of now (decision 11).
    Batch,
    /// A continuous job that starts for the first time: the table's startup and bounded modes.
    Stream,
    /// A continuous job with `--from earliest`.
    FromEarliest,
    /// A continuous job with `--from latest`.
    FromLatest,
    /// A continuous job with `--from timestamp:...`, in milliseconds since 1970.
    FromTimestamp(i64),
}

/// Where one partition begins and, if it is bounded, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRange {
    /// The partition.
    pub partition: i32,
    /// The first position to read.
    pub start: i64,
    /// The position at which the partition is exhausted; `None` if it goes on for ever.
    pub end: Option<i64>,
}

/// A table that can be read.
#[async_trait]
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

    /// Sets of columns, by name, of which no two rows hold equal values at the same time, as far as the source itself sees to it.
    fn keys(&self) -> Vec<Vec<String>> {
        Vec::new()
    }

    /// The column that carries event time, and the one of [`Self::schema`] that tells the watermark as of each row, if the source knows
    /// it by itself.
    fn watermark(&self) -> Option<(&str, &str)> {
        None
    }

    /// The same source for a job that lasts, if who reads it has to be known: what it has not read yet is then kept for it.
    fn read_by(&self, _job: &str) -> Option<Arc<dyn Source>> {
        None
    }

    /// What it reads, connection details left out: a job does not resume on something else.
    fn identity(&self) -> String {
        String::new()
    }

    /// Which of all things that ever had the name of what it reads it is, if the server tells: positions in one of them mean nothing
    /// in another.
    ///
    /// # Errors
    /// When the server cannot be asked.
    async fn incarnation(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// The table that takes messages which cannot be read ([`Fetched::rejected`]), if they are not only counted.
    fn dead_letter(&self) -> Option<&str> {
        None
    }

    /// The same table as DataFusion reads it, for queries that end: a source that plans better than split by split has one.
    /// Its columns are those of [`Self::schema`], and all its rows are facts ([`Changes::Append`]).
    fn table_provider(&self) -> Option<Arc<dyn TableProvider>> {
        None
    }

    /// The table as it is whenever it is scanned, if it is one that rows of a stream are joined with as of now, and that nobody reads
    /// for what comes next. A scan may be asked for the rows of some keys alone, by a filter (`key IN (...)`), which a system
    /// that finds rows by key makes its own query of.
    /// Its columns are those of [`Self::schema`], and all its rows are facts ([`Changes::Append`]).
    fn lookup_table(&self) -> Option<Arc<dyn TableProvider>> {
        None
    }

    /// Whether a continuous read ends by itself.
    fn bounded(&self) -> bool;

    /// An instance of a job's own, if reading it changes anything in it; nothing if all jobs of a process can have this one.
    fn own(&self) -> Option<Arc<dyn Source>> {
        None
    }

    /// The partitions and where to begin and end, asking the server.
    async fn plan(&self, mode: ReadMode) -> Result<Vec<PartitionRange>>;

    /// What of these ranges a query has to read whose rows all have these metadata: every row that has them stays in. Several
    /// ranges of one partition may come back, none if nothing can be there.
    async fn narrow(&self, ranges: Vec<PartitionRange>, _bounds: &MetadataPredicate) -> Result<Vec<PartitionRange>> {
        Ok(ranges)
    }

    /// Before [`Self::resume`]: all that was ever [learned](Fetched::learned) and committed, in order.
    fn recall(&self, _learned: &[String]) -> Result<()> {
        Ok(())
    }

    /// Checks stored positions against the server before a job resumes: returns partitions that are new since (to be read
    /// from their beginning), and fails when rows that were not read yet are gone.
    async fn resume(&self, positions: &[PartitionRange]) -> Result<Vec<PartitionRange>>;

    /// Reads one split, only what `projection` wants of [`Self::schema`].
    fn read(&self, split: &Split, projection: &Projection) -> Result<SendableRecordBatchStream>;

    /// The same as [`Self::read`] for a query that reads `rows` rows at most: a hint to read in small steps, and to stop.
    fn read_some(&self, split: &Split, projection: &Projection, rows: usize) -> Result<SendableRecordBatchStream> {
        let _ = rows;
        self.read(split, projection)
    }

    /// Starts reading ahead from these positions, on a thread of its own, only what `projection` wants of [`Self::schema`].
    fn follow(&self, from: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>>;

    /// Tells the server how far a job has read; for information only, so errors are only logged.
    async fn report(&self, positions: &[(i32, i64)]);

    /// What was set aside so far.
    fn counters(&self) -> Arc<SourceCounters>;
}

/// How much a reader may hold ready.
#[derive(Debug, Clone, Copy)]
pub struct Prefetch {
    /// Rows per decoded batch.
    pub batch_rows: usize,
    /// Bytes of decoded batches waiting for an epoch.
    pub max_bytes: usize,
}

impl Default for Prefetch {
    fn default() -> Self {
        Self { batch_rows: 8192, max_bytes: 32 << 20 }
    }
}

/// A running reader of one table.
#[async_trait]
pub trait SourceReader: Send {
    /// What has been read since the last call, at most `max_rows` rows; waits up to `wait` for the first of them.
    ///
    /// Rows come once, in order per partition. An empty answer still carries the state of every partition.
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched>;

    /// Reads these partitions no further for now (they are too far ahead in event time), all others again.
    fn pause(&mut self, partitions: &[i32]);
}

/// Rows for an epoch.
#[derive(Debug, Default)]
pub struct Fetched {
    /// Batches with the columns of the projection, in order of arrival.
    pub chunks: Vec<Chunk>,
    /// Partitions that are read since the last call, which the reader has found by itself.
    pub added: Vec<PartitionRange>,
    /// Every partition that the reader has.
    pub partitions: Vec<PartitionState>,
    /// Messages that were set aside, for a dead-letter table.
    pub rejected: Vec<Rejected>,
    /// What the source has to know again after a restart, in lines of its own making. They are committed together with the rows, and
    /// come back by [`Source::recall`].
    pub learned: Vec<String>,
}

impl Fetched {
    /// How many rows there are.
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

/// How far the reader is in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionState {
    /// The partition.
    pub partition: i32,
    /// The position after everything handed out so far (gaps and rejected messages included).
    pub position: i64,
    /// The newest stable end that the server has told, if it has.
    pub end: Option<i64>,
    /// True when a healthy answer of the server has just confirmed that there is nothing behind `position`.
    pub at_end: bool,
    /// True when the partition is bounded and `position` has reached its end.
    pub exhausted: bool,
}

/// A message that could not be read.
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
    /// Why.
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

/// What a target tells of the newest commit that it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub n: u64,
    /// Which try of writing a commit of that number it was, as [`SinkWriter::attempt`] said; nothing if that was not kept.
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

/// What a table's rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// Each row is a fact of its own.
    Append,
    /// Each row replaces the one of its key, or takes it away; the old row is not told. The key's columns by name.
    Upsert(Vec<String>),
    /// Rows come and go, both told in full; whether a row goes before it comes is asked of [`Source::in_order`].
    All,
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
    async fn whole(&self) -> Result<Option<Box<dyn BulkWriter>>> {
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
/// `write(n)`, as often as the commit has pieces, then `commit(n)`; after an error the writer is dropped and the sink opened again, which tells whether n got
/// through. A sink without transactions writes in `write`, and does nothing in `commit`.
#[async_trait]
pub trait SinkWriter: Send {
    /// Before a commit is written: which try of that number it is. The target keeps it beside the number, so that another folder's commit
    /// of the same number is told from this one.
    fn attempt(&mut self, _attempt: &str) {}

    /// Opens a transaction and writes the rows of commit `n` into it.
    async fn write(&mut self, n: u64, rows: &[RecordBatch]) -> Result<()>;

    /// Makes them visible, together with the number n.
    async fn commit(&mut self, n: u64) -> Result<()>;

    /// Rows given since the last call that the target cannot take, of which `on-error` has said already what becomes of them: all
    /// that go to a dead-letter table, else one of them ([`Rejects`]).
    fn rejected(&mut self) -> Vec<RejectedRow> {
        Vec::new()
    }

    /// Takes back what was written since the last commit, as far as the target can.
    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }

    /// Before a commit is written, and in between: how far event time has come. All rows before it are in commits up to the next one.
    fn watermark(&mut self, _time: i64) {}

    /// After commit `n`: up to which commit the target holds everything for good. Rows of later ones are held back, and come again
    /// after a restart.
    fn settled(&self, n: u64) -> u64 {
        n
    }

    /// When [`Self::flush`] wants to be called, if no commit comes before.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Makes visible what is held back; returns when readers see all that was committed.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
