//! A declared object: its definition, its text, and the file that declared it.

use std::sync::Arc;

use crate::common::{Error, Result};
use crate::sql::Dialect;
use crate::sql::ast::{CreateFunction, CreateTable, CreateView, Parsed, Pos, Source, Statement};

use super::names;

/// A declared table.
#[derive(Debug, Clone)]
pub struct TableEntry {
    /// Its definition; the name is canonical (see [`crate::sql::name`]).
    pub definition: CreateTable,
    /// The statement's text.
    pub text: String,
    /// The file that declared it, as the user named it.
    pub created_by: String,
    /// The text to which its positions refer.
    pub source: Source,
}

/// A declared view.
#[derive(Debug, Clone)]
pub struct ViewEntry {
    /// Its definition; the name is canonical.
    pub definition: CreateView,
    /// The statement's text.
    pub text: String,
    /// The file that declared it, as the user named it.
    pub created_by: String,
    /// The text to which its positions refer.
    pub source: Source,
}

/// A declared function.
#[derive(Debug, Clone)]
pub struct FunctionEntry {
    /// Its definition; the name is canonical.
    pub definition: CreateFunction,
    /// The statement's text.
    pub text: String,
    /// The file that declared it, as the user named it.
    pub created_by: String,
}

/// A table, a view or a function.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A table.
    Table(Arc<TableEntry>),
    /// A view.
    View(Arc<ViewEntry>),
    /// A function.
    Function(Arc<FunctionEntry>),
}

/// Namespaces: objects of different spaces may have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Space {
    /// Tables and views.
    Relations,
    /// Functions.
    Functions,
}

/// The space and canonical name of an object.
pub type Key = (Space, String);

/// How a CREATE declares its object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) temporary: bool,
    pub(super) or_replace: bool,
    pub(super) if_not_exists: bool,
}

impl TableEntry {
    /// Gives an error the place of a column or an option, if it has none yet.
    pub fn locate(&self, at: Pos, error: Error) -> Error {
        if at.line == 0 { error } else { error.at(self.source.place(at.line, at.column)) }
    }
}

impl Entry {
    /// Its canonical name.
    pub fn name(&self) -> &str {
        match self {
            Self::Table(t) => &t.definition.name,
            Self::View(v) => &v.definition.name,
            Self::Function(f) => &f.definition.name,
        }
    }

    /// The statement that declares it.
    pub fn text(&self) -> &str {
        match self {
            Self::Table(t) => &t.text,
            Self::View(v) => &v.text,
            Self::Function(f) => &f.text,
        }
    }

    /// The file that declared it, as the user named it.
    pub fn created_by(&self) -> &str {
        match self {
            Self::Table(t) => &t.created_by,
            Self::View(v) => &v.created_by,
            Self::Function(f) => &f.created_by,
        }
    }

    /// The dialect that it is declared in.
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Table(t) => t.definition.dialect,
            Self::View(v) => v.definition.query.dialect,
            Self::Function(f) => f.definition.dialect,
        }
    }

    /// Its kind, for the middle of a sentence.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Table(_) => "table",
            Self::View(v) if v.definition.materialized => "materialized view",
            Self::View(_) => "view",
            Self::Function(_) => "function",
        }
    }

    /// The database to which it belongs, and in which the names in it are looked up.
    pub fn database(&self) -> String {
        names::database(self.name())
    }

    /// The key under which it is found.
    pub fn key(&self) -> Key {
        (self.space(), self.name().to_string())
    }

    fn space(&self) -> Space {
        match self {
            Self::Function(_) => Space::Functions,
            _ => Space::Relations,
        }
    }

    /// `view v`, for lists.
    pub(super) fn shown(&self) -> String {
        format!("{} `{}`", self.what(), self.name())
    }

    /// Returns the object that a statement declares, under its canonical name; `None` for other statements.
    pub(super) fn from_parsed(parsed: &Parsed, created_by: String, canonical: String) -> Option<Self> {
        let (text, source) = (parsed.text.clone(), parsed.source.clone());
        match &parsed.statement {
            Statement::CreateTable(definition) => {
                let definition = CreateTable { name: canonical, ..definition.clone() };
                Some(Self::Table(Arc::new(TableEntry { definition, text, created_by, source })))
            }
            Statement::CreateView(definition) => {
                let definition = CreateView { name: canonical, ..definition.clone() };
                Some(Self::View(Arc::new(ViewEntry { definition, text, created_by, source })))
            }
            Statement::CreateFunction(definition) => {
                let definition = CreateFunction { name: canonical, ..definition.clone() };
                Some(Self::Function(Arc::new(FunctionEntry { definition, text, created_by })))
            }
            _ => None,
        }
    }
}

/// Name, space and manner of a CREATE.
///
/// # Errors
/// For any other statement, which is a bug.
pub(super) fn declared(statement: &Statement) -> Result<(&str, Space, Manner)> {
    match statement {
        Statement::CreateTable(t) => {
            let manner = Manner { temporary: t.temporary, or_replace: t.or_replace, if_not_exists: t.if_not_exists };
            Ok((&t.name, Space::Relations, manner))
        }
        Statement::CreateView(v) => {
            let manner = Manner { temporary: v.temporary, or_replace: v.or_replace, if_not_exists: v.if_not_exists };
            Ok((&v.name, Space::Relations, manner))
        }
        Statement::CreateFunction(f) => {
            let manner = Manner { temporary: f.temporary, or_replace: f.or_replace, if_not_exists: f.if_not_exists };
            Ok((&f.name, Space::Functions, manner))
        }
        _ => Err(Error::internal("only CREATE TABLE, CREATE VIEW and CREATE FUNCTION declare something")),
    }
}
