//! Inputs, carried out one after the other.

use std::path::PathBuf;
use std::time::Duration;

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::common::{Error, ErrorKind, Result, clock, panics};
use crate::planner::Mode;
use crate::sql::ast::{Emit, Parsed, Query, Source, Statement};
use crate::sql::{Variables, parse_with};
use crate::workspace::{CompletionNames, Connection, Keeper, Outcome};

use super::background::Background;
use super::log_buffer::LogBuffer;
use super::render::Format;
use super::screen::Screen;
use super::{live, progress};

/// How long a script waits until a job that it has started has read and written what was there.
const CATCH_UP: Duration = Duration::from_secs(2);

/// What a session is over.
#[derive(Debug)]
pub struct Setup {
    /// The tables.
    pub connection: Connection,
    /// Values of `-v`.
    pub variables: Variables,
    /// The format that was asked for.
    pub format: Option<Format>,
    /// The history of inputs.
    pub history: Option<PathBuf>,
    /// A file that an interactive session begins with, if it is there.
    pub init: Option<PathBuf>,
    /// What `\conninfo` says.
    pub about: String,
    /// INSERTs that run as one job from the beginning on.
    pub begin: Vec<Parsed>,
    /// Where the log goes when a person is asked.
    pub notes: LogBuffer,
}

/// A session of statements and meta commands: the tables, what is shown how, the jobs in the background.
#[derive(Debug)]
pub struct Session {
    /// The tables.
    pub connection: Connection,
    pub(super) screen: Screen,
    pub(super) jobs: Background,
    pub(super) history: Option<PathBuf>,
    pub(super) init: Option<PathBuf>,
    pub(super) variables: Variables,
    pub(super) timing: bool,
    /// What it is connected to, for display.
    pub(super) about: String,
    /// A file that the next answer goes to.
    pub(super) once: Option<String>,
    /// The last statements that were SQL, for `\watch` and `\e`.
    pub(super) last: Option<String>,
    pub(super) interrupt: Signal,
    /// Files that read each other.
    pub(super) depth: usize,
    /// Whether a person is there.
    pub(super) interactive: bool,
    begin: Vec<Parsed>,
    pub(super) notes: LogBuffer,
}

/// What becomes of the session after an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It continues.
    Go,
    /// It continues with this text to be edited.
    Edit(String),
    /// It ends.
    Quit,
}

/// What a statement does to a materialized view that a job keeps.
#[derive(Debug)]
pub(super) enum ViewChange {
    /// It declares the same again, and the job runs.
    Kept(Keeper),
    /// It declares another query: the job goes, with its state.
    Replaced(Keeper),
    /// Anything else.
    Other,
}

impl Session {
    /// A session. `interactive`: a person is there, so jobs stay in the background and answers fit the screen.
    ///
    /// # Errors
    /// When signals cannot be handled.
    pub fn new(setup: Setup, interactive: bool) -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).map_err(|e| Error::internal("signals cannot be handled").with_source(e))?;
        // A script has no prompt that log lines could disturb.
        setup.notes.at_once(!interactive);
        let Setup { connection, variables, format, history, init, about, begin, notes } = setup;
        Ok(Self {
            connection,
            screen: Screen::new(format, interactive),
            jobs: Background::default(),
            history,
            init,
            variables,
            timing: false,
            about,
            once: None,
            last: None,
            interrupt,
            depth: 0,
            interactive,
            begin,
            notes,
        })
    }

    /// Starts the job of [`Setup::begin`].
    ///
    /// # Errors
    /// When it does not plan.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let parts = std::mem::take(&mut self.begin);
        if !parts.is_empty() {
            let started = self.jobs.start(&self.connection, &parts).await?;
            self.screen.say(&started);
            self.jobs.first_rows(Duration::from_secs(5)).await;
        }
        Ok(())
    }

    /// Carries out the init file, if there is one.
    ///
    /// # Errors
    /// The first one in it.
    pub(super) async fn init(&mut self) -> Result<()> {
        match self.init.take().filter(|file| file.exists()) {
            Some(file) => self.include(&file).await,
            None => Ok(()),
        }
    }

    /// Carries out scripts one after the other, and then waits for their jobs.
    ///
    /// # Errors
    /// The first one; what comes after it is not carried out. Jobs that were started before read what is there, and are stopped.
    pub async fn scripts(&mut self, sources: &[Source]) -> Result<()> {
        let mut done = Ok(());
        for source in sources {
            done = self.text(source).await.map(|_| ());
            if done.is_err() {
                break;
            }
        }
        let Self { jobs, interrupt, .. } = self;
        if done.is_err() && jobs.count() > 0 {
            tokio::select! {
                () = jobs.read_on() => {}
                _ = interrupt.recv() => {}
            }
            jobs.stop_all().await?;
            return done;
        }
        done?;
        tokio::select! {
            ended = jobs.wait() => ended,
            _ = interrupt.recv() => jobs.stop_all().await,
        }
    }

    /// One input of a person.
    ///
    /// # Errors
    /// What is wrong with it; an interrupted one is [`ErrorKind::Interrupted`].
    pub async fn input(&mut self, text: &str) -> Result<Next> {
        self.text(&Source::new("<input>", text)).await
    }

    pub(super) async fn statements(&mut self, source: &Source) -> Result<()> {
        let parsed = parse_with(source, &self.variables, self.connection.dialect_in_force()?)?;
        let (mut parts, begin) = (Vec::new(), clock::instant());
        for (i, statement) in parsed.iter().enumerate() {
            let last = i + 1 == parsed.len();
            self.tell_news().await?;
            panics::caught(panics::gave_up, self.execute(statement, last, &mut parts)).await?;
            // The INSERTs of a statement set are one job, any other INSERT is a separate job.
            let set_goes_on = statement.set.is_some() && parsed.get(i + 1).is_some_and(|next| next.set == statement.set);
            if !parts.is_empty() && !set_goes_on {
                let Self { jobs, connection, interrupt, .. } = self;
                let started =
                    unless(interrupt, jobs.start(connection, &std::mem::take(&mut parts))).await.map_err(|e| statement.locate(e))?;
                self.screen.say(&started);
                // What comes next may ask for what the job has written.
                if !self.interactive || !last {
                    let Self { jobs, interrupt, .. } = self;
                    let caught_up = async {
                        jobs.caught_up(CATCH_UP).await;
                        Ok(())
                    };
                    unless(interrupt, caught_up).await?;
                }
            }
        }
        if !parsed.is_empty() {
            self.last = Some(source.text.trim().to_string());
            if self.timing {
                self.screen.say(&format!("Time: {:.3} ms", clock::since(begin).as_secs_f64() * 1e3));
            }
        }
        Ok(())
    }

    /// Prints the news of background jobs; in a script a failed job is an error.
    async fn tell_news(&mut self) -> Result<()> {
        for news in self.jobs.news().await {
            match news {
                Ok(line) => self.screen.say(&line),
                Err(error) if self.interactive => eprintln!("error: {error}"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn execute(&mut self, parsed: &Parsed, last: bool, parts: &mut Vec<Parsed>) -> Result<()> {
        let before = self.before_view(parsed).await.map_err(|e| parsed.locate(e))?;
        let Self { connection, screen, interrupt, jobs, notes, .. } = self;
        screen.begin();
        for outcome in unless(interrupt, connection.execute(parsed)).await? {
            let here = |e: Error| parsed.locate(e);
            match outcome {
                Outcome::Ack(Some(line)) => screen.say(&line),
                Outcome::Ack(None) => screen.done(tag(&parsed.statement)),
                Outcome::Rows(schema, rows) => screen.rows(schema, rows).await?,
                Outcome::Text(text) => screen.text(&text)?,
                Outcome::Forget(keeper) => screen.say(&connection.forget_view(&keeper).await.map_err(here)?),
                Outcome::Stop(name) => {
                    let stopped = jobs.stop(connection, &name).await.map_err(here)?;
                    screen.say(&stopped);
                }
                Outcome::AnalyzeJob(name) => screen.text(&unless(interrupt, connection.explain_job(&name)).await.map_err(here)?)?,
                Outcome::Job(part) => match &before {
                    ViewChange::Kept(keeper) => {
                        screen.say(&format!("materialized view `{}` is there, and job {} keeps it", keeper.view, keeper.job))
                    }
                    ViewChange::Replaced(keeper) => {
                        if jobs.runs(&keeper.job) {
                            let stopped = jobs.stop(connection, &keeper.job).await.map_err(here)?;
                            screen.say(&stopped);
                        }
                        screen.say(&connection.forget_view(keeper).await.map_err(here)?);
                        parts.push(*part);
                    }
                    ViewChange::Other => parts.push(*part),
                },
                Outcome::InsertNow(insert) => {
                    let rows = unless(interrupt, progress::insert(connection, &insert)).await.map_err(here)?;
                    screen.say(&screen.counted(rows));
                }
                Outcome::Copy(copy) => {
                    let rows = unless(interrupt, progress::copy(connection, &copy)).await.map_err(here)?;
                    screen.say(&format!("{} to {}", screen.counted(rows), copy.path));
                }
                Outcome::Query(query) if goes_on(connection, &query)? => {
                    if !last && query.query.limit_clause.is_none() {
                        let error = Error::sql("a query that goes on has to be the last statement");
                        return Err(here(error.hint("put it at the end, or give it a LIMIT")));
                    }
                    let planned = unless(interrupt, connection.live(&query)).await.map_err(here)?;
                    live::show(connection, planned, screen, interrupt, notes).await.map_err(here)?;
                }
                Outcome::Query(query) => unless(interrupt, answer(connection, &query, screen)).await.map_err(here)?,
            }
        }
        Ok(())
    }

    /// Drops signals that came before this wait.
    pub(super) fn ready(&mut self) {
        while self.interrupt.recv().now_or_never().is_some() {}
    }

    /// The names for completion; nothing if the catalog cannot be read: the next statement reports that error.
    pub(super) fn names(&self) -> CompletionNames {
        self.connection.names().unwrap_or_default()
    }
}

/// Carries something out, unless Ctrl-C ends it.
pub(super) async fn unless<T>(interrupt: &mut Signal, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        _ = interrupt.recv() => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
    }
}

/// Whether a query is continuous.
fn goes_on(connection: &Connection, query: &Query) -> Result<bool> {
    Ok(query.emit != Emit::Default || connection.streams()?)
}

/// What psql says when a statement is done that has nothing to show.
fn tag(statement: &Statement) -> &'static str {
    match statement {
        Statement::CreateTable(_) => "CREATE TABLE",
        Statement::CreateView(view) if view.materialized => "CREATE MATERIALIZED VIEW",
        Statement::CreateView(_) => "CREATE VIEW",
        Statement::CreateDatabase(_) => "CREATE DATABASE",
        Statement::CreateFunction(_) => "CREATE FUNCTION",
        Statement::Drop(_) => "DROP",
        Statement::Alter(_) => "ALTER",
        Statement::Use(_) => "USE",
        Statement::Set(_) => "SET",
        Statement::Reset(_) => "RESET",
        _ => "OK",
    }
}

/// An answer that ends.
async fn answer(connection: &Connection, query: &Query, screen: &mut Screen) -> Result<()> {
    let session = connection.session(Mode::Batch)?;
    let (schema, rows) = session.run(query).await?;
    let line = progress::Line::watch(&session);
    let _gone = progress::Guard(line.clone());
    screen.stream(schema, line.before(rows, screen.is_whole())).await
}
