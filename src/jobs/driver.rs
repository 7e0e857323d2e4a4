//! The main loop of a job: choose ranges, run, fold, commit, publish.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::common::clock::{self, Millis};
use crate::common::faults::EpochStep;
use crate::common::{Error, ErrorKind, Result, ids};
use crate::connectors::{SinkMode, SourceCounters};
use crate::operators::epoch::context::StateId;
use crate::state::commit::CommitReader;
use crate::state::key_hash::HASH_VERSION;
use crate::state::{PendingChanges, SpillContext, SpillableBatches, StateMemory};

use super::commit_contents::{CommitContents, SinkRows};
use super::commits::{Commit, Commits, FORMAT, Header, KeyedBy, Put};
use super::inputs::{Fetch, Inputs, Starts, enumerators, prefetch};
use super::late::LateCount;
use super::pipeline::{EpochOutput, EpochRows, Pipeline, TableTimes};
use super::progress::{Phase, Speed, Status};
use super::publish::Publishers;
use super::recovery::{Recovered, recover};
use super::snapshots::Snapshots;
use super::source_state::SourceState;
use super::spec::JobSpec;
use super::startup::{check_identity, sinks, wait_for_starts};
use super::views::{JobView, announce};
use super::{metrics, metrics_view, readers};

/// The interval at which dropped rows are logged.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// The longest wait for rows before the loop checks clocks and signals.
const TICK: Duration = Duration::from_millis(50);
/// The delay before an epoch that needs an unavailable server is retried.
const RETRY: Duration = Duration::from_millis(500);
/// How long a stop waits for sinks to take the last commits; the rest is published at the next start.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// The number of obsolete commits at which they are pruned.
const PRUNE_EVERY: u64 = 16;

/// The interval at which offsets are committed to the servers, for information only.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long a job that ends waits for servers to commit its offsets, which is for information only.
const REPORT_WAIT: Duration = Duration::from_secs(2);

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Stopped; the next start resumes after this commit.
    Stopped(u64),
    /// Its bounded input is exhausted, and everything is published.
    Finished(u64),
}

/// How one attempt of the loop ended.
pub(super) enum Attempt {
    Ended(Ending),
    Again,
}

/// The outcome of writing a commit.
type CommitOutcome = Result<(Put, Arc<Commit>)>;

/// The output of epochs that is not committed yet.
#[derive(Default)]
struct Pending {
    deltas: BTreeMap<StateId, PendingChanges>,
    rows: BTreeMap<String, SpillableBatches>,
    dirty: bool,
}

impl Pending {
    fn merge(&mut self, output: EpochOutput, spill: &SpillContext) -> Result<u64> {
        let mut count = 0;
        for (id, delta) in output.deltas {
            match self.deltas.entry(id) {
                Entry::Occupied(mut before) => before.get_mut().merge(delta, spill)?,
                Entry::Vacant(none) => drop(none.insert(PendingChanges::new(delta, spill)?)),
            }
        }
        for (sink, rows) in output.rows {
            count += rows.rows() as u64;
            self.rows.entry(sink).or_default().extend(rows);
        }
        self.dirty = true;
        Ok(count)
    }
}

/// One attempt of the loop, from reading the last commit to the end.
struct Running<'a> {
    spec: &'a JobSpec,
    commits: Commits,
    pipeline: Pipeline,
    inputs: Inputs,
    publishers: Publishers,
    pending: Pending,
    /// The spill context of pending rows that are not the output of an epoch.
    spill: SpillContext,
    /// The commit being written.
    in_flight: Option<JoinHandle<CommitOutcome>>,
    newest: u64,
    /// The snapshots of state tables, by commit.
    snapshots: Snapshots,
    /// The state of sources.
    source_state: SourceState,
    floor: u64,
    /// Whether this start has marked the folder as having commits.
    marked: bool,
    /// Whether an epoch has run, now or before a restart. The first one runs even without rows, because `COUNT(*)` over no rows
    /// is 0, and a commit contains the output for the input up to it.
    begun: bool,
    /// Whether the newest commit says that the job is finished.
    finished: bool,
    last_commit: Instant,
    last_report: Instant,
    /// When the last dropped row was logged.
    sampled: Option<Instant>,
    /// Committed offsets that were not sent to the servers yet.
    unreported: Option<Starts>,
    reporting: Option<JoinHandle<()>>,
    late: LateCount,
    status: Status,
    speed: Speed,
    started: Instant,
    /// The newest epoch's clock, in milliseconds since 1970. It never goes back, not even over a restart, whatever the
    /// machine's clock does: temporal filters depend on that.
    clock: Millis,
}

/// Resumes from the newest commit of a claimed folder.
pub(super) async fn attempt(spec: &JobSpec, commits: Commits, stop: &CancellationToken) -> Result<Attempt> {
    let identity = spec.identity();
    let (newest, last) = commits.newest().await?;
    let memory = StateMemory::new(spec.settings.state_memory, spec.settings.tmp.clone());
    let (session, runner) = (spec.session.clone(), Arc::clone(&spec.runner));
    let pipeline = Pipeline::new(session, Arc::clone(&spec.program), Arc::clone(&spec.inserts), &memory, runner)?;
    let late = LateCount::new(&spec.program)?;
    let mut pipeline = pipeline.keeping_late_rows(!spec.late.is_empty() || late.by_number());
    let clock = last.as_ref().map_or(Millis::MIN, |c| c.body.clock);
    let resumed = last.as_ref().map(|c| c.body.n);
    let mut recovered = match &last {
        Some(last) => {
            check_identity(spec, &identity, &last.body.identity)?;
            recover(&commits, &mut pipeline, last, spec.settings.snapshots).await?
        }
        None => Recovered { snapshots: Snapshots::new(spec.settings.snapshots), ..Recovered::default() },
    };
    for view in &spec.views {
        announce(view.root.as_ref(), &view.name, &spec.name).await?;
    }
    let notice = recovered.finished.then(|| "its input was read to the end before; --fresh --yes runs it again from the start".to_string());
    let sinks = sinks(spec);
    if resumed.is_none() {
        // A fresh job continues the numbers of earlier commits, which its sinks need not publish.
        recovered.held.confirmed = sinks.iter().map(|(id, _)| (id.clone(), newest)).collect();
    }
    let published = recovered.held.confirmed.values().min().copied().unwrap_or(0);
    let mut status = Status { commit: newest, resumed, published, notice, ..Status::default() };
    let mut enumerators = enumerators(&spec.sources)?;
    let Some((starts, until)) = wait_for_starts(spec, &mut enumerators, &recovered, &mut status, stop).await? else {
        return Ok(Attempt::Ended(Ending::Stopped(newest)));
    };
    let prefetch = prefetch(&spec.sources, spec.settings.max_bytes_per_epoch, pipeline.parallelism());
    let inputs = Inputs::open(&spec.sources, enumerators, &starts, until.as_ref(), &pipeline.columns()?, prefetch)?;
    let publishers = Publishers::start(&spec.name, sinks, &commits, newest, &recovered.held, &spec.faults);
    for commit in &recovered.unpublished {
        publishers.send(commit);
    }
    let mut running = Running {
        spec,
        floor: commits.floor().await?,
        marked: false,
        commits,
        pipeline,
        inputs,
        publishers,
        // The start positions of a new job are committed: a second start must not begin elsewhere because the topic has grown.
        pending: Pending { dirty: resumed.is_none(), ..Pending::default() },
        begun: resumed.is_some(),
        spill: SpillContext::new(&memory),
        in_flight: None,
        newest,
        snapshots: recovered.snapshots,
        source_state: recovered.source_state,
        finished: recovered.finished,
        last_commit: clock::instant(),
        last_report: clock::instant(),
        sampled: None,
        unreported: None,
        reporting: None,
        late,
        status: Status { phase: Phase::Running, ..status },
        speed: Speed::default(),
        started: clock::instant(),
        clock: clock.max(spec.clock.now()),
    };
    spec.meter.begin();
    running.publish_status();
    let ended = running.run(stop, &identity).await;
    running.snapshots.stop().await;
    match ended {
        Err(e) if e.kind() == ErrorKind::Fenced => Err(running.commits.newer_incarnation_error().await.unwrap_or(e)),
        other => other,
    }
}

/// Prunes commits that no reader of these views needs.
async fn prune_unread(commits: &Commits, floor: u64, views: &[JobView]) -> Result<()> {
    let Some(JobView { root, .. }) = views.first() else { return commits.prune(floor).await };
    let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    let unread = readers::min_needed(root.as_ref(), &names).await?.saturating_sub(1).min(floor);
    if unread > commits.floor().await? { commits.prune(unread).await } else { Ok(()) }
}

impl Running<'_> {
    async fn run(&mut self, stop: &CancellationToken, identity: &str) -> Result<Attempt> {
        let mut last_epoch = clock::instant();
        loop {
            if stop.is_cancelled()
                || (self.finished && self.publishers.answered())
                || (self.spec.settings.until_now && self.begun && self.inputs.exhausted() && self.publishers.answered())
            {
                return self.finish(stop, identity).await;
            }
            // With an interval of zero every epoch is a commit.
            if self.finish_commit(self.spec.settings.checkpoint_interval.is_zero()).await? == Some(Put::Adopt) {
                return Ok(Attempt::Again);
            }
            self.report();
            self.publishers.check()?;
            if !self.publishers.answered() {
                self.status.waits = Some("waiting for the sinks to tell what they hold".into());
                self.publish_status();
                let _ = tokio::time::timeout(TICK, self.publishers.progress.notified()).await;
                self.status.waits = None;
                continue;
            }
            if self.newest.saturating_sub(self.publishers.min_handed_over()) >= self.spec.settings.max_pending_commits {
                self.status.waits = Some("waiting for a sink".into());
                self.publish_status();
                let _ = tokio::time::timeout(TICK, self.publishers.progress.notified()).await;
                self.status.waits = None;
                continue;
            }
            let pause = self.spec.settings.trigger_interval.saturating_sub(clock::since(last_epoch));
            if !pause.is_zero() {
                tokio::time::sleep(pause.min(TICK)).await;
                if pause > TICK {
                    continue;
                }
            }
            last_epoch = clock::instant();
            if !self.step(stop).await? {
                // The epoch did not run, so its rows are not committed: the next start reads them again.
                return Ok(Attempt::Ended(Ending::Stopped(self.newest)));
            }
            if self.pending.dirty && self.in_flight.is_none() && clock::since(self.last_commit) >= self.spec.settings.checkpoint_interval {
                self.commit(identity).await?;
            }
            self.publish_status();
        }
    }

    /// One epoch, if there is anything to do. False if it could not run before the job was to stop.
    async fn step(&mut self, stop: &CancellationToken) -> Result<bool> {
        self.spec.faults.before(EpochStep::ChooseRanges)?;
        self.inputs.align(self.spec.clock.now());
        let fetch = self.inputs.fetch(self.spec.settings.max_rows_per_epoch, self.wait()).await?;
        self.spec.faults.after(EpochStep::ChooseRanges)?;
        self.pending.dirty |= fetch.moved || !fetch.source_state.is_empty();
        for (table, lines) in &fetch.source_state {
            self.source_state.add(table, lines);
        }
        self.set_aside(&fetch)?;
        let start = self.inputs.times();
        self.clock = self.clock.max(self.spec.clock.now());
        let clock = self.clock;
        if fetch.count == 0 && self.begun {
            // Time may have advanced without rows: idle partitions, the wall clock, the end of a bounded source.
            let now = self.inputs.advance(&BTreeMap::new(), clock);
            if !self.pipeline.due(&now, clock) {
                if !self.pending.dirty && self.in_flight.is_none() {
                    self.publishers.watermark(self.inputs.least_watermark());
                }
                self.finish_if_exhausted();
                return Ok(true);
            }
        }
        let count = fetch.count as u64;
        let Some(output) = self.epoch(fetch.rows, &start, clock, stop).await? else { return Ok(false) };
        self.spec.meter.add(|measured| metrics::add_epoch(measured, count, &output));
        self.begun = true;
        self.status.epoch += 1;
        self.status.retries += u64::from(output.retried);
        self.status.rows += count;
        for (node, late) in &output.late {
            *self.status.late_by_node.entry(*node).or_default() += late;
        }
        self.status.unmatched = self.status.unmatched.saturating_add_signed(output.unmatched);
        self.status.bad += output.bad;
        if let Some(sample) = &output.bad_sample
            && self.sampled.is_none_or(|at| clock::since(at) >= SAMPLE_EVERY)
        {
            self.status.notice = Some(format!("row set aside: {sample}"));
            self.sampled = Some(clock::instant());
        }
        self.route_late(&output)?;
        for (id, letters) in &output.letters {
            self.pending.rows.entry(id.clone()).or_default().push(&self.spill, letters.clone())?;
        }
        self.status.rows_out += self.pending.merge(output, &self.spill)?;
        self.speed.add(count);
        self.finish_if_exhausted();
        Ok(true)
    }

    /// Runs an epoch over these rows, and retries while a table of a lookup join is unavailable. `None` if the job is stopped in the
    /// meantime.
    async fn epoch(&mut self, rows: EpochRows, start: &TableTimes, clock: Millis, stop: &CancellationToken) -> Result<Option<EpochOutput>> {
        loop {
            let inputs = &mut self.inputs;
            let time = |times: &_| inputs.advance(times, clock);
            match self.pipeline.epoch(&rows, start, clock, &self.spec.faults, time).await {
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    self.publishers.check()?;
                    self.status.waits = Some(format!("waiting: {}", e.message()));
                    self.publish_status();
                    tokio::select! {
                        () = stop.cancelled() => return Ok(None),
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
                done => {
                    self.status.waits = None;
                    return done.map(Some);
                }
            }
        }
    }

    fn finish_if_exhausted(&mut self) {
        // The end of time has closed all windows; the commit records that.
        if !self.spec.settings.until_now && self.inputs.exhausted() && self.pipeline.all_closed() {
            self.finished = true;
            self.pending.dirty = true;
        }
    }

    /// The time to wait for rows: not beyond the next commit.
    fn wait(&self) -> Duration {
        if self.in_flight.is_some() {
            return Duration::from_millis(2);
        }
        if self.pending.dirty {
            self.spec.settings.checkpoint_interval.saturating_sub(clock::since(self.last_commit)).min(TICK)
        } else {
            TICK
        }
    }

    /// Adds messages that could not be read to their dead-letter table, in the commit of the epoch that skipped them.
    fn set_aside(&mut self, fetch: &Fetch) -> Result<()> {
        for source in &self.spec.sources {
            let Some(dead) = &source.dead_letter else { continue };
            let rejected: Vec<_> = fetch.rejected.iter().filter(|(t, _)| *t == source.table).map(|(_, r)| r.clone()).collect();
            if rejected.is_empty() {
                continue;
            }
            let rows = dead.messages(&source.table, &rejected)?;
            self.pending.rows.entry(dead.id.clone()).or_default().push(&self.spill, rows)?;
            self.pending.dirty = true;
        }
        Ok(())
    }

    /// Counts late rows, and adds them to their table in the commit of the epoch that dropped them.
    fn route_late(&mut self, output: &EpochOutput) -> Result<()> {
        self.status.late += self.late.unrouted(&output.late_by_filter, &output.late_rows, &self.spec.late)?;
        for route in &self.spec.late {
            let Some((count, coerced)) = route.rows(&output.late_rows)? else { continue };
            self.status.late += count;
            self.status.bad += coerced.wrong.len() as u64;
            self.pending.rows.entry(route.id.clone()).or_default().push(&self.spill, coerced.rows)?;
        }
        Ok(())
    }

    /// Starts writing a commit of all pending output.
    async fn commit(&mut self, identity: &str) -> Result<()> {
        let n = self.newest + 1;
        let Pending { deltas, rows, .. } = std::mem::take(&mut self.pending);
        let attempt = ids::random().to_string();
        let (store, stem) = (Arc::clone(self.commits.store()), self.commits.stem(n, &attempt));
        let state = self.snapshots.commit(n, self.pipeline.state(), &deltas, &store, &stem, &self.spec.faults).await?;
        let (remembered, theirs) = self.source_state.sections(n)?;
        let bases: BTreeMap<String, u64> = state.bases.iter().map(|(table, base)| (table.clone(), *base)).chain(theirs).collect();
        let is_whole = |id: &StateId| bases.get(&id.to_string()) == Some(&n);
        let of_view = |id: &StateId| id.table == 0 && self.spec.views.iter().any(|view| view.node == id.node);
        let views = deltas.into_iter().filter(|(id, _)| of_view(id) && is_whole(id)).collect();
        let sinks = rows.into_iter().map(|(id, rows)| self.sink_rows(id, rows)).collect();
        let (carried_by, closed) = (state.carried_by.clone(), state.closed.clone());
        let contents = CommitContents { state, views, remembered, sinks };
        let header = Header {
            format: FORMAT,
            n,
            job_uuid: self.commits.incarnation.job_uuid.clone(),
            incarnation: self.commits.incarnation.number,
            attempt,
            identity: identity.to_string(),
            clock: self.clock,
            watermark: self.inputs.least_watermark(),
            sources: self.inputs.store(),
            bases,
            carried_by,
            closed,
            confirmed: self.publishers.confirmed(),
            written: self.publishers.written(),
            views: self.spec.views.iter().map(|v| (v.name.clone(), v.table())).collect(),
            finished: self.finished,
            keyed_by: KeyedBy { groups: self.pipeline.key_groups(), hash: HASH_VERSION },
        };
        // Commits below both the base and what every sink has confirmed are not needed.
        let floor = header.base().min(self.publishers.min_confirmed().saturating_add(1)).saturating_sub(1);
        let prune = (floor >= self.floor + PRUNE_EVERY).then_some(floor);
        self.floor = prune.unwrap_or(self.floor);
        let commits = self.commits.clone();
        let first = !std::mem::replace(&mut self.marked, true);
        let views: Vec<JobView> = if prune.is_some() { self.spec.views.clone() } else { Vec::new() };
        self.last_commit = clock::instant();
        self.in_flight = Some(tokio::spawn(async move {
            let file = contents.encode(&commits, &header).await?;
            let put = commits.put(n, &file).await?;
            if put == Put::Won && first {
                commits.mark_begun().await?;
            }
            if let (Put::Won, Some(floor)) = (put, prune) {
                prune_unread(&commits, floor, &views).await?;
            }
            // Sinks may need their rows soon; the state is only needed after a restart.
            Ok((put, Arc::new(CommitReader::from_file(&format!("commits/{n}"), file, |section| section.starts_with("sink/"))?)))
        }));
        Ok(())
    }

    /// The rows of a commit for a sink.
    fn sink_rows(&self, id: String, rows: SpillableBatches) -> SinkRows {
        let insert = self.spec.inserts.iter().find(|insert| insert.id == id);
        let late = || self.spec.late.iter().find(|late| late.id == id).map_or(SinkMode::Append, |late| late.sink.mode());
        let (mode, updating) = insert.map_or_else(|| (late(), false), |insert| (insert.sink.mode(), insert.output.updating));
        SinkRows { id, mode, updating, rows }
    }

    /// Takes the outcome of the commit being written, if it is done, or waits for it if `wait`.
    async fn finish_commit(&mut self, wait: bool) -> Result<Option<Put>> {
        if !wait && self.in_flight.as_ref().is_none_or(|task| !task.is_finished()) {
            return Ok(None);
        }
        let Some(task) = self.in_flight.take() else { return Ok(None) };
        let (put, commit) = task.await.map_err(|e| Error::internal("a commit was cut off").with_source(e))??;
        if put == Put::Won {
            self.newest = commit.body.n;
            self.snapshots.observe(&commit);
            self.status.committed_bytes += commit.len() as u64;
            self.unreported = Some(commit.body.sources.clone());
            self.publishers.send(&commit);
        }
        Ok(Some(put))
    }

    /// Commits the offsets of the newest commit to the servers, at intervals, and one request at a time, so that a slow server is not
    /// overloaded.
    fn report(&mut self) {
        if clock::since(self.last_report) < REPORT_EVERY || self.reporting.as_ref().is_some_and(|r| !r.is_finished()) {
            return;
        }
        if let Some(newest) = self.unreported.take() {
            self.last_report = clock::instant();
            self.reporting = Some(self.inputs.commit_offsets(&newest, None));
        }
    }

    /// The orderly end: writes the last commit, and waits for the sinks to confirm it.
    async fn finish(&mut self, stop: &CancellationToken, identity: &str) -> Result<Attempt> {
        self.status.phase = Phase::Stopping;
        self.publish_status();
        if self.finish_commit(true).await? == Some(Put::Adopt) {
            return Ok(Attempt::Again);
        }
        // A sink that was not opened yet might hold a newer commit than this folder.
        if self.pending.dirty && self.publishers.answered() {
            self.commit(identity).await?;
            if self.finish_commit(true).await? == Some(Put::Adopt) {
                return Ok(Attempt::Again);
            }
        }
        self.publishers.flush();
        // Everything is committed, so the positions of the inputs are those of the newest commit.
        let reported = self.inputs.commit_offsets(&self.inputs.store(), self.reporting.take());
        let report_until = clock::instant() + REPORT_WAIT;
        let deadline = clock::instant() + STOP_WAIT;
        // A finished job only waits for its sinks, unless it is asked to stop.
        while (self.publishers.min_confirmed() < self.newest || !self.publishers.flushed())
            && ((self.finished && !stop.is_cancelled()) || clock::instant() < deadline)
        {
            self.publishers.check()?;
            self.publish_status();
            let _ = tokio::time::timeout(TICK, self.publishers.progress.notified()).await;
        }
        self.publishers.check()?;
        let _ = tokio::time::timeout_at(report_until.into(), reported).await;
        let published = self.publishers.min_confirmed() >= self.newest;
        self.status.phase = if self.finished && published { Phase::Finished } else { Phase::Stopped };
        if !published {
            self.status.notice =
                Some(format!("commits after {} are kept and will be published at the next start", self.publishers.min_confirmed()));
        }
        self.publish_status();
        Ok(Attempt::Ended(if self.finished && published { Ending::Finished(self.newest) } else { Ending::Stopped(self.newest) }))
    }

    fn publish_status(&mut self) {
        let (bad, tombstones) = self
            .inputs
            .counters()
            .fold((0, 0), |(bad, tombstones), c| (bad + c.bad.load(Ordering::Relaxed), tombstones + SourceCounters::get(&c.tombstones)));
        let state = metrics_view::sizes(self.pipeline.state());
        let (rows, bytes) = state.values().fold((0, 0), |(r, b), (rows, bytes)| (r + rows, b + bytes));
        self.spec.meter.add(|measured| measured.state = state);
        let status = Status {
            commit: self.newest,
            published: self.publishers.min_confirmed().min(self.newest),
            rows_per_second: self.speed.per_second(),
            lag: self.inputs.lag(),
            watermark: self.inputs.least_watermark(),
            bad: self.status.bad + bad + self.spec.inserts.iter().map(|i| i.sink.rejected()).sum::<u64>(),
            tombstones,
            state_rows: rows,
            state_bytes: bytes,
            state_disk: self.pipeline.on_disk() as u64,
            uptime: clock::since(self.started),
            waits: self.publishers.notice().or_else(|| self.status.waits.clone()),
            ..self.status.clone()
        };
        self.spec.status.send_replace(status);
    }
}
