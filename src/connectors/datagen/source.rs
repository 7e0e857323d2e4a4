//! The source of generated rows. Row k of the table is row k / P of partition k mod P.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;

use crate::common::clock::{self, Clock, SystemClock};
use crate::common::projection::{Projection, narrow};
use crate::common::{Error, Result};
use crate::connectors::{
    BoundedScan, Chunk, Fetched, PartitionRange, PartitionState, Prefetch, RunContext, Source, SourceCounters, SourceReader, Split,
    SplitEnumerator, SplitScan, StartMode, StreamSource, TableSpec,
};

use super::config::Config;
use super::pace::Pace;
use super::values::{Moment, Random, Slot};

/// Rows per batch of a bounded read.
const BATCH: i64 = 8192;

/// A table of generated rows.
#[derive(Debug, Clone)]
pub struct DatagenSource {
    config: Arc<Config>,
    name: String,
    clock: Arc<dyn Clock>,
}

impl DatagenSource {
    /// Creates a source of the rows that a table declares.
    ///
    /// # Errors
    /// Names the invalid option, and what would be valid.
    pub fn new(table: &TableSpec) -> Result<Self> {
        Self::with_clock(table, Arc::new(SystemClock))
    }

    /// The same with another clock, which decides what is due.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_clock(table: &TableSpec, clock: Arc<dyn Clock>) -> Result<Self> {
        let config = Arc::new(Config::read(table)?);
        // Generates one row of every column, so that a type that cannot be generated is an error now.
        config.rows(0, 0, 1, &Projection::all(&config.schema), clock.now()).map_err(|e| e.context(format!("table `{}`", table.name)))?;
        Ok(Self { config, name: table.name.clone(), clock })
    }
}

impl Config {
    /// Generates rows `[start, end)` of a partition.
    fn rows(&self, partition: i64, start: i64, end: i64, projection: &Projection, now: i64) -> Result<RecordBatch> {
        let moment = Moment { now, anchor: self.anchor };
        let mut columns = Vec::with_capacity(projection.indices().len());
        for (column, wanted) in projection.iter() {
            let slot = |offset: i64| {
                let row = offset.saturating_mul(self.partitions).saturating_add(partition);
                Slot { random: Random::new(self.seed, column as u64, row), row }
            };
            let mut slots: Vec<Slot> = (start..end).map(slot).collect();
            columns.push(narrow(&self.fields[column].array(&mut slots, moment)?, wanted.data_type())?);
        }
        let options = RecordBatchOptions::new().with_row_count(usize::try_from(end - start).ok());
        Ok(RecordBatch::try_new_with_options(Arc::clone(projection.schema()), columns, &options)?)
    }
}

impl DatagenSource {
    /// Returns the ranges of a read that begins now.
    fn ranges(&self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        let config = &self.config;
        let nanos = |millis: i64| i128::from(millis) * 1_000_000;
        let now = self.clock.now();
        let first = match (config.anchor, mode) {
            (Some(_), StartMode::Timestamp(ms)) => config.row_at(nanos(ms)),
            (Some(_), StartMode::Latest) => config.row_at(nanos(now)),
            (Some(ago), _) => config.row_at(nanos(now) - ago),
            (None, _) => 0,
        };
        let last = match (config.rows, config.anchor, mode) {
            (Some(rows), ..) => Some(first.saturating_add(rows)),
            // Tables tied to the wall clock have a history up to now.
            (None, Some(_), StartMode::History) => Some(config.row_at(nanos(now)).max(first)),
            (None, None, StartMode::History) => {
                return Err(Error::sql(format!("table `{}` never ends, so a batch query over it would not either", self.name))
                    .hint("set 'number-of-rows', or ask for a live answer with EMIT CHANGES"));
            }
            (None, ..) => None,
        };
        let range = |partition: i64| PartitionRange {
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            start: config.offset(partition, first),
            end: last.map(|last| config.offset(partition, last)),
        };
        Ok((0..config.partitions).map(range).collect())
    }
}

impl Source for DatagenSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.config.schema)
    }

    fn scan(&self) -> Option<BoundedScan> {
        Some(BoundedScan::Splits(Arc::new(self.clone())))
    }

    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl SplitScan for DatagenSource {
    async fn ranges(&self) -> Result<Vec<PartitionRange>> {
        self.ranges(StartMode::History)
    }

    fn read(&self, split: &Split, projection: &Projection, _limit: Option<usize>) -> Result<SendableRecordBatchStream> {
        let (config, projection) = (Arc::clone(&self.config), projection.clone());
        let schema = Arc::clone(projection.schema());
        let (partition, end, now) = (i64::from(split.partition), split.end, self.clock.now());
        let batches =
            std::iter::successors((split.start < end).then_some(split.start), move |start| Some(start + BATCH).filter(|next| *next < end));
        let batches = batches.map(move |start| Ok(config.rows(partition, start, end.min(start + BATCH), &projection, now)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter(batches))))
    }
}

#[async_trait]
impl StreamSource for DatagenSource {
    fn bounded(&self) -> bool {
        self.config.rows.is_some()
    }

    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(DatagenEnumerator { source: self.clone(), counters: run.counters }))
    }
}

/// Chooses rows for one run of a job.
#[derive(Debug)]
struct DatagenEnumerator {
    source: DatagenSource,
    counters: Arc<SourceCounters>,
}

#[async_trait]
impl SplitEnumerator for DatagenEnumerator {
    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        self.source.ranges(mode)
    }

    async fn resume(&mut self, positions: &[PartitionRange], _state: &[String]) -> Result<Vec<PartitionRange>> {
        let known = |partition: &PartitionRange| i64::from(partition.partition) < self.source.config.partitions;
        if positions.len() as i64 != self.source.config.partitions || !positions.iter().all(known) {
            return Err(Error::state(format!(
                "table `{}`: the job has {} partitions, `scan.parallelism` is {} now",
                self.source.name,
                positions.len(),
                self.source.config.partitions
            ))
            .hint("which rows a partition has depends on their number; `--fresh` starts anew"));
        }
        Ok(Vec::new())
    }

    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let DatagenSource { config, clock, .. } = self.source.clone();
        let pace = Pace::new(&config, &ranges, clock.now());
        Ok(Box::new(DatagenReader {
            config,
            clock,
            counters: Arc::clone(&self.counters),
            projection,
            batch: i64::try_from(prefetch.batch_rows.max(1)).unwrap_or(BATCH),
            max_bytes: prefetch.max_bytes,
            partitions: ranges,
            paused: Vec::new(),
            pace,
            turn: 0,
        }))
    }
}

/// Returns rows that are due; rows are generated when they are requested, so nothing is read ahead.
struct DatagenReader {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    counters: Arc<SourceCounters>,
    projection: Projection,
    batch: i64,
    max_bytes: usize,
    /// `start` is the position.
    partitions: Vec<PartitionRange>,
    paused: Vec<i32>,
    pace: Pace,
    /// The partition to look at first.
    turn: usize,
}

impl DatagenReader {
    /// Returns the end of a partition's rows that are due and requested.
    fn limit(&self, range: &PartitionRange, due: i64) -> i64 {
        let due = if due == i64::MAX { i64::MAX } else { self.config.offset(range.partition.into(), due) };
        due.min(range.end.unwrap_or(i64::MAX)).max(range.start)
    }

    fn take(&mut self, max_rows: usize) -> Result<Fetched> {
        let now = self.clock.now();
        let due = self.pace.due(now);
        let (mut fetched, mut left, mut bytes) = (Fetched::default(), i64::try_from(max_rows).unwrap_or(i64::MAX), 0);
        let count = self.partitions.len();
        let mut idle = 0;
        while left > 0 && bytes < self.max_bytes && idle < count {
            let index = self.turn % count;
            self.turn = index + 1;
            let range = self.partitions[index];
            let ready = self.limit(&range, due) - range.start;
            if ready == 0 || self.paused.contains(&range.partition) {
                idle += 1;
                continue;
            }
            idle = 0;
            let end = range.start + ready.min(left).min(self.batch);
            let batch = self.config.rows(range.partition.into(), range.start, end, &self.projection, now)?;
            SourceCounters::add(&self.counters.rows, batch.num_rows());
            bytes += batch.get_array_memory_size();
            left -= end - range.start;
            self.partitions[index].start = end;
            fetched.chunks.push(Chunk { partition: range.partition, batch });
        }
        let state = |range: &PartitionRange| {
            let limit = self.limit(range, due);
            let exhausted = range.end.is_some_and(|end| range.start >= end);
            let paced = !matches!(self.pace, Pace::None);
            PartitionState {
                partition: range.partition,
                position: range.start,
                end: if paced { Some(limit) } else { range.end },
                at_end: exhausted || (paced && range.start >= limit),
                exhausted,
            }
        };
        fetched.partitions = self.partitions.iter().map(state).collect();
        Ok(fetched)
    }

    /// Returns the milliseconds until the next row is due.
    fn pause_before_next(&self) -> Option<u64> {
        let open = |range: &&PartitionRange| range.end.is_none_or(|end| range.start < end) && !self.paused.contains(&range.partition);
        let now = self.clock.now();
        let row = |range: &PartitionRange| range.start.saturating_mul(self.config.partitions).saturating_add(range.partition.into());
        let next = self.partitions.iter().filter(open).map(|range| self.pace.wait(row(range), now)).min()?;
        u64::try_from(next).ok()
    }
}

#[async_trait]
impl SourceReader for DatagenReader {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let until = clock::timer() + wait;
        loop {
            let fetched = self.take(max_rows)?;
            let left = until.saturating_duration_since(clock::timer());
            let finished = fetched.partitions.iter().all(|p| p.exhausted);
            if fetched.rows() > 0 || finished || left.is_zero() || max_rows == 0 {
                return Ok(fetched);
            }
            // At least a millisecond, so that a stopped clock does not make this a busy loop.
            let next = self.pause_before_next().map_or(left, |ms| Duration::from_millis(ms.max(1)));
            tokio::time::sleep(next.min(left)).await;
        }
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.paused = partitions.to_vec();
    }
}
