//! Physical planning of extension nodes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session as DfSession;
use datafusion::error::Result as DfResult;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use crate::common::{Error, Result};
use crate::operators::epoch::clock_column::Clock as ClockColumn;
use crate::operators::epoch::exchange::Exchange;
use crate::operators::epoch::row_number::RowNumber;
use crate::operators::windows::window_assign::WindowAssign;
use crate::operators::{ClockExec, ExchangeExec, LateFilterExec, RowNumberExec, WatermarkExec, WindowAssignExec};

use super::clock::Clock;
use super::current_watermark::WatermarkColumn;
use super::lookup_scan::LookupScan;
use super::nodes::{Late, Numbered, StageInput};
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
        session: &dyn DfSession,
        _: &PhysicalPlanningContext,
    ) -> DfResult<Option<Arc<dyn ExecutionPlan>>> {
        let node = node.as_any();
        if let Some(cut) = node.downcast_ref::<StageInput>() {
            return Ok(Some(Arc::new(ExchangeExec::new(Exchange::each(cut.stage, cut.partitions), Arc::clone(cut.schema.inner())))));
        }
        let Some(input) = inputs.first().cloned() else { return Ok(None) };
        if let Some(window) = node.downcast_ref::<WindowTvf>() {
            let assign = WindowAssign { time: window.time_index()?, windows: window.windows() };
            return Ok(Some(Arc::new(WindowAssignExec::new(input, assign)?)));
        }
        if node.downcast_ref::<Clock>().is_some_and(|clock| clock.every.is_none()) {
            return Ok(Some(Arc::new(ClockExec::new(input, ClockColumn { clock: 0 })?)));
        }
        if let Some(column) = node.downcast_ref::<WatermarkColumn>() {
            return Ok(Some(Arc::new(WatermarkExec::new(input, column.watermark.clone())?)));
        }
        if let Some(late) = node.downcast_ref::<Late>() {
            return Ok(Some(Arc::new(LateFilterExec::new(input, late.filter.clone())?)));
        }
        if let Some(lookup) = node.downcast_ref::<LookupScan>() {
            return lookup.physical(input, session).await.map(Some);
        }
        if node.is::<Numbered>() {
            return Ok(Some(Arc::new(RowNumberExec::new(input, RowNumber)?)));
        }
        Ok(None)
    }
}

/// Splits DataFusion's two-phase aggregate: returns the first phase as a plan, and the second over an empty input in place of the first.
///
/// # Errors
/// When it was not planned in two phases.
pub(super) fn halves(aggregate: &Arc<dyn ExecutionPlan>) -> Result<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
    let unexpected = || Error::internal("DataFusion planned an aggregate in another way than two phases");
    let last = aggregate.downcast_ref::<AggregateExec>().ok_or_else(unexpected)?;
    // Only nodes that repartition rows stand between the two.
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

/// Options to replace a node's input by another one.
pub(super) fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}
