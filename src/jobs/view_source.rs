//! A materialized view as a source: its content, then the delta of each commit of its job. Positions are commit numbers.
//!
//! ```text
//!  commits of the view's job     1     2     3     4     5     6
//!                              └── folded: the content ──┘  Δ     Δ
//!  position of a reader          0 ─────────────────────▶ 5 ─▶ 6 ─▶ 7       0: the content is not read yet
//! ```
//! A commit with a snapshot of the table also contains its delta for readers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use tokio::time::Instant;

use crate::common::floor::floored;
use crate::common::projection::narrow;
use crate::common::{Error, Projection, Result, clock};
use crate::connectors::{
    Changes, Chunk, Fetched, PartitionRange, PartitionState, Prefetch, RunContext, Source, SourceCounters, SourceReader, SplitEnumerator,
    StartMode, StreamSource,
};
use crate::operators::changes::zset;
use crate::planner::Content;

use super::commits::{Commit, Commits, state_section};
use super::readers::Marker;
use super::stored_view::{StoredView, change_section};

/// The only partition of a view.
const PARTITION: i32 = 0;
/// The polling interval for the next commit.
const LOOK: Duration = Duration::from_millis(20);
/// The column that carries the watermark of the view's job, if the view has event time.
const WATERMARK: &str = "__watermark";

/// A materialized view that is read continuously.
#[derive(Debug, Clone)]
pub struct ViewSource {
    stored: StoredView,
    content: Content,
    /// The view's columns, the watermark, and the weight.
    schema: SchemaRef,
}

impl ViewSource {
    /// A view with the properties of its rows.
    pub(super) fn new(stored: StoredView, content: Content) -> Self {
        let mut schema = Arc::clone(&content.schema);
        if let Some((time, _)) = &content.time
            && let Ok(field) = schema.field_with_name(time)
        {
            let watermark = Arc::new(Field::new(WATERMARK, field.data_type().clone(), true));
            schema = Arc::new(Schema::new(schema.fields().iter().cloned().chain([watermark]).collect::<Vec<_>>()));
        }
        if content.updating {
            schema = zset::weighted(&schema);
        }
        Self { stored, content, schema }
    }

    async fn commits(&self) -> Result<Commits> {
        Ok(Commits::reader(self.stored.store().await?))
    }
}

impl Source for ViewSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn changes(&self) -> Changes {
        if self.content.updating { Changes::All } else { Changes::Append }
    }

    fn in_order(&self) -> bool {
        true
    }

    fn keys(&self) -> Vec<Vec<String>> {
        self.content.keys.clone()
    }

    fn watermark(&self) -> Option<(&str, &str)> {
        self.content.time.as_ref().map(|(time, _)| (time.as_str(), WATERMARK))
    }

    fn identity(&self) -> String {
        "materialized view".to_string()
    }

    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl StreamSource for ViewSource {
    fn bounded(&self) -> bool {
        false
    }

    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(ViewEnumerator { source: self.clone(), run, life: None }))
    }
}

/// Chooses commits of a view for one run of a job.
#[derive(Debug)]
struct ViewEnumerator {
    source: ViewSource,
    run: RunContext,
    /// The UUID of the view's job that was read so far.
    life: Option<String>,
}

#[async_trait]
impl SplitEnumerator for ViewEnumerator {
    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        let commits = self.source.commits().await?;
        let end = match mode {
            StartMode::History => Some(commits.last().await?.map_or(0, |last| after(&last))),
            _ => None,
        };
        Ok(vec![PartitionRange { partition: PARTITION, start: 0, end }])
    }

    async fn resume(&mut self, positions: &[PartitionRange], state: &[String]) -> Result<Vec<PartitionRange>> {
        self.life = state.last().cloned();
        let floor = self.source.commits().await?.floor().await?;
        match positions.iter().find(|p| p.start > 0 && u64::try_from(p.start).is_ok_and(|start| start <= floor)) {
            Some(gone) => Err(self.source.stored.gone(gone.start)),
            None => Ok(Vec::new()),
        }
    }

    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let from = ranges.first().copied().unwrap_or(PartitionRange { partition: PARTITION, start: 0, end: None });
        let ViewSource { stored, content, schema } = self.source.clone();
        Ok(Box::new(ViewReader {
            marker: Marker::new(&stored, self.run.job.clone()),
            stored,
            content,
            columns: schema,
            projection,
            max_bytes: prefetch.max_bytes,
            commits: None,
            life: self.life.clone(),
            state: Vec::new(),
            position: from.start,
            end: from.end,
            at_end: false,
            finished: false,
            looked_back: false,
            look_at: clock::timer(),
            paused: false,
            counters: Arc::clone(&self.run.counters),
        }))
    }
}

/// The position after a commit.
fn after(commit: &Commit) -> i64 {
    i64::try_from(commit.body.n).unwrap_or(i64::MAX).saturating_add(1)
}

struct ViewReader {
    stored: StoredView,
    content: Content,
    /// The columns of the source.
    columns: SchemaRef,
    projection: Projection,
    /// The maximum number of bytes of one batch of rows; the last commit may exceed it.
    max_bytes: usize,
    commits: Option<Commits>,
    marker: Marker,
    life: Option<String>,
    state: Vec<String>,
    /// The next commit; 0: the content is not read yet.
    position: i64,
    end: Option<i64>,
    at_end: bool,
    /// Whether the view's job has read all of its input.
    finished: bool,
    /// Whether the newest commit was checked for that after a resume.
    looked_back: bool,
    /// The time of the next poll for a commit.
    look_at: Instant,
    paused: bool,
    counters: Arc<SourceCounters>,
}

impl ViewReader {
    /// Reads the content, or the next commit; `None` if there is no new one. A commit is read as a whole, so positions are commit numbers.
    async fn step(&mut self) -> Result<Option<Vec<RecordBatch>>> {
        let commits = match &self.commits {
            Some(commits) => commits.clone(),
            None => self.commits.insert(Commits::reader(self.stored.store().await?)).clone(),
        };
        let Some(next) = u64::try_from(self.position).ok().filter(|n| *n > 0) else { return self.begin(&commits).await };
        self.marker.require(next).await?;
        let Some(commit) = commits.read(next).await? else {
            if commits.floor().await? >= next {
                return Err(self.stored.gone(self.position));
            }
            self.look_back(&commits, next).await?;
            return Ok(None);
        };
        if self.life.as_ref().is_some_and(|life| *life != commit.body.job_uuid) {
            return Err(self.stored.anew());
        }
        let mut rows = Vec::new();
        for (table, base) in self.stored.tables(&commit)? {
            let section = if base == next { change_section(&table) } else { state_section(&table) };
            rows.extend(commit.section(&section, commits.store().as_ref()).await?.unwrap_or_default());
        }
        self.passed(&commit);
        self.take(&commit, rows).map(Some)
    }

    /// Checks whether the commit before `next` is the last one: a reader that was stopped after it would wait for ever.
    async fn look_back(&mut self, commits: &Commits, next: u64) -> Result<()> {
        if !std::mem::replace(&mut self.looked_back, true)
            && let Some(before) = commits.read(next - 1).await?
        {
            self.finished = before.body.finished;
        }
        Ok(())
    }

    /// The content as of the newest commit; `None` if there is no commit yet.
    async fn begin(&mut self, commits: &Commits) -> Result<Option<Vec<RecordBatch>>> {
        let Some(last) = commits.last().await? else { return Ok(None) };
        self.marker.require(last.body.n + 1).await?;
        // Commits may be pruned meanwhile: then there is a newer snapshot.
        let Some(content) = self.stored.content(commits, &last).await? else { return Ok(None) };
        self.life = Some(last.body.job_uuid.clone());
        self.state.push(last.body.job_uuid.clone());
        let rows = match &content {
            Some(content) => content.scan()?.collect::<Result<_>>()?,
            None => Vec::new(),
        };
        self.passed(&last);
        self.take(&last, rows).map(Some)
    }

    fn passed(&mut self, commit: &Commit) {
        self.position = after(commit);
        self.finished = commit.body.finished;
    }

    /// Stored rows in the schema of the source.
    fn take(&self, commit: &Commit, stored: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        let mut all = Vec::with_capacity(stored.len());
        for rows in stored {
            let (rows, weights) = if self.content.updating {
                (zset::rows_of(&rows)?, Some(Arc::new(zset::weights(&rows)?.clone()) as ArrayRef))
            } else {
                if zset::weights(&rows)?.values().iter().any(|weight| *weight < 0) {
                    return Err(self.stored.changed_kind());
                }
                (zset::expand(&rows)?, None)
            };
            let mut columns = rows.columns().to_vec();
            if let Some((_, delay)) = &self.content.time
                && let Ok(field) = self.columns.field_with_name(WATERMARK)
            {
                columns.push(watermark(commit, *delay, field.data_type(), rows.num_rows())?);
            }
            columns.extend(weights);
            SourceCounters::add(&self.counters.rows, rows.num_rows());
            let chosen = self.projection.iter().map(|(index, field)| match columns.get(index) {
                Some(column) => narrow(column, field.data_type()),
                None => Err(Error::internal("a materialized view of other columns")),
            });
            let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
            let schema = Arc::clone(self.projection.schema());
            all.push(RecordBatch::try_new_with_options(schema, chosen.collect::<Result<_>>()?, &options)?);
        }
        Ok(all)
    }
}

/// The watermark of a commit, for each of its rows.
fn watermark(commit: &Commit, delay: i64, data_type: &DataType, rows: usize) -> Result<ArrayRef> {
    let millis = commit.body.watermark.filter(|w| *w != i64::MAX).map(|w| w.saturating_sub(delay));
    let millis: Int64Array = std::iter::repeat_n(millis, rows).collect();
    let times: ArrayRef = Arc::new(millis.reinterpret_cast::<arrow::datatypes::TimestampMillisecondType>());
    Ok(cast(&floored(&times, data_type), data_type)?)
}

#[async_trait]
impl SourceReader for ViewReader {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let (until, start) = (clock::timer() + wait, self.position);
        let mut batches: VecDeque<RecordBatch> = VecDeque::new();
        let (mut left, mut bytes) = (if self.paused { 0 } else { max_rows }, 0);
        while left > 0 && bytes < self.max_bytes && self.end.is_none_or(|end| self.position < end) {
            if self.at_end {
                // Polls no earlier than at `look_at`, even if `wait` is short: a job with several sources polls often.
                tokio::time::sleep_until(self.look_at.min(until)).await;
                if clock::timer() < self.look_at {
                    break;
                }
            }
            match self.step().await? {
                Some(rows) => {
                    self.at_end = false;
                    left = left.saturating_sub(rows.iter().map(RecordBatch::num_rows).sum());
                    bytes += rows.iter().map(RecordBatch::get_array_memory_size).sum::<usize>();
                    batches.extend(rows);
                }
                None => {
                    self.at_end = true;
                    self.look_at = clock::timer() + LOOK;
                    // Even without rows: the position has advanced.
                    if self.position > start || self.finished {
                        break;
                    }
                }
            }
        }
        let chunk = |batch| Chunk { partition: PARTITION, batch };
        let exhausted = self.end.is_some_and(|end| self.position >= end) || (self.finished && self.at_end);
        let partition = PartitionState {
            partition: PARTITION,
            position: self.position,
            end: self.at_end.then_some(self.position),
            at_end: self.at_end,
            exhausted,
        };
        Ok(Fetched {
            chunks: batches.into_iter().filter(|batch| batch.num_rows() > 0).map(chunk).collect(),
            partitions: vec![partition],
            state: std::mem::take(&mut self.state),
            ..Fetched::default()
        })
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.paused = !partitions.is_empty();
    }
}
