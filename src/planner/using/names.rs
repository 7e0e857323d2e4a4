//! The names of the keys of USING, and their replacement by expressions.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, SetExpr, Table, Visit, VisitMut, Visitor, VisitorMut};

use crate::sql::ast_builder;

/// A column of FROM that a bare name or `*` yields.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Its name.
    pub name: String,
    /// The table columns whose first non-NULL value it is.
    pub of: Vec<Expr>,
    /// Whether USING has merged it from several columns.
    pub key: bool,
}

impl Shown {
    /// The column of a table.
    pub fn column(path: impl IntoIterator<Item = String>, name: &str) -> Self {
        let path = path.into_iter().chain([name.to_string()]).map(|part| Ident::with_quote('`', part)).collect();
        Self { name: name.to_string(), of: vec![Expr::CompoundIdentifier(path)], key: false }
    }

    /// As an expression over the tables.
    pub fn expr(&self) -> Expr {
        match self.of.as_slice() {
            [one] => one.clone(),
            several => ast_builder::call("coalesce", several.iter().cloned()),
        }
    }
}

/// A key that a bare name can refer to.
#[derive(Debug, Clone)]
struct Key {
    column: Shown,
    /// Whether another spelling of the name refers to it as well.
    alone: bool,
    /// The columns of nested queries, which take precedence.
    nearer: Vec<String>,
}

/// The keys that bare names can refer to.
#[derive(Debug, Clone, Default)]
pub(super) struct JoinKeys(Vec<Key>);

impl JoinKeys {
    /// The keys among columns, except those whose name another column has too.
    pub fn new(shown: &[Shown]) -> Self {
        let count = |alike: &dyn Fn(&Shown) -> bool| shown.iter().filter(|other| alike(other)).count();
        let keys = shown.iter().filter(|column| column.key && count(&|other| other.name == column.name) == 1);
        let alone = |key: &Shown| count(&|other| same(&other.name, &key.name)) == 1;
        Self(keys.map(|key| Key { column: key.clone(), alone: alone(key), nearer: Vec::new() }).collect())
    }

    /// These keys and the enclosing ones, in a query with such columns.
    pub fn within(mut self, around: &Self, columns: &[Shown]) -> Self {
        self.0.extend(around.0.iter().cloned().map(|mut key| {
            key.nearer.extend(columns.iter().map(|column| column.name.clone()));
            key
        }));
        self
    }

    /// The keys without those of these names.
    pub fn without(mut self, names: &[String]) -> Self {
        self.0.retain(|key| !names.iter().any(|name| same(name, &key.column.name)));
        self
    }

    /// The key that a name refers to: the one of that spelling, else the only one in another case.
    pub fn find(&self, name: &Ident) -> Option<&Shown> {
        let exact = |key: &&Key| key.column.name == name.value && !key.nearer.contains(&name.value);
        let other =
            |key: &&Key| key.alone && same(&key.column.name, &name.value) && !key.nearer.iter().any(|nearer| same(nearer, &name.value));
        self.0.iter().find(exact).or_else(|| self.0.iter().find(other)).map(|key| &key.column)
    }

    /// Replaces the names of keys in a tree by their expressions; returns whether there were any.
    pub fn put_in(&self, tree: &mut impl VisitMut) -> bool {
        let mut put = PutIn { names: self, done: false };
        let _ = tree.visit(&mut put);
        put.done
    }

    /// Whether a tree contains one of the names.
    pub fn named_in(&self, tree: &impl Visit) -> bool {
        !self.0.is_empty() && tree.visit(&mut Named(self)).is_break()
    }
}

/// Whether two names may be the same, before the table's spelling is known.
fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

struct PutIn<'n> {
    names: &'n JoinKeys,
    done: bool,
}

impl VisitorMut for PutIn<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let Some(key) = self.names.find(name)
        {
            *expr = key.expr();
            self.done = true;
        }
        ControlFlow::Continue(())
    }
}

struct Named<'n>(&'n JoinKeys);

impl Visitor for Named<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(name) if self.0.find(name).is_some() => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

/// Removes and returns the queries within a tree, in order; queries nested in them stay.
pub(super) fn take_out(tree: &mut impl VisitMut) -> Vec<Query> {
    let mut take = TakeOut(Vec::new());
    let _ = tree.visit(&mut take);
    take.0
}

/// Puts queries back in place.
pub(super) fn put_back(tree: &mut impl VisitMut, queries: Vec<Query>) {
    let _ = tree.visit(&mut PutBack(queries.into_iter()));
}

struct TakeOut(Vec<Query>);

impl VisitorMut for TakeOut {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let hole = ast_builder::query(SetExpr::Table(Box::new(Table { table_name: None, schema_name: None })));
        self.0.push(std::mem::replace(query, hole));
        ControlFlow::Continue(())
    }
}

struct PutBack(std::vec::IntoIter<Query>);

impl VisitorMut for PutBack {
    type Break = ();

    /// Called after the query's content, which is not visited.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(taken) = self.0.next() {
            *query = taken;
        }
        ControlFlow::Continue(())
    }
}
