//! CREATE, and who may replace a declaration.

use std::path::Path;
use std::sync::Arc;

use crate::common::{Error, Result};
use crate::sql::ast::{ColumnKind, CreateDatabase, Parsed, Statement};
use crate::sql::name;

use super::assemble::assemble;
use super::entry::{self, Entry};
use super::layers::Catalog;
use super::{equivalence, like};

/// What [`Catalog::create`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The name was not declared before.
    New,
    /// It replaced another declaration.
    Replaced,
    /// The same declaration existed, or any with IF NOT EXISTS.
    Kept,
}

impl Catalog {
    /// Returns a CREATE TABLE ... LIKE as the CREATE TABLE that it means; any other statement unchanged.
    ///
    /// # Errors
    /// When the other table does not exist, or the two contradict each other.
    pub fn complete(&self, parsed: &Parsed) -> Result<Parsed> {
        let Statement::CreateTable(table) = &parsed.statement else { return Ok(parsed.clone()) };
        let Some(like) = &table.like else { return Ok(parsed.clone()) };
        let at = |error: Error| if like.pos.line == 0 { error } else { error.at(parsed.source.place(like.pos.line, like.pos.column)) };
        let source = self.get_table(&like.source).map_err(at)?;
        let has_expressions = source.definition.watermark.is_some()
            || source.definition.columns.iter().any(|column| matches!(column.kind, ColumnKind::Computed(_)));
        if source.definition.dialect != table.dialect && has_expressions {
            let of = source.definition.dialect;
            let error = Error::sql(format!(
                "`{}` has expressions in the dialect {of}, which mean something else in {}",
                like.source, table.dialect
            ));
            return Err(at(error.hint("declare the columns, or write the statement in the dialect of that table")));
        }
        like::merge(&source.definition, table, like).and_then(|whole| assemble(whole, parsed)).map_err(at)
    }

    /// Executes a CREATE: the same declaration again changes nothing, the same file may change its own declarations, any other change needs
    /// OR REPLACE.
    ///
    /// # Errors
    /// When the name is taken, or the file cannot be written. Any other statement is a bug.
    pub fn create(&mut self, parsed: &Parsed) -> Result<Created> {
        if let Statement::CreateDatabase(database) = &parsed.statement {
            return self.create_database(database, parsed);
        }
        let (written, space, manner) = entry::declared(&parsed.statement)?;
        let store = Arc::clone(&self.store);
        let change = if manner.temporary { None } else { Some(self.change(&store)?) };
        let canonical = self.canonical(written).map_err(|e| parsed.locate(e))?;
        let key = (space, canonical.clone());
        let Some(entry) = Entry::from_parsed(parsed, plain_path(&parsed.source.name), canonical.clone()) else {
            return Err(Error::internal("only CREATE TABLE, CREATE VIEW and CREATE FUNCTION declare something"));
        };
        self.refuse_circle(&entry).map_err(|e| parsed.locate(e))?;
        let there = if manner.temporary { self.temporary.get(&key) } else { self.lasting(&key) };
        let created = match there {
            None => Created::New,
            Some(_) if manner.if_not_exists => return Ok(Created::Kept),
            Some(there) if equivalence::same(there, &entry) => return Ok(Created::Kept),
            Some(there) if there.what() != entry.what() => {
                let what = there.what();
                let drop = format!("DROP {} {} removes it", what.to_uppercase(), name::sql(&canonical));
                let error = Error::sql(format!("`{canonical}` exists as a {what}, created by {}", there.created_by()));
                return Err(parsed.locate(error.hint(drop)));
            }
            Some(there) if manner.or_replace || same_file(there.created_by(), entry.created_by()) => Created::Replaced,
            Some(there) => {
                let error = Error::sql(format!("{} `{canonical}` exists, created by {}", there.what(), there.created_by()));
                return Err(parsed.locate(error.hint(format!("use CREATE OR REPLACE {}", there.what().to_uppercase()))));
            }
        };
        match change {
            None => drop(self.temporary.insert(key, entry)),
            Some(mut change) => {
                change.put(entry, parsed)?;
                self.done(change);
            }
        }
        Ok(created)
    }

    /// Whether a CREATE repeats an existing declaration, or has IF NOT EXISTS and the object exists.
    ///
    /// # Errors
    /// When its database does not exist, or the name is ambiguous.
    pub fn declares_again(&self, parsed: &Parsed) -> Result<bool> {
        let (written, space, manner) = entry::declared(&parsed.statement)?;
        let canonical = self.canonical(written)?;
        let Some(there) = self.lasting(&(space, canonical.clone())) else { return Ok(false) };
        let again = Entry::from_parsed(parsed, plain_path(&parsed.source.name), canonical);
        Ok(manner.if_not_exists || again.is_some_and(|again| equivalence::same(there, &again)))
    }

    fn create_database(&mut self, database: &CreateDatabase, parsed: &Parsed) -> Result<Created> {
        let store = Arc::clone(&self.store);
        let mut change = self.change(&store)?;
        if self.declarations.databases.contains(&database.name) {
            // Databases have no properties that could differ.
            return Ok(Created::Kept);
        }
        change.put_database(&database.name, &plain_path(&parsed.source.name), parsed)?;
        self.done(change);
        Ok(Created::New)
    }
}

/// Returns a file's name without a leading `./`.
fn plain_path(name: &str) -> String {
    let mut name = name;
    while let Some(rest) = name.strip_prefix("./") {
        name = rest.trim_start_matches('/');
    }
    name.to_string()
}

/// Whether two names mean the same file: they may be relative to different folders. Typed text (`<sql>`) is not a file.
fn same_file(a: &str, b: &str) -> bool {
    if a.starts_with('<') || b.starts_with('<') {
        return false;
    }
    Path::new(a).ends_with(b) || Path::new(b).ends_with(a)
}
