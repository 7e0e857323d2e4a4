//! The specification of a job.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use tokio::sync::watch;

use crate::common::Result;
use crate::common::clock::{Clock, SystemClock};
use crate::common::excerpt::excerpt_of;
use crate::common::faults::Faults;
use crate::connectors::on_error::failure;
use crate::connectors::rejects::row_text;
use crate::connectors::{OnError, Rejected, RejectedRow, RunContext, Sink, SplitEnumerator, StartMode, StreamSource};
use crate::operators::changes::coerce::{Coerced, Coercion};
use crate::planner::{Output, Program, Session};
use crate::state::StateStore;

use super::dead_letter;
use super::late::LateRoute;
use super::metrics_view::JobMetricsView;
use super::progress::Status;
use super::snapshots::SnapshotPolicy;
use super::stage_runner::{InProcess, StageRunner};
use super::views::JobView;

/// One `INSERT INTO sink SELECT ...`, planned.
#[derive(Debug)]
pub struct Insert {
    /// The sink's id, unique in the job: the table's name, with a number if it is written by several INSERTs.
    pub id: String,
    /// The table's name.
    pub table: String,
    /// The table's sink.
    pub sink: Arc<dyn Sink>,
    /// The query, as an output of the job's program.
    pub output: Output,
    /// Converts the query's columns to the table's.
    pub coercion: Coercion,
    /// The dead-letter table for rows that do not fit; `None`: they are only counted.
    pub dead_letter: Option<Arc<DeadLetter>>,
}

impl Insert {
    /// Handles rows that do not fit into the sink's columns: returns the rows for the dead-letter table, with its id, if there is one.
    ///
    /// # Errors
    /// When such a row ends the job.
    pub fn set_aside(&self, given: &RecordBatch, coerced: &Coerced) -> Result<Option<(String, RecordBatch)>> {
        if coerced.wrong.is_empty() {
            return Ok(None);
        }
        let (names, width) = (self.coercion.target().fields(), self.coercion.target().fields().len());
        let weights = given.columns().get(width).and_then(|column| column.as_primitive_opt::<Int64Type>());
        let renamed = names.iter().zip(given.columns()).map(|(field, column)| (field.name(), Arc::clone(column)));
        let given = RecordBatch::try_from_iter_with_nullable(renamed.map(|(name, column)| (name, column, true)))?;
        // Only insertions: the insertion of a retracted row was rejected before.
        let comes = |row: usize| weights.is_none_or(|weights| weights.value(row) > 0);
        let mut wrong = coerced.wrong.iter().filter(|(row, _)| comes(*row));
        if self.sink.on_error() == OnError::Fail
            && let Some((row, why)) = wrong.next()
        {
            return Err(failure(&format!("{why}: `{}`", excerpt_of(&row_text(&given, *row)))));
        }
        let Some(dead) = &self.dead_letter else { return Ok(None) };
        let letter = |(row, why): &(usize, String)| RejectedRow {
            value: Some(row_text(&given, *row)),
            error: why.clone(),
            ..RejectedRow::default()
        };
        let letters: Vec<RejectedRow> = wrong.map(letter).collect();
        Ok(Some((dead.id.clone(), dead.letters(&self.table, &letters)?)))
    }
}

/// A table that a job reads, with its settings.
#[derive(Debug)]
pub struct JobSource {
    /// Its name.
    pub table: String,
    /// The identity of the input, without connection details.
    pub identity: String,
    /// The stream of its rows.
    pub stream: Arc<dyn StreamSource>,
    /// The columns of the rows.
    pub columns: SchemaRef,
    /// The job that reads it.
    pub run: RunContext,
    /// The time of silence after which a partition is idle; zero: never.
    pub idle_timeout: Duration,
    /// Whether a watermark is declared.
    pub has_watermark: bool,
    /// How far a partition may be ahead of the slowest of the job in event time; `None`: not aligned, because the job does
    /// not use its event time.
    pub max_drift: Option<Duration>,
    /// How far ahead of the wall clock event time may move, if that is limited.
    pub max_ahead: Option<Duration>,
    /// The dead-letter table for messages that cannot be read; `None`: they are only counted.
    pub dead_letter: Option<DeadLetter>,
}

impl JobSource {
    /// Opens it for one run of the job.
    ///
    /// # Errors
    /// When it cannot be opened as declared.
    pub fn enumerator(&self) -> Result<Box<dyn SplitEnumerator>> {
        self.stream.enumerator(self.run.clone())
    }
}

/// A dead-letter table: for messages that cannot be read, and rows that cannot be written.
#[derive(Debug)]
pub struct DeadLetter {
    /// The sink's id in the job.
    pub id: String,
    /// The sink of the table.
    pub sink: Arc<dyn Sink>,
    /// The columns of a rejected message that the table has.
    pub schema: SchemaRef,
    /// Converts those columns to the table's.
    pub coercion: Coercion,
}

impl DeadLetter {
    /// Messages of a table that could not be read, as rows.
    ///
    /// # Errors
    /// When Arrow rejects the batch.
    pub fn messages(&self, table: &str, rejected: &[Rejected]) -> Result<RecordBatch> {
        Ok(self.coercion.apply(&dead_letter::rows(&self.schema, table, rejected)?)?.rows)
    }

    /// Rows that a table has rejected, as rows.
    ///
    /// # Errors
    /// When Arrow rejects the batch.
    pub fn letters(&self, table: &str, rejected: &[RejectedRow]) -> Result<RecordBatch> {
        Ok(self.coercion.apply(&dead_letter::rows_of_sink(&self.schema, table, rejected)?)?.rows)
    }
}

/// The settings of a job.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The least time between two commits; zero: every epoch.
    pub checkpoint_interval: Duration,
    /// The least time between two epochs; zero: as soon as there is data.
    pub trigger_interval: Duration,
    /// The maximum number of rows of one source in an epoch.
    pub max_rows_per_epoch: usize,
    /// The approximate maximum of bytes of all sources in an epoch: they, and the operators' results from them, are in memory at once.
    pub max_bytes_per_epoch: usize,
    /// The bytes of state kept in memory; the rest goes to disk.
    pub state_memory: usize,
    /// The folder of temporary files on that disk.
    pub tmp: PathBuf,
    /// When snapshots of state tables are written.
    pub snapshots: SnapshotPolicy,
    /// The number of commits that may wait for a sink before the job waits too.
    pub max_pending_commits: u64,
    /// Where reading begins when there is no commit to resume from.
    pub from: StartMode,
    /// Whether to ignore stored commits, and start anew.
    pub fresh: bool,
    /// Whether to stop at the ends as of the start.
    pub until_now: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            checkpoint_interval: Duration::from_millis(100),
            trigger_interval: Duration::ZERO,
            max_rows_per_epoch: 1 << 18,
            max_bytes_per_epoch: 1 << 30,
            state_memory: 1 << 30,
            tmp: std::env::temp_dir(),
            snapshots: SnapshotPolicy::default(),
            max_pending_commits: 64,
            from: StartMode::Declared,
            fresh: false,
            until_now: false,
        }
    }
}

/// A job, ready to run.
#[derive(Debug)]
pub struct JobSpec {
    /// Its name.
    pub name: String,
    /// The program that it runs.
    pub program: Arc<Program>,
    /// Its outputs.
    pub inserts: Arc<Vec<Insert>>,
    /// Materialized views that it maintains.
    pub views: Vec<JobView>,
    /// Its inputs.
    pub sources: Vec<JobSource>,
    /// The routes of late rows; others are only counted.
    pub late: Vec<LateRoute>,
    /// The session that its templates were planned in.
    pub session: Session,
    /// The job's own folder of the checkpoint store.
    pub store: Arc<dyn StateStore>,
    /// Its settings.
    pub settings: Settings,
    /// Its status while it runs.
    pub status: watch::Sender<Status>,
    /// Its metrics so far.
    pub meter: Arc<JobMetricsView>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Crash points.
    pub faults: Faults,
    /// The runner of its plans.
    pub runner: Arc<dyn StageRunner>,
}

impl JobSpec {
    /// A job with the machine's clock and no crash points, whose plans run in this process.
    pub fn new(
        name: &str,
        program: Program,
        inserts: Vec<Insert>,
        sources: Vec<JobSource>,
        session: Session,
        store: Arc<dyn StateStore>,
        settings: Settings,
    ) -> Self {
        let status = watch::Sender::new(Status::default());
        let name = name.to_string();
        Self {
            name,
            sources,
            session,
            store,
            settings,
            program: Arc::new(program),
            inserts: Arc::new(inserts),
            views: Vec::new(),
            late: Vec::new(),
            status,
            meter: Arc::default(),
            clock: Arc::new(SystemClock),
            faults: Faults::none(),
            runner: Arc::new(InProcess),
        }
    }

    /// The identity of the job: queries, sinks and tables, without connection options.
    pub fn identity(&self) -> String {
        let inserts = self.inserts.iter().map(|i| format!("INSERT INTO {} {}\n{}", i.id, i.sink.identity(), i.output.identity));
        let sources = self.sources.iter().map(|s| format!("FROM {} {}", s.table, s.identity));
        let views = self.views.iter().map(|v| format!("VIEW {}\n{}", v.name, v.identity));
        inserts.chain(views).chain(sources).collect::<Vec<_>>().join("\n\n")
    }
}
