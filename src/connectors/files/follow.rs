//! A folder as a stream: files in the order in which they were finished, each of them once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::FieldRef;
use async_trait::async_trait;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::projection::narrow;
use crate::common::{Error, ErrorKind, Projection, Result};
use crate::connectors::{Chunk, Fetched, Follow, PartitionState, SourceCounters};

use super::config::Config;
use super::listing::{self, File};
use super::scan::FilesTable;

/// The one partition: files are read one after the other.
pub const PARTITION: i32 = 0;
/// How many batches are read ahead.
const AHEAD: usize = 8;
/// How often a store that is away is asked again.
const RETRY: Duration = Duration::from_secs(2);

/// A file that the job has begun to read, or passes over: a line that its commits keep.
///
/// ```text
///   position   0 ............ 1000 ........ 1700 ...
///   file       a.csv          b.csv         c.csv        {"path":"b.csv","at":1000,...}
/// ```
/// Positions count rows over all files, so a position and these lines tell which row of which file is the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    path: String,
    size: u64,
    /// In milliseconds since 1970.
    modified: i64,
    /// The position of its first row; `None`: it is not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
}

impl Begun {
    /// A file whose first row is at this position.
    pub fn new(file: &File, at: Option<i64>) -> Self {
        let meta = &file.meta;
        Self { path: meta.location.to_string(), size: meta.size, modified: meta.last_modified.timestamp_millis(), at }
    }

    /// Reads a line back.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(line: &str) -> Result<Self> {
        serde_json::from_str(line).map_err(|e| Error::state("the commits name a file in a way that cannot be read").because(e))
    }

    fn is(&self, file: &File) -> bool {
        Self::new(file, self.at) == *self
    }
}

/// What the reader has to tell.
enum Event {
    Begun(Begun),
    Rows(RecordBatch),
    /// Everything is read that was there at the newest look.
    AllRead,
    /// Nothing comes any more.
    Ended,
}

/// Reads files on a task of its own.
pub struct Reader {
    config: Arc<Config>,
    table: FilesTable,
    projection: Projection,
    wanted: Vec<FieldRef>,
    session: SessionContext,
    counters: Arc<SourceCounters>,
    /// How long to wait between two looks; `None`: one look, then the end.
    interval: Option<Duration>,
    /// Files that were begun, by path.
    known: HashMap<String, Begun>,
    gone: HashSet<String>,
    /// Sizes at the look before, of local files that may still be written.
    growing: HashMap<String, Begun>,
    position: i64,
    events: mpsc::Sender<Result<Event>>,
}

/// Where reading begins.
pub struct Begin {
    /// Files that were begun or passed over.
    pub known: Vec<Begun>,
    /// Of these, files that the commits do not know yet.
    pub passed_over: Vec<Begun>,
    /// The next row.
    pub position: i64,
    /// How often to look.
    pub interval: Option<Duration>,
}

/// The other end: what the job takes.
pub struct FilesFollow {
    events: mpsc::Receiver<Result<Event>>,
    task: JoinHandle<()>,
    waiting: VecDeque<RecordBatch>,
    position: i64,
    at_end: bool,
    ended: bool,
    paused: bool,
}

impl FilesFollow {
    /// Starts reading.
    pub fn start(
        config: Arc<Config>,
        table: FilesTable,
        projection: Projection,
        wanted: Vec<FieldRef>,
        counters: Arc<SourceCounters>,
        begin: Begin,
    ) -> Self {
        let (sender, events) = mpsc::channel(AHEAD);
        let position = begin.position;
        let reader = Reader {
            config,
            table,
            projection,
            wanted,
            session: SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1)),
            counters,
            interval: begin.interval,
            known: begin.known.iter().chain(&begin.passed_over).map(|b| (b.path.clone(), b.clone())).collect(),
            gone: HashSet::new(),
            growing: HashMap::new(),
            position,
            events: sender,
        };
        let current = begin.known.iter().rev().find(|b| b.at.is_some_and(|at| at <= position)).cloned();
        let task = tokio::spawn(reader.run(current, begin.passed_over));
        Self { events, task, waiting: VecDeque::new(), position, at_end: false, ended: false, paused: false }
    }

    fn take(&mut self, fetched: &mut Fetched, event: Event) {
        match event {
            Event::Begun(begun) => {
                self.at_end = false;
                fetched.learned.extend(serde_json::to_string(&begun));
            }
            Event::Rows(rows) => self.waiting.push_back(rows),
            Event::AllRead => self.at_end = true,
            Event::Ended => self.ended = true,
        }
    }

    /// Moves what waits into an answer, at most so many rows.
    fn hand_out(&mut self, fetched: &mut Fetched, left: &mut usize) {
        while *left > 0
            && let Some(batch) = self.waiting.pop_front()
        {
            let take = batch.num_rows().min(*left);
            if take < batch.num_rows() {
                self.waiting.push_front(batch.slice(take, batch.num_rows() - take));
            }
            *left -= take;
            self.position += i64::try_from(take).unwrap_or(0);
            fetched.chunks.push(Chunk { partition: PARTITION, batch: batch.slice(0, take) });
        }
    }
}

#[async_trait]
impl Follow for FilesFollow {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let (mut fetched, mut left) = (Fetched::default(), if self.paused { 0 } else { max_rows });
        self.hand_out(&mut fetched, &mut left);
        let until = tokio::time::Instant::now() + wait;
        while left > 0 && !self.ended {
            let event = if fetched.chunks.is_empty() {
                match tokio::time::timeout_at(until, self.events.recv()).await {
                    Err(_) => break,
                    Ok(event) => event,
                }
            } else {
                match self.events.try_recv() {
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    other => other.ok(),
                }
            };
            let Some(event) = event else { return Err(Error::internal("the reader of files has ended")) };
            self.take(&mut fetched, event?);
            self.hand_out(&mut fetched, &mut left);
        }
        let idle = self.waiting.is_empty();
        fetched.partitions.push(PartitionState {
            partition: PARTITION,
            position: self.position,
            end: (idle && (self.at_end || self.ended)).then_some(self.position),
            at_end: idle && (self.at_end || self.ended),
            exhausted: idle && self.ended,
        });
        Ok(fetched)
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.paused = partitions.contains(&PARTITION);
    }
}

impl Drop for FilesFollow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The job is gone.
struct Closed;

impl Reader {
    async fn run(mut self, current: Option<Begun>, passed_over: Vec<Begun>) {
        // Whoever listened is gone: nobody wants more.
        let _ = self.read(current, passed_over).await;
    }

    async fn read(&mut self, current: Option<Begun>, passed_over: Vec<Begun>) -> std::result::Result<(), Closed> {
        for begun in passed_over {
            self.tell(Ok(Event::Begun(begun))).await?;
        }
        if let Some(begun) = current {
            self.go_on(&begun).await?;
        }
        loop {
            for file in self.look().await? {
                let begun = Begun::new(&file, Some(self.position));
                self.known.insert(begun.path.clone(), begun.clone());
                self.tell(Ok(Event::Begun(begun))).await?;
                self.read_file(file, 0).await?;
            }
            let Some(interval) = self.interval else { return self.tell(Ok(Event::Ended)).await };
            self.tell(Ok(Event::AllRead)).await?;
            tokio::time::sleep(interval).await;
        }
    }

    async fn tell(&self, event: Result<Event>) -> std::result::Result<(), Closed> {
        self.events.send(event).await.map_err(|_| Closed)
    }

    /// Reads what is left of a file that was begun before a restart.
    async fn go_on(&mut self, begun: &Begun) -> std::result::Result<(), Closed> {
        let skip = usize::try_from(self.position - begun.at.unwrap_or(self.position)).unwrap_or(0);
        let files = self.list().await?;
        match files.into_iter().find(|f| f.meta.location.as_ref() == begun.path) {
            Some(file) if begun.is(&file) => self.read_file(file, skip).await,
            Some(_) => {
                self.warn(format!("{} has changed since its first {skip} rows were read; no more of it is", begun.path));
                Ok(())
            }
            None => {
                self.gone.insert(begun.path.clone());
                self.warn(format!("{} is gone; its first {skip} rows were read", begun.path));
                Ok(())
            }
        }
    }

    /// The files, waiting while the store is away.
    async fn list(&self) -> std::result::Result<Vec<File>, Closed> {
        loop {
            match listing::list(&self.config.location, &self.config.store.objects).await {
                Ok(files) => return Ok(files),
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    tracing::warn!("table `{}`: {e}", self.config.table);
                    tokio::time::sleep(RETRY).await;
                }
                Err(e) => self.tell(Err(e)).await?,
            }
            if self.events.is_closed() {
                return Err(Closed);
            }
        }
    }

    /// New files that are finished, oldest first.
    async fn look(&mut self) -> std::result::Result<Vec<File>, Closed> {
        let files = self.list().await?;
        if files.is_empty() && self.interval.is_none() && self.known.is_empty() {
            // One look, and nothing there: most likely the path is wrong.
            if let Err(e) = self.config.list().await {
                self.tell(Err(e)).await?;
            }
        }
        let there: HashSet<&str> = files.iter().map(|f| f.meta.location.as_ref()).collect();
        let gone: Vec<String> = self.known.keys().filter(|p| !there.contains(p.as_str()) && !self.gone.contains(*p)).cloned().collect();
        if !gone.is_empty() {
            self.warn(format!("{} files that were read are gone, such as {}", gone.len(), gone.first().map_or("", String::as_str)));
            self.gone.extend(gone);
        }
        let (mut new, mut growing) = (Vec::new(), HashMap::new());
        for file in files {
            let path = file.meta.location.to_string();
            let now = Begun::new(&file, None);
            match self.known.get(&path) {
                Some(begun) if begun.is(&file) => {}
                Some(begun) => {
                    let begun = Begun { at: begun.at, ..now };
                    self.known.insert(path.clone(), begun);
                    self.warn(format!("{path} has changed after it was read; it is not read again"));
                }
                // An object is there as a whole, or not. A local file may still be written.
                None if self.interval.is_none() || !self.config.store.local || self.growing.get(&path) == Some(&now) => new.push(file),
                None => {
                    growing.insert(path, now);
                }
            }
        }
        self.growing = growing;
        new.sort_by(|a, b| (a.meta.last_modified, &a.meta.location).cmp(&(b.meta.last_modified, &b.meta.location)));
        Ok(new)
    }

    fn warn(&self, text: String) {
        SourceCounters::add(&self.counters.bad, 1);
        tracing::warn!("table `{}`: {text}", self.config.table);
    }

    /// Reads a file from a row on.
    async fn read_file(&mut self, file: File, skip: usize) -> std::result::Result<(), Closed> {
        let path: Path = file.meta.location.clone();
        match self.stream(file, skip).await {
            Ok(()) => Ok(()),
            Err(Stop::Closed) => Err(Closed),
            Err(Stop::Failed(e)) => {
                if matches!(self.config.store.objects.head(&path).await, Err(object_store::Error::NotFound { .. })) {
                    self.gone.insert(path.to_string());
                    self.warn(format!("{path} is gone before it was read to its end"));
                    return Ok(());
                }
                let error = e.context(format!("table `{}`: {} cannot be read", self.config.table, self.config.location.show(&path)));
                self.tell(Err(error)).await
            }
        }
    }

    async fn stream(&mut self, file: File, skip: usize) -> std::result::Result<(), Stop> {
        let state = self.session.state();
        let plan = self.table.plan(&state, vec![file], &self.wanted, None).await.map_err(Error::from)?;
        let mut rows = execute_stream(plan, self.session.task_ctx()).map_err(Error::from)?;
        let mut skip = skip;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(Error::from)?;
            let passed = skip.min(batch.num_rows());
            skip -= passed;
            let count = batch.num_rows() - passed;
            if count == 0 {
                continue;
            }
            let batch = self.narrowed(&batch.slice(passed, count))?;
            SourceCounters::add(&self.counters.rows, count);
            self.position += i64::try_from(count).unwrap_or(0);
            self.tell(Ok(Event::Rows(batch))).await?;
        }
        Ok(())
    }

    /// The columns as they are wanted: of ROWs only some fields.
    fn narrowed(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let schema = self.projection.schema();
        let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| narrow(column, field.data_type()));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_>>()?, &options)?)
    }
}

/// Why a file was not read to its end.
enum Stop {
    Closed,
    Failed(Error),
}

impl From<Closed> for Stop {
    fn from(_: Closed) -> Self {
        Self::Closed
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
