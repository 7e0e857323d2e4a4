//! Rewrites `(a, b) = (c, d)` and `(a, b) IN (...)` as comparisons of their parts. DataFusion compares structs, for which NULL equals NULL,
//! and has no subqueries of several columns.
//!
//! | as written | becomes |
//! |---|---|
//! | `(a, b) = (c, d)`, `<>` | `(a = c AND b = d)`, `NOT` of it |
//! | `(a, b) IN ((1, 2), (3, 4))` | `(a = 1 AND b = 2 OR a = 3 AND b = 4)` |
//! | `(a, b) IN (SELECT x, y ...)` | `EXISTS (SELECT 1 FROM (SELECT x, y ...) AS __rows (__0, __1) WHERE __0 = a AND __1 = b)` |
//! | `(a, b) NOT IN (SELECT x, y ...)` | `NOT EXISTS (... WHERE (__0 = a AND __1 = b) IS NOT FALSE)` |
//!
//! EXISTS does not yield NULL, so the last two are used only where nothing but TRUE counts: in WHERE, HAVING and ON, below AND, OR and NOT.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, Ident, JoinConstraint, JoinOperator, Query, Select, SetExpr, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, UnaryOperator, VisitMut, VisitorMut,
};

use crate::common::{Error, Result};
use crate::sql::ast_builder;

/// Rewrites all such comparisons of a query.
///
/// # Errors
/// When IN (SELECT ...) of several columns is used as a value.
pub(in crate::planner) fn compared(query: &mut Query) -> Result<()> {
    match query.visit(&mut Tuples) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

struct Tuples;

impl VisitorMut for Tuples {
    type Break = Box<Error>;

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Self::Break> {
        [&mut select.selection, &mut select.having, &mut select.qualify].into_iter().flatten().for_each(|e| condition(e, false));
        select.from.iter_mut().for_each(joins);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            joins(table_with_joins);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::BinaryOp { left, op: op @ (BinaryOperator::Eq | BinaryOperator::NotEq), right } => {
                let (Some(l), Some(r)) = (parts(left), parts(right)) else { return ControlFlow::Continue(()) };
                if l.len() != r.len() {
                    let error = Error::sql(format!("`{expr}` compares {} values with {}", l.len(), r.len()));
                    return ControlFlow::Break(Box::new(error));
                }
                let equal = Expr::Nested(Box::new(equal(l, r)));
                *expr = if *op == BinaryOperator::Eq { equal } else { not(equal) };
            }
            Expr::InList { expr: of, list, negated } => {
                let Some(left) = parts(of) else { return ControlFlow::Continue(()) };
                let mut either = None;
                for item in list.iter() {
                    let Some(right) = parts(item).filter(|right| right.len() == left.len()) else {
                        let error = Error::sql(format!("`{item}` in IN stands beside {} values", left.len()));
                        return ControlFlow::Break(Box::new(error.hint("write (a, b) IN ((1, 2), (3, 4))")));
                    };
                    let one = equal(left.clone(), right);
                    either = Some(match either {
                        None => one,
                        Some(others) => binary(others, BinaryOperator::Or, one),
                    });
                }
                let Some(either) = either.map(|e| Expr::Nested(Box::new(e))) else { return ControlFlow::Continue(()) };
                *expr = if *negated { not(either) } else { either };
            }
            Expr::InSubquery { expr: of, .. } if parts(of).is_some() => {
                let error = Error::sql(format!("`{of} IN (SELECT ...)` is a value here, which takes an IN of one column"));
                let hint = "it works in WHERE, HAVING and ON; elsewhere write EXISTS (SELECT 1 FROM ... WHERE x = a AND y = b)";
                return ControlFlow::Break(Box::new(error.hint(hint)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn joins(tables: &mut TableWithJoins) {
    for join in &mut tables.joins {
        if let JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) = &mut join.join_operator {
            condition(on, false);
        }
    }
}

/// IN of several columns in a predicate of which only TRUE counts, or only FALSE below NOT.
fn condition(expr: &mut Expr, negated: bool) {
    match expr {
        Expr::Nested(inner) => condition(inner, negated),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => condition(expr, !negated),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            condition(left, negated);
            condition(right, negated);
        }
        Expr::InSubquery { expr: of, subquery, negated: not_in } => {
            let Some(left) = parts(of) else { return };
            let names: Vec<Ident> = (0..left.len()).map(|i| Ident::new(format!("__{i}"))).collect();
            let equal = equal(names.iter().cloned().map(Expr::Identifier).collect(), left);
            // Whether a row that may be equal counts as a match.
            let unknown_too = negated != *not_in;
            let selection = if unknown_too { Expr::IsNotFalse(Box::new(Expr::Nested(Box::new(equal)))) } else { equal };
            let column = |name| TableAliasColumnDef { name, data_type: None };
            let columns = names.into_iter().map(column).collect();
            let alias = TableAlias { explicit: true, name: Ident::new("__rows"), columns, at: None };
            let relation = TableFactor::Derived { lateral: false, subquery: subquery.clone(), alias: Some(alias), sample: None };
            let from = vec![TableWithJoins { relation, joins: Vec::new() }];
            let select = Select { selection: Some(selection), ..ast_builder::select_all(from) };
            let subquery = Box::new(ast_builder::query(SetExpr::Select(Box::new(select))));
            *expr = Expr::Exists { subquery, negated: *not_in };
        }
        _ => {}
    }
}

/// The values of `(a, b)` or `ROW(a, b)`.
fn parts(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(values) if values.len() > 1 => Some(values.clone()),
        Expr::Nested(inner) => parts(inner),
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) if name.to_string().eq_ignore_ascii_case("ROW") => {
            let value = |arg: &sqlparser::ast::FunctionArg| match arg {
                sqlparser::ast::FunctionArg::Unnamed(sqlparser::ast::FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
                _ => None,
            };
            list.args.iter().map(value).collect::<Option<Vec<_>>>().filter(|values| values.len() > 1)
        }
        _ => None,
    }
}

fn equal(left: Vec<Expr>, right: Vec<Expr>) -> Expr {
    let pairs = left.into_iter().zip(right).map(|(l, r)| binary(nested(l), BinaryOperator::Eq, nested(r)));
    pairs
        .reduce(|all, one| binary(all, BinaryOperator::And, one))
        .unwrap_or_else(|| Expr::Value(sqlparser::ast::Value::Boolean(true).into()))
}

fn nested(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

fn not(expr: Expr) -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) }
}
