//! What statements would do, found out without doing it.

use std::collections::BTreeMap;

use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;

use crate::common::{Error, Result};
use crate::connectors::SinkMode;
use crate::operators::changes::coerce::Coercion;
use crate::planner::{ContinuousPlanner, Mode, Output, Program};
use crate::sql::ast::{CreateTable, Emit, Insert, Parsed, Query, Statement};
use crate::sql::select_all;
use crate::sql::types::display;

use super::batch_insert::{exact_values, insert_columns};
use super::connection::Connection;
use super::declare::Ack;

/// Something that is known of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub kind: Kind,
    /// For people.
    pub text: String,
}

/// What a [`Fact`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What becomes of it: part of a job, rows at once, a declaration.
    Does,
    /// How a table is read.
    Source,
    /// How a table is written.
    Sink,
    /// The columns that come out.
    Columns,
    /// Append-only or updating.
    Changelog,
    /// What keeps state small, or that nothing does.
    State,
    /// Anything else worth knowing.
    Note,
}

impl Kind {
    /// One word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Does => "does",
            Self::Source => "source",
            Self::Sink => "sink",
            Self::Columns => "columns",
            Self::Changelog => "changelog",
            Self::State => "state",
            Self::Note => "note",
        }
    }
}

fn fact(kind: Kind, text: impl Into<String>) -> Fact {
    Fact { kind, text: text.into() }
}

impl Connection {
    /// Parses on, plans and declares, but starts and reads nothing.
    ///
    /// # Errors
    /// What would fail when it is run.
    pub async fn check(&self, parsed: &Parsed) -> Result<Vec<Fact>> {
        let mut facts = Vec::new();
        for part in self.unfold(parsed).await? {
            let done = self.declare(&part).await?;
            if let Some(Ack(Some(line))) = &done {
                facts.push(fact(Kind::Note, line.clone()));
            }
            match &part.statement {
                Statement::CreateTable(table) => self.check_table(table, &mut facts).await?,
                Statement::CreateView(view) if view.materialized => {
                    let session = self.session(Mode::Streaming)?;
                    let mut planner = ContinuousPlanner::new(&session, self.streaming()?);
                    planner.keep(&view.query).await?;
                    facts.push(fact(Kind::Does, "a job that keeps the result up to date"));
                    state(&planner.finish(), &mut facts);
                }
                Statement::CreateView(view) => self.check_query(&view.query, &mut facts).await?,
                Statement::Insert(insert) if self.writes_at_once(insert)? => self.check_now(insert, &mut facts).await?,
                Statement::Insert(insert) => self.check_insert(insert, &mut facts).await?,
                Statement::Query(query) if query.emit == Emit::Default => {
                    facts.push(fact(Kind::Does, "answers and ends: for `query`; `run` has nowhere to put it"));
                    self.check_query(query, &mut facts).await?;
                }
                Statement::Query(query) => {
                    let session = self.session(Mode::Streaming)?;
                    let mut planner = ContinuousPlanner::new(&session, self.streaming()?);
                    let output = planner.add(query).await?;
                    facts.push(fact(Kind::Does, "answers for ever"));
                    flow(&output, &planner.finish(), &mut facts);
                }
                Statement::Copy(copy) => {
                    self.check_query(&copy.query, &mut facts).await?;
                    facts.push(fact(Kind::Does, format!("writes {} and ends", copy.path)));
                }
                Statement::Explain(explain) => drop(self.explain(&crate::sql::ast::Explain { analyze: false, ..explain.clone() }).await?),
                _ => {}
            }
        }
        Ok(facts)
    }

    /// What a table is made for: to be read, to be written, or both.
    async fn check_table(&self, table: &CreateTable, facts: &mut Vec<Fact>) -> Result<()> {
        if let Some(like) = &table.like {
            facts.push(fact(Kind::Note, format!("LIKE {}", like.source)));
        }
        let read = self.source(&table.name).await;
        let written = self.sink(&table.name);
        if let (Err(error), Err(_)) = (&read, &written) {
            return Err(error.clone());
        }
        if let Ok(read) = read {
            let time = read.definition.watermark.as_ref().map(|w| format!(", event time `{}`", w.column)).unwrap_or_default();
            let bounded = if read.source.stream().is_some_and(|stream| stream.bounded()) { ", which ends" } else { "" };
            facts.push(fact(Kind::Source, format!("{}{bounded}{time}", named(read.source.identity(), table))));
        }
        if let Ok(sink) = written {
            let mode = match sink.mode() {
                SinkMode::Append => "append-only".to_string(),
                SinkMode::Upsert(key) => format!("upserts by {}", key.join(", ")),
                SinkMode::Changelog => "every change".to_string(),
                SinkMode::Discard => "nothing is kept".to_string(),
            };
            let once = if sink.exactly_once() { ", exactly once" } else { "" };
            facts.push(fact(Kind::Sink, format!("{}: {mode}{once}", named(sink.identity(), table))));
        }
        Ok(())
    }

    async fn check_query(&self, query: &Query, facts: &mut Vec<Fact>) -> Result<()> {
        let schema = self.session(Mode::Batch)?.schema(query).await?;
        let columns: Vec<String> = schema.fields().iter().map(|f| format!("{} {}", f.name(), display(f.data_type()))).collect();
        facts.push(fact(Kind::Columns, columns.join(", ")));
        Ok(())
    }

    async fn check_now(&self, insert: &Insert, facts: &mut Vec<Fact>) -> Result<()> {
        let (sink, _) = self.sink_of(&self.canonical(&insert.table)?, &insert.options)?;
        let target = insert_columns(&insert.table, &insert.columns, &sink)?;
        let schema = self.session(Mode::Batch)?.schema(&exact_values(insert, &target)).await?;
        Coercion::new(&insert.table, &schema, target, insert.query.dialect)?.filling(sink.schema())?;
        facts.push(fact(Kind::Does, "writes rows at once and ends"));
        Ok(())
    }

    async fn check_insert(&self, insert: &Insert, facts: &mut Vec<Fact>) -> Result<()> {
        let session = self.session(Mode::Streaming)?;
        let mut planner = ContinuousPlanner::new(&session, self.streaming()?);
        let planned = self.plan_insert(&mut planner, insert.table.clone(), insert).await?;
        let program = planner.finish();
        let mut bounded = true;
        for table in &program.sources {
            bounded &= self.source(table).await?.stream()?.bounded();
        }
        let reads = program.sources.iter().cloned().collect::<Vec<_>>().join(", ");
        let does = match (reads.as_str(), bounded) {
            ("", _) => format!("a job that writes its rows into {} once", insert.table),
            (_, true) => format!("a job from {reads} into {}; it ends with its input", insert.table),
            (_, false) => format!("a job from {reads} into {}", insert.table),
        };
        facts.push(fact(Kind::Does, does));
        flow(&planned.output, &program, facts);
        Ok(())
    }

    /// The first row of a table; `None` if it can only be written.
    ///
    /// # Errors
    /// When its server is away, or the row cannot be read.
    pub async fn sample(&self, table: &str) -> Result<Option<(SchemaRef, RecordBatch)>> {
        if self.source(table).await.is_err() && self.sink(table).is_ok() {
            return Ok(None);
        }
        let mut query = select_all(table);
        let one = sqlparser::ast::Expr::value(sqlparser::ast::Value::Number("1".to_string(), false));
        query.query.limit_clause = Some(sqlparser::ast::LimitClause::LimitOffset { limit: Some(one), offset: None, limit_by: Vec::new() });
        let (schema, rows) = self.session(Mode::Batch)?.run(&query).await?;
        let rows: Vec<RecordBatch> = rows.map_err(Error::from).try_collect().await?;
        let row = concat_batches(&schema, &rows)?;
        Ok(Some((schema, row)))
    }
}

fn named(identity: String, table: &CreateTable) -> String {
    let connector = table.options.get("connector").unwrap_or("?");
    if identity.is_empty() { connector.to_string() } else { format!("{connector}: {identity}") }
}

/// The properties of the rows of a continuous query, and of its state.
fn flow(output: &Output, program: &Program, facts: &mut Vec<Fact>) {
    let mut text = if output.updating { "updating" } else { "append-only" }.to_string();
    if let Some(key) = output.keys.first() {
        let columns: Vec<&str> = key.iter().map(|i| output.schema.field(*i).name().as_str()).collect();
        text += &format!(", one row per {}", if columns.is_empty() { "query".to_string() } else { columns.join(", ") });
    }
    facts.push(fact(Kind::Changelog, text));
    state(program, facts);
}

/// A line for each stateful node.
fn state(program: &Program, facts: &mut Vec<Fact>) {
    let mut nodes: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for (node, state) in &program.nodes {
        let bound = |t: &crate::operators::epoch::stateful::TableSpec| match &t.bound {
            Some(bound) => format!("{} bounded by {bound}", t.name),
            None => format!("{} UNBOUNDED", t.name),
        };
        nodes.insert(*node, state.tables.iter().map(bound).collect());
    }
    for (node, tables) in nodes {
        let name = program.operator(node).map_or("state", |o| o.name());
        if !tables.is_empty() {
            facts.push(fact(Kind::State, format!("{name}: {}", tables.join("; "))));
        }
    }
}
