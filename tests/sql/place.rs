//! The environment of a script: a catalog folder, topics in memory, and the output.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions;
use arrow::util::pretty::pretty_format_batches_with_options;
use futures::TryStreamExt;
use millstream::catalog::{Catalog, Overrides};
use millstream::common::{Error, Result};
use millstream::connectors::Connectors;
use millstream::connectors::kafka::EmbeddedBroker;
use millstream::jobs::{self, Ending, Settings};
use millstream::planner::Mode;
use millstream::sql::ast::{Parsed, Query, Source};
use millstream::sql::{Dialect, Variables, parse_with};
use millstream::state::StateStore;
use millstream::state::object::RemoteStore;
use millstream::workspace::{Connection, Outcome, Workspace};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub struct Place {
    folder: TempDir,
    broker: Arc<EmbeddedBroker>,
    store: Arc<dyn StateStore>,
    variables: Vec<String>,
    options: Vec<String>,
}

impl Place {
    pub fn new(variables: Vec<String>, options: Vec<String>) -> Self {
        let memory = Arc::new(object_store::memory::InMemory::new());
        let store = RemoteStore::new(memory, object_store::path::Path::default(), "memory");
        // Plans show their number of partitions.
        let options = std::iter::once("parallelism.default=2".to_string()).chain(options).collect();
        Self { folder: tempfile::tempdir().unwrap(), broker: Arc::new(EmbeddedBroker::new()), store: Arc::new(store), variables, options }
    }

    /// Runs a part of a script; returns its output.
    pub async fn run(&self, script: &str) -> String {
        let mut out = String::new();
        if let Err(error) = self.statements(script, &mut out).await {
            self.error(&mut out, &error);
        }
        out
    }

    fn error(&self, out: &mut String, error: &Error) {
        let text = error.to_string().replace(&*self.folder.path().to_string_lossy(), "FOLDER");
        writeln!(out, "error: {text}").unwrap();
    }

    async fn statements(&self, script: &str, out: &mut String) -> Result<()> {
        let statements = parse_with(&Source::new("script.sql", script), &Variables::parse(&self.variables)?, Dialect::default())?;
        let catalog = Catalog::open(&self.folder.path().join("catalog"))?;
        for warning in catalog.warnings() {
            writeln!(out, "warning: {warning}").unwrap();
        }
        let connection = Workspace::new(catalog, Connectors::embedded(Arc::clone(&self.broker)), Overrides::parse(&self.options)?)
            .with_checkpoints(Arc::clone(&self.store), false)
            .into_connection();
        let mut job = Vec::new();
        for parsed in &statements {
            let text = parsed.text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
            writeln!(out, "> {text}").unwrap();
            match connection.execute(parsed).await {
                Ok(outcomes) => {
                    for outcome in outcomes {
                        if let Err(error) = self.outcome(&connection, parsed, outcome, &mut job, out).await {
                            self.error(out, &parsed.locate(error));
                        }
                    }
                }
                Err(error) => self.error(out, &error),
            }
        }
        self.job(&connection, &mut job, out).await
    }

    async fn outcome(
        &self,
        connection: &Connection,
        parsed: &Parsed,
        outcome: Outcome,
        job: &mut Vec<Parsed>,
        out: &mut String,
    ) -> Result<()> {
        match outcome {
            Outcome::Ack(line) => line.into_iter().for_each(|line| writeln!(out, "{line}").unwrap()),
            Outcome::Rows(schema, rows) => table(out, &[RecordBatch::new_empty(schema), rows], false),
            Outcome::Text(text) => writeln!(out, "{}", text.trim_end()).unwrap(),
            Outcome::InsertNow(insert) => writeln!(out, "{} rows", connection.insert_now(&insert).await?).unwrap(),
            Outcome::Copy(copy) => writeln!(out, "{} rows", connection.copy(&copy).await?).unwrap(),
            Outcome::Forget(keeper) => writeln!(out, "{}", connection.forget_view(&keeper).await?).unwrap(),
            Outcome::Stop(name) => writeln!(out, "stop job {name}").unwrap(),
            Outcome::AnalyzeJob(name) => writeln!(out, "analyze job {name}").unwrap(),
            Outcome::Job(part) => job.push(*part),
            Outcome::Query(query) => {
                self.job(connection, job, out).await?;
                let sorted = !parsed.text.to_uppercase().contains("ORDER BY");
                table(out, &answer(connection, &query).await?, sorted);
            }
        }
        Ok(())
    }

    async fn job(&self, connection: &Connection, job: &mut Vec<Parsed>, out: &mut String) -> Result<()> {
        let parts = std::mem::take(job);
        if parts.is_empty() {
            return Ok(());
        }
        let mut spec = connection.plan_job("job", &parts, Arc::clone(&self.store), Settings::default()).await?;
        spec.settings.fresh = true;
        match tokio::time::timeout(Duration::from_secs(180), jobs::run(&spec, &CancellationToken::new())).await {
            Ok(ended) => match ended? {
                Ending::Finished(_) => writeln!(out, "job finished: {} part(s)", parts.len()).unwrap(),
                Ending::Stopped(_) => writeln!(out, "job stopped").unwrap(),
            },
            Err(_) => writeln!(out, "job does not end").unwrap(),
        }
        Ok(())
    }

    /// The files of the catalog folder.
    pub fn files(&self) -> String {
        let root = self.folder.path().join("catalog");
        let mut found = Vec::new();
        walk(&root, &mut found);
        found.sort();
        found.iter().fold(String::new(), |out, file| {
            out + &format!("= {}\n{}", file.strip_prefix(&root).unwrap().display(), fs::read_to_string(file).unwrap())
        })
    }
}

fn walk(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        if path.is_dir() {
            walk(&path, found);
        } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
            found.push(path);
        }
    }
}

async fn answer(connection: &Connection, query: &Query) -> Result<Vec<RecordBatch>> {
    let (schema, rows) = connection.session(Mode::Batch)?.run(query).await?;
    let mut all = vec![RecordBatch::new_empty(schema)];
    all.extend(rows.map_err(Error::from).try_collect::<Vec<_>>().await?);
    Ok(all)
}

/// Prints a table; its rows are sorted by their text where the query gives no order.
fn table(out: &mut String, batches: &[RecordBatch], sorted: bool) {
    // The format of the command line.
    let options = FormatOptions::new().with_null("NULL");
    let options = options.with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f")).with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.fZ"));
    let shown = pretty_format_batches_with_options(batches, &options).unwrap().to_string();
    let mut lines: Vec<&str> = shown.lines().collect();
    if sorted && lines.len() > 4 {
        let end = lines.len() - 1;
        lines[3..end].sort_unstable();
    }
    lines.iter().for_each(|line| writeln!(out, "{}", line.trim_end()).unwrap());
}
