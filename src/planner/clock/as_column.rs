//! Makes nodes read the clock from a column of their input.

use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Aggregate, Expr, Filter, Join, LogicalPlan, Projection, Sort, Window};

use crate::common::Error;

use super::{from_column, has_clock};

/// Appends the column [`CLOCK`](super::CLOCK) to a plan.
pub type WithClock<'a> = &'a dyn Fn(LogicalPlan) -> DfResult<LogicalPlan>;

/// Whether an expression of the node itself contains the clock.
pub fn asks(node: &LogicalPlan) -> DfResult<bool> {
    let mut asks = false;
    node.apply_expressions(|e| {
        asks |= has_clock(e);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(asks)
}

/// The same node over an input that has the clock as a column; its output columns stay the same.
///
/// # Errors
/// When such a node cannot use a clock.
pub fn as_column(node: LogicalPlan, with_clock: WithClock) -> DfResult<LogicalPlan> {
    match node {
        LogicalPlan::Projection(p) => projection(p, with_clock),
        LogicalPlan::Aggregate(a) => aggregate(a, with_clock),
        LogicalPlan::Window(w) => window(w, with_clock),
        LogicalPlan::Filter(f) => filter(f, with_clock),
        LogicalPlan::Join(j) => join(j, with_clock),
        LogicalPlan::Sort(s) => sort(s, with_clock),
        other => {
            let name = other.display().to_string();
            let name = name.split([':', '(']).next().unwrap_or_default().trim();
            Err(Error::sql(format!("the clock (now(), CURRENT_DATE, PROCTIME() ...) cannot stand in {name} of a continuous query"))
                .hint("put it into SELECT, WHERE, GROUP BY or a join's condition")
                .into())
        }
    }
}

/// Replaces the clock in an expression by the column, and keeps the expression's name.
fn kept(expr: Expr) -> DfResult<Expr> {
    if !has_clock(&expr) {
        return Ok(expr);
    }
    let (qualifier, name) = expr.qualified_name();
    let replaced = from_column(expr)?;
    if replaced.qualified_name() == (qualifier.clone(), name.clone()) {
        Ok(replaced)
    } else {
        Ok(replaced.alias_qualified(qualifier, name))
    }
}

/// Removes the clock column from the output.
fn without_clock(plan: LogicalPlan, schema: DFSchemaRef) -> DfResult<LogicalPlan> {
    let columns = schema.columns().into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns, Arc::new(plan), schema)?))
}

fn projection(projection: Projection, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let input = with_clock(Arc::unwrap_or_clone(projection.input))?;
    let exprs = projection.expr.into_iter().map(kept).collect::<DfResult<_>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(exprs, Arc::new(input), projection.schema)?))
}

fn aggregate(aggregate: Aggregate, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let input = Arc::new(with_clock(Arc::unwrap_or_clone(aggregate.input))?);
    let aggregates = aggregate.aggr_expr.into_iter().map(kept).collect::<DfResult<Vec<_>>>()?;
    if let [Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() {
        // Aliases inside grouping sets would make them sets of other expressions.
        let groups = aggregate.group_expr.into_iter().map(from_column).collect::<DfResult<_>>()?;
        let grouped = Aggregate::try_new(input, groups, aggregates)?;
        let columns = grouped.schema.columns().into_iter().map(Expr::Column).collect();
        let grouped = Arc::new(LogicalPlan::Aggregate(grouped));
        return Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns, grouped, aggregate.schema)?));
    }
    let groups = aggregate.group_expr.into_iter().map(kept).collect::<DfResult<_>>()?;
    Ok(LogicalPlan::Aggregate(Aggregate::try_new_with_schema(input, groups, aggregates, aggregate.schema)?))
}

fn window(window: Window, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let input = with_clock(Arc::unwrap_or_clone(window.input))?;
    let exprs = window.window_expr.into_iter().map(kept).collect::<DfResult<_>>()?;
    without_clock(LogicalPlan::Window(Window::try_new(exprs, Arc::new(input))?), window.schema)
}

fn filter(filter: Filter, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let schema = Arc::clone(filter.input.schema());
    let input = with_clock(Arc::unwrap_or_clone(filter.input))?;
    without_clock(LogicalPlan::Filter(Filter::try_new(from_column(filter.predicate)?, Arc::new(input))?), schema)
}

/// The clock of the left side is that of the pair: an unmatched row of the right side has no match by any of them.
fn join(mut join: Join, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let schema = Arc::clone(&join.schema);
    // A key that reads the clock would have to belong to one side.
    let (live, keys): (Vec<_>, Vec<_>) = std::mem::take(&mut join.on).into_iter().partition(|(l, r)| has_clock(l) || has_clock(r));
    let conditions = live.into_iter().map(|(l, r)| l.eq(r)).chain(join.filter.take());
    let filter = conditions.reduce(Expr::and).map(from_column).transpose()?;
    let left = Arc::new(with_clock(Arc::unwrap_or_clone(join.left))?);
    let joined = Join::try_new(left, join.right, keys, filter, join.join_type, join.join_constraint, join.null_equality, join.null_aware)?;
    without_clock(LogicalPlan::Join(joined), schema)
}

fn sort(sort: Sort, with_clock: WithClock) -> DfResult<LogicalPlan> {
    let schema = Arc::clone(sort.input.schema());
    let input = Arc::new(with_clock(Arc::unwrap_or_clone(sort.input))?);
    let by = |mut e: datafusion::logical_expr::SortExpr| {
        e.expr = from_column(e.expr)?;
        DfResult::Ok(e)
    };
    let expr = sort.expr.into_iter().map(by).collect::<DfResult<_>>()?;
    without_clock(LogicalPlan::Sort(Sort { expr, input, fetch: sort.fetch }), schema)
}
