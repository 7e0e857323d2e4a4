//! Inputs, carried out one after the other.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::common::{Error, ErrorKind, Result};
use crate::jobs::memory::Memory;
use crate::jobs::{Names, Outcome, Workspace};
use crate::planner::Mode;
use crate::sql::ast::{Copy, Emit, Insert, Parsed, Query, Source, Statement};
use crate::sql::{Variables, parse_with};
use crate::state::StateStore;
use crate::state::scratch::Scratch;

use super::background::Background;
use super::commands::{Meta, is_meta, meta};
use super::notes::Notes;
use super::render::Format;
use super::screen::Screen;
use super::{help, live, progress};

/// What a session is over.
#[derive(Debug)]
pub struct Setup {
    /// The tables.
    pub workspace: Workspace,
    /// Where jobs keep their checkpoints, and whether that is far away.
    pub checkpoints: (Arc<dyn StateStore>, bool),
    /// What jobs may use.
    pub memory: Memory,
    /// Values of `-v`.
    pub variables: Variables,
    /// The format that was asked for.
    pub format: Option<Format>,
    /// The history of inputs.
    pub history: Option<PathBuf>,
    /// INSERTs that run as one job from the beginning on.
    pub begin: Vec<Parsed>,
    /// Where the log goes when a person is asked.
    pub notes: Notes,
}

/// A session of statements and meta commands: the tables, what is shown how, the jobs in the background.
#[derive(Debug)]
pub struct Session {
    /// The tables.
    pub workspace: Workspace,
    pub(super) screen: Screen,
    pub(super) jobs: Background,
    pub(super) history: Option<PathBuf>,
    variables: Variables,
    timing: bool,
    /// The last statements that were SQL, for `\watch` and `\e`.
    pub(super) last: Option<String>,
    interrupt: Signal,
    /// Files that read each other.
    depth: usize,
    begin: Vec<Parsed>,
    pub(super) notes: Notes,
}

/// What becomes of the session after an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It goes on.
    Go,
    /// It goes on with this text to be edited.
    Edit(String),
    /// It ends.
    Quit,
}

/// So many files may include each other.
const DEEP: usize = 16;

impl Session {
    /// A session. `interactive`: a person is there, so jobs stay in the background and answers fit the screen.
    ///
    /// # Errors
    /// When signals cannot be handled.
    pub fn new(setup: Setup, interactive: bool) -> Result<Self> {
        let interrupt = signal(SignalKind::interrupt()).map_err(|e| Error::internal("signals cannot be handled").because(e))?;
        let Setup { workspace, checkpoints, memory, variables, format, history, begin, notes } = setup;
        Ok(Self {
            workspace,
            screen: Screen::new(format, interactive),
            jobs: Background::new(checkpoints, memory),
            history,
            variables,
            timing: false,
            last: None,
            interrupt,
            depth: 0,
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
            let started = self.jobs.start(&self.workspace, parts).await?;
            self.screen.say(&started);
            self.jobs.first_rows(Duration::from_secs(5)).await;
        }
        Ok(())
    }

    /// Carries out a whole script, and waits for its jobs.
    ///
    /// # Errors
    /// The first one; what comes after it is not carried out.
    pub async fn script(&mut self, source: &Source) -> Result<()> {
        self.text(source).await?;
        let Self { jobs, interrupt, .. } = self;
        tokio::select! {
            ended = jobs.wait() => ended,
            _ = interrupt.recv() => jobs.stop_all().await,
        }
    }

    /// Carries out statements and meta commands that stand in lines of their own.
    async fn text(&mut self, source: &Source) -> Result<()> {
        // A file of SQL alone is parsed whole, so that nothing has run when its last line is wrong.
        if !source.text.lines().any(is_meta) {
            return self.statements(source).await;
        }
        for part in parts(&source.text) {
            if !is_meta(&part) {
                self.statements(&Source::new(source.name.to_string(), part)).await?;
            } else if self.command(&part).await? == Next::Quit {
                break;
            }
        }
        Ok(())
    }

    /// One input of a person.
    ///
    /// # Errors
    /// What is wrong with it; an interrupted one is [`ErrorKind::Interrupted`].
    pub async fn input(&mut self, text: &str) -> Result<Next> {
        if is_meta(text) {
            return self.command(text).await;
        }
        self.statements(&Source::new("<input>", text)).await?;
        Ok(Next::Go)
    }

    async fn statements(&mut self, source: &Source) -> Result<()> {
        let parsed = parse_with(source, &self.variables)?;
        let (mut parts, begin) = (Vec::new(), Instant::now());
        for (i, statement) in parsed.iter().enumerate() {
            self.carry_out(statement, i + 1 == parsed.len(), &mut parts).await?;
        }
        if !parts.is_empty() {
            let started = self.jobs.start(&self.workspace, parts).await?;
            self.screen.say(&started);
        }
        if !parsed.is_empty() {
            self.last = Some(source.text.trim().to_string());
            if self.timing {
                self.screen.say(&format!("Time: {:.3} ms", begin.elapsed().as_secs_f64() * 1e3));
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, parsed: &Parsed, last: bool, parts: &mut Vec<Parsed>) -> Result<()> {
        let Self { workspace, screen, interrupt, jobs, notes, .. } = self;
        screen.begin();
        let interrupted = || Error::new(ErrorKind::Interrupted, "interrupted");
        for outcome in workspace.execute(parsed).await? {
            match outcome {
                Outcome::Said(Some(line)) => screen.say(&line),
                Outcome::Said(None) => screen.done(tag(&parsed.statement)),
                Outcome::Rows(schema, rows) => screen.rows(schema, rows).await?,
                Outcome::Text(text) => screen.text(&text)?,
                Outcome::Stop(name) => {
                    let stopped = jobs.stop(&name).await.map_err(|e| parsed.locate(e))?;
                    screen.say(&stopped);
                }
                Outcome::AnalyzeJob(name) => screen.text(&jobs.analyze(&name).await.map_err(|e| parsed.locate(e))?)?,
                Outcome::Job(part) => parts.push(*part),
                Outcome::InsertNow(insert) => {
                    let rows = tokio::select! {
                        rows = insert_now(workspace, &insert) => rows.map_err(|e| parsed.locate(e))?,
                        _ = interrupt.recv() => return Err(interrupted()),
                    };
                    screen.say(&screen.counted(rows));
                }
                Outcome::Copy(written) => {
                    let rows = tokio::select! {
                        rows = copy(workspace, &written) => rows.map_err(|e| parsed.locate(e))?,
                        _ = interrupt.recv() => return Err(interrupted()),
                    };
                    screen.say(&format!("{} to {}", screen.counted(rows), written.path));
                }
                Outcome::Query(query) if goes_on(workspace, &query)? => {
                    if !last && query.query.limit_clause.is_none() {
                        let error = Error::sql("a query that goes on has to be the last statement");
                        return Err(parsed.locate(error.hint("put it at the end, or give it a LIMIT")));
                    }
                    live::show(workspace, &query, screen, interrupt, notes).await.map_err(|e| parsed.locate(e))?;
                }
                Outcome::Query(query) => tokio::select! {
                    answered = answer(workspace, &query, screen) => answered.map_err(|e| parsed.locate(e))?,
                    _ = interrupt.recv() => return Err(interrupted()),
                },
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> Result<Next> {
        match meta(line)? {
            Meta::Quit => return Ok(Next::Quit),
            Meta::Help => self.screen.text(&help::commands())?,
            Meta::SqlHelp(statement) => self.screen.text(&help::statement(statement.as_deref())?)?,
            Meta::Echo(text) => self.screen.say(&text),
            Meta::Describe(None) => Box::pin(self.statements(&Source::new("<input>", "SHOW TABLES"))).await?,
            Meta::Describe(Some(name)) => {
                let (schema, rows) = self.workspace.describe(&name).await?;
                self.screen.rows(schema, rows).await?;
            }
            Meta::Peek(name, rows) => {
                let Self { workspace, interrupt, .. } = self;
                let (schema, rows) = tokio::select! {
                    peeked = workspace.peek(&name, rows) => peeked?,
                    _ = interrupt.recv() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                };
                self.screen.rows(schema, rows).await?;
            }
            Meta::Sql(sql) => {
                let last = self.last.take();
                let done = Box::pin(self.statements(&Source::new("<input>", sql))).await;
                self.last = last;
                done?;
            }
            Meta::Schema(name) => self.schema(name).await?,
            Meta::Expanded(wanted) => {
                let said = self.screen.expand(wanted);
                self.screen.say(said);
            }
            Meta::Timing(wanted) => {
                self.timing = wanted.unwrap_or(!self.timing);
                self.screen.say(if self.timing { "Timing is on." } else { "Timing is off." });
            }
            Meta::Output(file) => self.screen.to(file.as_deref().map(Path::new))?,
            Meta::Include(file) => Box::pin(self.include(Path::new(&file))).await?,
            Meta::Watch(seconds) => Box::pin(self.watch(seconds)).await?,
            Meta::Set(None) => {
                let shown: Vec<String> = self.variables.iter().map(|(name, value)| format!("{name} = '{value}'\n")).collect();
                self.screen.text(&shown.concat())?;
            }
            Meta::Set(Some((name, value))) => self.variables.set(&name, &value)?,
            Meta::Unset(name) => self.variables.unset(&name),
            Meta::Mode(None) => {
                let said = format!("format {}", self.screen.format_name());
                self.screen.say(&said);
            }
            Meta::Mode(Some(format)) => self.screen.set_format(format),
            Meta::Null(text) => self.screen.set_null(text),
            Meta::Edit(file) => return Ok(Next::Edit(self.edited(file.as_deref())?)),
        }
        Ok(Next::Go)
    }

    /// Forgets signals that came while nobody waited for them.
    pub(super) fn ready(&mut self) {
        while self.interrupt.recv().now_or_never().is_some() {}
    }

    /// What completion knows; nothing when the catalog cannot be read, which the next statement tells.
    pub(super) fn names(&self) -> Names {
        self.workspace.names().unwrap_or_default()
    }

    /// What declared a relation, or all of them.
    async fn schema(&mut self, name: Option<String>) -> Result<()> {
        let names = match name {
            Some(name) => vec![name],
            None => self.workspace.names()?.relations.into_keys().collect(),
        };
        for name in names {
            let text = self.workspace.declaration(&name)?;
            self.screen.text(&format!("{text}\n"))?;
        }
        Ok(())
    }

    async fn include(&mut self, file: &Path) -> Result<()> {
        if self.depth >= DEEP {
            return Err(Error::usage(format!("{}: more than {DEEP} files read each other", file.display())));
        }
        let text = std::fs::read_to_string(file).map_err(|e| Error::usage(format!("cannot read {}", file.display())).because(e))?;
        self.depth += 1;
        let done = self.text(&Source::new(file.display().to_string(), text)).await;
        self.depth -= 1;
        done
    }

    /// The last query again and again, until Ctrl-C.
    async fn watch(&mut self, seconds: f64) -> Result<()> {
        let last = self.last.clone().ok_or_else(|| Error::usage("there is no query yet that could be repeated"))?;
        let source = Source::new("<input>", last);
        let answers = |parsed: &Parsed| matches!(parsed.statement, Statement::Query(_) | Statement::Show(_) | Statement::Describe(_));
        if !parse_with(&source, &self.variables)?.iter().all(answers) {
            return Err(Error::usage("\\watch repeats queries, and the last statement is none"));
        }
        loop {
            self.screen.clear()?;
            let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S UTC");
            self.screen.say(&format!("{now} (every {seconds} s, Ctrl-C ends)\n"));
            match self.statements(&source).await {
                Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
                other => other?,
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => {}
                _ = self.interrupt.recv() => return Ok(()),
            }
        }
    }

    /// The last statement or a file, as an editor leaves it.
    fn edited(&self, file: Option<&str>) -> Result<String> {
        // Gone with its files when this is over.
        let scratch = Scratch::new(std::env::temp_dir());
        let path = match file {
            Some(file) => PathBuf::from(file),
            None => {
                let path = scratch.folder()?.join("statement.sql");
                std::fs::write(&path, self.last.as_deref().unwrap_or_default())?;
                path
            }
        };
        let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
        let editor = editor.unwrap_or_else(|| "vi".to_string());
        let mut words = editor.split_whitespace();
        let status = std::process::Command::new(words.next().unwrap_or("vi")).args(words).arg(&path).status();
        let text = match status {
            Ok(status) if status.success() => std::fs::read_to_string(&path)?,
            Ok(status) => return Err(Error::usage(format!("{editor} ended with {status}"))),
            Err(e) => return Err(Error::usage(format!("{editor} cannot be started")).because(e).hint("set $EDITOR")),
        };
        Ok(text.trim().to_string())
    }
}

/// Whether a query's answer goes on.
fn goes_on(workspace: &Workspace, query: &Query) -> Result<bool> {
    Ok(query.emit != Emit::Unsaid || workspace.streams()?)
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
async fn answer(workspace: &Workspace, query: &Query, screen: &mut Screen) -> Result<()> {
    let session = workspace.session(Mode::Batch)?;
    let (schema, rows) = session.run(&query.query).await?;
    let line = progress::Line::watch(&session);
    let _gone = progress::Guard(line.clone());
    screen.stream(schema, line.before(rows, screen.is_whole())).await
}

async fn insert_now(workspace: &Workspace, insert: &Insert) -> Result<u64> {
    let session = workspace.session(Mode::Batch)?;
    let _gone = progress::Guard(progress::Line::watch(&session));
    workspace.insert_in(&session, insert).await
}

async fn copy(workspace: &Workspace, copy: &Copy) -> Result<u64> {
    let session = workspace.session(Mode::Batch)?;
    let _gone = progress::Guard(progress::Line::watch(&session));
    workspace.copy_in(&session, copy).await
}

/// A script cut into meta commands, a line each, and what is between them; each begins with as many empty lines as stand before it,
/// so that errors name the right one.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut begins = true;
    for (number, line) in text.lines().enumerate() {
        let command = is_meta(line);
        match parts.last_mut().filter(|_| !begins && !command) {
            Some(part) => part.push_str(line),
            None if command => parts.push(line.to_string()),
            None => parts.push(format!("{}{line}", "\n".repeat(number))),
        }
        if let Some(part) = parts.last_mut() {
            part.push('\n');
        }
        begins = command;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_cut_a_script_and_lines_keep_their_numbers() {
        let text = "SELECT 1,\n  2;\n\\x on\n\\timing\nSELECT\n  3;\n";
        assert_eq!(parts(text), ["SELECT 1,\n  2;\n", "\\x on\n", "\\timing\n", "\n\n\n\nSELECT\n  3;\n"]);
    }
}
