//! Statements that declare, change, drop and show objects, except tables.

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
    /// `MATERIALIZED`: the view's job keeps the result; never `TEMPORARY`.
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
    /// The query's original text.
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
    /// The declared type of its result; `None`: that of the expression.
    pub returns: Option<SqlType>,
    /// The expression.
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

/// A type, and its original text.
#[derive(Debug, Clone)]
pub struct SqlType {
    /// The Arrow type.
    pub data_type: DataType,
    /// The original text.
    pub text: String,
}

/// `DROP TABLE | VIEW | MATERIALIZED VIEW | FUNCTION | DATABASE [IF EXISTS] name`.
#[derive(Debug, Clone)]
pub struct Drop {
    /// The name of the object.
    pub name: String,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// The kind of object that the name has to refer to.
    pub kind: DropKind,
    /// `CASCADE`, for databases: drops the objects in it as well.
    pub cascade: bool,
}

/// The kind of object that DROP removes.
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
    /// Its name as used in the middle of a sentence.
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
    /// The name of the object.
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
    /// `AS query`, for a view, with its text.
    As(Query, String),
}

/// The parts of a table that `ALTER TABLE ... ADD | MODIFY` names.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// Columns, with their positions.
    pub columns: Vec<(Column, Position)>,
    /// The watermark.
    pub watermark: Option<Watermark>,
    /// The primary key.
    pub primary_key: Vec<String>,
}

/// The position of a column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Position {
    /// After all others, or unchanged.
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

/// The subject of a SHOW.
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
        /// `USER`: without the built-in ones.
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
    /// `SET` alone: the settings that were changed.
    Settings,
}

/// `[NOT] LIKE 'pattern'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// `%` for any text, `_` for one character; a backslash escapes them.
    pub pattern: String,
    /// `NOT`.
    pub not: bool,
    /// `ILIKE`: ignores case.
    pub any_case: bool,
}
