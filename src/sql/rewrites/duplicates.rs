//! Renames duplicate columns of one SELECT: as in Flink the second `a` is `a0`. DataFusion rejects them.
//!
//! `SELECT a, b.a, COUNT(*), COUNT(*)` becomes `SELECT a, b.a AS a0, COUNT(*), COUNT(*) AS EXPR$3`. The columns of `*` are not known here;
//! only explicit names are compared.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, VisitMut, VisitorMut};

/// Adds aliases to columns whose names occur before, everywhere in a query.
pub(in crate::sql) fn rename(query: &mut Query) {
    _ = query.visit(&mut Rename);
}

struct Rename;

impl VisitorMut for Rename {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        name_casts(select);
        let mut taken: HashSet<String> = select.projection.iter().filter_map(name).collect();
        let mut seen = HashSet::new();
        for (i, item) in select.projection.iter_mut().enumerate() {
            let Some(name) = name(item).filter(|name| !seen.insert(name.clone())) else { continue };
            let nameless = match item {
                SelectItem::UnnamedExpr(expr) => !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
                _ => false,
            };
            let other = untaken(if nameless { format!("EXPR${i}") } else { name }, &mut taken);
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(other) };
            }
        }
        ControlFlow::Continue(())
    }
}

/// Adds aliases to casts: DataFusion names `CAST(a AS INT)` `a`, which may be the name of another column.
fn name_casts(select: &mut Select) {
    let of = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(Expr::Cast { expr, .. }) => Some(name_of(expr)),
        _ => name(item),
    };
    let names: Vec<Option<String>> = select.projection.iter().map(of).collect();
    for (i, item) in select.projection.iter_mut().enumerate() {
        let SelectItem::UnnamedExpr(expr @ Expr::Cast { .. }) = item else { continue };
        if names.iter().enumerate().any(|(k, name)| k != i && *name == names[i]) {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(format!("EXPR${i}")) };
        }
    }
}

/// The first of `a`, `a0`, `a1` ... that is not taken; marks it as taken.
pub fn untaken(name: String, taken: &mut HashSet<String>) -> String {
    let mut candidate = name.clone();
    let mut n = 0;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{name}{n}");
        n += 1;
    }
    candidate
}

/// The name of a column; for an expression without an alias, its text.
pub fn name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(expr) => Some(name_of(expr)),
        _ => None,
    }
}

fn name_of(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(path) => path.last().map(|name| name.value.clone()).unwrap_or_default(),
        expr => expr.to_string(),
    }
}
