//! Meta commands, carried out.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::common::{Error, ErrorKind, Result, clock, secret};
use crate::sql::ast::{Parsed, Source, Statement};
use crate::sql::parse_with;
use crate::state::scratch::Scratch;

use super::commands::{Meta, meta};
use super::help;
use super::session::{Next, Session, unless};

impl Session {
    /// Carries out a command; `given` is the statement that stands before it.
    pub(super) async fn command(&mut self, line: &str, given: Option<Source>) -> Result<Next> {
        self.screen.begin();
        // What no command takes is there again at the next prompt.
        let mut kept = given.as_ref().map(|given| given.text.trim().to_string());
        match meta(line)? {
            Meta::Go(go) => {
                kept = None;
                let source = self.this_or_last(given)?;
                self.diverted(go.file.as_deref(), go.expanded, &source).await?;
            }
            Meta::Quit => return Ok(Next::Quit),
            Meta::Help => self.screen.text(&help::commands())?,
            Meta::SqlHelp(statement) => self.screen.text(&help::statement(statement.as_deref())?)?,
            Meta::Echo(text) => self.screen.say(&text),
            Meta::Describe(name) => {
                let Self { connection, interrupt, .. } = self;
                let (schema, rows) = unless(interrupt, connection.describe(&name)).await?;
                self.screen.rows(schema, rows).await?;
            }
            Meta::DescribeMore(name) => {
                let Self { connection, interrupt, .. } = self;
                let (schema, rows) = unless(interrupt, connection.describe(&name)).await?;
                self.screen.rows(schema, rows).await?;
                let text = self.connection.declaration(&name)?;
                self.screen.text(&format!("\n{text}\n"))?;
            }
            Meta::Peek(name, rows) => {
                let Self { connection, interrupt, .. } = self;
                let (schema, rows) = unless(interrupt, connection.peek(&name, rows)).await?;
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
            Meta::Watch(seconds) => {
                kept = None;
                let source = self.this_or_last(given)?;
                Box::pin(self.watch(seconds, &source)).await?;
            }
            Meta::Once(file) => self.once = Some(file),
            Meta::Print => {
                let text = self.this_or_last(given)?.text.trim().to_string();
                self.screen.text(&format!("{}\n", secret::shown(&text)))?;
            }
            Meta::Forget => {
                kept = None;
                self.screen.say("What was typed is forgotten.");
            }
            Meta::Write(file) => {
                let text = self.this_or_last(given)?.text.trim().to_string();
                std::fs::write(&file, text + "\n").map_err(|e| Error::usage(format!("cannot write {file}")).with_source(e))?;
            }
            Meta::System(command) => self.system(command.as_deref())?,
            Meta::Folder(folder) => self.folder(folder)?,
            Meta::Connection => {
                let about = format!("{}dialect: {}\n", self.about, self.connection.dialect()?);
                self.screen.text(&about)?;
            }
            Meta::Set(None) => {
                let shown = |(name, value)| format!("{name} = '{}'\n", secret::shown_value(name, value));
                let shown: Vec<String> = self.variables.iter().map(shown).collect();
                self.screen.text(&shown.concat())?;
            }
            Meta::Set(Some((name, value))) => self.variables.set(&name, &value)?,
            Meta::Unset(name) => self.variables.unset(&name),
            Meta::Mode(None) => {
                let said = format!("format {}", self.screen.format_name());
                self.screen.say(&said);
            }
            Meta::Mode(Some(format)) => self.screen.set_format(format),
            Meta::MostRows(wanted) => {
                let said = self.screen.most(wanted);
                self.screen.say(&said);
            }
            Meta::Null(text) => self.screen.set_null(text),
            Meta::Edit(file) => {
                let text = given.map(|given| given.text.trim().to_string()).or_else(|| self.last.clone());
                return Ok(Next::Edit(edited(file.as_deref(), &text.unwrap_or_default())?));
            }
        }
        Ok(kept.map_or(Next::Go, Next::Edit))
    }

    /// The statement that a command stands behind, else the last one.
    fn this_or_last(&self, given: Option<Source>) -> Result<Source> {
        let last = || self.last.clone().map(|text| Source::new("<input>", text));
        given.or_else(last).ok_or_else(|| Error::usage("there is no statement yet").hint("write one before the command: SELECT 1 \\g"))
    }

    /// A command of the system, or its shell, in this terminal.
    fn system(&self, command: Option<&str>) -> Result<()> {
        let shell = std::env::var("SHELL").ok().filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".to_string());
        let mut child = Command::new(&shell);
        if let Some(command) = command {
            child.arg("-c").arg(command);
        }
        let status = child.status().map_err(|e| Error::usage(format!("{shell} cannot be started")).with_source(e).hint("set $SHELL"))?;
        if !status.success() {
            self.screen.say(&format!("ended with {status}"));
        }
        Ok(())
    }

    /// Another folder for paths that do not begin at the root.
    fn folder(&self, folder: Option<String>) -> Result<()> {
        if self.jobs.count() > 0 {
            return Err(Error::usage("jobs are running, and their paths begin in this folder").hint("STOP JOB 'name'; ends one"));
        }
        let folder = match folder.or_else(|| std::env::var("HOME").ok()) {
            Some(folder) => folder,
            None => return Err(Error::usage("a folder is missing")),
        };
        std::env::set_current_dir(&folder).map_err(|e| Error::usage(format!("cannot go to {folder}")).with_source(e))
    }

    /// What declared a relation, or all of them.
    async fn schema(&mut self, name: Option<String>) -> Result<()> {
        let names = match name {
            Some(name) => vec![name],
            None => self.connection.names()?.relations.into_keys().collect(),
        };
        for name in names {
            let text = self.connection.declaration(&name)?;
            self.screen.text(&format!("{text}\n"))?;
        }
        Ok(())
    }

    /// The last query again and again, until Ctrl-C.
    async fn watch(&mut self, seconds: f64, source: &Source) -> Result<()> {
        let answers = |parsed: &Parsed| matches!(parsed.statement, Statement::Query(_) | Statement::Show(_) | Statement::Describe(_));
        if !parse_with(source, &self.variables, self.connection.dialect_in_force()?)?.iter().all(answers) {
            return Err(Error::usage("\\watch repeats queries, and the last statement is none"));
        }
        loop {
            self.screen.clear()?;
            let now = clock::utc().format("%Y-%m-%d %H:%M:%S UTC");
            self.screen.say(&format!("{now} (every {seconds} s, Ctrl-C ends)\n"));
            match self.statements(source).await {
                Err(e) if e.kind() == ErrorKind::Interrupted => return Ok(()),
                other => other?,
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs_f64(seconds)) => {}
                _ = self.interrupt.recv() => return Ok(()),
            }
        }
    }
}

/// A text or a file, as an editor leaves it.
fn edited(file: Option<&str>, text: &str) -> Result<String> {
    // Gone with its files when this is over.
    let scratch = Scratch::new(std::env::temp_dir());
    let path = match file {
        Some(file) => PathBuf::from(file),
        None => {
            let path = scratch.folder()?.join("statement.sql");
            std::fs::write(&path, text)?;
            path
        }
    };
    let editor = ["VISUAL", "EDITOR"].iter().find_map(|name| std::env::var(name).ok().filter(|e| !e.is_empty()));
    let editor = editor.unwrap_or_else(|| "vi".to_string());
    let mut words = editor.split_whitespace();
    let status = Command::new(words.next().unwrap_or("vi")).args(words).arg(&path).status();
    let left = match status {
        Ok(status) if status.success() => std::fs::read_to_string(&path)?,
        Ok(status) => return Err(Error::usage(format!("{editor} ended with {status}"))),
        Err(e) => return Err(Error::usage(format!("{editor} cannot be started")).with_source(e).hint("set $EDITOR")),
    };
    Ok(left.trim().to_string())
}
