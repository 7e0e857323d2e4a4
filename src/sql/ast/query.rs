//! Queries and INSERTs.

use sqlparser::ast;

use crate::sql::dialect::Dialect;

use super::options::Options;

/// A query and how it wants to be answered.
#[derive(Debug, Clone)]
pub struct Query {
    /// The query itself, without EMIT.
    pub query: Box<ast::Query>,
    /// `EMIT CHANGES | FINAL`.
    pub emit: Emit,
    /// Its LIMIT stands behind EMIT, as ksqlDB has it: a live answer ends after this many rows or changes. In front of EMIT it is a part of
    /// the query, which says which rows there are.
    pub ends: bool,
    /// The dialect that says what its words mean.
    pub dialect: Dialect,
}

impl Query {
    /// A query that answers once, of the default dialect.
    pub fn new(query: ast::Query) -> Self {
        Self { query: Box::new(query), emit: Emit::Default, ends: false, dialect: Dialect::default() }
    }
}

/// When a continuous query shows its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Emit {
    /// Not said.
    #[default]
    Default,
    /// Every epoch shows what changed.
    Changes,
    /// Only final results, once per window.
    Final,
}

/// `INSERT INTO table [(columns)] query`.
#[derive(Debug, Clone)]
pub struct Insert {
    /// The table written to.
    pub table: String,
    /// The OPTIONS hint behind the table's name: they override the table's own.
    pub options: Options,
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
