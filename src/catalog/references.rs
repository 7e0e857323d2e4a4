//! Finds the objects that a declaration refers to, so that none is dropped while another uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{Expr, ObjectName, Query, Visit, Visitor};

use crate::sql::ast::{ColumnKind, Parsed, Statement};
use crate::sql::{hints, name};

use super::entry::{Entry, Key, Space, TableEntry};
use super::layers::Catalog;
use crate::common::{Error, Result};

/// Options whose value is a table.
const TABLE_OPTIONS: [&str; 2] = ["dead-letter.table", "late-rows.table"];

/// Names in a query or an expression, as they are written.
#[derive(Debug, Default)]
pub(super) struct ReferencedNames {
    pub(super) relations: BTreeSet<String>,
    pub(super) functions: BTreeSet<String>,
    /// Names of common table expressions.
    ctes: BTreeSet<String>,
}

impl ReferencedNames {
    pub(super) fn new(tree: &impl Visit) -> Self {
        let mut names = Self::default();
        let _ = tree.visit(&mut names);
        let Self { relations, ctes, .. } = &mut names;
        relations.retain(|relation| !ctes.contains(relation));
        names
    }
}

impl Visitor for ReferencedNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.ctes.extend(query.with.iter().flat_map(|with| &with.cte_tables).map(|cte| cte.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let mut relation = relation.clone();
        // A hint that is invalid here is refused when the query is planned.
        let _ = hints::of_name(&mut relation);
        self.relations.extend(written(&relation).ok().flatten());
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            self.functions.extend(written(&function.name).ok().flatten());
        }
        ControlFlow::Continue(())
    }
}

/// Returns a name in a query as one text; `None` if the catalog has no such name.
///
/// # Errors
/// When it names another catalog, or has too many parts.
pub(super) fn written(object: &ObjectName) -> Result<Option<String>> {
    let parts: Option<Vec<&str>> = object.0.iter().map(|part| part.as_ident().map(|ident| ident.value.as_str())).collect();
    parts.map(|parts| name::of_parts(&parts)).transpose()
}

impl Catalog {
    /// Returns the objects to which an entry refers, possibly itself.
    fn references(&self, entry: &Entry) -> BTreeSet<Key> {
        let mut found = ReferencedNames::default();
        let mut add = |names: ReferencedNames| {
            found.relations.extend(names.relations);
            found.functions.extend(names.functions);
        };
        match entry {
            Entry::View(view) => add(ReferencedNames::new(view.definition.query.query.as_ref())),
            Entry::Function(function) => add(ReferencedNames::new(function.definition.body.as_ref())),
            Entry::Table(table) => {
                for column in &table.definition.columns {
                    if let ColumnKind::Computed(expr) = &column.kind {
                        add(ReferencedNames::new(expr.as_ref()));
                    }
                }
                table.definition.watermark.iter().for_each(|watermark| add(ReferencedNames::new(watermark.expr.as_ref())));
                found.relations.extend(TABLE_OPTIONS.iter().filter_map(|key| table.definition.options.get(key)).map(str::to_string));
            }
        }
        let database = entry.database();
        let find = |space: Space, names: &BTreeSet<String>| -> Vec<Key> {
            names.iter().filter_map(|name| self.find_from(&database, space, name).ok().flatten()).map(|e| e.key()).collect()
        };
        let mut keys: BTreeSet<Key> = find(Space::Relations, &found.relations).into_iter().collect();
        keys.extend(find(Space::Functions, &found.functions));
        keys
    }

    /// Returns other objects that refer to one of these.
    pub(super) fn users(&self, of: &BTreeSet<Key>) -> Vec<Entry> {
        let uses = |entry: &Entry| !of.contains(&entry.key()) && !self.references(entry).is_disjoint(of);
        self.entries().into_iter().filter(uses).collect()
    }

    /// Returns everything on which an INSERT or a materialized view depends, seen from the current database: each object, also through
    /// views and functions, with its declaration.
    pub fn made_of(&self, parsed: &Parsed) -> BTreeMap<Key, String> {
        let mut names = ReferencedNames::default();
        let query = match &parsed.statement {
            Statement::Insert(insert) => {
                names.relations.insert(insert.table.clone());
                &insert.query
            }
            Statement::CreateView(view) => &view.query,
            _ => return BTreeMap::new(),
        };
        let ReferencedNames { relations, functions, .. } = ReferencedNames::new(query.query.as_ref());
        names.relations.extend(relations);
        let find = |space: Space, name: &String| self.find_from(&self.current, space, name).ok().flatten();
        let mut entries: Vec<Entry> = names.relations.iter().filter_map(|name| find(Space::Relations, name)).collect();
        entries.extend(functions.iter().filter_map(|name| find(Space::Functions, name)));
        self.with_references(entries).into_iter().map(|(key, entry)| (key, entry.text().to_string())).collect()
    }

    /// Returns the tables that a query reads, also through views, seen from the current database; `None` if it reads a materialized view,
    /// or a table without a declaration.
    pub fn tables_of(&self, query: &Query) -> Option<Vec<Arc<TableEntry>>> {
        let names = ReferencedNames::new(query).relations;
        let entries = names.iter().map(|name| self.find_from(&self.current, Space::Relations, name).ok().flatten());
        let all = self.with_references(entries.collect::<Option<_>>()?);
        let tables = all.into_values().filter_map(|entry| match entry {
            Entry::Table(table) => Some(Some(table)),
            Entry::View(view) if view.definition.materialized => Some(None),
            Entry::View(_) | Entry::Function(_) => None,
        });
        tables.collect()
    }

    /// Returns these entries, and everything that they use.
    fn with_references(&self, mut todo: Vec<Entry>) -> BTreeMap<Key, Entry> {
        let mut found = BTreeMap::new();
        while let Some(entry) = todo.pop() {
            if found.insert(entry.key(), entry.clone()).is_none() {
                todo.extend(self.references(&entry).iter().filter_map(|key| self.exact(key)).cloned());
            }
        }
        found
    }

    /// Returns the declaration of an object, if it exists.
    pub fn text_of(&self, key: &Key) -> Option<&str> {
        self.exact(key).map(Entry::text)
    }

    /// Refuses a view or function that refers to itself, also through others: expanding it would never end.
    ///
    /// # Errors
    /// Names the objects of the cycle.
    pub fn refuse_circle(&self, entry: &Entry) -> Result<()> {
        let (own, first) = (entry.key(), entry.shown());
        let mut todo: Vec<(Vec<String>, Entry)> = vec![(Vec::new(), entry.clone())];
        let mut seen: BTreeSet<Key> = BTreeSet::new();
        while let Some((path, entry)) = todo.pop() {
            for key in self.references(&entry) {
                if key == own {
                    let through = if path.is_empty() { String::new() } else { format!(" through {}", path.join(", ")) };
                    let error = Error::sql(format!("{} needs itself{through}", first));
                    return Err(error.hint("it stands for its definition, which would have no end"));
                }
                // Tables are not expanded.
                if let Some(next @ (Entry::View(_) | Entry::Function(_))) = self.exact(&key)
                    && seen.insert(key)
                {
                    todo.push((path.iter().cloned().chain([next.shown()]).collect(), next.clone()));
                }
            }
        }
        Ok(())
    }
}
