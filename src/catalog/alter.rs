//! ALTER TABLE and ALTER VIEW: change a declaration and write it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::common::{Error, Result, suggest};
use crate::sql::ast::{Alter, Change, Column, ColumnKind, CreateTable, CreateView, DropKind, Parsed, Parts, Position, Source, Statement};
use crate::sql::{Variables, dialect, name, parse_with};

use super::assemble::assemble;
use super::entry::{Entry, Key};
use super::layers::Catalog;

impl Catalog {
    /// Returns the declaration after an ALTER, as a CREATE under the new name; `None` if the object does not exist and the statement has IF
    /// EXISTS.
    ///
    /// # Errors
    /// When there is no such object, or the change is invalid for it.
    pub fn altered(&self, alter: &Alter, parsed: &Parsed) -> Result<Option<Parsed>> {
        let what = alter.kind.what();
        let entry = match self.find(&alter.name)? {
            Some(entry) => entry,
            None if alter.if_exists => return Ok(None),
            None => return Err(self.unknown(what, &alter.name)),
        };
        match (&entry, alter.kind) {
            (Entry::Table(table), DropKind::Table) => {
                let mut table = table.definition.clone();
                if table.dialect != parsed.dialect && matches!(alter.change, Change::Add(_) | Change::Modify(_)) {
                    let (of, here) = (table.dialect, parsed.dialect);
                    let error = Error::sql(format!(
                        "`{}` is declared in the dialect {of}, in which what {here} adds means something else",
                        table.name
                    ));
                    return Err(error.hint(format!("SET '{}' = '{}' before the ALTER", dialect::KEYS[0], of.name())));
                }
                self.apply(&mut table, &alter.change)?;
                assemble(table, parsed).map(Some)
            }
            (Entry::View(view), DropKind::View) => {
                let mut view = view.definition.clone();
                match &alter.change {
                    Change::RenameTo(to) => view.name = self.canonical(&moved(&view.name, to))?,
                    Change::As(query, text) => (view.query, view.text) = (query.clone(), text.clone()),
                    _ => return Err(Error::internal("a view has nothing else to change")),
                }
                let dialect = view.query.dialect;
                let text = dialect.view_text(&view);
                // Parsed again, so that its positions refer to its own text.
                let source = Source::new("<assembled>", text.as_str());
                let statement = parse_with(&source, &Variables::default(), dialect)?.pop().map(|again| again.statement);
                match statement {
                    Some(Statement::CreateView(read)) => {
                        let statement = Statement::CreateView(CreateView { name: view.name, ..read });
                        Ok(Some(Parsed { statement, text, source, pos: parsed.pos, set: None, dialect }))
                    }
                    _ => Err(Error::internal(format!("a view was put together to something else: {text}"))),
                }
            }
            _ => Err(Error::sql(format!("`{}` is a {}, not a {what}", entry.name(), entry.what()))
                .hint(format!("write ALTER {}", entry.what().to_uppercase()))),
        }
    }

    /// Executes an ALTER whose result is `after` (from [`Self::altered`]).
    ///
    /// # Errors
    /// When the new name is taken, when another object uses the old one, or when the object is in a shared folder.
    pub fn alter(&mut self, alter: &Alter, after: &Parsed) -> Result<()> {
        let store = Arc::clone(&self.store);
        let mut change = self.change(&store)?;
        let entry = self.get(&alter.name)?;
        let key = entry.key();
        let (written, ..) = super::entry::declared(&after.statement)?;
        let to = self.canonical(written)?;
        let Some(changed) = Entry::from_parsed(after, entry.created_by().to_string(), to.clone()) else {
            return Err(Error::internal("an ALTER declares nothing"));
        };
        let renamed = to != key.1;
        if renamed {
            let new: Key = (key.0, to.clone());
            if let Some(taken) = self.exact(&new) {
                return Err(Error::sql(format!("{} `{to}` exists, created by {}", taken.what(), taken.created_by())));
            }
            self.refuse_users(&format!("{} `{}`", entry.what(), key.1), &BTreeSet::from([key.clone()]))?;
        }
        if self.temporary.remove(&key).is_some() {
            self.temporary.insert(changed.key(), changed);
            return Ok(());
        }
        self.refuse_shared(&key)?;
        change.put(changed, after)?;
        if renamed {
            change.remove(&key)?;
        }
        self.done(change);
        Ok(())
    }

    fn apply(&self, table: &mut CreateTable, change: &Change) -> Result<()> {
        match change {
            Change::RenameTo(to) => table.name = self.canonical(&moved(&table.name, to))?,
            Change::Set(options) => options.iter().for_each(|(key, value)| table.options.set(key, value)),
            Change::Reset(keys) => {
                for key in keys {
                    if key == "connector" {
                        return Err(Error::sql("a table cannot be without its `connector`").hint("SET gives it another one"));
                    }
                    table.options.unset(key);
                }
            }
            Change::Add(parts) => add(table, parts)?,
            Change::Modify(parts) => modify(table, parts)?,
            Change::DropColumns(columns) => {
                for name in columns {
                    let i = index(table, name)?;
                    let used = table.primary_key.contains(name) || table.partitioned_by.contains(name);
                    if used || table.watermark.as_ref().is_some_and(|w| w.column == *name) {
                        let error = Error::sql(format!("column `{name}` is part of the primary key, the partitions or the watermark"));
                        return Err(error.hint("ALTER TABLE ... DROP PRIMARY KEY, or DROP WATERMARK, first"));
                    }
                    table.columns.remove(i);
                }
            }
            Change::DropKey if table.primary_key.is_empty() => return Err(Error::sql("the table has no primary key")),
            Change::DropKey => table.primary_key.clear(),
            Change::DropWatermark if table.watermark.is_none() => return Err(Error::sql("the table has no watermark")),
            Change::DropWatermark => table.watermark = None,
            Change::RenameColumn(from, to) => rename(table, from, to)?,
            Change::As(..) => return Err(Error::internal("a table is not a query")),
        }
        Ok(())
    }
}

/// A new name without a database stays in the database of the old one.
fn moved(from: &str, to: &str) -> String {
    match (name::split(from), name::split(to)) {
        ((from, _), (None, last)) => name::join(Some(from.as_deref().unwrap_or(name::DEFAULT_DATABASE)), &last),
        _ => to.to_string(),
    }
}

fn index(table: &CreateTable, name: &str) -> Result<usize> {
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let unknown = || Error::sql(format!("table `{}` has no column `{name}`", table.name)).hint(suggest::hint(name, &names));
    names.iter().position(|n| *n == name).ok_or_else(unknown)
}

fn put(table: &mut CreateTable, column: Column, position: &Position, otherwise: usize) -> Result<()> {
    let at = match position {
        Position::Default => otherwise,
        Position::First => 0,
        Position::After(name) => index(table, name)? + 1,
    };
    table.columns.insert(at.min(table.columns.len()), column);
    Ok(())
}

fn add(table: &mut CreateTable, parts: &Parts) -> Result<()> {
    for (column, position) in &parts.columns {
        if table.columns.iter().any(|c| c.name == column.name) {
            return Err(Error::sql(format!("table `{}` has a column `{}` already", table.name, column.name)).hint("MODIFY changes it"));
        }
        let last = table.columns.len();
        put(table, column.clone(), position, last)?;
    }
    if parts.watermark.is_some() && table.watermark.is_some() {
        return Err(Error::sql(format!("table `{}` has a watermark already", table.name)).hint("MODIFY changes it"));
    }
    if !parts.primary_key.is_empty() && !table.primary_key.is_empty() {
        return Err(Error::sql(format!("table `{}` has a primary key already", table.name)).hint("MODIFY changes it"));
    }
    say(table, parts);
    Ok(())
}

fn modify(table: &mut CreateTable, parts: &Parts) -> Result<()> {
    for (column, position) in &parts.columns {
        let was = index(table, &column.name)?;
        table.columns.remove(was);
        put(table, column.clone(), position, was)?;
    }
    if parts.watermark.is_some() && table.watermark.is_none() {
        return Err(Error::sql(format!("table `{}` has no watermark to modify", table.name)).hint("ADD gives it one"));
    }
    if !parts.primary_key.is_empty() && table.primary_key.is_empty() {
        return Err(Error::sql(format!("table `{}` has no primary key to modify", table.name)).hint("ADD gives it one"));
    }
    say(table, parts);
    Ok(())
}

fn say(table: &mut CreateTable, parts: &Parts) {
    if parts.watermark.is_some() {
        table.watermark.clone_from(&parts.watermark);
    }
    if !parts.primary_key.is_empty() {
        table.primary_key.clone_from(&parts.primary_key);
    }
}

fn rename(table: &mut CreateTable, from: &str, to: &str) -> Result<()> {
    let i = index(table, from)?;
    if table.columns.iter().any(|c| c.name == to) {
        return Err(Error::sql(format!("table `{}` has a column `{to}` already", table.name)));
    }
    let names = |text: &str| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == from);
    let computed = table.columns.iter().filter(|c| matches!(c.kind, ColumnKind::Computed(_)));
    if computed.map(|c| c.text.as_str()).chain(table.watermark.as_ref().map(|w| w.text.as_str())).any(names) {
        let error = Error::sql(format!("column `{from}` is used by a computed column or the watermark"));
        return Err(error.hint("drop that first, and add it again with the new name"));
    }
    for column in table.primary_key.iter_mut().chain(&mut table.partitioned_by).filter(|c| *c == from) {
        *column = to.to_string();
    }
    if let Some(watermark) = table.watermark.as_mut().filter(|w| w.column == from) {
        watermark.column = to.to_string();
    }
    // A metadata column keeps its key.
    if let Some(column) = table.columns.get_mut(i) {
        column.name = to.to_string();
    }
    Ok(())
}
