//! Gives each clock of an optimized plan its place.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, Expr, Filter, Join, LogicalPlan, Projection, Union, Window, lit};

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
        "it can stand in WHERE and FILTER, where rows come and go with it, and in SELECT, GROUP BY and OVER, where it is the time at which a row entered",
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

fn aggregate(mut aggregate: Aggregate) -> DfResult<LogicalPlan> {
    if let [Expr::GroupingSet(_)] = aggregate.group_expr.as_slice() {
        return Err(refused("GROUPING SETS").into());
    }
    if aggregate.aggr_expr.iter().any(|e| live_filter(e).is_some()) {
        aggregate = by_parts(aggregate)?;
    }
    if !aggregate.group_expr.iter().chain(&aggregate.aggr_expr).any(has_clock) {
        return Ok(LogicalPlan::Aggregate(aggregate));
    }
    let input = Clock::plan(Arc::unwrap_or_clone(aggregate.input))?;
    let keep = |exprs: Vec<Expr>| exprs.into_iter().map(kept).collect::<DfResult<Vec<_>>>();
    let (groups, aggregates) = (keep(aggregate.group_expr)?, keep(aggregate.aggr_expr)?);
    Ok(LogicalPlan::Aggregate(Aggregate::try_new_with_schema(Arc::new(input), groups, aggregates, aggregate.schema)?))
}

/// The FILTER of an aggregate, if it asks for the clock.
fn live_filter(expr: &Expr) -> Option<Expr> {
    match expr.clone().unalias() {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => params.filter.map(|f| *f).filter(has_clock),
        _ => None,
    }
}

/// The column that tells the parts of an aggregate's input apart.
const PART: &str = "__part";

/// What passes a FILTER by the clock comes and goes, so it is an input of its own: part 1 and above; part 0 is every row.
///
/// ```text
///   Aggregate: COUNT(*), COUNT(*) FILTER (WHERE p)     Aggregate: COUNT(*) FILTER (WHERE __part = 0), COUNT(*) FILTER (WHERE __part = 1)
///     input                                        ─▶    Union
///                                                          Projection: *, 0 AS __part      input
///                                                          Projection: *, 1 AS __part      Live: p      input
/// ```
fn by_parts(aggregate: Aggregate) -> DfResult<Aggregate> {
    let Aggregate { input, group_expr, aggr_expr, schema, .. } = aggregate;
    let columns = |part: i64| {
        let all = input.schema().columns().into_iter().map(Expr::Column);
        all.chain([lit(part).alias(PART)]).collect::<Vec<_>>()
    };
    let everything = Projection::try_new(columns(0), Arc::clone(&input))?;
    let parted = Arc::clone(&everything.schema);
    let mut parts = vec![Arc::new(LogicalPlan::Projection(everything))];
    let mut known: Vec<Expr> = Vec::new();
    let mut aggregates = Vec::with_capacity(aggr_expr.len());
    for expr in aggr_expr {
        let (qualifier, name) = expr.qualified_name();
        let live = live_filter(&expr);
        let Expr::AggregateFunction(mut function) = expr.unalias() else { return Err(refused("such an aggregate").into()) };
        let part = match &live {
            None => 0,
            Some(live) => known.iter().position(|k| k == live).unwrap_or(known.len()) + 1,
        };
        let number = i64::try_from(part).unwrap_or(i64::MAX);
        let of_part = Expr::Column(Column::new_unqualified(PART)).eq(lit(number));
        function.params.filter = Some(Box::new(match (live, function.params.filter.take()) {
            (None, Some(plain)) => of_part.and(*plain),
            (None, None) => of_part,
            (Some(live), _) => {
                if part > known.len() {
                    let passing = filter(Filter::try_new(live.clone(), Arc::clone(&input))?)?;
                    parts.push(Arc::new(LogicalPlan::Projection(Projection::try_new(columns(number), Arc::new(passing))?)));
                    known.push(live);
                }
                of_part
            }
        }));
        aggregates.push(Expr::AggregateFunction(function).alias_qualified(qualifier, name));
    }
    let union = LogicalPlan::Union(Union { inputs: parts, schema: parted });
    Aggregate::try_new_with_schema(Arc::new(union), group_expr, aggregates, schema)
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
