//! What a script says: the one [`Statement`] that every grammar lowers to.
//!
//! Queries and expressions stay as sqlparser's syntax trees, because DataFusion plans those; everything that a streaming
//! dialect adds (watermarks, metadata columns, options, EMIT) is taken out of the text into separate fields.

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

/// One statement with its text and place.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// What it says.
    pub statement: Statement,
    /// Its own text, without the closing semicolon and without comments before it, with variables filled in.
    pub text: String,
    /// The file it stands in.
    pub source: Source,
    /// Where it begins.
    pub pos: Pos,
    /// Where the statement set begins that it stands in, if it does.
    pub set: Option<Pos>,
    /// The dialect that it is written in.
    pub dialect: Dialect,
}

impl Parsed {
    /// Gives an error the place of this statement, or the place inside it that the error knows, if it has none yet.
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
    /// Gives all that it declares and asks the dialect that it is written in; what goes on and does not say what it shows, shows what is
    /// usual there.
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
    /// `ANALYZE`: run it over what is there now, write nothing, and show what each node did.
    pub analyze: bool,
    /// `VERBOSE`: also show what each rule makes of the plan.
    pub verbose: bool,
    /// What is explained: one INSERT or query, or the INSERTs of a statement set, which are one job.
    pub statements: Vec<Statement>,
}
