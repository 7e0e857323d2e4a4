//! Continuous queries: which node runs by which strategy, and the template that each epoch is bound from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef};
use datafusion::error::Result as DfResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    Aggregate, Expr, Extension, LogicalPlan, Operator, UserDefinedLogicalNode, UserDefinedLogicalNodeCore, binary_expr, lit,
};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;
use sqlparser::ast;

use crate::common::{Error, Result};
use crate::operators::{ExchangeExec, LateFilterExec, SourceScanExec, WindowAggregateExec};

use super::provider::TableSource;
use super::session::Session;
use super::window_tvf::{WINDOW_COLUMNS, WindowTvf};

/// A continuous query, planned once: stages to run in order, and what its stateful nodes hang on.
///
/// ```text
///   stage 0:  scan ▸ filter ▸ windows ▸ late filter ▸ partial aggregate      leaves rows under its exchange number
///   stage 1:  exchange ▸ window aggregate ▸ projection                       the last stage yields the query's rows
/// ```
/// # Invariants
/// * Every stage but the last has an exchange number, read by a later stage.
/// * Leaves hold no splits and nodes no watermarks: [`super::bind`] puts in an epoch's, and resets whatever a node may
///   have kept from the run before.
#[derive(Debug, Clone)]
pub struct Template {
    /// Stages in the order they run.
    pub stages: Vec<Stage>,
    /// Stateful nodes by number.
    pub nodes: BTreeMap<u32, StateNode>,
    /// The query's columns.
    pub schema: SchemaRef,
    /// Tables that it reads.
    pub sources: Vec<String>,
    /// The query in a canonical form, before optimisation and without connection options.
    pub identity: String,
}

/// A piece of a plan that runs as a whole.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Where its rows are left for later stages; `None` for the last.
    pub exchange: Option<u32>,
    /// The plan, unbound.
    pub plan: Arc<dyn ExecutionPlan>,
}

/// A node that keeps state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateNode {
    /// Tables below it; its watermark is the least of theirs.
    pub sources: Vec<String>,
    /// What bounds its state, for people.
    pub bound: String,
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for stage in &self.stages {
            match stage.exchange {
                Some(id) => writeln!(f, "stage {id}:")?,
                None => writeln!(f, "output:")?,
            }
            write!(f, "{}", displayable(stage.plan.as_ref()).indent(false))?;
        }
        for (node, state) in &self.nodes {
            writeln!(f, "state {node}: bounded by {}", state.bound)?;
        }
        Ok(())
    }
}

/// Plans a continuous query. `numbers` gives node numbers that are unique in the job.
///
/// # Errors
/// What does not plan, and what cannot run continuously yet, with the reason.
pub async fn plan(session: &Session, query: &ast::Query, numbers: &AtomicU32) -> Result<Template> {
    let state = session.state();
    let logical = session.logical(query).await?;
    refuse_clock(&logical)?;
    let identity = identity(&logical)?;
    let optimized = state.optimize(&logical)?;
    let rewritten = assign_strategies(optimized, numbers)?;
    let physical = state.query_planner().create_physical_plan(&rewritten, &state).await?;
    let schema = physical.schema();

    let mut nodes = BTreeMap::new();
    let mut sources = Vec::new();
    physical.apply(|node| {
        if let Some(aggregate) = node.downcast_ref::<WindowAggregateExec>() {
            nodes.insert(aggregate.node(), StateNode { sources: aggregate.sources().to_vec(), bound: "the watermark (window end)".into() });
        }
        if let Some(scan) = node.downcast_ref::<SourceScanExec>() {
            sources.push(scan.table().to_string());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    sources.sort();
    sources.dedup();
    Ok(Template { stages: cut(physical)?, nodes, schema, sources, identity })
}

/// Cuts below each stateful node, so that the watermark is known before the node runs.
fn cut(plan: Arc<dyn ExecutionPlan>) -> Result<Vec<Stage>> {
    let mut stages = Vec::new();
    let last = plan.transform_up(|node| {
        let Some(aggregate) = node.downcast_ref::<WindowAggregateExec>() else { return Ok(Transformed::no(node)) };
        let below = Arc::clone(aggregate.input());
        let exchange: Arc<dyn ExecutionPlan> = Arc::new(ExchangeExec::new(aggregate.node(), below.schema()));
        stages.push(Stage { exchange: Some(aggregate.node()), plan: below });
        Ok(Transformed::yes(node.replace_children(vec![exchange], recompute())?))
    })?;
    stages.push(Stage { exchange: None, plan: last.data });
    Ok(stages)
}

fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}

/// What makes two queries the same job: the plan as written, with the declarations that change its answer.
fn identity(plan: &LogicalPlan) -> Result<String> {
    let mut text = plan.display_indent_schema().to_string();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = table_source(scan)
            && let Some(time) = table.event_time()
        {
            text.push_str(&format!("\nwatermark {} {time} {}", table.name(), table.watermark_text().unwrap_or_default()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(text)
}

fn table_source(scan: &datafusion::logical_expr::TableScan) -> Option<Arc<TableSource>> {
    let provider = datafusion::datasource::source_as_provider(&scan.source).ok()?;
    let any: Arc<dyn std::any::Any + Send + Sync> = provider;
    any.downcast::<TableSource>().ok()
}

/// DataFusion would freeze the clock at the moment of planning.
fn refuse_clock(plan: &LogicalPlan) -> Result<()> {
    const CLOCKS: [&str; 6] = ["now", "current_timestamp", "current_date", "current_time", "localtimestamp", "proctime"];
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::ScalarFunction(f) = e
                    && CLOCKS.contains(&f.name())
                {
                    found = Some(f.name().to_string());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    match found {
        Some(name) => Err(Error::sql(format!("{name}() cannot be used in a continuous query yet"))
            .hint("use the record's own time: a column `METADATA FROM 'timestamp'`")),
        None => Ok(()),
    }
}

/// Marks each aggregate with how it runs; refuses what has no strategy yet.
fn assign_strategies(plan: LogicalPlan, numbers: &AtomicU32) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up(|node| match &node {
        LogicalPlan::Aggregate(aggregate) => {
            let close = WindowClose::of(aggregate, numbers.fetch_add(1, Ordering::SeqCst))?;
            Ok(Transformed::yes(LogicalPlan::Extension(Extension { node: Arc::new(close) })))
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Union(_) => Ok(Transformed::no(node)),
        other => {
            let name = other.display().to_string();
            let name = name.split([':', '(']).next().unwrap_or_default().trim();
            Err(Error::sql(format!("{name} cannot run continuously yet"))
                .hint("filters, projections, UNION ALL and GROUP BY window_start, window_end can; `millstream query` answers any SELECT over what is there now")
                .into())
        }
    })?;
    Ok(rewritten.data)
}

/// An aggregate whose groups are windows: each comes out once, when time has passed its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd)]
struct WindowClose {
    /// The aggregate as DataFusion plans it; the physical node is built from its partial half.
    aggregate: LogicalPlan,
    node: u32,
    /// Which group expression is the window's end.
    end: usize,
    sources: Vec<String>,
}

impl WindowClose {
    fn of(aggregate: &Aggregate, node: u32) -> Result<Self> {
        let mut end = None;
        for (i, expr) in aggregate.group_expr.iter().enumerate() {
            if let Expr::Column(column) = expr
                && let Some((window, WINDOW_END)) = trace(&aggregate.input, column)?
            {
                check_event_time(&window)?;
                end = Some(i);
            }
        }
        let Some(end) = end else {
            return Err(Error::sql("GROUP BY without a window cannot run continuously yet")
                .hint("group by window_start, window_end of TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '3' SECOND))"));
        };
        let mut sources = Vec::new();
        aggregate.input.apply(|n| {
            if let LogicalPlan::TableScan(scan) = n {
                sources.push(scan.table_name.table().to_string());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Self { aggregate: LogicalPlan::Aggregate(aggregate.clone()), node, end, sources })
    }
}

const WINDOW_END: usize = 1;

/// Follows a column down to the window function that made it: the window, and which of its columns.
fn trace(plan: &LogicalPlan, column: &Column) -> Result<Option<(WindowTvf, usize)>> {
    match plan {
        LogicalPlan::Extension(extension) => {
            let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>() else { return Ok(None) };
            let which = WINDOW_COLUMNS.iter().position(|name| *name == column.name);
            Ok(which.map(|i| (window.clone(), i)))
        }
        _ => match descend(plan, column)? {
            Some((input, column)) => trace(input, &column),
            None => Ok(None),
        },
    }
}

/// The input, and the column in it, that a column of this node is a plain copy of.
fn descend<'a>(plan: &'a LogicalPlan, column: &Column) -> Result<Option<(&'a LogicalPlan, Column)>> {
    let index = plan.schema().maybe_index_of_column(column);
    Ok(match (plan, index) {
        (LogicalPlan::Projection(p), Some(i)) => match p.expr[i].clone().unalias() {
            Expr::Column(inner) => Some((p.input.as_ref(), inner)),
            _ => None,
        },
        (LogicalPlan::Filter(f), Some(_)) => Some((f.input.as_ref(), column.clone())),
        (LogicalPlan::SubqueryAlias(s), Some(i)) => Some((s.input.as_ref(), Column::from(s.input.schema().qualified_field(i)))),
        (LogicalPlan::Extension(e), Some(i)) => {
            let window = e.node.as_any().downcast_ref::<WindowTvf>();
            window.filter(|w| i < w.input.schema().fields().len()).map(|w| (&w.input, column.clone()))
        }
        _ => None,
    })
}

/// A window closes by the watermark, so its time column must be one that a watermark is declared for.
fn check_event_time(window: &WindowTvf) -> Result<()> {
    let Some(column) = not_event_time(&window.input, window.time.clone())? else { return Ok(()) };
    Err(Error::sql(format!("window over `{}`: it is not an event-time column", window.time.name)).hint(format!(
        "declare `WATERMARK FOR {0} AS {0} - INTERVAL '1' SECOND` on its table, and pass the column on unchanged",
        column.name
    )))
}

/// Follows a column down to its tables, through every input of a UNION; the first that is not their event time.
fn not_event_time(plan: &LogicalPlan, column: Column) -> Result<Option<Column>> {
    if let Some((input, inner)) = descend(plan, &column)? {
        return not_event_time(input, inner);
    }
    match plan {
        LogicalPlan::TableScan(scan) if table_source(scan).is_some_and(|t| t.event_time() == Some(column.name.as_str())) => Ok(None),
        LogicalPlan::Union(union) => {
            let Some(index) = plan.schema().maybe_index_of_column(&column) else { return Ok(Some(column)) };
            for input in &union.inputs {
                let same = Column::from(input.schema().qualified_field(index));
                if let Some(column) = not_event_time(input, same)? {
                    return Ok(Some(column));
                }
            }
            Ok(None)
        }
        _ => Ok(Some(column)),
    }
}

impl UserDefinedLogicalNodeCore for WindowClose {
    fn name(&self) -> &'static str {
        "WindowClose"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.aggregate]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.aggregate.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WindowClose: node={}", self.node)
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> DfResult<Self> {
        let aggregate = inputs.pop().ok_or_else(|| Error::internal("WindowClose has one input"))?;
        Ok(Self { aggregate, ..self.clone() })
    }
}

/// DataFusion's planner with our nodes.
#[derive(Debug)]
pub struct StreamingQueryPlanner;

#[async_trait]
impl QueryPlanner for StreamingQueryPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, state: &dyn DfSession) -> DfResult<Arc<dyn ExecutionPlan>> {
        DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(Nodes)]).create_physical_plan(plan, state).await
    }
}

struct Nodes;

#[async_trait]
impl ExtensionPlanner for Nodes {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn DfSession,
        context: &PhysicalPlanningContext,
    ) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(input) = inputs.first() else { return Ok(None) };
        if let Some(window) = node.as_any().downcast_ref::<WindowTvf>() {
            return window_exec(window, Arc::clone(input), planner, session, context).map(Some);
        }
        if let Some(close) = node.as_any().downcast_ref::<WindowClose>() {
            return Ok(Some(close_exec(close, input)?));
        }
        Ok(None)
    }
}

/// Window columns by projections: first the start, from which end and time follow.
fn window_exec(
    window: &WindowTvf,
    input: Arc<dyn ExecutionPlan>,
    planner: &dyn PhysicalPlanner,
    session: &dyn DfSession,
    context: &PhysicalPlanningContext,
) -> DfResult<Arc<dyn ExecutionPlan>> {
    let schema = window.input.schema();
    let timed = planner.create_physical_expr(&Expr::Column(window.time.clone()).is_not_null(), schema, session, context)?;
    let input: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(timed, input)?);
    let columns = |plan: &Arc<dyn ExecutionPlan>| -> Vec<(Arc<dyn PhysicalExpr>, String)> {
        let schema = plan.schema();
        let column = |(i, f): (usize, &Arc<arrow::datatypes::Field>)| (Arc::new(PhysicalColumn::new(f.name(), i)) as _, f.name().clone());
        schema.fields().iter().enumerate().map(column).collect()
    };
    let mut exprs = columns(&input);
    let start = session.create_physical_expr(window.window_start(), schema)?;
    exprs.push((start, WINDOW_COLUMNS[0].to_string()));
    let started: Arc<dyn ExecutionPlan> = Arc::new(ProjectionExec::try_new(exprs, input)?);

    let mut exprs = columns(&started);
    // Input columns may share a name under different qualifiers; only the last one, the start, is needed here.
    let start_index = started.schema().fields().len() - 1;
    let start_field = started.schema().field(start_index).clone();
    let only_start = datafusion::common::DFSchema::try_from(arrow::datatypes::Schema::new(vec![start_field]))?;
    for (name, after) in [(WINDOW_COLUMNS[1], window.size), (WINDOW_COLUMNS[2], window.size - 1)] {
        let interval = lit(ScalarValue::new_interval_mdn(0, 0, after.saturating_mul(1_000_000)));
        let expr = binary_expr(Expr::Column(Column::new_unqualified(WINDOW_COLUMNS[0])), Operator::Plus, interval);
        let physical = session.create_physical_expr(expr, &only_start)?;
        let moved = physical.transform(|e| {
            Ok(match e.downcast_ref::<PhysicalColumn>() {
                Some(c) => Transformed::yes(Arc::new(PhysicalColumn::new(c.name(), start_index)) as _),
                None => Transformed::no(e),
            })
        })?;
        exprs.push((moved.data, name.to_string()));
    }
    Ok(Arc::new(ProjectionExec::try_new(exprs, started)?))
}

/// Takes DataFusion's two-phase aggregate apart: its partial half stays, ours finishes.
fn close_exec(close: &WindowClose, aggregate: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let unexpected = || Error::internal("DataFusion planned an aggregate in another way than two phases");
    let last = aggregate.downcast_ref::<AggregateExec>().ok_or_else(unexpected)?;
    let partial = last.input().downcast_ref::<AggregateExec>().ok_or_else(unexpected)?;
    let (end_expr, _) = partial.group_expr().expr().get(close.end).ok_or_else(unexpected)?;
    let end_column = end_expr.downcast_ref::<PhysicalColumn>().ok_or_else(unexpected)?.index();
    let late: Arc<dyn ExecutionPlan> = Arc::new(LateFilterExec::new(Arc::clone(partial.input()), close.node, end_column, None));
    let partial_plan = Arc::clone(last.input()).replace_children(vec![late], recompute())?;
    Ok(Arc::new(WindowAggregateExec::new(
        partial_plan,
        close.node,
        last.group_expr().expr().len(),
        close.end,
        last.aggr_expr().to_vec(),
        close.sources.clone(),
        last.schema(),
    )))
}
