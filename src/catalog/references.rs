//! What a declaration refers to: so that nothing is dropped under what uses it.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, Visit, Visitor};

use crate::sql::ast::ColumnKind;
use crate::sql::{hints, name};

use super::entry::{Entry, Key, Space};
use super::{Catalog, FunctionEntry, names};
use crate::common::{Error, Result};

/// Options whose value is a table.
const TABLE_OPTIONS: [&str; 2] = ["dead-letter.table", "late-rows.table"];

/// Names in a query or an expression, as they are written.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) relations: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    /// Names that WITH gives.
    ctes: BTreeSet<String>,
}

impl Names {
    pub(super) fn of(tree: &impl Visit) -> Self {
        let mut names = Self::default();
        let _ = tree.visit(&mut names);
        let Self { relations, ctes, .. } = &mut names;
        relations.retain(|relation| !ctes.contains(relation));
        names
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.ctes.extend(query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let mut relation = relation.clone();
        // What cannot be read here is refused where the query is planned.
        let _ = hints::of_name(&mut relation);
        self.relations.extend(written(&relation));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.functions.extend(written(&function.name));
        }
        ControlFlow::Continue(())
    }
}

/// A name in a query as one text; nothing if it is none of ours.
pub(super) fn written(object: &ObjectName) -> Option<String> {
    let parts: Vec<&str> = object.0.iter().map(|part| part.as_ident().map(|ident| ident.value.as_str())).collect::<Option<_>>()?;
    name::of_parts(&parts).ok()
}

impl Catalog {
    /// What an entry refers to.
    fn references(&self, entry: &Entry) -> BTreeSet<Key> {
        let mut found = Names::default();
        let mut add = |names: Names| {
            found.relations.extend(names.relations);
            found.functions.extend(names.functions);
        };
        match entry {
            Entry::View(view) => add(Names::of(view.definition.query.query.as_ref())),
            Entry::Function(function) => add(Names::of(function.definition.body.as_ref())),
            Entry::Table(table) => {
                for column in &table.definition.columns {
                    if let ColumnKind::Computed(expr) = &column.kind {
                        add(Names::of(expr.as_ref()));
                    }
                }
                table.definition.watermark.iter().for_each(|watermark| add(Names::of(watermark.expr.as_ref())));
                found.relations.extend(TABLE_OPTIONS.iter().filter_map(|key| table.definition.options.get(key)).map(str::to_string));
            }
        }
        let database = entry.database();
        let find = |space: Space, names: &BTreeSet<String>| -> Vec<Key> {
            names.iter().filter_map(|name| self.find_from(&database, space, name).ok().flatten()).map(|e| e.key()).collect()
        };
        let mut keys: BTreeSet<Key> = find(Space::Relations, &found.relations).into_iter().collect();
        keys.extend(find(Space::Functions, &found.functions));
        keys.remove(&entry.key());
        keys
    }

    /// What refers to one of these, and is none of them.
    pub(super) fn users(&self, of: &BTreeSet<Key>) -> Vec<Entry> {
        let uses = |entry: &Entry| !of.contains(&entry.key()) && !self.references(entry).is_disjoint(of);
        self.entries().into_iter().filter(uses).collect()
    }

    /// A function that calls itself, also through others, would never end to be expanded.
    pub(super) fn refuse_recursion(&self, function: &FunctionEntry) -> Result<()> {
        let own = &function.definition.name;
        let mut todo: Vec<(String, BTreeSet<String>)> =
            vec![(names::database(own), Names::of(function.definition.body.as_ref()).functions)];
        let mut seen = BTreeSet::new();
        while let Some((database, called)) = todo.pop() {
            for name in called {
                let (within, last) = name::split(&name);
                let canonical = names::canonical(within.as_deref().unwrap_or(&database), &last);
                if canonical.eq_ignore_ascii_case(own) {
                    let error = Error::sql(format!("function `{own}` calls itself"));
                    return Err(error.hint("a function stands for its expression, which would have no end"));
                }
                if let Ok(Some(Entry::Function(other))) = self.find_from(&database, Space::Functions, &name)
                    && seen.insert(other.definition.name.clone())
                {
                    todo.push((names::database(&other.definition.name), Names::of(other.definition.body.as_ref()).functions));
                }
            }
        }
        Ok(())
    }
}
