//! The loop of a job: choose ranges, run, fold, commit, publish.

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
use crate::state::{Run, SpillContext, StateDelta, StateMemory};

use super::commit_contents::{CommitContents, SinkRows};
use super::commits::{Commit, Commits, FORMAT, Header, KeyedBy, Put};
use super::inputs::{Fetch, Inputs, Starts, enumerators};
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

/// How often a row that was set aside is shown.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// The longest that the loop waits for rows before it looks at clocks and signals again.
const TICK: Duration = Duration::from_millis(50);
/// How long a server that an epoch needs is left alone before it is asked again.
const RETRY: Duration = Duration::from_millis(500);
/// How long a stop waits for sinks to take the last commits; what is left is published at the next start.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// Old commits are pruned when this many can go.
const PRUNE_EVERY: u64 = 16;

/// How often offsets are committed to the servers; that is for information only.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long a job that ends waits for the servers to take in how far it has read: that is for information only.
const REPORT_WAIT: Duration = Duration::from_secs(2);

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Stopped; the next start resumes after this commit.
    Stopped(u64),
    /// Its bounded input is exhausted, and everything is published.
    Finished(u64),
}

/// How one life of the loop ended.
pub(super) enum Attempt {
    Ended(Ending),
    Again,
}

/// What becomes of a commit that is being written.
type Landing = Result<(Put, Arc<Commit>)>;

/// What has run but is not committed yet.
#[derive(Default)]
struct Pending {
    deltas: BTreeMap<StateId, StateDelta>,
    rows: BTreeMap<String, Run>,
    dirty: bool,
}

impl Pending {
    fn merge(&mut self, output: EpochOutput) -> Result<u64> {
        let mut count = 0;
        for (id, delta) in output.deltas {
            match self.deltas.entry(id) {
                Entry::Occupied(mut before) => before.get_mut().merge(delta)?,
                Entry::Vacant(none) => {
                    none.insert(delta);
                }
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

/// One life of the loop, from reading the last commit to the end.
struct Running<'a> {
    spec: &'a JobSpec,
    commits: Commits,
    pipeline: Pipeline,
    inputs: Inputs,
    publishers: Publishers,
    pending: Pending,
    /// Where pending rows are kept that no epoch gave.
    shelf: SpillContext,
    /// A commit that is being written.
    in_flight: Option<JoinHandle<Landing>>,
    newest: u64,
    /// Which commits hold state tables whole.
    snapshots: Snapshots,
    /// What the sources have to know again.
    source_state: SourceState,
    floor: u64,
    /// Whether this start has noted that there are commits.
    marked: bool,
    /// Whether an epoch has run, in this life or an earlier one. The first one runs also without rows: `COUNT(*)` over nothing
    /// is 0, and a commit holds what was answered to the input up to it.
    begun: bool,
    /// Whether the newest commit says that the job is finished.
    finished: bool,
    last_commit: Instant,
    last_report: Instant,
    /// When a row that was set aside was told last.
    sampled: Option<Instant>,
    /// What a newer commit holds than the servers were told.
    unreported: Option<Starts>,
    reporting: Option<JoinHandle<()>>,
    late: LateCount,
    status: Status,
    speed: Speed,
    started: Instant,
    /// The newest epoch's clock, in milliseconds since 1970. It never goes back, whatever the machine's clock does, also not over a
    /// restart: rows that it let enter or leave stay so.
    clock: Millis,
}

/// Goes on from the newest commit of a folder that is this process's.
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
        // A new life counts on from the commits of the one before it, of which its sinks owe nothing.
        recovered.held.confirmed = sinks.iter().map(|(id, _)| (id.clone(), newest)).collect();
    }
    let published = recovered.held.confirmed.values().min().copied().unwrap_or(0);
    let mut status = Status { commit: newest, resumed, published, notice, ..Status::default() };
    let mut enumerators = enumerators(&spec.sources)?;
    let Some((starts, until)) = wait_for_starts(spec, &mut enumerators, &recovered, &mut status, stop).await? else {
        return Ok(Attempt::Ended(Ending::Stopped(newest)));
    };
    let inputs = Inputs::open(&spec.sources, enumerators, &starts, until.as_ref(), &pipeline.columns()?)?;
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
        // Where a new job begins is worth a commit: a second start must not begin elsewhere because the topic has grown.
        pending: Pending { dirty: resumed.is_none(), ..Pending::default() },
        begun: resumed.is_some(),
        shelf: SpillContext::new(&memory),
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
    match running.run(stop, &identity).await {
        Err(e) if e.kind() == ErrorKind::Fenced => Err(running.commits.newer_incarnation_error().await.unwrap_or(e)),
        other => other,
    }
}

/// Prunes commits that no reader of these views needs.
async fn prune_unread(commits: &Commits, floor: u64, views: &[JobView]) -> Result<()> {
    let Some(JobView { root, .. }) = views.first() else { return commits.prune(floor).await };
    let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
    let unread = readers::least(root.as_ref(), &names).await?.saturating_sub(1).min(floor);
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
                return self.wind_up(stop, identity).await;
            }
            // With an interval of zero every epoch is a commit of its own.
            if self.land(self.spec.settings.checkpoint_interval.is_zero()).await? == Some(Put::Adopt) {
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
            if self.newest.saturating_sub(self.publishers.taken()) >= self.spec.settings.max_pending_commits {
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
                // Rows were taken that no commit may pass over: the next start reads them again.
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
            // Time may have come on without rows: idle partitions, the wall clock, the end of a bounded source.
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
            self.pending.rows.entry(id.clone()).or_default().push(&self.shelf, letters.clone())?;
        }
        self.status.rows_out += self.pending.merge(output)?;
        self.speed.add(count);
        self.finish_if_exhausted();
        Ok(true)
    }

    /// Runs an epoch over these rows, again and again while a table is away in which it looks rows up. Nothing if the job is to stop
    /// meanwhile.
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
        // All windows have been flushed by the end of time; the commit says so.
        if !self.spec.settings.until_now && self.inputs.exhausted() && self.pipeline.all_closed() {
            self.finished = true;
            self.pending.dirty = true;
        }
    }

    /// How long to wait for rows: not past the next commit.
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

    /// Messages that could not be read go to their table, with the epoch that passed them.
    fn set_aside(&mut self, fetch: &Fetch) -> Result<()> {
        for source in &self.spec.sources {
            let Some(dead) = &source.dead_letter else { continue };
            let rejected: Vec<_> = fetch.rejected.iter().filter(|(t, _)| *t == source.table).map(|(_, r)| r.clone()).collect();
            if rejected.is_empty() {
                continue;
            }
            let rows = dead.messages(&source.table, &rejected)?;
            self.pending.rows.entry(dead.id.clone()).or_default().push(&self.shelf, rows)?;
            self.pending.dirty = true;
        }
        Ok(())
    }

    /// Late rows are counted, and go to their table with the epoch that dropped them.
    fn route_late(&mut self, output: &EpochOutput) -> Result<()> {
        self.status.late += self.late.unrouted(&output.late_by_filter, &output.late_rows, &self.spec.late)?;
        for route in &self.spec.late {
            let Some((count, coerced)) = route.rows(&output.late_rows)? else { continue };
            self.status.late += count;
            self.status.bad += coerced.wrong.len() as u64;
            self.pending.rows.entry(route.id.clone()).or_default().push(&self.shelf, coerced.rows)?;
        }
        Ok(())
    }

    /// Starts writing a commit of everything that is pending.
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
            job_uuid: self.commits.me.job_uuid.clone(),
            incarnation: self.commits.me.incarnation,
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
        let floor = header.base().min(self.publishers.least().saturating_add(1)).saturating_sub(1);
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

    /// Rows for a sink as a commit holds them.
    fn sink_rows(&self, id: String, rows: Run) -> SinkRows {
        let insert = self.spec.inserts.iter().find(|insert| insert.id == id);
        let late = || self.spec.late.iter().find(|late| late.id == id).map_or(SinkMode::Append, |late| late.sink.mode());
        let (mode, updating) = insert.map_or_else(|| (late(), false), |insert| (insert.sink.mode(), insert.output.updating));
        SinkRows { id, mode, updating, rows }
    }

    /// Takes the outcome of a commit that is being written, if it is done or `wait` says to wait for it.
    async fn land(&mut self, wait: bool) -> Result<Option<Put>> {
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

    /// Tells the servers of the newest commit, soon after it but not of each; one at a time, so that a slow server is not
    /// asked to keep up.
    fn report(&mut self) {
        if clock::since(self.last_report) < REPORT_EVERY || self.reporting.as_ref().is_some_and(|r| !r.is_finished()) {
            return;
        }
        if let Some(newest) = self.unreported.take() {
            self.last_report = clock::instant();
            self.reporting = Some(self.inputs.commit_offsets(&newest, None));
        }
    }

    /// The orderly end: the last commit, and the sinks' confirmation of it.
    async fn wind_up(&mut self, stop: &CancellationToken, identity: &str) -> Result<Attempt> {
        self.status.phase = Phase::Stopping;
        self.publish_status();
        if self.land(true).await? == Some(Put::Adopt) {
            return Ok(Attempt::Again);
        }
        // A sink that was not asked yet might hold more than this folder does.
        if self.pending.dirty && self.publishers.answered() {
            self.commit(identity).await?;
            if self.land(true).await? == Some(Put::Adopt) {
                return Ok(Attempt::Again);
            }
        }
        self.publishers.flush();
        // Everything is committed, so where the inputs stand is what the newest commit holds.
        let reported = self.inputs.commit_offsets(&self.inputs.store(), self.reporting.take());
        let report_until = clock::instant() + REPORT_WAIT;
        let deadline = clock::instant() + STOP_WAIT;
        // A finished job only waits for its sinks, unless it is asked to stop.
        while (self.publishers.least() < self.newest || !self.publishers.flushed())
            && ((self.finished && !stop.is_cancelled()) || clock::instant() < deadline)
        {
            self.publishers.check()?;
            self.publish_status();
            let _ = tokio::time::timeout(TICK, self.publishers.progress.notified()).await;
        }
        self.publishers.check()?;
        let _ = tokio::time::timeout_at(report_until.into(), reported).await;
        let published = self.publishers.least() >= self.newest;
        self.status.phase = if self.finished && published { Phase::Finished } else { Phase::Stopped };
        if !published {
            self.status.notice =
                Some(format!("commits after {} are kept and will be published at the next start", self.publishers.least()));
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
            published: self.publishers.least().min(self.newest),
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
