//! Queries and INSERTs.

use sqlparser::ast;

use crate::sql::dialect::Dialect;

use super::options::Options;

/// A query with its emission and dialect.
#[derive(Debug, Clone)]
pub struct Query {
    /// The query itself, without EMIT.
    pub query: Box<ast::Query>,
    /// `EMIT CHANGES | FINAL`.
    pub emit: Emit,
    /// Whether its LIMIT follows EMIT, as in ksqlDB: a live result then ends after this many rows or changes. A LIMIT before EMIT is part
    /// of the query itself.
    pub ends: bool,
    /// The dialect that it is written in.
    pub dialect: Dialect,
}

impl Query {
    /// A query in the default dialect, without EMIT.
    pub fn new(query: ast::Query) -> Self {
        Self { query: Box::new(query), emit: Emit::Default, ends: false, dialect: Dialect::default() }
    }
}

/// When a continuous query emits its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Emit {
    /// Not given.
    #[default]
    Default,
    /// Every epoch emits changes.
    Changes,
    /// Only final results, once per window.
    Final,
}

/// `INSERT INTO table [(columns)] query`.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table written to.
    pub table: String,
    /// The OPTIONS hint after the table's name, which overrides the table's own options.
    pub options: Options,
    /// The columns, if listed.
    pub columns: Vec<String>,
    /// `SELECT ...` or `VALUES ...`.
    pub query: Query,
    /// Whether it is a bare `VALUES`, which runs at once.
    pub values: bool,
}

/// `COPY (query) TO 'file'`.
#[derive(Debug, Clone)]
pub struct Copy {
    /// The query whose rows are written.
    pub query: Query,
    /// The path of the file.
    pub path: String,
    /// `FORMAT csv, HEADER`: keys in lower case.
    pub options: Vec<(String, String)>,
    /// Columns of `PARTITIONED BY`.
    pub partitioned_by: Vec<String>,
}
