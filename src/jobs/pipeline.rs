//! The compiled job: templates, state tables, and one step of all of them together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::physical_plan::collect;

use crate::common::faults::{Faults, Side};
use crate::common::{Error, Result};
use crate::connectors::Split;
use crate::operators::context::{StateId, StateTables};
use crate::operators::{EpochContext, EpochReport, SourceScanExec, Watermarks};
use crate::planner::continuous::Stage;
use crate::planner::{Binding, Session, codec};
use crate::state::{PaneDelta, PaneTable};

use super::spec::Insert;

/// Rows of one epoch and the ranges they are.
#[derive(Debug, Default, Clone)]
pub struct EpochRows {
    /// Batches by table and partition, with every column that any query of the job reads.
    pub batches: HashMap<(String, i32), Vec<RecordBatch>>,
    /// The ranges that they cover, by table.
    pub splits: BTreeMap<String, Vec<Split>>,
}

/// What an epoch yields.
#[derive(Debug, Default)]
pub struct EpochOutput {
    /// Rows per sink id, cast to its columns.
    pub rows: BTreeMap<String, Vec<RecordBatch>>,
    /// What changed in the state, folded in already.
    pub deltas: BTreeMap<StateId, PaneDelta>,
    /// Rows that came too late, in number and, if asked for, themselves.
    pub late: u64,
    /// See `late`; each with the number of the operator that it was too late for.
    pub late_rows: Vec<(u32, RecordBatch)>,
    /// Rows that have no time for their window, or do not fit into their sink.
    pub bad: u64,
    /// Why the first of them did not.
    pub bad_sample: Option<String>,
}

/// Watermarks by table.
pub type TableTimes = BTreeMap<String, Option<i64>>;

/// All queries of a job and their state, moved from epoch n to n+1 together.
#[derive(Debug)]
pub struct Pipeline {
    session: Session,
    inserts: Arc<Vec<Insert>>,
    state: StateTables,
    tested: bool,
}

impl Pipeline {
    /// The queries of a job, with empty state. Under test late rows are kept, and every bound plan is encoded, decoded, and
    /// only then run.
    pub fn new(session: Session, inserts: Arc<Vec<Insert>>, tested: bool) -> Self {
        Self { session, inserts, state: StateTables::new(), tested }
    }

    /// The job's queries.
    pub fn inserts(&self) -> &[Insert] {
        &self.inserts
    }

    /// The state tables.
    pub fn state(&self) -> &StateTables {
        &self.state
    }

    /// A state table to be filled from a commit.
    pub fn restore(&mut self, id: StateId) -> &mut PaneTable {
        Arc::make_mut(self.state.entry(id).or_default())
    }

    /// For each table the columns that any of the queries reads.
    pub fn columns(&self) -> Result<BTreeMap<String, Vec<usize>>> {
        let mut all: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for stage in self.inserts.iter().flat_map(|i| &i.template.stages) {
            stage.plan.apply(|node| {
                if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
                    all.entry(scan.table().to_string()).or_default().extend(scan.columns());
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        for columns in all.values_mut() {
            columns.sort_unstable();
            columns.dedup();
        }
        Ok(all)
    }

    /// Whether nothing waits for time to come on.
    pub fn all_closed(&self) -> bool {
        self.state.values().all(|t| t.is_empty())
    }

    /// Whether a window closes at these watermarks. Each operator has its own: the least of the tables below it.
    pub fn due(&self, at: &TableTimes) -> bool {
        self.state.iter().any(|(id, table)| {
            let info = self.inserts.iter().find_map(|i| i.template.nodes.get(&id.node));
            table.next_close().zip(info.and_then(|info| mark(at, &info.sources))).is_some_and(|(end, time)| end <= time)
        })
    }

    /// Runs one epoch: stages that read, then `time` is asked for the watermarks at its end, then the stateful stages;
    /// and folds what changed.
    ///
    /// # Errors
    /// Leaves the state as it was, so that the same epoch can run again.
    pub async fn epoch(
        &mut self,
        rows: EpochRows,
        start: &TableTimes,
        faults: &Faults,
        time: impl FnOnce(&EpochReportTimes) -> TableTimes,
    ) -> Result<EpochOutput> {
        faults.pass(2, Side::Before)?;
        let context = Arc::new(EpochContext::new(rows.batches, self.state.clone(), self.tested));
        let tasks = self.task_context(&context);
        let mut binding = Binding { splits: rows.splits, watermarks: BTreeMap::new() };
        let nodes = || self.inserts.iter().flat_map(|i| &i.template.nodes);
        for (node, info) in nodes() {
            binding.watermarks.insert(*node, Watermarks { start: mark(start, &info.sources), end: None });
        }

        let mut outputs: Vec<Vec<RecordBatch>> = Vec::new();
        for insert in self.inserts.iter() {
            for stage in insert.template.stages.iter().filter(|s| reads_sources(s)) {
                let rows = run(stage, &binding, &tasks, self.tested).await?;
                match stage.exchange {
                    Some(id) => context.put_exchange(id, rows),
                    None => outputs.push(rows),
                }
            }
        }
        let end = time(&context.event_times());
        for (node, info) in nodes() {
            binding.watermarks.entry(*node).or_default().end = mark(&end, &info.sources);
        }
        let mut sunk = outputs.into_iter();
        let mut output = EpochOutput::default();
        for insert in self.inserts.iter() {
            let mut last = None;
            for stage in insert.template.stages.iter().filter(|s| !reads_sources(s)) {
                let rows = run(stage, &binding, &tasks, self.tested).await?;
                match stage.exchange {
                    Some(id) => context.put_exchange(id, rows),
                    None => last = Some(rows),
                }
            }
            let rows = last.or_else(|| sunk.next()).ok_or_else(|| Error::internal("a query without an output stage"))?;
            let kept = output.rows.entry(insert.id.clone()).or_default();
            for batch in rows.iter().filter(|b| b.num_rows() > 0) {
                let coerced = insert.coercion.apply(batch)?;
                output.bad += coerced.bad as u64;
                output.bad_sample = output.bad_sample.or(coerced.sample);
                if coerced.rows.num_rows() > 0 {
                    kept.push(coerced.rows);
                }
            }
        }
        faults.pass(2, Side::After)?;

        faults.pass(3, Side::Before)?;
        let EpochReport { deltas, late, late_rows, timeless, .. } = context.finish();
        // Drops the context's references, so that folding changes the tables in place.
        drop((tasks, context));
        for (id, delta) in &deltas {
            Arc::make_mut(self.state.entry(*id).or_default()).fold(delta);
        }
        faults.pass(3, Side::After)?;
        output.bad += timeless.values().sum::<u64>();
        output.bad_sample = output.bad_sample.or(timeless.keys().next().map(|c| format!("`{c}` is NULL, so the row is in no window")));
        Ok(EpochOutput { deltas, late: late.values().sum(), late_rows, ..output })
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

/// The watermark above several tables: the least of theirs, none as long as one has none.
fn mark(at: &TableTimes, sources: &[String]) -> Option<i64> {
    sources.iter().map(|s| at.get(s).copied().flatten()).min().flatten()
}

/// The newest event time per table and partition, as the operators reported it.
pub type EpochReportTimes = BTreeMap<(String, i32), i64>;

/// A stage that reads sources runs before the epoch's watermark is known; the others after it.
fn reads_sources(stage: &Stage) -> bool {
    !stage.plan.exists(|node| Ok(node.downcast_ref::<crate::operators::ExchangeExec>().is_some())).unwrap_or(false)
}

async fn run(stage: &Stage, binding: &Binding, tasks: &Arc<TaskContext>, through_bytes: bool) -> Result<Vec<RecordBatch>> {
    let mut plan = binding.bind(&stage.plan)?;
    if through_bytes {
        plan = codec::round_trip(plan, tasks)?;
    }
    Ok(collect(plan, Arc::clone(tasks)).await?)
}
