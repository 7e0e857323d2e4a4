//! Columns of one SELECT with the same name: as in Flink the second `a` is `a0`. DataFusion refuses them.
//!
//! `SELECT a, b.a, COUNT(*), COUNT(*)` becomes `SELECT a, b.a AS a0, COUNT(*), COUNT(*) AS EXPR$3`. What `*` stands for is not
//! known here; only names that are written are compared.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, VisitMut, VisitorMut};

/// Gives aliases to columns whose names stand before them already, everywhere in a query.
pub(super) fn rename(query: &mut Query) {
    _ = query.visit(&mut Rename);
}

struct Rename;

impl VisitorMut for Rename {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut taken: HashSet<String> = select.projection.iter().filter_map(name).collect();
        let mut seen = HashSet::new();
        for (i, item) in select.projection.iter_mut().enumerate() {
            let Some(name) = name(item).filter(|name| !seen.insert(name.clone())) else { continue };
            let nameless = match item {
                SelectItem::UnnamedExpr(expr) => !matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
                _ => false,
            };
            let mut other = if nameless { format!("EXPR${i}") } else { format!("{name}0") };
            for n in 1.. {
                if taken.insert(other.clone()) {
                    break;
                }
                other = format!("{name}{n}");
            }
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::new(other) };
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a column is called; an expression without an alias by its text.
fn name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) => path.last().map(|name| name.value.clone()),
        SelectItem::UnnamedExpr(expr) => Some(expr.to_string()),
        _ => None,
    }
}
