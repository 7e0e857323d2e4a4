//! Subqueries where DataFusion has no join for them: as values, in CASE, under NOT.
//!
//! DataFusion turns IN and EXISTS in WHERE into joins that know rows that match and rows that do not. That is too little where NULL is an
//! answer of its own, and in SELECT it does nothing. There they become counts, which it joins by what correlates them:
//!
//! | as written | becomes |
//! |---|---|
//! | `EXISTS (s)` | `(SELECT COUNT(*) FROM s) > 0` |
//! | `x IN (s)` | `CASE` WHEN the count of `s = x` > 0 THEN TRUE; WHEN that of `s` is 0 THEN FALSE; WHEN x, or one of `s`, IS NULL THEN NULL; ELSE FALSE |
//!
//! What it cannot join after that is refused with what to write instead.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, lit, when};

use crate::common::{Error, Result};

/// Turns such subqueries into counts.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(super) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(node).map(|done| done.data)?)
}

fn node(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(p) if p.expr.iter().any(tests) => {
            let schema = Arc::clone(p.input.schema());
            let exprs = p.expr.into_iter().map(|e| value(e, &schema)).collect::<DfResult<Vec<_>>>()?;
            Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs, p.input)?)))
        }
        LogicalPlan::Filter(f) if tests(&f.predicate) => {
            let schema = Arc::clone(f.input.schema());
            let predicate = condition(f.predicate, &schema)?;
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, f.input)?)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an expression asks IN or EXISTS of a subquery.
fn tests(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::InSubquery(_) | Expr::Exists(_)))).unwrap_or(false)
}

/// A predicate of which only TRUE counts: DataFusion's joins serve below AND and OR, where nothing is negated.
fn condition(expr: Expr, schema: &DFSchema) -> DfResult<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let either = |side: Box<Expr>| match *side {
                // A join that knows NULL has its row alone: below OR there is none.
                Expr::InSubquery(ref of) if op == Operator::Or && of.negated => value(*side, schema),
                side => condition(side, schema),
            };
            let (left, right) = (either(left)?, either(right)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::Exists(_) => Ok(expr),
        Expr::InSubquery(ref of) if !of.negated || !equated(&of.subquery)? => Ok(expr),
        other => value(other, schema),
    }
}

/// Whether a subquery says that something of its own is equal to something outside: a key of the join beside the one of NOT IN.
fn equated(subquery: &Subquery) -> DfResult<bool> {
    let mut found = false;
    subquery.subquery.apply(|node| {
        if let LogicalPlan::Filter(filter) = node {
            found |= filter.predicate.exists(|e| match e {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => Ok(left.contains_outer() || right.contains_outer()),
                _ => Ok(false),
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// An expression of which every value counts, under its own name.
fn value(expr: Expr, schema: &DFSchema) -> DfResult<Expr> {
    if !tests(&expr) {
        return Ok(expr);
    }
    let name = expr.schema_name().to_string();
    let changed = expr.transform_up(|e| match e {
        Expr::Exists(Exists { ref subquery, negated }) => {
            let some = number(subquery, &[])?.gt(lit(0i64));
            Ok(Transformed::yes(if negated { !some } else { some }))
        }
        Expr::InSubquery(ref of) => Ok(match member(of, schema)? {
            Some(member) => Transformed::yes(member),
            None => Transformed::no(e),
        }),
        other => Ok(Transformed::no(other)),
    })?;
    let expr = changed.data;
    Ok(if matches!(expr, Expr::Alias(_)) || expr.schema_name().to_string() == name { expr } else { expr.alias(name) })
}

/// `x IN (s)` by counts; `None` where x is not of this row alone.
fn member(of: &InSubquery, schema: &DFSchema) -> DfResult<Option<Expr>> {
    let InSubquery { expr, subquery, negated } = of;
    if expr.exists(|e| Ok(matches!(e, Expr::OuterReferenceColumn(..) | Expr::ScalarSubquery(_))))? {
        return Ok(None);
    }
    let outside = expr.as_ref().clone().transform_up(|e| match e {
        Expr::Column(column) => {
            let field = Arc::clone(schema.qualified_field_from_column(&column)?.1);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    let Some(inside) = subquery.subquery.schema().columns().into_iter().next().map(Expr::Column) else { return Ok(None) };
    let matching = number(subquery, &[inside.clone().eq(outside.data)])?;
    let nothing = number(subquery, &[])?.eq(lit(0i64));
    let nulls = number(subquery, &[inside.is_null()])?;
    let unknown = expr.as_ref().clone().is_null().or(nulls.gt(lit(0i64)));
    let null = lit(ScalarValue::Boolean(None));
    Ok(Some(when(matching.gt(lit(0i64)), lit(!negated)).when(nothing, lit(*negated)).when(unknown, null).otherwise(lit(*negated))?))
}

/// How many rows a subquery has for which a condition holds.
fn number(subquery: &Subquery, conditions: &[Expr]) -> DfResult<Expr> {
    let mut plan = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
    let mut outer = subquery.outer_ref_columns.clone();
    for condition in conditions {
        condition.apply(|e| {
            if matches!(e, Expr::OuterReferenceColumn(..)) && !outer.contains(e) {
                outer.push(e.clone());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        plan = plan.filter(condition.clone())?;
    }
    let plan = plan.aggregate(Vec::<Expr>::new(), vec![count(lit(1i64)).alias("__n")])?.build()?;
    Ok(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), outer_ref_columns: outer, spans: subquery.spans.clone() }))
}

/// Refuses subqueries that the optimizer has left where they cannot run.
///
/// # Errors
/// What to write instead.
pub(super) fn joined(plan: &LogicalPlan) -> Result<()> {
    let mut left = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                left = left.take().or(refusal(e));
                Ok(if left.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    left.map_or(Ok(()), Err)
}

fn refusal(expr: &Expr) -> Option<Error> {
    let error = match expr {
        Expr::OuterReferenceColumn(_, Column { name, .. }) => {
            let error = Error::sql(format!("a subquery in FROM uses `{name}` of a table outside in a way that cannot be joined"));
            return Some(error.hint(
                "for the first rows per key join with a subquery that numbers them: \
                 (SELECT *, ROW_NUMBER() OVER (PARTITION BY key ORDER BY ...) AS rn FROM t) ON key = key AND rn <= n",
            ));
        }
        Expr::ScalarSubquery(s) if s.outer_ref_columns.is_empty() => return None,
        Expr::ScalarSubquery(_) => "a subquery as a value refers to the row outside by more than `inner = outer` conditions, or has LIMIT",
        Expr::InSubquery(_) => "IN (SELECT ...) stands where it cannot be joined",
        Expr::Exists(_) => "EXISTS (SELECT ...) stands where it cannot be joined",
        _ => return None,
    };
    Some(Error::sql(error).hint(
        "write it as a LEFT JOIN, grouped by a key of the outer table, or as a column of a subquery in FROM: \
         SELECT ... FROM (SELECT *, x IN (SELECT ...) AS found FROM t)",
    ))
}
