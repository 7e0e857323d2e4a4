//! Lowers a logical plan to a continuous program: chooses how each node runs incrementally.
//!
//! Walks DataFusion's optimized plan from the leaves up. Linear nodes (filter, projection, union, unnest, windows of fixed length) stay
//! DataFusion's; with the weight as an additional column they also run over changes. Every other node becomes a stateful operator and cuts
//! the plan: its inputs are stages that run before it, its output is read by number.
//!
//! ```text
//!   Projection                  stage 3:  Projection ◂ stage 2
//!     Aggregate          ──▶    stage 2:  KeyedAggregate ◂ stage 1
//!       Filter                  stage 1:  partial Aggregate ◂ Filter ◂ TableScan
//!         TableScan
//! ```

mod aggregate;
mod clock;
pub(super) mod content;
mod distinct;
mod first_row;
mod interval;
mod join;
mod late;
mod linear;
mod lookup;
mod over_past;
mod over_plan;
mod over_time;
mod over_totals;
mod panes;
mod recompute;
mod recursion;
mod retractable_aggregate;
mod retractable_min_max;
mod scan;
mod session;
mod sums;
mod volatile;
mod watermark;
mod window;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, lit};
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

use crate::common::{Error, Result, WEIGHT};
use crate::operators::epoch::exchange::{Exchange, ReadMode};
use crate::operators::epoch::stateful::PartitionKey;
use crate::operators::{EpochTime, ExchangeExec, Materialize, Operator, StatefulExec};
use crate::sql::ast::Emit;
use crate::state::KeyGroups;

use super::columns::{copied, with_columns};
use super::nodes::StageInput;
use super::program::{HashExchange, Program, Stage, StateNode};
use super::properties::{Domain, StreamProperties, Time};
use super::streaming_settings::StreamingSettings;

use first_row::from_first_row;

/// Leaves of plans inside operators are numbered from here, stages from 0.
const FIRST_LEAF: u32 = 1 << 16;
/// Exchanges by key are numbered from here.
const FIRST_EXCHANGE: u32 = 1 << 24;

/// A fragment of a continuous plan: linear nodes over scans or over stage outputs.
#[derive(Debug, Clone)]
pub(super) struct Lowered {
    /// With the weight as the last column if it is updating.
    pub plan: LogicalPlan,
    /// The properties of its rows.
    pub properties: StreamProperties,
    /// The stateful nodes below.
    pub nodes: BTreeSet<u32>,
}

/// An input of an operator.
enum Input {
    /// A fragment, to be planned.
    Piece(Box<Lowered>),
    /// A plan, whether it reads sources, and the stateful nodes below.
    Planned(Arc<dyn ExecutionPlan>, bool, BTreeSet<u32>),
    /// A stage, its columns, and the stateful nodes below.
    Stage(u32, SchemaRef, BTreeSet<u32>),
}

/// Lowers the queries of one job.
pub(super) struct Lowering {
    /// The session state for stages.
    state: SessionState,
    /// The session state for plans inside operators: one partition, because they are small.
    inner: SessionState,
    /// The program so far.
    pub program: Program,
    /// Stateful nodes by their logical plan: a plan that is used twice runs once.
    shared: HashMap<(LogicalPlan, Emit), Lowered>,
    /// The number of partitions of stages, and of operators with a key.
    partitions: usize,
    next_leaf: u32,
    next_exchange: u32,
    next_window: u32,
    next_filter: u32,
    /// Tables whose late rows go to a table, or are counted by number.
    pub(super) late_row_tables: BTreeSet<String>,
    emit: Emit,
    ttl: Option<i64>,
    lateness: i64,
}

impl Lowering {
    pub fn new(mut state: SessionState, settings: StreamingSettings) -> Self {
        let partitions = settings.parallelism.unwrap_or_else(|| state.config().target_partitions()).max(1);
        state.config_mut().options_mut().execution.target_partitions = partitions;
        let mut inner = state.clone();
        inner.config_mut().options_mut().execution.target_partitions = 1;
        Self {
            state,
            inner,
            program: Program { key_groups: settings.key_groups(), parallelism: partitions, ..Program::default() },
            partitions,
            shared: HashMap::new(),
            next_leaf: FIRST_LEAF,
            next_exchange: FIRST_EXCHANGE,
            next_window: 0,
            next_filter: 0,
            late_row_tables: BTreeSet::new(),
            emit: Emit::Default,
            ttl: settings.ttl,
            lateness: settings.lateness,
        }
    }

    /// Lowers one query, which names the tables `named`, and returns the stage of its rows.
    pub async fn query(&mut self, plan: &LogicalPlan, emit: Emit, named: BTreeSet<String>) -> Result<(u32, SchemaRef, Lowered)> {
        self.emit = emit;
        let waiting = from_first_row(plan)?;
        let mut lowered = self.lower(waiting.as_ref().unwrap_or(plan)).await?;
        self.read(&mut lowered, named);
        let (stage, schema) = self.stage(&lowered.plan).await?;
        Ok((stage, schema, lowered))
    }

    /// Lowers one query, which names the tables `named`, and materializes its rows in a node, whose number is returned.
    pub async fn keep(&mut self, plan: &LogicalPlan, emit: Emit, named: BTreeSet<String>) -> Result<(u32, BTreeSet<u32>)> {
        self.emit = emit;
        let waiting = from_first_row(plan)?;
        let mut lowered = self.lower(waiting.as_ref().unwrap_or(plan)).await?;
        self.read(&mut lowered, named);
        let operator = Materialize::new(Arc::clone(plan.schema().inner()), lowered.properties.updating);
        let node = self.next_node();
        let kept = self
            .operator(Arc::new(operator), vec![Input::Piece(Box::new(lowered))], plan.schema(), None, StreamProperties::default())
            .await?;
        Ok((node, kept.nodes))
    }

    /// Sets the tables that a query reads: those that it names, if the optimizer has removed all scans.
    fn read(&mut self, lowered: &mut Lowered, named: BTreeSet<String>) {
        if lowered.properties.sources.is_empty() {
            lowered.properties.sources = named;
        }
        self.program.sources.extend(lowered.properties.sources.iter().cloned());
    }

    /// Lowers a plan.
    async fn lower(&mut self, plan: &LogicalPlan) -> Result<Lowered> {
        let lowered = self.lower_unmerged(plan).await?;
        self.merge_sessions(lowered).await
    }

    /// Lowers a plan without merging its sessions, which [`Self::merge_sessions`] does. Boxed, because plans are trees.
    fn lower_unmerged<'a>(&'a mut self, plan: &'a LogicalPlan) -> BoxFuture<'a, Result<Lowered>> {
        let lowering = async move {
            let key = (plan.clone(), self.emit);
            if let Some(done) = self.shared.get(&key) {
                return Ok(done.clone());
            }
            if let Some(other) = self.place_watermarks(plan)? {
                return self.lower_unmerged(&other).await;
            }
            let before = self.program.nodes.len();
            let lowered = match plan {
                LogicalPlan::TableScan(scan) => self.scan(plan, scan).await?,
                LogicalPlan::Projection(projection) => self.projection(projection).await?,
                LogicalPlan::Filter(filter) => self.filter(plan, filter).await?,
                LogicalPlan::SubqueryAlias(alias) => self.alias(alias).await?,
                LogicalPlan::Union(union) => self.union(union).await?,
                LogicalPlan::Unnest(unnest) => self.unnest(plan, unnest).await?,
                LogicalPlan::Extension(extension) => self.extension(plan, extension).await?,
                LogicalPlan::Aggregate(aggregate) => self.aggregate(plan, aggregate).await?,
                LogicalPlan::Join(join) => self.join(plan, join).await?,
                LogicalPlan::Window(window) => self.window(plan, window).await?,
                // A continuous result has no order.
                LogicalPlan::Sort(sort) if sort.fetch.is_none() => self.lower(&sort.input).await?,
                LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => self.limit(plan).await?,
                LogicalPlan::RecursiveQuery(_) => self.recursion(plan).await?,
                // A relation that the optimizer has found to be empty.
                LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row => {
                    Lowered { plan: plan.clone(), properties: StreamProperties::default(), nodes: BTreeSet::new() }
                }
                LogicalPlan::EmptyRelation(_) | LogicalPlan::Values(_) => self.constants(plan).await?,
                other => self.fallback(other).await?,
            };
            // Only plans with a new operator are shared: linear nodes are cheap and stay with their reader.
            if self.program.nodes.len() > before && is_stage_output(&lowered.plan) {
                self.shared.insert(key, lowered.clone());
            }
            Ok(lowered)
        };
        Box::pin(Deep(Box::pin(lowering)))
    }

    /// Plans a fragment as a stage. It reads sources or stages, but not both: stages that read sources run before the watermark is
    /// known.
    async fn stage(&mut self, plan: &LogicalPlan) -> Result<(u32, SchemaRef)> {
        let (scans, cuts) = leaves(plan)?;
        if scans && cuts {
            return Err(Error::internal("a stage that reads sources and other stages"));
        }
        let physical = self.state.query_planner().create_physical_plan(plan, &self.state).await?;
        Ok(self.push(physical, scans))
    }

    fn push(&mut self, plan: Arc<dyn ExecutionPlan>, reads_sources: bool) -> (u32, SchemaRef) {
        let id = u32::try_from(self.program.stages.len()).unwrap_or(u32::MAX);
        let schema = plan.schema();
        self.program.stages.push(Stage { id, plan, reads_sources, hash_exchanges: Vec::new() });
        (id, schema)
    }

    /// A leaf that reads a stage in its own partitions.
    fn leaf(&self, stage: u32, schema: DFSchemaRef) -> LogicalPlan {
        let partitions = self.program.stages.get(stage as usize).map_or(1, Stage::partitions);
        StageInput::plan(stage, partitions, schema)
    }

    /// An exchange that reads a stage hash-partitioned by a key.
    fn hash_exchange(&mut self, stage: u32, key: &PartitionKey, partitions: usize) -> Result<Exchange> {
        let next = self.next_exchange;
        let exchanges = self.program.stages.get_mut(stage as usize).map(|stage| &mut stage.hash_exchanges);
        let exchanges = exchanges.ok_or_else(|| Error::internal("a stage that is not there"))?;
        let known = exchanges.iter().find(|known| known.key == *key && known.partitions == partitions).map(|known| known.id);
        let id = known.unwrap_or_else(|| {
            exchanges.push(HashExchange { id: next, key: key.clone(), partitions });
            next
        });
        self.next_exchange = next + 1;
        Ok(Exchange { stage, id, read: ReadMode::Each(partitions) })
    }

    /// Plans a fragment as a stage, and returns the leaf that reads it.
    async fn cut_stage(&mut self, lowered: Lowered) -> Result<Lowered> {
        let schema = Arc::clone(lowered.plan.schema());
        let (stage, _) = self.stage(&lowered.plan).await?;
        Ok(Lowered { plan: self.leaf(stage, schema), ..lowered })
    }

    /// The same for a fragment with several readers, unless it is a leaf already.
    async fn cut_stage_once(&mut self, lowered: Lowered) -> Result<Lowered> {
        match &lowered.plan {
            LogicalPlan::Extension(e) if e.node.as_any().is::<StageInput>() => Ok(lowered),
            _ => self.cut_stage(lowered).await,
        }
    }

    fn next_node(&self) -> u32 {
        u32::try_from(self.program.nodes.len()).unwrap_or(u32::MAX)
    }

    fn next_leaf(&mut self) -> u32 {
        self.next_leaf += 1;
        self.next_leaf - 1
    }

    /// Adds an operator over its inputs, and returns the leaf that reads its rows. `schema` are its columns without weight.
    async fn operator(
        &mut self,
        operator: Arc<dyn Operator>,
        inputs: Vec<Input>,
        schema: &DFSchemaRef,
        time: Option<&Time>,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let node = self.next_node();
        let mut nodes = BTreeSet::from([node]);
        let keys = operator.partition_keys();
        let groups = KeyGroups::split(self.program.key_groups, if keys.is_some() { self.partitions } else { 1 });
        let mut keys = keys.into_iter().flatten();
        let mut children: Vec<Arc<dyn ExecutionPlan>> = Vec::with_capacity(inputs.len());
        // The number is taken before inputs are planned: they may contain a late filter that refers to it.
        let state = StateNode {
            sources: time.map(|t| t.sources.iter().cloned().collect()).unwrap_or_default(),
            watermark_delay: time.map_or(0, |t| t.watermark_delay),
            domain: time.map_or(Domain::Event, |t| t.domain),
            tables: operator.tables(),
            shape: properties.shape(|c| schema.field(c).name().clone()),
        };
        self.program.nodes.insert(node, state);
        for input in inputs {
            let ((stage, schema), below) = match input {
                Input::Piece(piece) => (self.stage(&piece.plan).await?, piece.nodes),
                Input::Planned(plan, scans, below) => (self.push(plan, scans), below),
                Input::Stage(stage, schema, below) => ((stage, schema), below),
            };
            nodes.extend(below);
            let key = keys.next().filter(|_| groups.len() > 1);
            children.push(match &key {
                Some(key) => Arc::new(ExchangeExec::by_key(self.hash_exchange(stage, key, groups.len())?, key, schema)),
                None => Arc::new(ExchangeExec::new(Exchange::gathered(stage), schema)),
            });
        }
        let exec = StatefulExec::new(node, groups, children, operator, EpochTime::default());
        let (stage, _) = self.push(Arc::new(exec), false);
        let schema = if properties.updating { weighted(schema)? } else { Arc::clone(schema) };
        Ok(Lowered { plan: self.leaf(stage, schema), properties, nodes })
    }
}

/// A future that polls another one on a growing stack: each level of a plan is a nested poll.
struct Deep<F>(std::pin::Pin<Box<F>>);

impl<F: Future> Future for Deep<F> {
    type Output = F::Output;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<F::Output> {
        const ENOUGH: usize = 512 << 10;
        const MORE: usize = 4 << 20;
        stacker::maybe_grow(ENOUGH, MORE, || self.0.as_mut().poll(context))
    }
}

/// The name of a node, for EXPLAIN.
fn title(plan: &LogicalPlan) -> String {
    let name = plan.display().to_string();
    name.split([':', '(']).next().unwrap_or_default().trim().to_string()
}

/// Whether a fragment is a stage output, or a projection of one.
fn is_stage_output(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Extension(_) => true,
        LogicalPlan::Projection(p) => matches!(p.input.as_ref(), LogicalPlan::Extension(_)),
        _ => false,
    }
}

/// Whether a fragment reads sources, and whether it reads stages.
fn leaves(plan: &LogicalPlan) -> Result<(bool, bool)> {
    let (mut scans, mut cuts) = (false, false);
    plan.apply(|node| {
        match node {
            LogicalPlan::TableScan(_) => scans = true,
            LogicalPlan::Extension(e) if e.node.as_any().is::<StageInput>() => cuts = true,
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok((scans, cuts))
}

/// A schema with the weight appended to its columns.
fn weighted(schema: &DFSchema) -> Result<DFSchemaRef> {
    Ok(Arc::new(with_columns(schema, [Arc::new(Field::new(WEIGHT, DataType::Int64, false))])?))
}

/// The weight of an updating fragment, as an expression over it.
fn weight(plan: &LogicalPlan) -> Result<Expr> {
    let schema = plan.schema();
    let last = schema.fields().len().checked_sub(1).filter(|i| schema.field(*i).name() == WEIGHT);
    let last = last.ok_or_else(|| Error::internal("changes without a weight"))?;
    Ok(Expr::Column(Column::from(schema.qualified_field(last))))
}

/// The weight 1.
fn weight_one() -> Expr {
    lit(1i64).alias(WEIGHT)
}

/// The columns of a plan as expressions.
fn columns(schema: &DFSchema) -> Vec<Expr> {
    schema.columns().into_iter().map(Expr::Column).collect()
}
