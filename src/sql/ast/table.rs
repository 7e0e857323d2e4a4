//! A declared table: its columns, its watermark, and its LIKE clause.

use arrow::datatypes::DataType;
use sqlparser::ast;

use crate::sql::dialect::Dialect;
use crate::sql::types::display;

use super::options::Options;
use super::place::Pos;
use super::query::Query;

/// A declared table.
#[derive(Debug, Clone, Default)]
pub struct CreateTable {
    /// Its name, as written; see [`crate::sql::name`].
    pub name: String,
    /// `OR REPLACE`.
    pub or_replace: bool,
    /// `TEMPORARY`: not written to the catalog.
    pub temporary: bool,
    /// `IF NOT EXISTS`.
    pub if_not_exists: bool,
    /// Columns, in order; none if the table's connector is to infer them.
    pub columns: Vec<Column>,
    /// `WATERMARK FOR column AS expr`.
    pub watermark: Option<Watermark>,
    /// Columns of `PRIMARY KEY (...) NOT ENFORCED`.
    pub primary_key: Vec<String>,
    /// `COMMENT '...'`.
    pub comment: Option<String>,
    /// `PARTITIONED BY (...)`.
    pub partitioned_by: Vec<String>,
    /// `WITH ('key' = 'value')`.
    pub options: Options,
    /// `LIKE other (...)`: resolved and removed once the catalog has the table.
    pub like: Option<Like>,
    /// `AS SELECT ...`: the query that fills the table; the rest of the columns are its own. Removed once they are known.
    pub query: Option<Box<Query>>,
    /// The dialect of its expressions.
    pub dialect: Dialect,
}

impl CreateTable {
    /// The declaration of an undeclared table: its name is its location, and its connector infers the columns.
    pub fn undeclared(name: &str, options: Options) -> Self {
        Self { name: name.to_string(), temporary: true, options, ..Self::default() }
    }

    /// The same table without positions, for one that is assembled from several texts.
    #[must_use]
    pub fn without_places(mut self) -> Self {
        self.columns.iter_mut().for_each(|column| column.pos = Pos::default());
        if let Some(watermark) = &mut self.watermark {
            watermark.pos = Pos::default();
        }
        self.options = self.options.without_places();
        self
    }
}

/// One column of a declared table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name, as written.
    pub name: String,
    /// Its Arrow type; `None` only for a computed column, whose type the planner finds.
    pub data_type: Option<DataType>,
    /// The type as written (`TIMESTAMP(3)`), or the expression of a computed column.
    pub text: String,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Where its values come from.
    pub kind: ColumnKind,
    /// `COMMENT '...'`.
    pub comment: Option<String>,
    /// Its position.
    pub pos: Pos,
}

impl Column {
    /// An undeclared field of the record, with its inferred type.
    pub fn physical(name: &str, data_type: &DataType, nullable: bool) -> Self {
        Self {
            name: name.to_string(),
            data_type: Some(data_type.clone()),
            text: display(data_type),
            nullable,
            kind: ColumnKind::Physical,
            comment: None,
            pos: Pos::default(),
        }
    }
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
        /// `VIRTUAL`: not written to the table.
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
    /// The expression that yields the watermark from a row.
    pub expr: Box<ast::Expr>,
    /// The expression as written.
    pub text: String,
    /// Its position.
    pub pos: Pos,
}

/// `LIKE other [(INCLUDING ALL, EXCLUDING OPTIONS ...)]`.
#[derive(Debug, Clone)]
pub struct Like {
    /// The table that is copied from.
    pub source: String,
    /// The option of each feature, in order.
    pub rules: Vec<(Feature, Merge)>,
    /// The position of the source's name.
    pub pos: Pos,
}

/// The features that a table can copy from another one, besides its physical columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// All features that are not listed.
    All,
    /// The primary key.
    Constraints,
    /// `DISTRIBUTED BY`, which no table has.
    Distribution,
    /// `PARTITIONED BY`.
    Partitions,
    /// Computed columns.
    Generated,
    /// Metadata columns.
    Metadata,
    /// The WITH clause.
    Options,
    /// The watermark.
    Watermarks,
}

/// How a feature is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Copied; a conflict with the new table's own is an error.
    Including,
    /// Not copied.
    Excluding,
    /// Copied, except where the new table has its own.
    Overwriting,
}
