//! What is known of a materialized view's rows before a job keeps them.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

use crate::common::Result;
use crate::planner::clock::place;
use crate::planner::provider::{Content, TableSource};
use crate::planner::streaming_settings::StreamingSettings;
use crate::sql::ast::Emit;

use super::Lowering;

/// What is known of the rows of a view that is kept.
pub(in crate::planner) async fn content(
    state: &SessionState,
    plan: &LogicalPlan,
    emit: Emit,
    settings: StreamingSettings,
) -> Result<Content> {
    let optimized = place(state.optimize(plan)?)?;
    let mut lowering = Lowering::new(state.clone(), settings);
    let traits = lowering.query(&optimized, emit, tables(plan)?).await?.2.traits;
    let schema = Arc::clone(optimized.schema().inner());
    let name = |column: usize| schema.field(column).name().clone();
    let keys = traits.keys.iter().map(|key| key.iter().map(|c| name(*c)).collect()).collect();
    let time = if traits.updating { None } else { traits.rowtime().map(|(column, delay)| (name(column), delay)) };
    Ok(Content { updating: traits.updating, keys, time, schema: Arc::clone(&schema) })
}

/// The declared tables that a query names.
pub(in crate::planner) fn tables(plan: &LogicalPlan) -> Result<BTreeSet<String>> {
    let mut tables = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.extend(TableSource::of(scan).map(|table| table.name().to_string()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}
