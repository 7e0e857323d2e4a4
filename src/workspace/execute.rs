//! One statement, carried out as far as that takes no job and no reading of tables.

use std::ops::ControlFlow;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use sqlparser::ast::visit_relations;

use crate::catalog::TableEntry;
use crate::common::{Error, Result, secret};
use crate::sql::ast::{Copy, Insert, Parsed, Query, Statement};

use super::connection::Connection;
use super::declare::Ack;
use super::view_jobs::Keeper;

/// What a statement comes to. The caller prints, runs queries, and makes one job of all that is to go on.
#[derive(Debug)]
pub enum Outcome {
    /// It declared or set something; a line for the person, if there is something to say.
    Ack(Option<String>),
    /// SHOW and DESCRIBE: rows to print.
    Rows(SchemaRef, RecordBatch),
    /// EXPLAIN: text to print.
    Text(String),
    /// A query to answer.
    Query(Box<Query>),
    /// Rows to write at once: of VALUES or a query over no table, or of any INSERT when `execution.runtime-mode` is batch.
    InsertNow(Box<Insert>),
    /// Rows to write to a file at once.
    Copy(Box<Copy>),
    /// The job of this name is to stop.
    Stop(String),
    /// The job of this name is to show what it has cost so far.
    AnalyzeJob(String),
    /// A materialized view was dropped: its content is to go, and the job that kept it.
    Forget(Keeper),
    /// Part of a job: an INSERT, or a materialized view that was declared.
    Job(Box<Parsed>),
}

impl Connection {
    /// Carries out a statement; one that stands for several (CREATE TABLE ... AS) has several outcomes, in order.
    ///
    /// # Errors
    /// With the statement's place.
    pub async fn execute(&self, parsed: &Parsed) -> Result<Vec<Outcome>> {
        self.tables.begin_statement().await?;
        let mut outcomes = Vec::new();
        for parsed in self.unfold(parsed).await? {
            self.execute_one(&parsed, &mut outcomes).await.map_err(|e| parsed.locate(e))?;
        }
        Ok(outcomes)
    }

    async fn execute_one(&self, parsed: &Parsed, outcomes: &mut Vec<Outcome>) -> Result<()> {
        let keeper = match &parsed.statement {
            Statement::Drop(_) => self.keeper(parsed).await?,
            _ => None,
        };
        if let Some(keeper) = &keeper {
            self.refuse_read(&keeper.view).await?;
        }
        if let Some(Ack(line)) = self.declare(parsed).await? {
            outcomes.push(Outcome::Ack(line));
            outcomes.extend(keeper.map(Outcome::Forget));
            if matches!(&parsed.statement, Statement::CreateView(view) if view.materialized) {
                outcomes.push(Outcome::Job(Box::new(parsed.clone())));
            }
            return Ok(());
        }
        outcomes.push(match &parsed.statement {
            Statement::Insert(insert) if self.writes_at_once(insert)? => Outcome::InsertNow(Box::new(insert.clone())),
            Statement::Insert(_) => Outcome::Job(Box::new(parsed.clone())),
            Statement::Copy(copy) => Outcome::Copy(Box::new(copy.clone())),
            Statement::Query(query) => Outcome::Query(Box::new(query.clone())),
            Statement::StopJob(name) => Outcome::Stop(name.clone()),
            Statement::AnalyzeJob(name) => Outcome::AnalyzeJob(name.clone()),
            Statement::Explain(explain) => Outcome::Text(secret::shown(&self.explain(explain).await?)),
            Statement::Show(show) => self.show(show).await.map(|(schema, rows)| Outcome::Rows(schema, rows))?,
            Statement::Describe(name) => self.describe(name).await.map(|(schema, rows)| Outcome::Rows(schema, rows))?,
            _ => return Err(Error::internal("a statement that nothing carries out")),
        });
        Ok(())
    }

    /// Whether an INSERT is no job: VALUES, a query over no table or over tables that are no streams, or any with `execution.runtime-mode`
    /// batch.
    pub(super) fn writes_at_once(&self, insert: &Insert) -> Result<bool> {
        Ok(insert.values || !reads(insert) || self.reads_batch()? || self.reads_no_stream(insert))
    }

    fn reads_no_stream(&self, insert: &Insert) -> bool {
        let tables = self.tables.lock().catalog.tables_of(&insert.query.query);
        let streams = |table: &TableEntry| {
            let connector = table.definition.options.get("connector").and_then(|name| self.workspace.connectors.get(name).ok());
            connector.is_none_or(|connector| connector.has_streams())
        };
        tables.is_some_and(|tables| !tables.iter().any(|table| streams(table)))
    }
}

/// Whether an INSERT reads any table or view.
fn reads(insert: &Insert) -> bool {
    visit_relations(&insert.query.query, |_| ControlFlow::Break(())).is_break()
}
