//! Continuous queries: which node runs by which strategy, and the template that each epoch is bound from.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan};
use datafusion::physical_plan::{ExecutionPlan, displayable};
use sqlparser::ast;

use crate::common::{Error, Result};
use crate::operators::windows::WindowKind;
use crate::operators::{ExchangeExec, SourceScanExec, WindowAggregateExec};

use super::physical::recompute;
use super::provider::TableSource;
use super::session::Session;
use super::window_close::WindowClose;
use super::window_tvf::WindowTvf;

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

/// What makes two queries the same job: the plan as written, with the declarations that change its answer.
fn identity(plan: &LogicalPlan) -> Result<String> {
    let mut text = plan.display_indent_schema().to_string();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(table) = TableSource::of(scan)
            && let Some(time) = table.event_time()
        {
            text.push_str(&format!("\nwatermark {} {time} {}", table.name(), table.watermark_text().unwrap_or_default()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(text)
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
        | LogicalPlan::Union(_) => Ok(Transformed::no(node)),
        LogicalPlan::Extension(extension) => match extension.node.as_any().downcast_ref::<WindowTvf>() {
            Some(WindowTvf { kind: WindowKind::Session { .. }, .. }) => Err(Error::sql("SESSION windows cannot run continuously yet")
                .hint("TUMBLE, HOP and CUMULATE can; `millstream query` answers SESSION over what is there now")
                .into()),
            _ => Ok(Transformed::no(node)),
        },
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
