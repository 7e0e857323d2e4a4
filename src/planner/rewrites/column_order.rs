//! Orders rows by all columns where SQL leaves their order open.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder};

/// All columns that are not in `known`, in order.
pub(super) fn rest(schema: &DFSchema, known: &[Expr]) -> Vec<SortExpr> {
    let columns = schema.iter().filter(|(_, f)| !f.data_type().is_nested());
    columns.map(|(q, f)| Expr::from((q, f))).filter(|c| !known.contains(c)).map(|c| c.sort(true, false)).collect()
}

/// Turns a LIMIT without ORDER BY into one that takes the first rows by all columns.
pub(in crate::planner) fn by_all_columns(limit: Limit) -> DfResult<LogicalPlan> {
    let order = rest(limit.input.schema(), &[]);
    let input = LogicalPlanBuilder::from(limit.input.as_ref().clone()).sort(order)?.build()?;
    Ok(LogicalPlan::Limit(Limit { input: Arc::new(input), ..limit }))
}
