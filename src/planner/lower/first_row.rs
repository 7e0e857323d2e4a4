//! Aggregates without GROUP BY, and grand totals of grouping sets, at the top of a continuous query: as in Flink they emit no row before
//! the first row of their input.
//!
//! A batch query answers `SELECT COUNT(*) FROM nothing` with 0, and `SELECT 100 * SUM(a) / COUNT(*) FROM nothing` with an error. For a
//! stream that has no rows yet neither is wanted. So an additional aggregate counts the rows, and a filter drops the row while the count is
//! 0, before anything is computed from it:
//!
//! ```text
//!   Projection: 100 * a / n                Projection: 100 * a / n
//!     Aggregate: SUM(a) a, COUNT(*) n  ─▶    SubqueryAlias: __begun, where a stage ends, so that no condition moves below the next one
//!                                              Filter: __rows > 0
//!                                                Aggregate: SUM(a) a, COUNT(*) n, COUNT(*) __rows
//! ```
//! Below joins, in subqueries and under other aggregates the row of an empty input stays, as in the batch query.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::{Column, TableReference};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Aggregate, Expr, Filter, GroupingSet, LogicalPlan, Projection, SubqueryAlias, ident, lit};

use crate::common::Result;

use super::super::clock::Clock;
use super::super::current_watermark::WatermarkColumn;

/// The column that counts rows.
const ROWS: &str = "__rows";
/// The alias of the aggregate with rows.
pub(super) const BEGUN: &str = "__begun";

/// The plan in which aggregates at the top, below linear nodes only, emit no row before their first input row; `None` if there are none.
pub(super) fn from_first_row(plan: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    let by_row = match plan {
        LogicalPlan::Aggregate(aggregate) if has_total(&aggregate.group_expr) => return Ok(Some(counted(aggregate)?)),
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Union(_) => true,
        LogicalPlan::Extension(e) => e.node.as_any().is::<Clock>() || e.node.as_any().is::<WatermarkColumn>(),
        _ => false,
    };
    if !by_row {
        return Ok(None);
    }
    let waiting = plan.inputs().into_iter().map(from_first_row).collect::<Result<Vec<_>>>()?;
    if waiting.iter().all(Option::is_none) {
        return Ok(None);
    }
    let inputs = plan.inputs().into_iter().zip(waiting).map(|(input, waiting)| waiting.unwrap_or_else(|| input.clone())).collect();
    Ok(Some(plan.with_new_exprs(plan.expressions(), inputs)?))
}

/// Whether an aggregate has a row even without input: without GROUP BY, or as the grand total of grouping sets.
fn has_total(groups: &[Expr]) -> bool {
    match groups {
        [] => true,
        [Expr::GroupingSet(GroupingSet::Rollup(_) | GroupingSet::Cube(_))] => true,
        [Expr::GroupingSet(GroupingSet::GroupingSets(sets))] => sets.iter().any(Vec::is_empty),
        _ => false,
    }
}

fn counted(aggregate: &Aggregate) -> Result<LogicalPlan> {
    let functions = aggregate.aggr_expr.iter().cloned().chain([count(lit(1i64)).alias(ROWS)]).collect();
    let counted = LogicalPlan::Aggregate(Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), functions)?);
    let some = LogicalPlan::Filter(Filter::try_new(ident(ROWS).gt(lit(0i64)), Arc::new(counted))?);
    let begun = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(some), BEGUN)?);
    let named = |(column, (qualifier, field)): (Column, (Option<&TableReference>, &FieldRef))| {
        Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
    };
    let columns = begun.schema().columns().into_iter().zip(aggregate.schema.iter()).map(named).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(begun))?))
}
