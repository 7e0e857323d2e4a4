//! What is declared, changed, dropped and shown, besides tables.

use arrow::datatypes::DataType;
use sqlparser::ast;

use crate::sql::dialect::Dialect;

use super::options::Options;
use super::query::Query;
use super::table::{Column, Watermark};

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
    /// The query as people wrote it.
    pub text: String,
}

/// `CREATE DATABASE [IF NOT EXISTS] name [COMMENT '...']`.
#[derive(Debug, Clone)]
pub struct CreateDatabase {
    /// Its name.
    pub name: String,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// `COMMENT '...'`.
    pub comment: Option<String>,
}

/// A function that is a SQL expression of its parameters: `CREATE FUNCTION f(x INT) RETURNS INT AS x + 1`.
#[derive(Debug, Clone)]
pub struct CreateFunction {
    /// Its name, as written.
    pub name: String,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `TEMPORARY`.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The type of its result; else that of the expression.
    pub returns: Option<SqlType>,
    /// What it stands for.
    pub body: Box<ast::Expr>,
    /// The dialect of that expression.
    pub dialect: Dialect,
}

/// A parameter of a function.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type: arguments are cast to it.
    pub sql_type: SqlType,
}

/// A type, and how it was written.
#[derive(Debug, Clone)]
pub struct SqlType {
    /// As Arrow has it.
    pub data_type: DataType,
    /// As people wrote it.
    pub text: String,
}

/// `DROP TABLE | VIEW | MATERIALIZED VIEW | FUNCTION | DATABASE [IF EXISTS] name`.
#[derive(Debug, Clone)]
pub struct Drop {
    /// What is dropped.
    pub name: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// Which kind of thing the name has to stand for.
    pub kind: DropKind,
    /// `CASCADE`, for databases: with all that is in it.
    pub cascade: bool,
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
    /// `DROP FUNCTION`.
    Function,
    /// `DROP DATABASE`.
    Database,
}

impl DropKind {
    /// As it stands in the middle of a sentence.
    pub fn what(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::View => "view",
            Self::MaterializedView => "materialized view",
            Self::Function => "function",
            Self::Database => "database",
        }
    }
}

/// `ALTER TABLE | VIEW [IF EXISTS] name ...`.
#[derive(Debug, Clone)]
pub struct Alter {
    /// What is changed.
    pub name: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// [`DropKind::Table`] or [`DropKind::View`].
    pub kind: DropKind,
    /// The change.
    pub change: Change,
}

/// A change of a table or view.
#[derive(Debug, Clone)]
pub enum Change {
    /// `RENAME TO name`.
    RenameTo(String),
    /// `SET ('key' = 'value')`.
    Set(Options),
    /// `RESET ('key')`.
    Reset(Vec<String>),
    /// `ADD (...)`.
    Add(Parts),
    /// `MODIFY (...)`.
    Modify(Parts),
    /// `DROP (columns)`.
    DropColumns(Vec<String>),
    /// `DROP PRIMARY KEY` or `DROP CONSTRAINT name`.
    DropKey,
    /// `DROP WATERMARK`.
    DropWatermark,
    /// `RENAME column TO name`.
    RenameColumn(String, String),
    /// `AS query`, of a view, with its text.
    As(Query, String),
}

/// What `ALTER TABLE ... ADD | MODIFY` is about.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Columns, and where they go.
    pub columns: Vec<(Column, Position)>,
    /// The watermark.
    pub watermark: Option<Watermark>,
    /// The primary key.
    pub primary_key: Vec<String>,
}

/// Where a column goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Position {
    /// Behind all others, or where it was.
    #[default]
    Default,
    /// `FIRST`.
    First,
    /// `AFTER column`.
    After(String),
}

/// `SHOW ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Show {
    /// What is shown.
    pub what: ShowWhat,
    /// `FROM | IN name`: a database, or the table of SHOW COLUMNS.
    pub from: Option<String>,
    /// `[NOT] LIKE | ILIKE 'pattern'`.
    pub like: Option<Pattern>,
}

/// What SHOW shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShowWhat {
    /// `SHOW TABLES`: tables and views, as in Flink.
    Tables,
    /// `SHOW VIEWS`.
    Views,
    /// `SHOW MATERIALIZED VIEWS`.
    MaterializedViews,
    /// `SHOW DATABASES`.
    Databases,
    /// `SHOW CATALOGS`.
    Catalogs,
    /// `SHOW [USER] FUNCTIONS`.
    Functions {
        /// `USER`: without those that are built in.
        user: bool,
    },
    /// `SHOW JOBS`.
    Jobs,
    /// `SHOW COLUMNS FROM table`.
    Columns,
    /// `SHOW CREATE TABLE | VIEW name`.
    Create(DropKind, String),
    /// `SHOW CURRENT DATABASE`.
    CurrentDatabase,
    /// `SHOW CURRENT CATALOG`.
    CurrentCatalog,
    /// `SET` alone: what was SET.
    Settings,
}

/// `[NOT] LIKE 'pattern'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// `%` for any text, `_` for one character, a backslash before one that is meant as it is.
    pub pattern: String,
    /// `NOT`.
    pub not: bool,
    /// `ILIKE`: in any case.
    pub any_case: bool,
}
