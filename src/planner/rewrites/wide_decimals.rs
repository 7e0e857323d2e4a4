//! Arithmetic of DECIMALs with results of more than 38 digits is done by functions of ours.

use datafusion::common::tree_node::TreeNode;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;

use crate::common::Result;

use super::integer_avg::retyped;
use crate::planner::functions::decimals::wide;

/// Puts them where DataFusion's arithmetic would have too little room.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn wide_decimals(plan: LogicalPlan) -> Result<LogicalPlan> {
    // What is above one has other types then.
    let mut changed = false;
    let plan = plan.transform_up_with_subqueries(|node| {
        let node = if changed { retyped(node)? } else { node };
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_up(|expr| wide(expr, &schema))?.update_data(|expr| name.restore(expr)))
        })?;
        changed |= node.transformed;
        if node.transformed { node.map_data(retyped) } else { Ok(node) }
    })?;
    Ok(plan.data)
}
