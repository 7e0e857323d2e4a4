//! The sources of a job: prefetching readers, their positions and watermarks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::task::JoinHandle;

use crate::common::clock::Millis;
use crate::common::projection::{ColumnPath, Projection};
use crate::common::{Error, Result};
use crate::connectors::{
    Discoveries, PartitionRange, PartitionState, Prefetch, Rejected, SourceCounters, SourceReader, Split, SplitEnumerator, StartMode,
    StreamSource,
};

use super::alignment::Floor;
use super::commits::StoredSource;
use super::pipeline::{EpochReportTimes, EpochRows, TableTimes};
use super::source_state::SourceState;
use super::spec::JobSource;
use super::watermark::SourceClock;

/// The sources of a running job.
pub struct Inputs {
    sources: Vec<Input>,
}

struct Input {
    table: String,
    stream: Arc<dyn StreamSource>,
    counters: Arc<SourceCounters>,
    reader: Box<dyn SourceReader>,
    /// The discovery of partitions that appear while the job runs.
    discoveries: Option<Discoveries>,
    clock: SourceClock,
    has_watermark: bool,
    /// How many milliseconds a partition may be ahead of the slowest of the job; `None`: not aligned.
    max_drift: Option<Millis>,
    /// How far event time may be ahead of the wall clock.
    max_ahead: Option<Millis>,
    /// Partitions that are paused because they are too far ahead.
    paused: Vec<i32>,
    ends: BTreeMap<i32, Option<i64>>,
    /// The id of the topic or file set, which differs from that of a deleted one of the same name.
    incarnation: Option<String>,
    states: BTreeMap<i32, PartitionState>,
    /// Partitions with rows in the newest fetch.
    active: BTreeSet<i32>,
    /// Whether reaching the end is the end of time; false if the job only stops there (`--until-now`).
    flush: bool,
}

/// The input of an epoch.
#[derive(Debug, Default)]
pub struct Fetch {
    /// Rows and their ranges.
    pub rows: EpochRows,
    /// The number of rows.
    pub count: usize,
    /// Whether any position has moved, even without rows (gaps, rejected messages).
    pub moved: bool,
    /// Rejected messages, by table.
    pub rejected: Vec<(String, Rejected)>,
    /// New state of sources, by table.
    pub source_state: Vec<(String, Vec<String>)>,
}

/// The start of each partition of each table.
pub type Starts = BTreeMap<String, StoredSource>;

/// Positions at which a job stops, by table and partition.
pub type Ends = BTreeMap<String, BTreeMap<i32, i64>>;

/// The split enumerator of each source, in the order of the sources.
pub type Enumerators = Vec<Box<dyn SplitEnumerator>>;

/// Opens every source for one run of a job, without asking a server.
///
/// # Errors
/// When one cannot be opened as declared.
pub fn enumerators(sources: &[JobSource]) -> Result<Enumerators> {
    sources.iter().map(JobSource::enumerator).collect()
}

/// Asks every source where to begin: at the stored positions if there are some, else as `mode` says.
///
/// # Errors
/// The errors of the servers; those of kind `Unavailable` can be retried.
pub async fn starts(
    sources: &[JobSource],
    enumerators: &mut Enumerators,
    stored: &Starts,
    state: &SourceState,
    mode: StartMode,
) -> Result<Starts> {
    let mut all = Starts::new();
    for (source, enumerator) in sources.iter().zip(enumerators) {
        let incarnation = enumerator.incarnation().await?;
        let start = match stored.get(&source.table) {
            Some(stored) => {
                let mut resumed = stored.clone();
                if let (Some(then), Some(now)) = (&stored.incarnation, &incarnation)
                    && then != now
                {
                    let what = &source.identity;
                    return Err(Error::state(format!("table `{}`: {what} was deleted and made anew since the job read it", source.table))
                        .hint("what the job has read is not in it; `--fresh` starts the job anew, from the table's startup mode"));
                }
                resumed.incarnation = incarnation.or(resumed.incarnation);
                resumed.positions.extend(enumerator.resume(&stored.positions, state.of_table(&source.table)).await?);
                if source.stream.bounded() {
                    bound(enumerator.as_mut(), &mut resumed).await?;
                }
                resumed
            }
            None => StoredSource { positions: enumerator.start(mode).await?, incarnation, ..StoredSource::default() },
        };
        all.insert(source.table.clone(), start);
    }
    Ok(all)
}

/// Adds an end to the positions of a job that was unbounded and is now bounded. A job that had an end keeps it.
async fn bound(enumerator: &mut dyn SplitEnumerator, resumed: &mut StoredSource) -> Result<()> {
    if resumed.positions.iter().all(|p| p.end.is_some()) {
        return Ok(());
    }
    let planned = enumerator.start(StartMode::Declared).await?;
    for position in resumed.positions.iter_mut().filter(|p| p.end.is_none()) {
        let end = planned.iter().find(|p| p.partition == position.partition).and_then(|p| p.end);
        // A partition without an end in bounded mode is not read any further.
        position.end = Some(end.unwrap_or(position.start).max(position.start));
    }
    Ok(())
}

/// The current ends of all partitions.
///
/// # Errors
/// The errors of the servers.
pub async fn ends_now(sources: &[JobSource], enumerators: &mut Enumerators) -> Result<Ends> {
    let mut all = Ends::new();
    for (source, enumerator) in sources.iter().zip(enumerators) {
        let ranges = enumerator.start(StartMode::History).await?;
        all.insert(source.table.clone(), ranges.iter().filter_map(|r| Some((r.partition, r.end?))).collect());
    }
    Ok(all)
}

/// How each of these sources is read ahead, by at most `threads` threads each, with at most `max_bytes` in all of them together.
pub fn prefetch(sources: &[JobSource], max_bytes: usize, threads: usize) -> Prefetch {
    let prefetch = Prefetch::default();
    Prefetch { max_bytes: prefetch.max_bytes.min(max_bytes / sources.len().max(1)), threads, ..prefetch }
}

impl Inputs {
    /// Starts prefetching: only the columns that the job reads, up to `until`, as `prefetch` says for each source.
    ///
    /// # Errors
    /// When a source cannot be opened.
    pub fn open(
        sources: &[JobSource],
        enumerators: Enumerators,
        starts: &Starts,
        until: Option<&Ends>,
        columns: &BTreeMap<String, BTreeSet<ColumnPath>>,
        prefetch: Prefetch,
    ) -> Result<Self> {
        let mut all = Vec::new();
        for (source, mut enumerator) in sources.iter().zip(enumerators) {
            let start = starts.get(&source.table).cloned().unwrap_or_default();
            let mut clock = SourceClock::new(start.positions.iter().map(|p| p.partition), source.idle_timeout);
            clock.restore(&start.clock);
            let paths = columns.get(&source.table).into_iter().flatten().map(Vec::as_slice);
            let projection = Projection::of_paths(&source.columns, paths)?;
            let state = |r: &PartitionRange| PartitionState {
                partition: r.partition,
                position: r.start,
                end: r.end,
                at_end: false,
                exhausted: false,
            };
            let stop = |r: &PartitionRange| until.and_then(|u| u.get(&source.table)?.get(&r.partition)).copied();
            let limited: Vec<PartitionRange> =
                start.positions.iter().map(|r| PartitionRange { end: [r.end, stop(r)].into_iter().flatten().min(), ..*r }).collect();
            let empty = |r: &&PartitionRange| stop(r).is_some_and(|end| end <= r.start);
            start.positions.iter().filter(empty).for_each(|r| clock.nothing_to_read(r.partition));
            all.push(Input {
                table: source.table.clone(),
                stream: Arc::clone(&source.stream),
                counters: Arc::clone(&source.run.counters),
                discoveries: enumerator.discoveries(&limited),
                reader: enumerator.reader(limited, projection, prefetch)?,
                clock,
                has_watermark: source.has_watermark,
                max_drift: source.max_drift.map(|d| Millis::try_from(d.as_millis()).unwrap_or(Millis::MAX)),
                max_ahead: source.max_ahead.map(|d| Millis::try_from(d.as_millis()).unwrap_or(Millis::MAX)),
                paused: Vec::new(),
                ends: start.positions.iter().map(|r| (r.partition, r.end)).collect(),
                states: start.positions.iter().map(|r| (r.partition, state(r))).collect(),
                incarnation: start.incarnation.clone(),
                active: BTreeSet::new(),
                flush: until.is_none(),
            });
        }
        Ok(Self { sources: all })
    }

    /// Step 1: takes prefetched rows, at most `max_rows` per source, waiting up to `wait` for the first row.
    ///
    /// # Errors
    /// When a source fails permanently.
    pub async fn fetch(&mut self, max_rows: usize, wait: Duration) -> Result<Fetch> {
        let mut fetch = Fetch::default();
        // With several sources, one without rows must not hold up the others.
        let wait = if self.sources.len() > 1 { wait.min(Duration::from_millis(5)) } else { wait };
        for input in &mut self.sources {
            fetch.moved |= input.discover()?;
            let fetched = input.reader.next(max_rows, if fetch.count > 0 { Duration::ZERO } else { wait }).await?;
            input.active.clear();
            let mut batches: HashMap<(String, i32), Vec<_>> = HashMap::new();
            for chunk in fetched.chunks {
                fetch.count += chunk.batch.num_rows();
                input.active.insert(chunk.partition);
                batches.entry((input.table.clone(), chunk.partition)).or_default().push(chunk.batch);
            }
            fetch.rows.batches.extend(batches);
            fetch.rejected.extend(fetched.rejected.into_iter().map(|r| (input.table.clone(), r)));
            if !fetched.state.is_empty() {
                fetch.source_state.push((input.table.clone(), fetched.state));
            }
            let splits = fetch.rows.splits.entry(input.table.clone()).or_default();
            for state in fetched.partitions {
                let start = input.states.insert(state.partition, state).map_or(state.position, |before| before.position);
                if state.position > start {
                    fetch.moved = true;
                    splits.push(Split { table: input.table.clone(), partition: state.partition, start, end: state.position });
                }
            }
        }
        Ok(fetch)
    }

    /// Pauses partitions that are too far ahead of the slowest, and resumes the others.
    pub fn align(&mut self, now: Millis) {
        let aligned = self.sources.iter().filter(|i| i.max_drift.is_some());
        let floor = aligned.filter_map(|i| Floor::of_source(&i.clock, i.states.values(), i.clock.idles())).min();
        for input in &mut self.sources {
            let Some(drift) = input.max_drift else { continue };
            let ahead = floor.map_or(Vec::new(), |floor| floor.ahead(&input.clock, input.states.values(), drift, now));
            if ahead != input.paused {
                input.reader.pause(&ahead);
                input.paused = ahead;
            }
        }
    }

    /// Takes the event times of an epoch, advances the watermarks and returns them per table.
    pub fn advance(&mut self, times: &EpochReportTimes, now: Millis) -> TableTimes {
        for input in &mut self.sources {
            for ((_, partition), time) in times.iter().filter(|((table, _), _)| *table == input.table) {
                let most = input.max_ahead.map_or(Millis::MAX, |ahead| now.saturating_add(ahead));
                input.clock.observe(*partition, (*time).min(most), now);
            }
            let states: Vec<_> = input.states.values().map(|s| PartitionState { exhausted: s.exhausted && input.flush, ..*s }).collect();
            // A paused partition is not silent.
            let (active, paused) = (&input.active, &input.paused);
            input.clock.positions(&states, |p| active.contains(&p) || paused.contains(&p), now);
            input.clock.advance(now);
        }
        self.times()
    }

    /// The watermark per table.
    pub fn times(&self) -> TableTimes {
        self.sources.iter().map(|i| (i.table.clone(), i.clock.watermark())).collect()
    }

    /// The least watermark of all tables that declare one.
    pub fn least_watermark(&self) -> Option<i64> {
        self.sources.iter().filter(|i| i.has_watermark).map(|i| i.clock.watermark()).min().flatten()
    }

    /// Whether every source is exhausted, or has reached its end; true for a job without sources.
    pub fn exhausted(&self) -> bool {
        self.sources.iter().all(|i| !i.states.is_empty() && i.states.values().all(|s| s.exhausted))
    }

    /// The positions and clocks for a commit.
    pub fn store(&self) -> Starts {
        let range = |i: &Input, s: &PartitionState| PartitionRange {
            partition: s.partition,
            start: s.position,
            end: i.ends.get(&s.partition).copied().flatten(),
        };
        let stored = |i: &Input| StoredSource {
            positions: i.states.values().map(|s| range(i, s)).collect(),
            clock: i.clock.store(),
            incarnation: i.incarnation.clone(),
        };
        self.sources.iter().map(|i| (i.table.clone(), stored(i))).collect()
    }

    /// The lag over all partitions in positions, as far as their ends are known.
    pub fn lag(&self) -> Option<u64> {
        // The end of a partition that was read up to its bound may be unknown.
        let behind = |s: &PartitionState| if s.exhausted { Some(0) } else { s.end.map(|end| u64::try_from(end - s.position).unwrap_or(0)) };
        self.sources.iter().flat_map(|i| i.states.values()).map(behind).sum()
    }

    /// Counters of all sources.
    pub fn counters(&self) -> impl Iterator<Item = Arc<SourceCounters>> {
        self.sources.iter().map(|i| Arc::clone(&i.counters))
    }

    /// Commits offsets to the servers, after the request `before` has ended.
    pub fn commit_offsets(&self, committed: &Starts, before: Option<JoinHandle<()>>) -> JoinHandle<()> {
        let told = |input: &Input| {
            let stored = committed.get(&input.table)?;
            let positions: Vec<(i32, i64)> = stored.positions.iter().map(|p| (p.partition, p.start)).collect();
            Some((Arc::clone(&input.stream), positions))
        };
        let all: Vec<_> = self.sources.iter().filter_map(told).collect();
        tokio::spawn(async move {
            if let Some(before) = before {
                let _ = before.await;
            }
            join_all(all.iter().map(|(stream, positions)| stream.commit_offsets(positions))).await;
        })
    }
}

impl Input {
    /// Starts reading new partitions; returns whether there are any, because their start positions have to be committed, like those of a
    /// job.
    fn discover(&mut self) -> Result<bool> {
        let found = match &mut self.discoveries {
            Some(discoveries) => discoveries.take()?,
            None => Vec::new(),
        };
        for PartitionRange { partition, start, end } in &found {
            let (partition, position) = (*partition, *start);
            self.ends.insert(partition, *end);
            self.states.insert(partition, PartitionState { partition, position, end: None, at_end: false, exhausted: false });
        }
        let any = !found.is_empty();
        if any {
            self.reader.assign(found)?;
        }
        Ok(any)
    }
}
