//! Resolves column names case-insensitively: DataFusion looks them up exactly; here a single column that differs only in case matches as
//! well.
//!
//! DataFusion's error names the missing column, its position, and the columns that exist. So a query is planned as written; if that fails,
//! the name at that position is repaired and the query planned again. A name that cannot be repaired becomes an error with its position and
//! the nearest spelling.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::{Column, SchemaError, TableReference};
use datafusion::error::DataFusionError;
use sqlparser::ast::{Expr, Function, Ident, ObjectName, TableFactor, Visit, VisitMut, Visitor, VisitorMut};
use sqlparser::tokenizer::Location;

use crate::common::{Error, Result, Subject, library_text, suggest};

/// The maximum number of names repaired per query; each costs one planning run.
const MOST: usize = 500;

/// Plans a tree again for each column name in it that has to be repaired.
pub(super) struct CaseInsensitiveResolver<'a, T> {
    tree: T,
    left: usize,
    /// The columns of a table by its name, for references to an outer query, whose columns DataFusion's error does not list.
    columns_of: &'a (dyn Fn(&str) -> Vec<String> + Sync),
}

impl<'a, T: Visit + VisitMut + Clone> CaseInsensitiveResolver<'a, T> {
    pub(super) fn new(tree: T, columns_of: &'a (dyn Fn(&str) -> Vec<String> + Sync)) -> Self {
        Self { tree, left: MOST, columns_of }
    }

    /// The tree to be planned next.
    pub(super) fn next(&self) -> T {
        self.tree.clone()
    }

    /// Takes the result of planning the tree; returns `Continue` if a name was repaired and the tree is to be planned again.
    pub(super) fn tried<P>(&mut self, planned: Result<P, DataFusionError>) -> ControlFlow<Result<P>> {
        self.left -= 1;
        if self.left == 0 && planned.is_err() {
            let message = format!("more than {MOST} names of columns are written in another case than they were declared");
            return ControlFlow::Break(Err(Error::sql(message)));
        }
        repair(&mut self.tree, planned, self.columns_of)
    }
}

/// Takes the result of planning; returns `Continue` if a name was repaired.
fn repair<T: Visit + VisitMut, P>(
    tree: &mut T,
    planned: Result<P, DataFusionError>,
    columns_of: &(dyn Fn(&str) -> Vec<String> + Sync),
) -> ControlFlow<Result<P>> {
    let error = match planned {
        Ok(plan) => return ControlFlow::Break(Ok(plan)),
        Err(error) => error,
    };
    if let Some(name) = ambiguous(&error) {
        return ControlFlow::Break(Err(several(name, &error, tree, columns_of)));
    }
    let Some((missing, valid)) = missing(&error) else {
        return ControlFlow::Break(Err(at_function(Error::from(error), tree)));
    };
    let meant = meant(missing, valid).or_else(|| meant(missing, &around(tree, columns_of)));
    if let Some(meant) = &meant {
        let mut repair = Repair { missing, meant, done: false };
        let _ = VisitMut::visit(tree, &mut repair);
        if repair.done {
            return ControlFlow::Continue(());
        }
    }
    ControlFlow::Break(Err(unknown(missing, valid, tree)))
}

/// The schema error behind a planning error, if there is one.
fn of_schema(error: &DataFusionError) -> Option<&SchemaError> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(DataFusionError::SchemaError(schema, _)) = current.downcast_ref::<DataFusionError>() {
            return Some(schema.as_ref());
        }
        next = current.source();
    }
    None
}

/// The missing column and the columns that exist.
fn missing(error: &DataFusionError) -> Option<(&Column, &[Column])> {
    match of_schema(error)? {
        SchemaError::FieldNotFound { field, valid_fields } => Some((field, valid_fields)),
        _ => None,
    }
}

/// The unqualified name that exists in several tables.
fn ambiguous(error: &DataFusionError) -> Option<&str> {
    match of_schema(error)? {
        SchemaError::AmbiguousReference { field } if field.relation.is_none() => Some(&field.name),
        _ => None,
    }
}

/// The error for an ambiguous name. Its candidates come from DataFusion's notes or from the tables that the query names.
fn several(name: &str, error: &DataFusionError, tree: &impl Visit, columns_of: &(dyn Fn(&str) -> Vec<String> + Sync)) -> Error {
    let notes = error.diagnostic().map(|diagnostic| diagnostic.notes.as_slice()).unwrap_or_default();
    let noted = notes.iter().filter_map(|note| note.message.strip_prefix("possible column "));
    let noted = noted.filter_map(|column| column.rsplit_once('.')).filter(|(_, column)| *column == name);
    let mut tables: BTreeSet<String> = noted.map(|(table, _)| table.to_string()).collect();
    if tables.len() < 2 {
        let columns = around(tree, columns_of);
        let tables_with = columns.iter().filter(|column| column.name == name).filter_map(|column| column.relation.as_ref());
        tables.extend(tables_with.map(|table| table.table().to_string()));
    }
    let shown: Vec<String> = tables.iter().map(|table| format!("`{table}.{name}`")).collect();
    let error = match shown.as_slice() {
        [_, _, ..] => Error::sql(format!("column `{name}` can mean {}", shown.join(" or "))).hint("write the table before its name"),
        _ => Error::sql(format!("several tables of the query have a column `{name}`")).hint(format!("write the table before it: t.{name}")),
    };
    let mut find = FindBare { name, at: None };
    let _ = tree.visit(&mut find);
    located(error, find.at)
}

struct FindBare<'a> {
    name: &'a str,
    at: Option<Location>,
}

impl Visitor for FindBare<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) if ident.value.eq_ignore_ascii_case(self.name) => {
                self.at = Some(ident.span.start);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        }
    }
}

/// The columns of all tables that a query names.
fn around(tree: &impl Visit, columns_of: &(dyn Fn(&str) -> Vec<String> + Sync)) -> Vec<Column> {
    let mut tables = TableNames::default();
    let _ = tree.visit(&mut tables);
    let column = |alias: &str, name: String| Column::new(Some(TableReference::bare(alias)), name);
    tables.0.iter().flat_map(|(table, alias)| columns_of(table).into_iter().map(move |name| column(alias, name))).collect()
}

/// Names of tables, each with the qualifier of its columns.
#[derive(Default)]
struct TableNames(Vec<(String, String)>);

impl Visitor for TableNames {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, args: None, .. } = factor
            && let Some(table) = name.0.last().and_then(|part| part.as_ident())
        {
            let alias = alias.as_ref().map_or(&table.value, |alias| &alias.name.value);
            self.0.push((table.value.clone(), alias.clone()));
        }
        ControlFlow::Continue(())
    }
}

/// The correct spelling of a missing name: the last parts of its path, in their right case.
fn meant(missing: &Column, valid: &[Column]) -> Option<Vec<String>> {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let only = |found: BTreeSet<Vec<String>>| if found.len() == 1 { found.into_iter().next() } else { None };
    let Some(relation) = &missing.relation else {
        let found: BTreeSet<Vec<String>> = valid.iter().filter(|c| same(&c.name, &missing.name)).map(|c| vec![c.name.clone()]).collect();
        return only(found);
    };
    let qualified = valid.iter().filter(|c| same(&c.name, &missing.name));
    let found: BTreeSet<Vec<String>> = qualified
        .filter_map(|c| {
            c.relation.as_ref().filter(|r| same(r.table(), relation.table())).map(|r| vec![r.table().to_string(), c.name.clone()])
        })
        .collect();
    if !found.is_empty() {
        return only(found);
    }
    // A field of a row, where the column that holds the row is in another case.
    let rows: BTreeSet<Vec<String>> =
        valid.iter().filter(|c| same(&c.name, relation.table())).map(|c| vec![c.name.clone(), missing.name.clone()]).collect();
    only(rows)
}

/// Replaces the missing name by the right one.
struct Repair<'a> {
    missing: &'a Column,
    meant: &'a [String],
    done: bool,
}

impl VisitorMut for Repair<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let path: &mut [Ident] = match expr {
            Expr::Identifier(name) => std::slice::from_mut(name),
            Expr::CompoundIdentifier(path) => path,
            _ => return ControlFlow::Continue(()),
        };
        if !is_at(self.missing, path) || path.len() < self.meant.len() {
            return ControlFlow::Continue(());
        }
        let from = path.len() - self.meant.len();
        for (ident, meant) in path[from..].iter_mut().zip(self.meant) {
            if ident.value != *meant {
                ident.value.clone_from(meant);
                self.done = true;
            }
        }
        // A position identifies one name; without it, all names with the same text are repaired.
        if self.done && self.missing.spans.first().is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Whether this path is the missing one: by position, or by text if the error has no position.
fn is_at(missing: &Column, path: &[Ident]) -> bool {
    let (Some(first), Some(last)) = (path.first(), path.last()) else { return false };
    match missing.spans.first() {
        Some(span) => {
            let start: Location = first.span.start;
            (span.start.line, span.start.column) == (start.line, start.column) && last.value == missing.name
        }
        None => {
            let qualifier = path.len().checked_sub(2).and_then(|i| path.get(i)).map(|ident| ident.value.as_str());
            last.value == missing.name && missing.relation.as_ref().is_none_or(|r| qualifier.is_none_or(|q| q == r.table()))
        }
    }
}

/// The error for a column that does not exist.
fn unknown(missing: &Column, valid: &[Column], tree: &impl Visit) -> Error {
    let mut names: Vec<&str> = Vec::new();
    for column in valid.iter().filter(|c| !c.name.starts_with("__")) {
        if !names.contains(&column.name.as_str()) {
            names.push(&column.name);
        }
    }
    let error = match &missing.relation {
        Some(relation) if valid.iter().any(|c| c.relation.as_ref().is_some_and(|r| r.table() == relation.table())) => {
            Error::sql(format!("`{}` has no column `{}`", relation.table(), missing.name))
        }
        Some(relation) => Error::sql(format!("there is no column `{}.{}`", relation.table(), missing.name)),
        None => Error::sql(format!("there is no column `{}`", missing.name)),
    };
    let mut find = Find { missing, at: None };
    let _ = tree.visit(&mut find);
    let alike: Vec<String> = names.iter().filter(|n| n.to_lowercase() == missing.name.to_lowercase()).map(|n| format!("`{n}`")).collect();
    if missing.relation.is_none() && alike.len() > 1 {
        let several = Error::sql(format!("column `{}` can mean {}", missing.name, alike.join(" or ")));
        return located(several.hint("write it in the case in which it was declared"), find.at);
    }
    located(error.hint(suggest::hint(&missing.name, &names)), find.at)
}

struct Find<'a> {
    missing: &'a Column,
    at: Option<Location>,
}

impl Visitor for Find<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let path: &[Ident] = match expr {
            Expr::Identifier(name) => std::slice::from_ref(name),
            Expr::CompoundIdentifier(path) => path,
            _ => return ControlFlow::Continue(()),
        };
        if !is_at(self.missing, path) {
            return ControlFlow::Continue(());
        }
        self.at = path.first().map(|ident| ident.span.start);
        ControlFlow::Break(())
    }
}

/// Adds the position of a function or table to an error about it.
fn at_function(error: Error, tree: &impl Visit) -> Error {
    if error.place().is_some() || error.line_column().is_some() {
        return error;
    }
    let missing = |subject: &Subject| if let Subject::MissingTable(name) = subject { Some(name.clone()) } else { None };
    let (named, error) = if let Some((named, near)) = library_text::unknown_function(error.message()) {
        let near = near.filter(|near| suggest::nearest(&named, [near.as_str()]).is_some());
        let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
        let unknown = Error::sql(format!("there is no function `{named}`"));
        (named, unknown.hint(format!("{near}SHOW FUNCTIONS lists all; CREATE FUNCTION declares one")))
    } else if let Some(named) = error.subjects().iter().find_map(missing) {
        (named, error)
    } else {
        return error;
    };
    let mut find = FindName { name: &named, at: None };
    let _ = tree.visit(&mut find);
    located(error, find.at)
}

struct FindName<'a> {
    name: &'a str,
    at: Option<Location>,
}

impl FindName<'_> {
    fn look(&mut self, name: &ObjectName) -> ControlFlow<()> {
        let ident = name.0.last().and_then(|part| part.as_ident()).filter(|ident| ident.value.eq_ignore_ascii_case(self.name));
        match ident {
            Some(ident) => {
                self.at = Some(ident.span.start);
                ControlFlow::Break(())
            }
            None => ControlFlow::Continue(()),
        }
    }
}

impl Visitor for FindName<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        self.look(relation)
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(Function { name, .. }) => self.look(name),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn located(error: Error, at: Option<Location>) -> Error {
    match at.map(|at| (usize::try_from(at.line), usize::try_from(at.column))) {
        Some((Ok(line), Ok(column))) if line > 0 => error.with_line_column(line, column),
        _ => error,
    }
}
