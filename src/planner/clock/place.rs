//! Places the clocks of an optimized plan.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Aggregate, EmptyRelation, Expr, Filter, Join, LogicalPlan, LogicalPlanBuilder, Projection, Union, lit};

use crate::common::{Error, Result};

use super::as_column::{as_column, asks};
use super::has_clock;
use super::nodes::{Clock, TemporalFilterNode};
use super::trend::period;

/// Adds [`Clock`] below projections, aggregates and OVER that read the clock, [`TemporalFilterNode`] in place of filters by it, and a
/// ticking clock below all other nodes. The schemas of existing nodes do not change.
///
/// # Errors
/// When the clock is used where it has no meaning.
pub fn place(plan: LogicalPlan) -> Result<LogicalPlan> {
    let recursions = plan.transform_down_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(_) => recursion(node),
        other => Ok(Transformed::no(other)),
    })?;
    let placed = recursions.data.transform_up_with_subqueries(|node| {
        if !asks(&node)? {
            return Ok(Transformed::no(node));
        }
        let placed = match node {
            LogicalPlan::Aggregate(a) => aggregate(a)?,
            LogicalPlan::Filter(f) => filter(f)?,
            LogicalPlan::Join(j) => join(j)?,
            LogicalPlan::Sort(_) => ticking(node)?,
            other => as_column(other, &Clock::entered)?,
        };
        Ok(Transformed::yes(placed))
    })?;
    Ok(placed.data)
}

/// The same node by the current clock.
fn ticking(node: LogicalPlan) -> DfResult<LogicalPlan> {
    match period_of(&node)? {
        Some(every) => as_column(node, &|input| Clock::ticking(input, every)),
        None => Ok(node),
    }
}

/// The period in milliseconds at which a node that reads the clock has to be evaluated again.
fn period_of(node: &LogicalPlan) -> DfResult<Option<i64>> {
    let mut periods = Vec::new();
    node.apply_expressions(|e| {
        periods.extend(has_clock(e).then(|| period(e)));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(periods.into_iter().min())
}

/// A recursion reads the current clock, as an input table of one row; the whole recursion runs again when it changes.
fn recursion(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let mut periods = Vec::new();
    plan.apply(|node| {
        periods.extend(period_of(node)?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    let Some(every) = periods.into_iter().min() else { return Ok(Transformed::no(plan)) };
    let one = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: true, schema: Arc::new(DFSchema::empty()) });
    let now = Clock::ticking(one, every)?;
    plan.transform_up(|node| {
        if !asks(&node)? {
            return Ok(Transformed::no(node));
        }
        let crossed = |input| LogicalPlanBuilder::from(input).cross_join(now.clone())?.build();
        Ok(Transformed::yes(as_column(node, &crossed)?))
    })
}

fn aggregate(mut aggregate: Aggregate) -> DfResult<LogicalPlan> {
    if aggregate.aggr_expr.iter().any(|e| live_filter(e).is_some()) {
        aggregate = by_parts(aggregate)?;
    }
    let plan = LogicalPlan::Aggregate(aggregate);
    if asks(&plan)? { as_column(plan, &Clock::entered) } else { Ok(plan) }
}

/// The FILTER of an aggregate, if it reads the clock.
fn live_filter(expr: &Expr) -> Option<Expr> {
    match expr.clone().unalias() {
        Expr::AggregateFunction(AggregateFunction { params, .. }) => params.filter.map(|f| *f).filter(has_clock),
        _ => None,
    }
}

/// The column with the number of the part of an aggregate's input.
const PART: &str = "__part";

/// Rows enter and leave a FILTER by the clock, so they are a separate input: part 1 and above; part 0 is every row.
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
        let Expr::AggregateFunction(mut function) = expr.unalias() else { return Err(Error::internal("an aggregate that is none").into()) };
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

fn filter(filter: Filter) -> DfResult<LogicalPlan> {
    let (live, plain): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate).into_iter().partition(has_clock);
    let below = match conjunction(plain) {
        Some(plain) => LogicalPlan::Filter(Filter::try_new(plain, filter.input)?),
        None => Arc::unwrap_or_clone(filter.input),
    };
    Ok(conjunction(live).map_or_else(|| below.clone(), |live| TemporalFilterNode::plan(below.clone(), live)))
}

/// The condition of an inner join can be a filter above it.
fn join(mut join: Join) -> DfResult<LogicalPlan> {
    if join.join_type != JoinType::Inner {
        return ticking(LogicalPlan::Join(join));
    }
    let (keys, plain_keys): (Vec<_>, Vec<_>) = std::mem::take(&mut join.on).into_iter().partition(|(l, r)| has_clock(l) || has_clock(r));
    join.on = plain_keys;
    let conditions = join.filter.take().map(split_conjunction_owned).unwrap_or_default();
    let conditions = conditions.into_iter().chain(keys.into_iter().map(|(l, r)| l.eq(r)));
    let (live, plain): (Vec<_>, Vec<_>) = conditions.partition(has_clock);
    join.filter = conjunction(plain);
    let below = LogicalPlan::Join(join);
    Ok(conjunction(live).map_or_else(|| below.clone(), |live| TemporalFilterNode::plan(below.clone(), live)))
}
