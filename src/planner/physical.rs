//! Logical nodes of ours to physical plans.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as DfResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, UserDefinedLogicalNode, binary_expr, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use datafusion::scalar::ScalarValue;

use crate::common::{Error, Result};
use crate::operators::{ExchangeExec, LateFilterExec, TimedExec};

use super::cut::{Cut, Late};
use super::window_tvf::{WINDOW_COLUMNS, WindowTvf};

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
        let node = node.as_any();
        if let Some(cut) = node.downcast_ref::<Cut>() {
            return Ok(Some(Arc::new(ExchangeExec::new(cut.stage, Arc::clone(cut.schema.inner())))));
        }
        let Some(input) = inputs.first() else { return Ok(None) };
        if let Some(window) = node.downcast_ref::<WindowTvf>() {
            return window_exec(window, Arc::clone(input), planner, session, context).map(Some);
        }
        if let Some(late) = node.downcast_ref::<Late>() {
            return Ok(Some(Arc::new(LateFilterExec::new(Arc::clone(input), late.node, late.until, None))));
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
    let time = planner.create_physical_expr(&Expr::Column(window.time.clone()), schema, session, context)?;
    let time = time.downcast_ref::<PhysicalColumn>().ok_or_else(|| Error::internal("the time of a window is no column"))?.index();
    let input: Arc<dyn ExecutionPlan> = Arc::new(TimedExec::new(input, time));
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
    let only_start = DFSchema::try_from(arrow::datatypes::Schema::new(vec![start_field]))?;
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

/// Takes DataFusion's two-phase aggregate apart: the first half as a plan, the second over an empty input in its place.
///
/// # Errors
/// When it was planned in another way than two phases.
pub(super) fn halves(aggregate: &Arc<dyn ExecutionPlan>) -> Result<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
    let unexpected = || Error::internal("DataFusion planned an aggregate in another way than two phases");
    let last = aggregate.downcast_ref::<AggregateExec>().ok_or_else(unexpected)?;
    // In between stands only what moves rows from partition to partition.
    let mut first = last.input();
    while !first.is::<AggregateExec>() {
        first = first.children().first().copied().ok_or_else(unexpected)?;
    }
    if last.mode() == &AggregateMode::Partial || first.downcast_ref::<AggregateExec>().is_none_or(|a| a.mode() != &AggregateMode::Partial) {
        return Err(unexpected());
    }
    let empty = Arc::new(EmptyExec::new(first.schema()));
    Ok((Arc::clone(first), Arc::clone(aggregate).replace_children(vec![empty], recompute())?))
}

/// For replacing a node's input by another one.
pub(super) fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}
