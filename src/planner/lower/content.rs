//! The properties of a materialized view's rows, before a job materializes it.

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

/// The properties of the rows of a materialized view.
pub(in crate::planner) async fn content(
    state: &SessionState,
    plan: &LogicalPlan,
    emit: Emit,
    settings: StreamingSettings,
) -> Result<Content> {
    let optimized = place(state.optimize(plan)?)?;
    let mut lowering = Lowering::new(state.clone(), settings);
    let properties = lowering.query(&optimized, emit, tables(plan)?).await?.2.properties;
    let schema = Arc::clone(optimized.schema().inner());
    let name = |column: usize| schema.field(column).name().clone();
    let keys = properties.keys.iter().map(|key| key.iter().map(|c| name(*c)).collect()).collect();
    let time = if properties.updating { None } else { properties.rowtime().map(|(column, delay)| (name(column), delay)) };
    Ok(Content { updating: properties.updating, keys, time, schema: Arc::clone(&schema) })
}

/// The declared tables of a query.
pub(in crate::planner) fn tables(plan: &LogicalPlan) -> Result<BTreeSet<String>> {
    let mut tables = BTreeSet::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            tables.extend(TableSource::from_scan(scan).map(|table| table.name().to_string()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(tables)
}
