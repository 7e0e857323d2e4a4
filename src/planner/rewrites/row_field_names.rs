//! Names columns that are fields of a ROW: `SELECT bid.price` yields a column `price`, as in Flink. DataFusion would call it
//! `events.bid[price]`.
//!
//! Works on the SQL tree: the field becomes `bid.price AS price`. FROM tells a ROW's field from a table's column. A name that the SELECT
//! already has gets a number, from 0 on, as in Flink.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Select, SelectItem, TableFactor, Visit, VisitMut, Visitor, VisitorMut};

use crate::sql::rewrites::duplicates;

/// Names the fields in every SELECT of a query.
pub fn name(query: &mut Query) {
    let _ = query.visit(&mut Selects);
}

struct Selects;

impl VisitorMut for Selects {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let wildcard = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        // The columns of a wildcard are not known here.
        if !select.projection.iter().any(wildcard) {
            name_fields(select);
        }
        ControlFlow::Continue(())
    }
}

fn name_fields(select: &mut Select) {
    let mut tables = TableNames::default();
    for from in &select.from {
        let factors = std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation));
        factors.for_each(|factor| tables.add(factor));
    }
    let is_field = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) if tables.is_field(path));
    if !select.projection.iter().any(is_field) {
        return;
    }
    let mut taken: HashSet<String> = select.projection.iter().filter(|item| !is_field(item)).filter_map(duplicates::name).collect();
    for item in select.projection.iter_mut().filter(|item| is_field(item)) {
        let SelectItem::UnnamedExpr(Expr::CompoundIdentifier(path)) = item else { continue };
        let Some(field) = path.last() else { continue };
        let alias = Ident { value: duplicates::untaken(field.value.clone(), &mut taken), ..field.clone() };
        *item = SelectItem::ExprWithAlias { expr: Expr::CompoundIdentifier(std::mem::take(path)), alias };
    }
}

/// The names in FROM that a column can be qualified with, in lower case.
#[derive(Default)]
struct TableNames(HashSet<String>);

impl TableNames {
    fn add(&mut self, factor: &TableFactor) {
        let alias = match factor {
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                self.add(&table_with_joins.relation);
                return table_with_joins.joins.iter().for_each(|join| self.add(&join.relation));
            }
            TableFactor::Derived { alias, .. } => return self.0.extend(alias.iter().map(|a| a.name.value.to_lowercase())),
            TableFactor::Table { alias, .. }
            | TableFactor::TableFunction { alias, .. }
            | TableFactor::Function { alias, .. }
            | TableFactor::UNNEST { alias, .. }
            | TableFactor::NestedJoin { alias, .. } => alias,
            _ => &None,
        };
        match alias {
            Some(alias) => drop(self.0.insert(alias.name.value.to_lowercase())),
            // A window function keeps the columns and the name of its table.
            None => drop(Visit::visit(factor, self)),
        }
    }

    fn has(&self, name: &Ident) -> bool {
        self.0.contains(&name.value.to_lowercase())
    }

    /// `row.field`, `table.row.field`, and deeper; not `table.column` or `schema.table.column`.
    fn is_field(&self, path: &[Ident]) -> bool {
        match path {
            [first, _] => !self.has(first),
            [first, second, ..] => self.has(first) || !self.has(second),
            _ => false,
        }
    }
}

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &sqlparser::ast::ObjectName) -> ControlFlow<()> {
        let name = relation.0.last().and_then(|part| part.as_ident());
        self.0.extend(name.map(|name| name.value.to_lowercase()));
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn fields_get_their_own_name() {
        for (sql, named) in [
            ("SELECT r.a FROM t", "SELECT r.a AS a FROM t"),
            ("SELECT t.a FROM t", "SELECT t.a FROM t"),
            ("SELECT T.a FROM t", "SELECT T.a FROM t"),
            ("SELECT t.r.a, t.r.b.c FROM t", "SELECT t.r.a AS a, t.r.b.c AS c FROM t"),
            ("SELECT s.t.a FROM s.t", "SELECT s.t.a FROM s.t"),
            ("SELECT r.a.b FROM t", "SELECT r.a.b AS b FROM t"),
            ("SELECT r.a FROM r", "SELECT r.a FROM r"),
            ("SELECT r.a, t.a FROM t AS r", "SELECT r.a, t.a AS a0 FROM t AS r"),
            ("SELECT r.id, id, q.id FROM t", "SELECT r.id AS id0, id, q.id AS id1 FROM t"),
            ("SELECT r.id AS x, r.y + 1 FROM t", "SELECT r.id AS x, r.y + 1 FROM t"),
            ("SELECT *, r.a FROM t", "SELECT *, r.a FROM t"),
            (
                "SELECT a.k, c.k FROM a JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x",
                "SELECT a.k, c.k FROM a JOIN (b JOIN c ON b.x = c.x) ON a.x = b.x",
            ),
            ("SELECT r.a FROM (SELECT r FROM r) AS q", "SELECT r.a AS a FROM (SELECT r FROM r) AS q"),
            (
                "SELECT x FROM (SELECT r.x FROM t) UNION ALL SELECT r.y FROM t",
                "SELECT x FROM (SELECT r.x AS x FROM t) UNION ALL SELECT r.y AS y FROM t",
            ),
            ("SELECT r.a, t.a FROM TABLE(f((SELECT * FROM t)))", "SELECT r.a AS a0, t.a FROM TABLE(f((SELECT * FROM t)))"),
        ] {
            let mut query = Parser::new(&GenericDialect).try_with_sql(sql).unwrap().parse_query().unwrap();
            name(&mut query);
            assert_eq!(query.to_string(), named);
        }
    }
}
