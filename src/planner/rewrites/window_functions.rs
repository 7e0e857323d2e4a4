//! Helpers to replace functions in an OVER.

use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Window};

/// An OVER with some functions replaced by `rewrite`, assembled by `build`; unchanged if `rewrite` has replaced none.
///
/// # Errors
/// When `rewrite` or `build` fails.
pub(super) fn replaced(
    window: Window,
    rewrite: impl Fn(&Expr, &LogicalPlan) -> DfResult<Option<Expr>>,
    build: impl FnOnce(Window, Vec<Expr>) -> DfResult<LogicalPlan>,
) -> DfResult<Transformed<LogicalPlan>> {
    let mut changed = false;
    let mut exprs = Vec::with_capacity(window.window_expr.len());
    for expr in &window.window_expr {
        let other = rewrite(expr, &window.input)?;
        changed |= other.is_some();
        exprs.push(other.unwrap_or_else(|| expr.clone()));
    }
    if changed { Ok(Transformed::yes(build(window, exprs)?)) } else { Ok(Transformed::no(LogicalPlan::Window(window))) }
}

/// An OVER whose functions have different orders, with the names of the original: they may no longer share a node.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(super) fn reordered(window: Window, exprs: Vec<Expr>) -> DfResult<LogicalPlan> {
    let schema = window.input.schema();
    let named = window
        .window_expr
        .iter()
        .zip(&exprs)
        .map(|(old, new)| Expr::Column(Column::new_unqualified(new.schema_name().to_string())).alias(old.schema_name().to_string()));
    let columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).chain(named).collect();
    let plan = LogicalPlanBuilder::window_plan(window.input.as_ref().clone(), exprs)?;
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
