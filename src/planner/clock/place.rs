//! Gives each clock of an optimized plan its place.

use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Expr, Filter, Join, LogicalPlan, Projection, Window};

use crate::common::{Error, Result};

use super::nodes::{Clock, Live};
use super::{from_column, has_clock};

/// The same plan with [`Clock`] below projections, aggregates and OVER that ask for the clock, and [`Live`] in the place of filters
/// by it. The schemas of all nodes that were there stay as they were.
///
/// # Errors
/// When the clock stands where it has no meaning yet.
pub fn place(plan: LogicalPlan) -> Result<LogicalPlan> {
    let placed = plan.transform_up_with_subqueries(|node| {
        let mut asks = false;
        node.apply_expressions(|e| {
            asks |= has_clock(e);
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
        if !asks {
            return Ok(Transformed::no(node));
        }
        let placed = match node {
            LogicalPlan::Projection(p) => projection(p)?,
            LogicalPlan::Aggregate(a) => aggregate(a)?,
            LogicalPlan::Filter(f) => filter(f)?,
            LogicalPlan::Join(j) => join(j)?,
            LogicalPlan::Window(w) => window(w)?,
            other => {
                let name = other.display().to_string();
                return Err(refused(name.split([':', '(']).next().unwrap_or_default().trim()).into());
            }
        };
        Ok(Transformed::yes(placed))
    })?;
    Ok(placed.data)
}

fn refused(place: &str) -> Error {
    Error::sql(format!("the clock (now(), CURRENT_DATE, PROCTIME() ...) cannot stand in {place} of a continuous query yet")).hint(
        "it can stand in WHERE, where rows come and go with it, and in SELECT, GROUP BY and OVER, where it is the time at which a row entered",
    )
}

/// An expression over the column in place of the clock, under its old name.
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

fn projection(projection: Projection) -> DfResult<LogicalPlan> {
    let input = Clock::plan(Arc::unwrap_or_clone(projection.input))?;
    let exprs = projection.expr.into_iter().map(kept).collect::<DfResult<_>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(exprs, Arc::new(input), projection.schema)?))
}

fn aggregate(aggregate: Aggregate) -> DfResult<LogicalPlan> {
    if let [Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() {
        return Err(refused("GROUPING SETS").into());
    }
    let filtered = |e: &Expr| match e.clone().unalias() {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => params.filter.is_some_and(|f| has_clock(&f)),
        _ => false,
    };
    if aggregate.aggr_expr.iter().any(filtered) {
        return Err(refused("FILTER (WHERE ...)").into());
    }
    let input = Clock::plan(Arc::unwrap_or_clone(aggregate.input))?;
    let keep = |exprs: Vec<Expr>| exprs.into_iter().map(kept).collect::<DfResult<Vec<_>>>();
    let (groups, aggregates) = (keep(aggregate.group_expr)?, keep(aggregate.aggr_expr)?);
    Ok(LogicalPlan::Aggregate(Aggregate::try_new_with_schema(Arc::new(input), groups, aggregates, aggregate.schema)?))
}

/// The clock is no column of what comes out.
fn window(window: Window) -> DfResult<LogicalPlan> {
    let input = Clock::plan(Arc::unwrap_or_clone(window.input))?;
    let exprs = window.window_expr.into_iter().map(kept).collect::<DfResult<_>>()?;
    let over = Window::try_new(exprs, Arc::new(input))?;
    let columns = window.schema.columns().into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(columns, Arc::new(LogicalPlan::Window(over)), window.schema)?))
}

fn filter(filter: Filter) -> DfResult<LogicalPlan> {
    let (live, plain): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate).into_iter().partition(has_clock);
    let below = match conjunction(plain) {
        Some(plain) => LogicalPlan::Filter(Filter::try_new(plain, filter.input)?),
        None => Arc::unwrap_or_clone(filter.input),
    };
    Ok(conjunction(live).map_or_else(|| below.clone(), |live| Live::plan(below.clone(), live)))
}

/// Of an inner join the condition can as well stand above it.
fn join(mut join: Join) -> DfResult<LogicalPlan> {
    if join.join_type != JoinType::Inner || join.on.iter().any(|(l, r)| has_clock(l) || has_clock(r)) {
        return Err(refused("the condition of such a join").into());
    }
    let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
    let (live, plain): (Vec<_>, Vec<_>) = conditions.into_iter().partition(has_clock);
    join.filter = conjunction(plain);
    let below = LogicalPlan::Join(join);
    Ok(conjunction(live).map_or_else(|| below.clone(), |live| Live::plan(below.clone(), live)))
}
