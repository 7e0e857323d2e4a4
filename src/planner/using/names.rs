//! What the keys of USING are called, and putting in what they stand for.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, SetExpr, Table, Visit, VisitMut, Visitor, VisitorMut};

use crate::sql::ast_builder;

/// A column of FROM, as a bare name or `*` gives it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    /// Its name.
    pub name: String,
    /// The columns of tables of which it is the first that is not NULL.
    pub of: Vec<Expr>,
    /// USING has made it one of several.
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

/// A key that bare names can mean.
#[derive(Debug, Clone)]
struct Key {
    column: Shown,
    /// Another spelling of the name means it, too.
    alone: bool,
    /// The columns of queries within, which come before it.
    nearer: Vec<String>,
}

/// The keys that bare names can mean.
#[derive(Debug, Clone, Default)]
pub(super) struct JoinKeys(Vec<Key>);

impl JoinKeys {
    /// The keys among columns: those that no other column has the name of.
    pub fn new(shown: &[Shown]) -> Self {
        let count = |alike: &dyn Fn(&Shown) -> bool| shown.iter().filter(|other| alike(other)).count();
        let keys = shown.iter().filter(|column| column.key && count(&|other| other.name == column.name) == 1);
        let alone = |key: &Shown| count(&|other| same(&other.name, &key.name)) == 1;
        Self(keys.map(|key| Key { column: key.clone(), alone: alone(key), nearer: Vec::new() }).collect())
    }

    /// These, and those around, in a query that has such columns.
    pub fn within(mut self, around: &Self, columns: &[Shown]) -> Self {
        self.0.extend(around.0.iter().cloned().map(|mut key| {
            key.nearer.extend(columns.iter().map(|column| column.name.clone()));
            key
        }));
        self
    }

    /// Those that are not called as one of these.
    pub fn without(mut self, names: &[String]) -> Self {
        self.0.retain(|key| !names.iter().any(|name| same(name, &key.column.name)));
        self
    }

    /// What a name stands for: the key of that spelling, else the only one of another.
    pub fn find(&self, name: &Ident) -> Option<&Shown> {
        let exact = |key: &&Key| key.column.name == name.value && !key.nearer.contains(&name.value);
        let other =
            |key: &&Key| key.alone && same(&key.column.name, &name.value) && !key.nearer.iter().any(|nearer| same(nearer, &name.value));
        self.0.iter().find(exact).or_else(|| self.0.iter().find(other)).map(|key| &key.column)
    }

    /// Puts them in the place of their names, and says whether there were any.
    pub fn put_in(&self, tree: &mut impl VisitMut) -> bool {
        let mut put = PutIn { names: self, done: false };
        let _ = tree.visit(&mut put);
        put.done
    }

    /// Whether one of the names stands somewhere in a tree.
    pub fn named_in(&self, tree: &impl Visit) -> bool {
        !self.0.is_empty() && tree.visit(&mut Named(self)).is_break()
    }
}

/// Whether two names are the same one, as far as is known before the table's spelling is looked up.
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

/// Takes the queries within a tree out of it, in order; what they hold stays in them.
pub(super) fn take_out(tree: &mut impl VisitMut) -> Vec<Query> {
    let mut take = TakeOut(Vec::new());
    let _ = tree.visit(&mut take);
    take.0
}

/// Puts queries back where they were taken out.
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

    /// After its content, which is not looked into.
    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(taken) = self.0.next() {
            *query = taken;
        }
        ControlFlow::Continue(())
    }
}
