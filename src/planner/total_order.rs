//! Ties get an order: the same rows give the same answer, in whatever order they came.

use std::sync::Arc;

use crate::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{Sort as SortExpr, WindowFunction};
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder, Sort, Window, WindowFrameUnits};

use super::mode::Mode;

/// Functions whose answer depends on the order of rows that ORDER BY says are equal.
const RANKING: [&str; 4] = ["row_number", "ntile", "lag", "lead"];

/// Completes the ORDER BY of ranking functions, of ROWS frames and of LIMIT by all other columns. SQL leaves it open which of
/// equal rows comes first; a query that is kept up to date has to give the same answer as the batch query, so both must make
/// the same choice. A continuous LIMIT without ORDER BY takes the first rows by all columns.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(super) fn total_order(plan: LogicalPlan, mode: Mode) -> Result<LogicalPlan> {
    let ordered = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) => windows(window),
        LogicalPlan::Limit(limit) => limited(limit, mode),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(ordered.data)
}

fn windows(window: Window) -> DfResult<Transformed<LogicalPlan>> {
    let mut changed = false;
    let schema = window.input.schema();
    let exprs: Vec<Expr> = window.window_expr.iter().map(|e| completed(e, schema, &mut changed)).collect();
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    }
    // Functions with other orders than before may no longer share a node, and have other names.
    let named = window
        .window_expr
        .iter()
        .zip(&exprs)
        .map(|(old, new)| Expr::Column(Column::new_unqualified(new.schema_name().to_string())).alias(old.schema_name().to_string()));
    let columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).chain(named).collect();
    let plan = LogicalPlanBuilder::window_plan(window.input.as_ref().clone(), exprs)?;
    Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(columns)?.build()?))
}

fn completed(expr: &Expr, schema: &DFSchema, changed: &mut bool) -> Expr {
    let Expr::WindowFunction(function) = expr.clone().unalias() else { return expr.clone() };
    let rows = function.params.window_frame.units == WindowFrameUnits::Rows && !whole(&function);
    if !RANKING.contains(&function.fun.name()) && !rows {
        return expr.clone();
    }
    *changed = true;
    let mut function = function;
    let known: Vec<Expr> =
        function.params.order_by.iter().map(|s| s.expr.clone()).chain(function.params.partition_by.iter().cloned()).collect();
    function.params.order_by.extend(rest(schema, &known));
    Expr::WindowFunction(function)
}

/// The frame is the whole partition: order means nothing to it.
fn whole(function: &WindowFunction) -> bool {
    let frame = &function.params.window_frame;
    frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded()
}

/// All columns that are not known yet, in order.
fn rest(schema: &DFSchema, known: &[Expr]) -> Vec<SortExpr> {
    let columns = schema.iter().filter(|(_, f)| !f.data_type().is_nested());
    columns.map(|(q, f)| Expr::from((q, f))).filter(|c| !known.contains(c)).map(|c| c.sort(true, false)).collect()
}

fn limited(limit: Limit, mode: Mode) -> DfResult<Transformed<LogicalPlan>> {
    if let Some(input) = sorted(&limit.input)? {
        return Ok(Transformed::yes(LogicalPlan::Limit(Limit { input: Arc::new(input), ..limit })));
    }
    if mode == Mode::Batch {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    }
    let order = rest(limit.input.schema(), &[]);
    let input = LogicalPlanBuilder::from(limit.input.as_ref().clone()).sort(order)?.build()?;
    Ok(Transformed::yes(LogicalPlan::Limit(Limit { input: Arc::new(input), ..limit })))
}

/// The same plan with its ORDER BY completed; `None` if it has none on top.
fn sorted(plan: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Sort(sort) => {
            let mut expr = sort.expr.clone();
            let known: Vec<Expr> = expr.iter().map(|s| s.expr.clone()).collect();
            expr.extend(rest(sort.input.schema(), &known));
            Ok(Some(LogicalPlan::Sort(Sort { expr, ..sort.clone() })))
        }
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            let Some(input) = plan.inputs().first().map(|i| sorted(i)).transpose()?.flatten() else { return Ok(None) };
            Ok(Some(plan.with_new_exprs(plan.expressions(), vec![input])?))
        }
        _ => Ok(None),
    }
}
