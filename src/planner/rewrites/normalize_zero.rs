//! Normalizes zeros in DISTINCT aggregates: `0.0` and `-0.0` are one value there, as they are one group.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, lit};

use crate::common::Result;

/// Removes the sign of zeros below DISTINCT aggregates. DataFusion's lists of distinct values distinguish zeros, its groups do not, and the
/// plan decides which is used; after this rewrite it does not matter.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn one_zero(plan: LogicalPlan) -> Result<LogicalPlan> {
    let one = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Aggregate(aggregate) => aggregates(aggregate),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(one.data)
}

fn aggregates(aggregate: Aggregate) -> DfResult<Transformed<LogicalPlan>> {
    let schema = aggregate.input.schema();
    let exprs = aggregate.aggr_expr.iter().map(|e| unsigned(e, schema)).collect::<DfResult<Vec<Option<Expr>>>>()?;
    if exprs.iter().all(Option::is_none) {
        return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
    }
    let exprs = exprs.into_iter().zip(aggregate.aggr_expr).map(|(new, old)| new.unwrap_or(old)).collect();
    let plan = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr, exprs)?;
    Ok(Transformed::yes(LogicalPlan::Aggregate(plan)))
}

/// A DISTINCT aggregate of a float without signs of zero, under its original name; `None` for others.
fn unsigned(expr: &Expr, schema: &DFSchema) -> DfResult<Option<Expr>> {
    let Expr::AggregateFunction(mut function) = expr.clone().unalias() else { return Ok(None) };
    let [arg] = function.params.args.as_mut_slice() else { return Ok(None) };
    let zero = match arg.get_type(schema)? {
        DataType::Float32 => lit(0.0f32),
        DataType::Float64 => lit(0.0f64),
        _ => return Ok(None),
    };
    if !function.params.distinct {
        return Ok(None);
    }
    // −0.0 + 0.0 is 0.0, and every other value stays as it is.
    *arg = arg.clone() + zero;
    Ok(Some(Expr::AggregateFunction(function).alias(expr.schema_name().to_string())))
}
