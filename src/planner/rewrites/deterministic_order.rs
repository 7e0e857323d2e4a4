//! Makes orders total: the same rows give the same result, in whatever order they came.

use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::scalar::ScalarValue;
use std::sync::Arc;

use crate::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, FetchType, Limit, LogicalPlan, SkipType, Sort, WindowFrame, WindowFrameBound, WindowFrameUnits};

use super::column_order::{by_all_columns, rest};
use super::window_functions::{reordered, replaced};
use crate::planner::first_rows::FirstRowsNode;
use crate::planner::mode::Mode;

/// Functions whose result depends on the order of rows with equal ORDER BY values.
const RANKING: [&str; 4] = ["row_number", "ntile", "lag", "lead"];

/// Appends all other columns to the ORDER BY of ranking functions, of ROWS frames and of LIMIT. SQL leaves open which of several equal rows
/// comes first; a continuous query has to give the same result as the batch query, so both must make the same choice. A continuous LIMIT
/// without ORDER BY keeps the rows that came first; within a subquery, the first by all columns.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn total_order(plan: LogicalPlan, mode: Mode) -> Result<LogicalPlan> {
    let plan = match mode {
        Mode::Batch => plan,
        _ => plan.transform_up(first_rows)?.data,
    };
    let ordered = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) => replaced(window, |expr, input| Ok(completed(expr, input.schema())), reordered),
        LogicalPlan::Limit(limit) => limited(limit, mode),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(ordered.data)
}

/// A function with a total order, if it needs one.
fn completed(expr: &Expr, schema: &DFSchema) -> Option<Expr> {
    let Expr::WindowFunction(mut function) = expr.clone().unalias() else { return None };
    if let Some(function) = end_of_frame(&function, schema) {
        return Some(Expr::WindowFunction(Box::new(function)));
    }
    let rows = function.params.window_frame.units == WindowFrameUnits::Rows && !whole(&function);
    if !RANKING.contains(&function.fun.name()) && !rows {
        return None;
    }
    let known: Vec<Expr> =
        function.params.order_by.iter().map(|s| s.expr.clone()).chain(function.params.partition_by.iter().cloned()).collect();
    function.params.order_by.extend(rest(schema, &known));
    Some(Expr::WindowFunction(function))
}

/// FIRST_VALUE and LAST_VALUE where SQL leaves open which of several rows is the first or the last one: over the whole partition, up to all
/// peers of the current row (the default frame), and without any order.
fn end_of_frame(function: &WindowFunction, schema: &DFSchema) -> Option<WindowFunction> {
    let frame = &function.params.window_frame;
    let first = match function.fun.name() {
        "first_value" => true,
        "last_value" => false,
        _ => return None,
    };
    if function.params.null_treatment == Some(NullTreatment::IgnoreNulls) {
        return None;
    }
    let mut ordered = function.clone();
    let params = &mut ordered.params;
    let to_current = matches!(frame.end_bound, WindowFrameBound::CurrentRow) && frame.units != WindowFrameUnits::Rows;
    if !first && to_current && !params.order_by.is_empty() {
        // Takes the last of equal rows, which form a separate partition.
        params.partition_by.extend(std::mem::take(&mut params.order_by).into_iter().map(|s| s.expr));
    } else if !(whole(function) || first && frame.start_bound.is_unbounded()) {
        return None;
    }
    let known: Vec<Expr> = params.order_by.iter().map(|s| s.expr.clone()).chain(params.partition_by.iter().cloned()).collect();
    params.order_by.extend(rest(schema, &known));
    let unbounded = ScalarValue::UInt64(None);
    params.window_frame = WindowFrame::new_bounds(
        WindowFrameUnits::Rows,
        WindowFrameBound::Preceding(unbounded.clone()),
        WindowFrameBound::Following(unbounded),
    );
    Some(ordered)
}

/// Whether the frame is the whole partition, so that its order does not matter.
fn whole(function: &WindowFunction) -> bool {
    let frame = &function.params.window_frame;
    frame.start_bound.is_unbounded() && frame.end_bound.is_unbounded()
}

fn limited(limit: Limit, mode: Mode) -> DfResult<Transformed<LogicalPlan>> {
    if let Some(input) = sorted(&limit.input)? {
        return Ok(Transformed::yes(LogicalPlan::Limit(Limit { input: Arc::new(input), ..limit })));
    }
    if mode == Mode::Batch {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    }
    Ok(Transformed::yes(by_all_columns(limit)?))
}

/// Replaces a LIMIT without ORDER BY over a stream by [`FirstRowsNode`].
fn first_rows(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let LogicalPlan::Limit(limit) = node else { return Ok(Transformed::no(node)) };
    if sorted(&limit.input)?.is_some() {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    }
    let (SkipType::Literal(skip), FetchType::Literal(fetch)) = (limit.get_skip_type()?, limit.get_fetch_type()?) else {
        return Ok(Transformed::no(LogicalPlan::Limit(limit)));
    };
    Ok(Transformed::yes(FirstRowsNode::plan(Arc::unwrap_or_clone(limit.input), skip, fetch)))
}

/// The same plan with its ORDER BY completed; `None` if its top has none.
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
