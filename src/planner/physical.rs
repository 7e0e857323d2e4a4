//! Logical nodes of ours to physical plans.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::error::Result as DfResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use crate::common::{Error, Result};
use crate::operators::{LateFilterExec, WindowAggregateExec, WindowAssignExec};

use super::window_close::WindowClose;
use super::window_tvf::WindowTvf;

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
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn DfSession,
        _: &PhysicalPlanningContext,
    ) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        let Some(input) = inputs.first() else { return Ok(None) };
        if let Some(window) = node.as_any().downcast_ref::<WindowTvf>() {
            return Ok(Some(Arc::new(WindowAssignExec::new(Arc::clone(input), window.time_index()?, window.windows())?)));
        }
        if let Some(close) = node.as_any().downcast_ref::<WindowClose>() {
            return Ok(Some(close_exec(close, input)?));
        }
        Ok(None)
    }
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
    // The functions stay with their node, without the input, which runs as a stage of its own.
    let partial_schema = partial_plan.schema();
    let finish = Arc::clone(aggregate).replace_children(vec![Arc::new(EmptyExec::new(partial_schema))], recompute())?;
    Ok(Arc::new(WindowAggregateExec::new(partial_plan, close.node, close.end, close.sources.clone(), finish)?))
}

/// For replacing a node's input by another one.
pub(super) fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}
