//! Distinguishes expressions of one SELECT that differ only in a CAST. DataFusion gives them the same name, and rejects duplicate names.
//!
//! `SUM(v), SUM(CAST(v AS DOUBLE))` becomes `SUM(v), SUM(COALESCE(CAST(v AS DOUBLE)))`: COALESCE of one argument is that argument, under
//! another name. A third type gets two of them, and so on. The optimizer removes them again. Columns of the SELECT itself get aliases, see
//! `duplicates.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, Query, Select, SetExpr, Visit, VisitMut, Visitor, VisitorMut};

use crate::sql::ast_builder;

/// The stack for the longest supported chain of operators: comparing copies and formats expressions recursively.
const STACK: usize = 64 << 20;

/// Makes such expressions distinct everywhere in a query.
pub(in crate::sql) fn distinguish(query: &mut Query) {
    if Visit::visit(&*query, &mut AnyCast).is_break() {
        stacker::grow(STACK, || _ = VisitMut::visit(query, &mut Selects));
    }
}

/// Stops at a cast.
struct AnyCast;

impl Visitor for AnyCast {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Cast { .. }) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

struct Selects;

impl VisitorMut for Selects {
    type Break = ();

    /// ORDER BY may use the functions of its SELECT.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Query { body, order_by, .. } = query;
        if let SetExpr::Select(select) = body.as_mut()
            && order_by.is_some()
        {
            let mut calls = Calls::in_select(select);
            _ = Visit::visit(&*order_by, &mut calls);
            if calls.0.values().any(|texts| texts.len() > 1) {
                let mut casts = Casts::default();
                _ = Visit::visit(&*select, &mut casts);
                _ = Visit::visit(&*order_by, &mut casts);
                _ = VisitMut::visit(select, &mut casts);
                _ = VisitMut::visit(order_by, &mut casts);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let calls = Calls::in_select(select);
        if calls.0.values().any(|texts| texts.len() > 1) {
            let mut casts = Casts::default();
            _ = Visit::visit(&*select, &mut casts);
            _ = VisitMut::visit(select, &mut casts);
        }
        ControlFlow::Continue(())
    }
}

/// The texts of named expressions, by name.
#[derive(Default)]
struct Calls(BTreeMap<String, BTreeSet<String>>);

impl Calls {
    fn in_select(select: &Select) -> Self {
        let mut calls = Self::default();
        _ = Visit::visit(&select.projection, &mut calls);
        _ = Visit::visit(&select.having, &mut calls);
        _ = Visit::visit(&select.qualify, &mut calls);
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            groups.iter().for_each(|group| calls.add(group));
        }
        calls
    }

    fn add(&mut self, expr: &Expr) {
        self.0.entry(bare(expr)).or_default().insert(expr.to_string());
    }
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Function(_)) {
            self.add(expr);
        }
        ControlFlow::Continue(())
    }
}

/// The text of an expression without its casts.
fn bare(expr: &Expr) -> String {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Cast { expr: of, .. } = expr {
                *expr = of.as_ref().clone();
            }
            ControlFlow::Continue(())
        }
    }
    let mut expr = expr.clone();
    _ = VisitMut::visit(&mut expr, &mut Bare);
    expr.to_string()
}

/// The casts of a SELECT: their texts, by their arguments.
#[derive(Default)]
struct Casts(BTreeMap<String, Vec<String>>);

impl Visitor for Casts {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Cast { .. }) {
            let (all, text) = (self.0.entry(bare(expr)).or_default(), expr.to_string());
            if !all.contains(&text) {
                all.push(text);
            }
        }
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Casts {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Cast { .. }) {
            let text = expr.to_string();
            let place = self.0.get(&bare(expr)).and_then(|all| all.iter().position(|t| *t == text));
            for _ in 0..=place.unwrap_or(0) {
                *expr = ast_builder::call("COALESCE", [expr.clone()]);
            }
        }
        ControlFlow::Continue(())
    }
}
