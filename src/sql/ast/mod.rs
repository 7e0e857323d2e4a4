//! The syntax tree of a script: the one [`Statement`] that every grammar lowers to.
//!
//! Queries and expressions stay sqlparser's syntax trees, because DataFusion plans those; everything that a streaming dialect adds
//! (watermarks, metadata columns, options, EMIT) is extracted into separate fields.

mod ddl;
mod options;
mod place;
mod query;
mod table;

use crate::common::Error;

use super::dialect::Dialect;

pub use ddl::{
    Alter, Change, CreateDatabase, CreateFunction, CreateView, Drop, DropKind, Parameter, Parts, Pattern, Position, Show, ShowWhat, SqlType,
};
pub use options::{Options, Setting};
pub use place::{Pos, Source};
pub use query::{Copy, Emit, Insert, Query};
pub use table::{Column, ColumnKind, CreateTable, Feature, Like, Merge, Watermark};

/// One statement with its text and position.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The statement.
    pub statement: Statement,
    /// Its text, without the closing semicolon and without comments before it, with variables replaced by their values.
    pub text: String,
    /// The file that contains it.
    pub source: Source,
    /// Its start.
    pub pos: Pos,
    /// The start of the statement set that contains it, if any.
    pub set: Option<Pos>,
    /// The dialect that it is written in.
    pub dialect: Dialect,
}

impl Parsed {
    /// Adds to an error the position of this statement, or the one inside it that the error knows, if the error has none yet.
    pub fn locate(&self, error: Error) -> Error {
        let (line, column) = error.line_column().unwrap_or((self.pos.line, self.pos.column));
        error.at(self.source.place(line, column))
    }
}

/// A statement of any dialect.
#[derive(Debug, Clone)]
pub enum Statement {
    /// `CREATE TABLE ... WITH (...)`.
    CreateTable(CreateTable),
    /// `CREATE [MATERIALIZED] VIEW ... AS SELECT`.
    CreateView(CreateView),
    /// `CREATE DATABASE`.
    CreateDatabase(CreateDatabase),
    /// `CREATE FUNCTION`.
    CreateFunction(CreateFunction),
    /// `DROP ...`.
    Drop(Drop),
    /// `ALTER TABLE | VIEW ...`.
    Alter(Alter),
    /// `INSERT INTO ... SELECT | VALUES`.
    Insert(Insert),
    /// `COPY ... TO 'file'`.
    Copy(Copy),
    /// `SELECT`, `VALUES`, `WITH ... SELECT`.
    Query(Query),
    /// `EXPLAIN [ANALYZE]` of an INSERT, a query or a statement set.
    Explain(Explain),
    /// `SHOW ...`.
    Show(Show),
    /// `DESCRIBE name`.
    Describe(String),
    /// `USE database`.
    Use(String),
    /// `SET 'key' = 'value'`.
    Set(Setting),
    /// `RESET ['key']`.
    Reset(Option<String>),
    /// `STOP JOB 'name'`.
    StopJob(String),
    /// `EXPLAIN ANALYZE JOB 'name'`.
    AnalyzeJob(String),
}

impl Statement {
    /// Sets the dialect of everything that it declares and queries; a continuous query without EMIT gets the dialect's default emission.
    pub(super) fn is_written_in(&mut self, dialect: Dialect) {
        let goes_on = |query: &mut Query| {
            query.dialect = dialect;
            if query.emit == Emit::Default {
                query.emit = dialect.emission();
            }
        };
        match self {
            Self::CreateTable(table) => {
                table.dialect = dialect;
                table.query.iter_mut().for_each(|query| goes_on(query));
            }
            Self::CreateView(view) if view.materialized => goes_on(&mut view.query),
            Self::CreateView(view) => view.query.dialect = dialect,
            Self::CreateFunction(function) => function.dialect = dialect,
            Self::Alter(Alter { change: Change::As(query, _), .. }) => query.dialect = dialect,
            Self::Insert(insert) if insert.values => insert.query.dialect = dialect,
            Self::Insert(insert) => goes_on(&mut insert.query),
            Self::Copy(copy) => copy.query.dialect = dialect,
            Self::Query(query) => query.dialect = dialect,
            Self::Explain(explain) => explain.statements.iter_mut().for_each(|explained| explained.is_written_in(dialect)),
            _ => {}
        }
    }
}

/// `EXPLAIN [ANALYZE] [VERBOSE]`.
#[derive(Debug, Clone, Default)]
pub struct Explain {
    /// `ANALYZE`: run it over the current input, write nothing, and show what each node did.
    pub analyze: bool,
    /// `VERBOSE`: also show the plan after each rule.
    pub verbose: bool,
    /// The explained statements: one INSERT or query, or the INSERTs of a statement set, which are one job.
    pub statements: Vec<Statement>,
}
