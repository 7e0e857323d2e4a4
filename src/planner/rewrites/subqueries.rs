//! Subqueries that DataFusion has no join for: as values, in CASE, under NOT.
//!
//! DataFusion turns IN and EXISTS in WHERE into joins that distinguish rows with and without a match. That is not enough where NULL is a
//! result of its own, and in SELECT it does nothing. There they become counts, which it joins on the correlation:
//!
//! | as written | becomes |
//! |---|---|
//! | `EXISTS (s)` | `(SELECT COUNT(*) FROM s) > 0` |
//! | `x IN (s)` | `CASE` WHEN the count of `s = x` > 0 THEN TRUE; WHEN that of `s` is 0 THEN FALSE; WHEN x, or one of `s`, IS NULL THEN NULL; ELSE FALSE |
//!
//! Subqueries that it still cannot join are rejected, with a hint what to write instead.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Projection, Subquery, ident, lit, when,
};

use crate::common::{Error, Result};

use super::single_row::single;

/// Turns such subqueries into counts.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn counted(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(node)?.data;
    equal_only(&plan)?;
    Ok(plan)
}

/// Rejects aggregates over rows that are correlated by more than equality, which DataFusion does not join.
fn equal_only(plan: &LogicalPlan) -> Result<()> {
    let mut refused = None;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Subquery(subquery) = node
            && let Some(column) = unequal(&subquery.subquery, false)?
        {
            refused = refused.take().or(refusal(&column));
        }
        node.apply_expressions(|expr| {
            expr.apply(|e| {
                if let Expr::ScalarSubquery(subquery) = e
                    && unequal(&subquery.subquery, false)?.is_some()
                {
                    refused = refused.take().or(refusal(e));
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    refused.map_or(Ok(()), Err)
}

/// An outer column that a condition below an aggregate uses in another form than `inner = outer`.
fn unequal(plan: &LogicalPlan, below: bool) -> DfResult<Option<Expr>> {
    if let (true, LogicalPlan::Filter(filter)) = (below, plan) {
        for condition in split_conjunction(&filter.predicate).into_iter().filter(|c| c.contains_outer()) {
            let plain = match condition {
                Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => left.contains_outer() != right.contains_outer(),
                _ => false,
            };
            let mut outer = None;
            condition.apply(|e| {
                outer = outer.take().or(matches!(e, Expr::OuterReferenceColumn(..)).then(|| e.clone()));
                Ok(TreeNodeRecursion::Continue)
            })?;
            if !plain {
                return Ok(outer);
            }
        }
    }
    let below = below || matches!(plan, LogicalPlan::Aggregate(_));
    for input in plan.inputs() {
        if let Some(found) = unequal(input, below)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn node(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let plan = plan.map_expressions(|expr| expr.transform_up(one_row))?;
    let changed = plan.transformed;
    let plan = match plan.data {
        plan @ (LogicalPlan::Sort(_) | LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) => computed_below(plan)?,
        plan => tested(plan)?,
    };
    Ok(Transformed::new_transformed(plan.data, changed || plan.transformed))
}

/// Reduces a scalar subquery to one row.
fn one_row(expr: Expr) -> DfResult<Transformed<Expr>> {
    let Expr::ScalarSubquery(subquery) = expr else { return Ok(Transformed::no(expr)) };
    Ok(match single(&subquery.subquery)? {
        Some(plan) => Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery })),
        None => Transformed::no(Expr::ScalarSubquery(subquery)),
    })
}

/// Moves subqueries in ORDER BY, GROUP BY, aggregates and OVER to columns of a SELECT below.
fn computed_below(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    let asks = |e: &Expr| matches!(e, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_));
    let mut found: Vec<Expr> = Vec::new();
    for expr in plan.expressions() {
        expr.apply(|e| {
            if !asks(e) {
                return Ok(TreeNodeRecursion::Continue);
            }
            if !found.contains(e) {
                found.push(e.clone());
            }
            Ok(TreeNodeRecursion::Jump)
        })?;
    }
    let input = plan.inputs().first().map(|input| (*input).clone());
    let Some(input) = input.filter(|_| !found.is_empty()) else { return Ok(Transformed::no(plan)) };
    let name = |i: usize| format!("__subquery{i}");
    let schema = Arc::clone(input.schema());
    let below = found.iter().enumerate().map(|(i, e)| Ok(value(e.clone(), &schema)?.alias(name(i))));
    let below = schema.columns().into_iter().map(|c| Ok(Expr::Column(c))).chain(below).collect::<DfResult<Vec<_>>>()?;
    let input = LogicalPlan::Projection(Projection::try_new(below, Arc::new(input))?);
    let replaced = |e: Expr| {
        let place = |e: Expr| match found.iter().position(|f| *f == e) {
            Some(i) => Transformed::new(ident(name(i)), true, TreeNodeRecursion::Jump),
            None => Transformed::no(e),
        };
        Ok(e.transform_down(|e| Ok(place(e)))?.data)
    };
    let exprs = plan.expressions().into_iter().map(replaced).collect::<DfResult<Vec<_>>>()?;
    let columns: Vec<_> = plan.schema().iter().map(|(q, f)| (q.cloned(), f.name().clone())).collect();
    // A sort and an OVER output all columns of their input, so the new ones follow the original ones.
    let given = schema.fields().len();
    let new = plan.with_new_exprs(exprs, vec![input])?;
    let over = matches!(new, LogicalPlan::Window(_));
    let place = |i: usize| if over && i >= given { i + found.len() } else { i };
    let names = new.schema().columns();
    let shown = columns.into_iter().enumerate().filter_map(|(i, (qualifier, name))| {
        let column = names.get(place(i))?.clone();
        let same = column.relation == qualifier && column.name == name;
        Some(if same { Expr::Column(column) } else { Expr::Column(column).alias_qualified(qualifier, name) })
    });
    Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(shown.collect(), Arc::new(new))?)))
}

fn tested(plan: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(p) if p.expr.iter().any(tests) => {
            let schema = Arc::clone(p.input.schema());
            let exprs = p.expr.into_iter().map(|e| value(e, &schema)).collect::<DfResult<Vec<_>>>()?;
            Ok(Transformed::yes(LogicalPlan::Projection(Projection::try_new(exprs, p.input)?)))
        }
        LogicalPlan::Filter(f) if tests(&f.predicate) => {
            let schema = Arc::clone(f.input.schema());
            let predicate = condition(f.predicate, &schema, true)?;
            Ok(Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, f.input)?)))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Whether an expression contains IN or EXISTS with a subquery.
fn tests(expr: &Expr) -> bool {
    expr.exists(|e| Ok(matches!(e, Expr::InSubquery(_) | Expr::Exists(_)))).unwrap_or(false)
}

/// Rewrites a predicate of which only TRUE counts: DataFusion's joins work below AND and OR, where nothing is negated. `alone`: it is a
/// conjunct of the whole condition, so its join may drop rows.
fn condition(expr: Expr, schema: &DFSchema, alone: bool) -> DfResult<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
            let alone = alone && op == Operator::And;
            let (left, right) = (condition(*left, schema, alone)?, condition(*right, schema, alone)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::Not(inner) if tests(&inner) => match *inner {
            Expr::Not(inner) => condition(*inner, schema, alone),
            Expr::Exists(e) => condition(Expr::Exists(Exists { negated: !e.negated, ..e }), schema, alone),
            Expr::InSubquery(e) => condition(Expr::InSubquery(InSubquery { negated: !e.negated, ..e }), schema, alone),
            Expr::BinaryExpr(BinaryExpr { left, op: op @ (Operator::And | Operator::Or), right }) => {
                let other = if op == Operator::And { Operator::Or } else { Operator::And };
                let (left, right) = (Box::new(Expr::Not(left)), Box::new(Expr::Not(right)));
                condition(Expr::BinaryExpr(BinaryExpr::new(left, other, right)), schema, alone)
            }
            other => value(Expr::Not(Box::new(other)), schema),
        },
        Expr::Exists(_) => Ok(expr),
        // The join of NOT IN, which knows NULL, drops rows; the one that marks them, below OR, takes NULL for FALSE.
        Expr::InSubquery(ref of) if !of.negated || alone && !equated(&of.subquery)? => Ok(expr),
        other => value(other, schema),
    }
}

/// Whether a subquery compares a column of its own with an outer one for equality: a join key in addition to that of NOT IN.
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

/// Rewrites an expression of which every value counts, under its original name.
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

/// `x IN (s)` by counts; `None` if x is not computed from this row alone.
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

/// The number of rows of a subquery that satisfy a condition.
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

/// Rejects subqueries that the optimizer has left where they cannot run.
///
/// # Errors
/// With a hint what to write instead.
pub(in crate::planner) fn joined(plan: &LogicalPlan) -> Result<()> {
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
                "for the first rows per key join with a subquery that numbers them: JOIN (SELECT *, ROW_NUMBER() OVER \
                 (PARTITION BY key ORDER BY ...) AS rn FROM s) AS n ON n.key = t.key AND n.rn <= 3; \
                 for an aggregate join first: SELECT t.key, COUNT(s.x) FROM t LEFT JOIN s ON s.x < t.x GROUP BY t.key",
            ));
        }
        Expr::ScalarSubquery(s) if s.outer_ref_columns.is_empty() => return None,
        Expr::ScalarSubquery(_) => "a subquery as a value refers to the row outside by more than `inner = outer` conditions, or has LIMIT",
        Expr::InSubquery(_) => "IN (SELECT ...) stands where it cannot be joined",
        Expr::Exists(_) => "EXISTS (SELECT ...) stands where it cannot be joined",
        _ => return None,
    };
    Some(Error::sql(error).hint(
        "write it as a LEFT JOIN, grouped by a key of the outer table: SELECT t.key, COUNT(s.x) FROM t LEFT JOIN s ON s.x < t.x GROUP BY t.key; \
         or as a column of a subquery in FROM: SELECT ... FROM (SELECT *, x IN (SELECT ...) AS found FROM t)",
    ))
}
