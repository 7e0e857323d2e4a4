//! `millstream run FILE...`: the files' INSERTs as one continuous job.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::common::faults::Faults;
use crate::common::units::counted;
use crate::common::{Error, Result, names, secret};
use crate::connectors::StartMode;
use crate::jobs::{self, Ending};
use crate::planner::Program;
use crate::sql::ast::{Parsed, Statement};
use crate::workspace::job_settings::{job_name, settings};
use crate::workspace::{Connection, Keeper, Outcome, ScriptJob};

use super::args::{Common, RunArgs};
use super::{setup, status};

/// Runs until the job ends or is stopped.
pub(super) async fn run(common: &Common, args: RunArgs) -> Result<()> {
    let from = position(&args)?;
    let statements = setup::statements(common, &args.files)?;
    let (root, remote) = setup::checkpoints(common)?;
    let connection = setup::passing_connection(common, true)?;
    let (declared, writes, dropped, job) = Default::default();
    let mut script = Script { common, statements: &statements, connection: &connection, declared, writes, dropped, job };
    script.execute().await?;
    let said = connection.job_settings()?;
    let name = job_name(args.name.as_deref().or(said.pipeline_name.as_deref()), &args.files);
    names::check_job(&name)?;
    let mut settings = settings(&said, remote);
    setup::memory(common).share(&mut settings);
    settings.until_now = args.until_now;
    settings.from = from.unwrap_or(StartMode::Declared);
    let mut parts = Vec::new();
    for part in std::mem::take(&mut script.job).into_parts() {
        match connection.keeper(&part).await?.filter(|keeper| keeper.runs && keeper.job != name) {
            Some(keeper) => eprintln!("materialized view `{}` is there, and job {} keeps it", keeper.view, keeper.job),
            None => parts.push(part),
        }
    }
    let mut planned = connection.plan_job(&name, &parts, Arc::clone(&root), settings.clone()).await;
    if planned.is_err() && script.write_files().await? {
        planned = connection.plan_job(&name, &parts, root, settings).await;
    }
    let mut spec = planned?;
    connection.check_options_used()?;
    if parts.is_empty() {
        if statements.iter().all(|s| !matches!(s.statement, Statement::Insert(_) | Statement::Copy(_) | Statement::Explain(_))) {
            eprintln!("nothing to run: the files declare tables, but hold no INSERT");
        }
        return script.settle().await;
    }
    spec.settings.fresh = args.fresh && confirm_fresh(&spec, args.yes).await?;
    spec.faults = Faults::from_env()?;
    for text in unbounded(&spec.program) {
        tracing::warn!("{text}");
    }
    eprintln!("job {name}: {} in {}", counted(parts.len() as u64, "INSERT"), secret::shown(&spec.store.describe()));
    script.drop_kept_views(&name).await?;
    let job = jobs::claim(&spec).await?;
    script.settle().await?;
    let stop = setup::stop_signal()?;
    let over = CancellationToken::new();
    let shown = tokio::spawn(status::show(spec.status.subscribe(), over.clone()));
    let ended = job.run(&stop).await;
    over.cancel();
    let _ = shown.await;
    match ended? {
        Ending::Finished(n) => eprintln!("job {name} finished at commit {n}"),
        Ending::Stopped(n) => eprintln!("job {name} stopped at commit {n}; the same command resumes it"),
    }
    Ok(())
}

/// Returns the warnings about unbounded state: a line for each such operator.
fn unbounded(program: &Program) -> Vec<String> {
    let mut nodes: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for (node, table) in program.unbounded() {
        nodes.entry(node).or_default().push(table);
    }
    let text = |(node, tables): (u32, Vec<&str>)| {
        let operator = program.operator(node);
        let name = operator.map_or("state", |o| o.name());
        let what = if operator.is_some_and(|o| o.supports_ttl()) {
            "SET 'table.exec.state.ttl' bounds it"
        } else {
            "it grows with what it reads, and no setting bounds it"
        };
        format!("the state of {name} (node {node}: {}) is UNBOUNDED: {what}", tables.join(", "))
    };
    nodes.into_iter().map(text).collect()
}

/// A script that changes nothing if its job is refused.
struct Script<'a> {
    common: &'a Common,
    statements: &'a [Parsed],
    /// A connection with a detached catalog.
    connection: &'a Connection,
    /// Declarations to write to the catalog once this process owns the job.
    declared: Vec<Parsed>,
    /// Rows to write then.
    writes: Vec<(Outcome, Parsed)>,
    /// Materialized views whose content is dropped then.
    dropped: Vec<Keeper>,
    /// The parts of the job.
    job: ScriptJob,
}

impl Script<'_> {
    /// Executes declarations and settings in order. Rows are written later, unless a statement could mean something else by then.
    async fn execute(&mut self) -> Result<()> {
        for parsed in self.statements {
            if !matches!(
                parsed.statement,
                Statement::CreateTable(_)
                    | Statement::CreateView(_)
                    | Statement::CreateFunction(_)
                    | Statement::Insert(_)
                    | Statement::Copy(_)
            ) {
                self.write().await?;
            }
            let mut unfolded = self.connection.unfold(parsed).await;
            if unfolded.is_err() && self.write_files().await? {
                unfolded = self.connection.unfold(parsed).await;
            }
            for parsed in unfolded? {
                let mut outcomes = self.connection.execute(&parsed).await;
                if outcomes.is_err() && self.write_files().await? {
                    outcomes = self.connection.execute(&parsed).await;
                }
                let outcomes = outcomes?;
                if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Ack(_))) {
                    self.declared.push(parsed.clone());
                    self.job.keep_up(self.connection, &parsed)?;
                }
                for outcome in outcomes {
                    self.handle(outcome, &parsed).await?;
                }
            }
        }
        Ok(())
    }

    async fn handle(&mut self, outcome: Outcome, parsed: &Parsed) -> Result<()> {
        match outcome {
            Outcome::Ack(line) => {
                line.into_iter().for_each(|line| eprintln!("{line}"));
            }
            Outcome::Rows(schema, rows) => setup::print(schema, rows, None).await?,
            Outcome::Text(text) => print!("{text}"),
            Outcome::Forget(keeper) => self.dropped.push(keeper),
            Outcome::Job(part) => self.job.add(self.connection, *part)?,
            write @ (Outcome::Copy(_) | Outcome::InsertNow(_)) => self.writes.push((write, parsed.clone())),
            Outcome::Stop(_) => return Err(parsed.locate(setup::no_job_to_stop())),
            Outcome::AnalyzeJob(_) => return Err(parsed.locate(setup::no_job_to_ask())),
            Outcome::Query(_) => {
                let hint = "answer it with `millstream query`, or write it to a table: INSERT INTO t SELECT ..., with t on 'connector' = 'print' to see rows";
                return Err(parsed.locate(Error::sql("a SELECT in a job file has nowhere to go").hint(hint)));
            }
        }
        Ok(())
    }

    /// Writes the pending rows; returns whether there were any.
    async fn write(&mut self) -> Result<bool> {
        let writes = std::mem::take(&mut self.writes);
        let any = !writes.is_empty();
        for (write, parsed) in writes {
            match write {
                Outcome::Copy(copy) => setup::copy(self.connection, &copy, &parsed, &setup::stop_signal()?).await?,
                Outcome::InsertNow(insert) => {
                    let rows = self.connection.insert_now(&insert).await.map_err(|e| parsed.locate(e))?;
                    eprintln!("{}", counted(rows, "row"));
                }
                _ => return Err(Error::internal("a statement that writes no rows")),
            }
        }
        Ok(any)
    }

    /// Writes the pending rows, if some create files in a folder that other statements name as well: a statement that could not be planned
    /// may read one of those. Returns whether it has.
    async fn write_files(&mut self) -> Result<bool> {
        let path = |write: &Outcome| match write {
            Outcome::InsertNow(insert) => self.connection.files_of(insert),
            Outcome::Copy(copy) => Some(copy.path.clone()),
            _ => None,
        };
        let named = |path: String| {
            let folder = path.trim_end_matches('/').rsplit_once('/').map_or(path.as_str(), |(folder, _)| folder);
            self.statements.iter().filter(|parsed| parsed.text.contains(folder)).count() > 1
        };
        let read = self.writes.iter().filter_map(|(write, _)| path(write)).any(named);
        Ok(read && self.write().await?)
    }

    /// Drops the views that an earlier job of this name has kept: their folder would be taken for that of the new job.
    async fn drop_kept_views(&mut self, job: &str) -> Result<()> {
        for keeper in self.dropped.extract_if(.., |keeper| keeper.job == job) {
            eprintln!("{}", self.connection.forget_view(&keeper).await?);
        }
        Ok(())
    }

    /// Writes everything pending: the script is not refused.
    async fn settle(&mut self) -> Result<()> {
        setup::declare(self.common, &self.declared)?;
        for keeper in std::mem::take(&mut self.dropped) {
            eprintln!("{}", self.connection.forget_view(&keeper).await?);
        }
        self.write().await?;
        Ok(())
    }
}

/// Asks before state is dropped; without a terminal `--yes` confirms it.
async fn confirm_fresh(spec: &jobs::JobSpec, yes: bool) -> Result<bool> {
    if yes || spec.store.list("commits").await?.is_empty() {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Error::usage(format!("--fresh drops the state of job `{}` in {}", spec.name, spec.store.describe()))
            .hint("add --yes to say that you mean it"));
    }
    eprint!("drop the state of job `{}` in {}? [y/N] ", spec.name, secret::shown(&spec.store.describe()));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(true) } else { Err(Error::usage("nothing was dropped, nothing was started")) }
}

/// Parses `--from`, which would contradict the positions of a job that resumes.
fn position(args: &RunArgs) -> Result<Option<StartMode>> {
    let Some(from) = &args.from else { return Ok(None) };
    if !args.fresh {
        return Err(Error::usage("--from without --fresh: a job that resumes goes on where it was").hint("add --fresh to drop its state"));
    }
    let wrong = || {
        Error::usage(format!("--from {from}: not a position"))
            .hint("earliest, latest, timestamp:1714564800000 or 'timestamp:2024-05-01 12:00:00'")
    };
    match from.as_str() {
        "earliest" => Ok(Some(StartMode::Earliest)),
        "latest" => Ok(Some(StartMode::Latest)),
        other => {
            let text = other.strip_prefix("timestamp:").ok_or_else(wrong)?;
            let parse = |format| chrono::NaiveDateTime::parse_from_str(text, format).map(|t| t.and_utc().timestamp_millis());
            let millis =
                text.parse().or_else(|_| parse("%Y-%m-%d %H:%M:%S%.f")).or_else(|_| parse("%Y-%m-%dT%H:%M:%S%.f")).map_err(|_| wrong())?;
            Ok(Some(StartMode::Timestamp(millis)))
        }
    }
}
