//! The pipeline of a job: plan templates and state tables, and the execution of an epoch over them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use crate::common::clock::Millis;
use crate::common::faults::{EpochStep, Faults};
use crate::common::projection::ColumnPath;
use crate::common::{Error, ErrorKind, Result};
use crate::connectors::Split;
use crate::operators::epoch::context::{LateRows, StateId, StateTables};
use crate::operators::{EpochContext, EpochReport, EpochTime, SourceScanExec};
use crate::planner::{Binding, Domain, Program, Session, StateNode};
use crate::state::{KeyGroups, SpillableBatches, StateDelta, StateMemory, StateTable};

use super::rescale::rescale;
use super::spec::Insert;
use super::stage_runner::StageRunner;
use super::stages::{Schedule, StageRun};
use super::watermark::END_OF_TIME;

/// Deltas of more rows than this are folded in parallel.
const FOLD_APART: usize = 4096;

/// The input of one epoch, with its ranges.
#[derive(Debug, Default, Clone)]
pub struct EpochRows {
    /// Batches by table and partition, with every column that any query of the job reads.
    pub batches: HashMap<(String, i32), Vec<RecordBatch>>,
    /// The ranges that they cover, by table.
    pub splits: BTreeMap<String, Vec<Split>>,
}

impl EpochRows {
    /// Bytes in memory.
    fn bytes(&self) -> usize {
        self.batches.values().flatten().map(RecordBatch::get_array_memory_size).sum()
    }
}

/// The output of an epoch.
#[derive(Debug, Default)]
pub struct EpochOutput {
    /// Rows per sink id, cast to its columns.
    pub rows: BTreeMap<String, SpillableBatches>,
    /// The deltas of the state, already folded.
    pub deltas: BTreeMap<StateId, StateDelta>,
    /// The number of late rows, by the number of the operator that they were late for.
    pub late: BTreeMap<u32, u64>,
    /// The late rows, if they are kept.
    pub late_rows: Vec<LateRows>,
    /// The number of rows that each late filter dropped.
    pub late_by_filter: BTreeMap<u32, u64>,
    /// Deletes of missing rows.
    pub unmatched: i64,
    /// Rows that have no time for their window, or do not fit into their sink.
    pub bad: u64,
    /// The reason of the first of them.
    pub bad_sample: Option<String>,
    /// Rows for dead-letter tables, by the id of their sink.
    pub letters: Vec<(String, RecordBatch)>,
    /// The metrics of each stage.
    pub stages: BTreeMap<u32, StageRun>,
    /// Whether it ran twice, because memory ran out the first time.
    pub retried: bool,
}

/// Watermarks by table.
pub type TableTimes = BTreeMap<String, Option<i64>>;

/// All queries of a job and their state, moved from epoch n to n+1 together.
#[derive(Debug)]
pub struct Pipeline {
    session: Session,
    program: Arc<Program>,
    inserts: Arc<Vec<Insert>>,
    state: StateTables,
    memory: Arc<StateMemory>,
    /// The reservation of the state in DataFusion's memory pool.
    reserved: MemoryReservation,
    schedule: Schedule,
    runner: Arc<dyn StageRunner>,
    keep_late_rows: bool,
}

impl Pipeline {
    /// The queries of a job, with empty state.
    ///
    /// # Errors
    /// When the layout of a state table is invalid.
    pub fn new(
        session: Session,
        program: Arc<Program>,
        inserts: Arc<Vec<Insert>>,
        memory: &Arc<StateMemory>,
        runner: Arc<dyn StageRunner>,
    ) -> Result<Self> {
        let mut state = StateTables::new();
        for (node, info) in &program.nodes {
            for groups in program.groups(*node) {
                for (table, spec) in (0u32..).zip(&info.tables) {
                    state.insert(StateId { node: *node, table, groups }, spec.empty(memory)?);
                }
            }
        }
        let reserved = MemoryConsumer::new("state").register(&session.task_context().runtime_env().memory_pool);
        let schedule = Schedule::new(&program, inserts.iter().map(|i| i.output.stage))?;
        let memory = Arc::clone(memory);
        Ok(Self { session, program, inserts, state, memory, reserved, schedule, runner, keep_late_rows: false })
    }

    /// Keeps late rows, if `keep`, instead of only counting them.
    #[must_use]
    pub fn keeping_late_rows(self, keep: bool) -> Self {
        Self { keep_late_rows: keep, ..self }
    }

    /// The job's queries.
    pub fn inserts(&self) -> &[Insert] {
        &self.inserts
    }

    /// The state tables.
    pub fn state(&self) -> &StateTables {
        &self.state
    }

    /// A state table to restore from a commit. Its key groups may be those of a run with another number of partitions; when all
    /// tables are restored, [`Self::rescale`] redistributes their rows.
    ///
    /// # Errors
    /// When the program has no such table.
    pub fn restore(&mut self, id: StateId) -> Result<&mut StateTable> {
        let spec = self.program.nodes.get(&id.node).and_then(|node| node.tables.get(id.table as usize));
        let spec = spec.ok_or_else(|| Error::state(format!("a commit holds state table {id}, which the job does not have")))?;
        Ok(match self.state.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(spec.empty(&self.memory)?),
        })
    }

    /// Redistributes the rows of restored tables with other key groups than those of this run. `anew`: those of all tables, because the
    /// hash has changed. Returns the tables that it has filled.
    ///
    /// # Errors
    /// When spilled rows cannot be read.
    pub fn rescale(&mut self, anew: bool) -> Result<BTreeSet<StateId>> {
        rescale(&self.program, &mut self.state, &self.memory, anew)
    }

    /// The number of key groups of keyed state.
    pub fn key_groups(&self) -> u16 {
        self.program.key_groups
    }

    /// In how many partitions its stages run.
    pub fn parallelism(&self) -> usize {
        self.program.parallelism
    }

    /// Whether any state is partitioned by key.
    pub fn is_keyed(&self) -> bool {
        self.state.keys().any(|id| id.groups != KeyGroups::ALL)
    }

    /// The columns and nested fields of each table that any of the queries reads.
    pub fn columns(&self) -> Result<BTreeMap<String, BTreeSet<ColumnPath>>> {
        let mut all: BTreeMap<String, BTreeSet<ColumnPath>> = BTreeMap::new();
        for stage in &self.program.stages {
            stage.plan.apply(|node| {
                if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
                    all.entry(scan.table().to_string()).or_default().extend(scan.columns().iter().cloned());
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(all)
    }

    /// State tables whose rows are timers, with their nodes.
    fn waiting(&self) -> impl Iterator<Item = (&StateNode, &StateTable)> {
        self.state.iter().filter_map(|(id, table)| {
            let node = self.program.nodes.get(&id.node)?;
            let waits = node.tables.get(id.table as usize)?.is_timer;
            waits.then_some((node, table))
        })
    }

    /// Whether no timer is pending. Timers of temporal filters do not count: they would keep a bounded job running, which
    /// leaves the content as of its last epoch.
    pub fn all_closed(&self) -> bool {
        self.waiting().filter(|(node, _)| node.domain != Domain::Clock).all(|(_, table)| table.next_time().is_none())
    }

    /// Whether a timer is due at these watermarks and this clock, so that an epoch runs even without input.
    pub fn due(&self, at: &TableTimes, clock: Millis) -> bool {
        self.waiting().any(|(node, table)| table.next_time().zip(mark(at, clock, node)).is_some_and(|(next, now)| next <= now))
    }

    /// Runs one epoch: the stages that read sources, then `time`, which returns the watermarks at its end, then the stateful stages;
    /// and folds the deltas. An epoch that runs out of memory is run again, once, with less of the state in memory.
    ///
    /// # Errors
    /// The state is then unchanged, so that the same epoch can run again.
    pub async fn epoch(
        &mut self,
        rows: &EpochRows,
        start: &TableTimes,
        clock: Millis,
        faults: &Faults,
        mut time: impl FnMut(&EpochReportTimes) -> TableTimes,
    ) -> Result<EpochOutput> {
        let _rows = self.memory.pin(rows.bytes());
        self.reserve();
        let first = self.attempt(rows.clone(), start, clock, faults, &mut time).await;
        let (mut output, report) = match first {
            Err(e) if e.kind() == ErrorKind::Memory => {
                self.memory.halve()?;
                self.reserve();
                tracing::debug!("an epoch runs again with {} bytes of state in memory: {e}", self.memory.resident());
                let (output, report) = self.attempt(rows.clone(), start, clock, faults, &mut time).await?;
                (EpochOutput { retried: true, ..output }, report)
            }
            Ok(done) => done,
            Err(error) => return Err(self.with_failing_row(error, rows, start, clock, &mut time).await),
        };
        faults.before(EpochStep::FoldState)?;
        let EpochReport { deltas, late, late_by_filter, late_rows, timeless, unmatched, .. } = report;
        self.fold(&deltas).await?;
        faults.after(EpochStep::FoldState)?;
        output.bad += timeless.values().sum::<u64>();
        output.bad_sample = output.bad_sample.or(timeless.keys().next().map(|c| format!("`{c}` is NULL, so the row is in no window")));
        Ok(EpochOutput { deltas, late, late_by_filter, late_rows, unmatched, ..output })
    }

    /// Folds the deltas of an epoch; large ones in parallel.
    async fn fold(&mut self, deltas: &BTreeMap<StateId, StateDelta>) -> Result<()> {
        let rows: usize = deltas.values().map(StateDelta::rows).sum();
        if deltas.len() < 2 || rows < FOLD_APART {
            return deltas.iter().try_for_each(|(id, delta)| self.restore(*id)?.fold(delta));
        }
        let mut folds = Vec::with_capacity(deltas.len());
        for (id, delta) in deltas {
            let mut table = self.state.remove(id).ok_or_else(|| Error::internal(format!("there is no state table {id}")))?;
            let (id, delta) = (*id, delta.clone());
            folds.push(tokio::spawn(async move { table.fold(&delta).map(|()| (id, table)) }));
        }
        for fold in futures::future::join_all(folds).await {
            let (id, table) = fold.map_err(|e| Error::internal("a state table was not changed to the end").with_source(e))??;
            self.state.insert(id, table);
        }
        Ok(())
    }

    /// Updates the reservation of the state and of the epoch's rows in DataFusion's memory pool.
    fn reserve(&mut self) {
        self.reserved.resize(self.memory.in_use());
    }

    /// Bytes of state on the local disk.
    pub fn on_disk(&self) -> usize {
        self.memory.on_disk()
    }

    /// Runs one epoch without side effects. It holds no references to the state afterwards, so that folding can change the tables in
    /// place.
    pub(super) async fn attempt(
        &self,
        rows: EpochRows,
        start: &TableTimes,
        clock: Millis,
        faults: &Faults,
        time: &mut impl FnMut(&EpochReportTimes) -> TableTimes,
    ) -> Result<(EpochOutput, EpochReport)> {
        faults.before(EpochStep::RunPlans)?;
        let context = Arc::new(EpochContext::new(rows.batches, self.state.clone(), &self.memory, self.keep_late_rows));
        let tasks = self.task_context(&context);
        let mut binding = Binding { splits: rows.splits, epoch_times: BTreeMap::new(), clock };
        let mut output = EpochOutput::default();
        self.run_reading(&mut binding, start, &tasks, &context, &mut output).await?;
        let end = time(&context.event_times());
        for (node, info) in &self.program.nodes {
            binding.epoch_times.entry(*node).or_default().end = mark(&end, clock, info);
        }
        let stateful = self.program.stages.iter().filter(|s| !s.reads_sources);
        output.stages.extend(self.schedule.run(stateful, &binding, self.runner.as_ref(), &tasks, &context).await?);
        for insert in self.inserts.iter() {
            let kept = output.rows.entry(insert.id.clone()).or_default();
            for batch in context.whole_exchange(insert.output.stage)?.batches() {
                let batch = batch?;
                let coerced = insert.coercion.apply(&batch)?;
                output.bad += coerced.wrong.len() as u64;
                output.letters.extend(insert.set_aside(&batch, &coerced)?);
                output.bad_sample = output.bad_sample.or_else(|| coerced.wrong.into_iter().next().map(|(_, why)| why));
                kept.push(context.spill_context(), coerced.rows)?;
            }
        }
        faults.after(EpochStep::RunPlans)?;
        Ok((output, context.finish()))
    }

    /// Runs only the stages that read sources, over these rows, to find out whether they fail.
    pub(super) async fn read(&self, rows: EpochRows, start: &TableTimes, clock: Millis) -> Result<()> {
        let context = Arc::new(EpochContext::new(rows.batches, self.state.clone(), &self.memory, false));
        let mut binding = Binding { splits: rows.splits, epoch_times: BTreeMap::new(), clock };
        self.run_reading(&mut binding, start, &self.task_context(&context), &context, &mut EpochOutput::default()).await
    }

    async fn run_reading(
        &self,
        binding: &mut Binding,
        start: &TableTimes,
        tasks: &Arc<TaskContext>,
        context: &Arc<EpochContext>,
        output: &mut EpochOutput,
    ) -> Result<()> {
        let clock = binding.clock;
        for (node, info) in &self.program.nodes {
            binding.epoch_times.insert(*node, EpochTime { start: mark(start, clock, info), end: None, clock });
        }
        let reading = self.program.stages.iter().filter(|s| s.reads_sources);
        output.stages.extend(self.schedule.run(reading, binding, self.runner.as_ref(), tasks, context).await?);
        Ok(())
    }

    fn task_context(&self, epoch: &Arc<EpochContext>) -> Arc<TaskContext> {
        let tasks = self.session.task_context();
        let config = tasks.session_config().clone().with_extension(Arc::clone(epoch));
        Arc::new(TaskContext::new(
            tasks.task_id(),
            tasks.session_id(),
            config,
            tasks.scalar_functions().clone(),
            tasks.higher_order_functions().clone(),
            tasks.aggregate_functions().clone(),
            tasks.window_functions().clone(),
            tasks.runtime_env(),
        ))
    }
}

/// The watermark of a node: the least of its tables' watermarks, `None` while one has none; or the clock.
fn mark(at: &TableTimes, clock: Millis, node: &StateNode) -> Option<i64> {
    let least = |tables: &mut dyn Iterator<Item = &Option<i64>>| tables.copied().min().flatten();
    match node.domain {
        Domain::Event => {
            let time = least(&mut node.sources.iter().map(|s| at.get(s).unwrap_or(&None)))?;
            Some(if time == END_OF_TIME { time } else { time.saturating_sub(node.watermark_delay) })
        }
        Domain::Clock => Some(clock),
        // At the end of all input the delay does not apply.
        Domain::Processing if at.values().all(|time| *time == Some(END_OF_TIME)) => Some(END_OF_TIME),
        Domain::Processing => Some(clock),
    }
}

/// The newest event time per table and partition, as the operators reported it.
pub type EpochReportTimes = BTreeMap<(String, i32), i64>;
