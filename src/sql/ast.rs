//! What a script says: the one [`Statement`] that every grammar lowers to.
//!
//! Queries and expressions stay as sqlparser's syntax trees, because DataFusion plans those; everything that a streaming
//! dialect adds (watermarks, metadata columns, options, EMIT) is taken out of the text and stands in fields of its own.

use std::sync::Arc;

use arrow::datatypes::DataType;
use sqlparser::ast;

use crate::common::error::Place;
use crate::common::{Error, Result};

/// The text of one file (or of a `-c` argument, or of what was typed), kept for error messages.
#[derive(Debug, Clone)]
pub struct Source {
    /// How messages name it: the file as given, or `<sql>`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A text under a name.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The place of a line and column (both from 1) in this text, with the line for the caret.
    pub fn place(&self, line: usize, column: usize) -> Place {
        let text = self.text.lines().nth(line.saturating_sub(1)).unwrap_or("").to_string();
        Place { file: self.name.to_string(), line, column, text }
    }
}

/// Where something stands in a [`Source`]: line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pos {
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One statement with its text and place.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub statement: Statement,
    /// Its own text, without the closing semicolon and without comments before it.
    pub text: String,
    /// The file it stands in.
    pub source: Source,
    /// Where it begins.
    pub pos: Pos,
}

impl Parsed {
    /// Gives an error the place of this statement, if it has none yet.
    pub fn locate(&self, error: Error) -> Error {
        error.at(self.source.place(self.pos.line, self.pos.column))
    }
}

/// A statement of any dialect.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `CREATE TABLE ... WITH (...)`.
    CreateTable(CreateTable),
    /// `CREATE [MATERIALIZED] VIEW ... AS SELECT`.
    CreateView(CreateView),
    /// `DROP TABLE | [MATERIALIZED] VIEW`.
    Drop(Drop),
    /// `INSERT INTO ... SELECT | VALUES`.
    Insert(Insert),
    /// `COPY ... TO 'file'`.
    Copy(Copy),
    /// `SELECT`, `VALUES`, `WITH ... SELECT`.
    Query(Query),
    /// `EXPLAIN [ANALYZE]` of an INSERT, a query or a statement set.
    Explain(Explain),
    /// `SET 'key' = 'value'`.
    Set(Setting),
    /// `RESET ['key']`.
    Reset(Option<String>),
}

/// A declared table.
#[derive(Debug, Clone)]
pub struct CreateTable {
    /// Its name, as written.
    pub name: String,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `TEMPORARY`: not written to the catalog.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Columns, in order; none if the table's connector is to find them out.
    pub columns: Vec<Column>,
    /// `WATERMARK FOR column AS expr`.
    pub watermark: Option<Watermark>,
    /// Columns of `PRIMARY KEY (...) NOT ENFORCED`.
    pub primary_key: Vec<String>,
    /// Columns of `PARTITIONED BY (...)`.
    pub partitioned_by: Vec<String>,
    /// `COMMENT '...'`.
    pub comment: Option<String>,
    /// `WITH ('key' = 'value')`.
    pub options: Options,
}

/// One column of a declared table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, as written.
    pub name: String,
    /// Its Arrow type; `None` only for a computed column, whose type the planner finds.
    pub data_type: Option<DataType>,
    /// The type as people wrote it (`TIMESTAMP(3)`), for DESCRIBE.
    pub sql_type: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// Where it stands.
    pub pos: Pos,
}

/// Where a column's values come from.
#[derive(Debug, Clone)]
pub enum ColumnKind {
    /// A field of the record.
    Physical,
    /// `METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        /// The connector's name for it; the column's own name if not given.
        key: String,
        /// `VIRTUAL`: left out when the table is written to.
        is_virtual: bool,
    },
    /// `column AS expr`.
    Computed(Box<ast::Expr>),
}

/// `WATERMARK FOR column AS expr`.
#[derive(Debug, Clone)]
pub struct Watermark {
    /// The event-time column.
    pub column: String,
    /// The expression that says how far time has come when this row is seen.
    pub expr: Box<ast::Expr>,
    /// Where it stands.
    pub pos: Pos,
}

/// A view: a name for a query; a materialized one keeps the query's result up to date.
#[derive(Debug, Clone)]
pub struct CreateView {
    /// Its name, as written.
    pub name: String,
    /// `MATERIALIZED`: a job whose result is kept; never `TEMPORARY`.
    pub materialized: bool,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Column names, if given.
    pub columns: Vec<String>,
    /// The query.
    pub query: Query,
}

/// `DROP TABLE | VIEW | MATERIALIZED VIEW [IF EXISTS] name`.
#[derive(Debug, Clone)]
pub struct Drop {
    /// What is dropped.
    pub name: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Which kind of thing the name has to stand for.
    pub kind: DropKind,
}

/// What DROP takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// `DROP TABLE`.
    Table,
    /// `DROP VIEW`.
    View,
    /// `DROP MATERIALIZED VIEW`.
    MaterializedView,
}

impl DropKind {
    /// As it stands in the middle of a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
        }
    }
}

/// `EXPLAIN [ANALYZE]`.
#[derive(Debug, Clone)]
pub struct Explain {
    /// `ANALYZE`: run it over what is there now, write nothing, and show what each node did.
    pub analyze: bool,
    /// What is explained: one INSERT or query, or the INSERTs of a statement set, which are one job.
    pub statements: Vec<Statement>,
}

/// `INSERT INTO table [(columns)] query`.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table written to.
    pub table: String,
    /// The columns, if listed.
    pub columns: Vec<String>,
    /// `SELECT ...` or `VALUES ...`.
    pub query: Query,
    /// True for a bare `VALUES`, which runs at once.
    pub values: bool,
}

/// `COPY (query) TO 'file'`.
#[derive(Debug, Clone)]
pub struct Copy {
    /// What is written.
    pub query: Query,
    /// Where to.
    pub path: String,
    /// `FORMAT csv, HEADER`: keys in small letters.
    pub options: Vec<(String, String)>,
    /// Columns of `PARTITIONED BY`.
    pub partitioned_by: Vec<String>,
}

/// A query and how it wants to be answered.
#[derive(Debug, Clone)]
pub struct Query {
    /// The query itself, without EMIT.
    pub query: Box<ast::Query>,
    /// `EMIT CHANGES | FINAL`.
    pub emit: Emit,
}

/// When a continuous query shows its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Emit {
    /// Not said.
    #[default]
    Unsaid,
    /// Every epoch shows what changed.
    Changes,
    /// Only final results, once per window.
    Final,
}

/// `SET 'key' = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The `'key' = 'value'` pairs of a WITH clause, in order, each with its place.
#[derive(Debug, Clone, Default)]
pub struct Options(Vec<(String, String, Pos)>);

impl Options {
    /// Adds a pair; a key that was there already is an error.
    pub fn push(&mut self, key: String, value: String, pos: Pos) -> Result<()> {
        if self.get(&key).is_some() {
            return Err(Error::sql(format!("option `{key}` is given twice")));
        }
        self.0.push((key, value, pos));
        Ok(())
    }

    /// Sets a value, replacing the one that is there.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(k, ..)| k == key) {
            Some(pair) => pair.1 = value.to_string(),
            None => self.0.push((key.to_string(), value.to_string(), Pos::default())),
        }
    }

    /// Takes a key out.
    pub fn unset(&mut self, key: &str) {
        self.0.retain(|(k, ..)| k != key);
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, ..)| k == key).map(|(_, v, _)| v.as_str())
    }

    /// Where a key stands.
    pub fn pos(&self, key: &str) -> Pos {
        self.0.iter().find(|(k, ..)| k == key).map(|(.., p)| *p).unwrap_or_default()
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v, _)| (k.as_str(), v.as_str()))
    }
}
