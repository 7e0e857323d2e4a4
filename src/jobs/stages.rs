//! Schedules the stages of an epoch: independent stages run concurrently, each in its partitions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt};

use crate::common::clock;
use crate::common::{Error, Result};
use crate::operators::epoch::expression_errors::with_expressions;
use crate::operators::epoch::hash_partition::partition_by_key;
use crate::operators::epoch::heavy_keys::HeavyKeys;
use crate::operators::{EpochContext, ExchangeExec};
use crate::planner::{Binding, Exchanged, HashExchange, Program, Stage};
use crate::state::SpillableBatches;

use super::stage_runner::StageRunner;

/// One run of a stage.
#[derive(Debug, Clone, Default)]
pub struct StageRun {
    /// The duration of the run.
    pub elapsed: Duration,
    /// The number of output rows.
    pub rows: u64,
    /// The metrics of its partitions.
    pub partitions: Vec<PartitionRun>,
    /// The rows for each reader, by exchange.
    pub exchanged: Vec<(u32, Exchanged)>,
}

/// One partition of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct PartitionRun {
    /// The duration, waiting for inputs included.
    pub elapsed: Duration,
    /// The number of output rows.
    pub rows: u64,
}

/// The dependencies of the stages of a program, and the exchanges between them.
///
/// ```text
///   stage 0 ─┬─ as it is ──▶ stage 2              a stage runs as soon as those that it reads have run,
///            └─ by key ────▶ stage 3 ─▶ stage 4   in as many tasks as its plan has partitions
///   stage 1 ───────────────▶ stage 3
/// ```
/// # Invariants
/// * Rows are dropped after the last stage has read them.
/// * When a run has ended, even with an error, all of its tasks have ended: no task refers to the state tables.
/// * Of several errors the one of the first stage and partition is returned, so that failures are deterministic.
#[derive(Debug)]
pub struct Schedule {
    /// By stage: the stages that it reads.
    reads: BTreeMap<u32, BTreeSet<u32>>,
    /// By exchange: the number of stages that read it, without the final reads of queries.
    readers: BTreeMap<u32, usize>,
    /// By stage: the exchanges that it reads.
    exchanges: BTreeMap<u32, BTreeSet<u32>>,
    /// Stages whose rows queries read.
    outputs: BTreeSet<u32>,
    key_groups: u16,
}

/// The output of one partition of a stage.
struct PartitionOutput {
    /// Not partitioned by key.
    rows: SpillableBatches,
    /// By exchange: rows by target partition, and their heavy keys.
    exchanged: Vec<(Vec<SpillableBatches>, HeavyKeys)>,
    run: PartitionRun,
}

impl Schedule {
    /// A schedule for a program whose queries read these stages.
    ///
    /// # Errors
    /// When a plan cannot be walked; that would be a bug.
    pub fn new(program: &Program, outputs: impl IntoIterator<Item = u32>) -> Result<Self> {
        let mut schedule = Self {
            reads: BTreeMap::new(),
            readers: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            outputs: outputs.into_iter().collect(),
            key_groups: program.key_groups,
        };
        for stage in &program.stages {
            let (mut reads, mut exchanges) = (BTreeSet::new(), BTreeSet::new());
            stage.plan.apply(|node| {
                if let Some(exchange) = node.downcast_ref::<ExchangeExec>() {
                    reads.insert(exchange.exchange().stage);
                    exchanges.insert(exchange.exchange().id);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
            exchanges.iter().for_each(|id| *schedule.readers.entry(*id).or_default() += 1);
            schedule.reads.insert(stage.id, reads);
            schedule.exchanges.insert(stage.id, exchanges);
        }
        Ok(schedule)
    }

    /// Runs these stages in the order of their dependencies; other stages that they read must have run.
    ///
    /// # Errors
    /// The errors of the plans.
    pub async fn run<'s>(
        &self,
        stages: impl Iterator<Item = &'s Stage>,
        binding: &Binding,
        runner: &dyn StageRunner,
        tasks: &Arc<TaskContext>,
        context: &Arc<EpochContext>,
    ) -> Result<BTreeMap<u32, StageRun>> {
        let mut waiting: Vec<&Stage> = stages.collect();
        let mut open: BTreeSet<u32> = waiting.iter().map(|stage| stage.id).collect();
        let (mut runs, mut errors) = (BTreeMap::new(), BTreeMap::new());
        let mut running = FuturesUnordered::new();
        loop {
            if errors.is_empty() {
                let waits = |stage: &&Stage| self.reads.get(&stage.id).is_some_and(|reads| reads.iter().any(|id| open.contains(id)));
                let (later, ready): (Vec<&Stage>, Vec<&Stage>) = waiting.into_iter().partition(waits);
                waiting = later;
                for stage in ready {
                    running.push(async { (stage.id, self.stage(stage, binding, runner, tasks, context).await) });
                }
            }
            match running.next().await {
                None => break,
                Some((id, Ok(run))) => {
                    open.remove(&id);
                    runs.insert(id, run);
                    self.release_exchanges(id, context);
                }
                Some((id, Err(error))) => drop(errors.insert(id, error)),
            }
        }
        match errors.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Ok(runs),
        }
    }

    /// Drops the exchanges whose last reader was stage `id`.
    fn release_exchanges(&self, id: u32, context: &EpochContext) {
        for exchange in self.exchanges.get(&id).into_iter().flatten().filter(|exchange| !self.outputs.contains(exchange)) {
            context.exchange_was_read(*exchange, self.readers.get(exchange).copied().unwrap_or(1));
        }
    }

    /// Runs one stage, and writes its exchanges.
    async fn stage(
        &self,
        stage: &Stage,
        binding: &Binding,
        runner: &dyn StageRunner,
        tasks: &Arc<TaskContext>,
        context: &Arc<EpochContext>,
    ) -> Result<StageRun> {
        let begin = clock::instant();
        let streams = runner.run(binding.bind(&stage.plan)?, tasks)?;
        let keep = self.outputs.contains(&stage.id) || self.readers.contains_key(&stage.id);
        let exchanges: Arc<[HashExchange]> = stage.hash_exchanges.clone().into();
        let write =
            |rows| collect_output(rows, keep, Arc::clone(&exchanges), self.key_groups, Arc::clone(context), Arc::clone(&stage.plan));
        let mut left = Vec::with_capacity(streams.len());
        match <[SendableRecordBatchStream; 1]>::try_from(streams) {
            Ok([rows]) => left.push(write(rows).await?),
            Err(streams) => {
                let partitions: Vec<_> = streams.into_iter().map(|rows| tokio::spawn(write(rows))).collect();
                // All tasks end before any error is returned.
                let ended = futures::future::join_all(partitions).await;
                for partition in ended {
                    left.push(partition.map_err(|e| Error::internal("a partition of a stage has ended early").with_source(e))??);
                }
            }
        }
        let partitions: Vec<PartitionRun> = left.iter().map(|left| left.run).collect();
        let rows = partitions.iter().map(|partition| partition.rows).sum();
        let mut exchanged = empty(&exchanges);
        for (number, left) in (0u32..).zip(left) {
            if keep {
                context.put_exchange(stage.id, number, left.rows);
            }
            for ((all, heavy), (parts, noted)) in exchanged.iter_mut().zip(left.exchanged) {
                all.iter_mut().zip(parts).for_each(|(all, part)| all.extend(part));
                heavy.merge(&noted);
            }
        }
        let mut counted = Vec::with_capacity(exchanges.len());
        for (exchange, (parts, heavy)) in exchanges.iter().zip(exchanged) {
            counted.push((exchange.id, Exchanged { rows: parts.iter().map(|part| part.rows() as u64).collect(), heavy }));
            (0u32..).zip(parts).for_each(|(number, part)| context.put_exchange(exchange.id, number, part));
        }
        Ok(StageRun { elapsed: clock::since(begin), rows, partitions, exchanged: counted })
    }
}

/// Empty output for all partitions of these exchanges.
fn empty(exchanges: &[HashExchange]) -> Vec<(Vec<SpillableBatches>, HeavyKeys)> {
    exchanges.iter().map(|exchange| (vec![SpillableBatches::default(); exchange.partitions], HeavyKeys::default())).collect()
}

/// Collects the output of one partition of a stage.
async fn collect_output(
    mut rows: SendableRecordBatchStream,
    keep: bool,
    exchanges: Arc<[HashExchange]>,
    key_groups: u16,
    context: Arc<EpochContext>,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<PartitionOutput> {
    let (begin, spill) = (clock::instant(), context.spill_context());
    let mut left = PartitionOutput { rows: SpillableBatches::default(), exchanged: empty(&exchanges), run: PartitionRun::default() };
    while let Some(batch) = rows.try_next().await.map_err(|error| with_expressions(error.into(), &plan))? {
        left.run.rows += batch.num_rows() as u64;
        for (exchange, (parts, heavy)) in exchanges.iter().zip(&mut left.exchanged) {
            let rows = partition_by_key(&batch, &exchange.key, key_groups, exchange.partitions, heavy)?;
            parts.iter_mut().zip(rows).try_for_each(|(part, rows)| part.push(spill, rows))?;
        }
        if keep {
            left.rows.push(spill, batch)?;
        }
    }
    left.run.elapsed = clock::since(begin);
    Ok(left)
}
