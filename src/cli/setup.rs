//! Creates a connection from flags: catalog, connectors, options, and the statements of files.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use tokio_util::sync::CancellationToken;

use crate::catalog::{Catalog, Overrides};
use crate::common::units::counted;
use crate::common::{Error, ErrorKind, Result, clock};
use crate::connectors::Connectors;
use crate::connectors::kafka::{EmbeddedBroker, RETENTION};
use crate::jobs::memory::Memory;
use crate::shell::progress;
use crate::shell::render::{self, Format, Look, Printed};
use crate::sql::ast::{Copy, Parsed, Source};
use crate::sql::{InForce, Variables, parse_with};
use crate::state::{self, StateStore};
use crate::workspace::{Connection, Workspace};

use super::args::Common;

/// Creates a connection with the catalog and the connectors that the flags name.
pub(super) fn connection(common: &Common) -> Result<Connection> {
    let catalog = Catalog::open_layered(&common.data.join("catalog"), common.catalog.as_deref())?;
    over(common, catalog, true)
}

/// Writes declarations that a passing connection has executed.
pub(super) fn declare(common: &Common, declarations: &[Parsed]) -> Result<()> {
    let mut catalog = Catalog::open_layered(&common.data.join("catalog"), common.catalog.as_deref())?;
    declarations.iter().try_for_each(|parsed| catalog.replay(parsed))
}

/// The same, but declarations end with the process; the embedded topics are opened only if `reach` is set.
pub(super) fn passing_connection(common: &Common, reach: bool) -> Result<Connection> {
    let catalog = Catalog::open_layered(&common.data.join("catalog"), common.catalog.as_deref())?;
    over(common, catalog.detached(), reach)
}

/// Returns the store of commits, and whether it is remote.
pub(super) fn checkpoints(common: &Common) -> Result<(Arc<dyn StateStore>, bool)> {
    match &common.checkpoints {
        Some(url) => Ok((state::open(url, &common.buckets)?, url.contains("://"))),
        None => Ok((state::open(&common.data.join("jobs").to_string_lossy(), &common.buckets)?, false)),
    }
}

fn over(common: &Common, catalog: Catalog, reach: bool) -> Result<Connection> {
    let connectors = match (common.embedded, reach) {
        (true, true) => {
            let retention = common.retention.map_or(RETENTION, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
            Connectors::embedded(Arc::new(EmbeddedBroker::open(&common.data.join("topics"), retention)?))
        }
        (true, false) => Connectors::embedded(Arc::new(EmbeddedBroker::new())),
        (false, _) => Connectors::real(),
    };
    let mut overrides = Overrides::parse(&common.options)?;
    overrides.declare(catalog.names());
    let (root, remote) = checkpoints(common)?;
    let connectors = connectors.with_buckets(Arc::clone(&common.buckets));
    let workspace = Workspace::new(catalog, connectors, overrides).with_memory(&memory(common))?.with_checkpoints(root, remote);
    let workspace = workspace.with_threads(common.threads);
    for warning in workspace.warnings() {
        eprintln!("warning: {warning}");
    }
    Ok(workspace.into_connection())
}

/// Returns the memory limits of the flags, with the data folder for spilling.
pub(super) fn memory(common: &Common) -> Memory {
    Memory::new(common.memory_limit, &common.data.join("tmp"))
}

/// Reads and parses all files before anything is executed.
pub(super) fn statements(common: &Common, files: &[PathBuf]) -> Result<Vec<Parsed>> {
    let variables = Variables::parse(&common.variables)?;
    let (mut all, mut dialect) = (Vec::new(), dialect(common)?);
    for source in sources(files)? {
        let parsed = parse_with(&source, &variables, dialect)?;
        dialect = dialect.after(parsed.iter().map(|parsed| &parsed.statement))?;
        all.extend(parsed);
    }
    Ok(all)
}

/// The dialect with which scripts begin.
pub(super) fn dialect(common: &Common) -> Result<InForce> {
    Overrides::parse(&common.options)?.dialect()
}

/// Returns the texts of files and folders, in the order they run.
pub(super) fn sources(files: &[PathBuf]) -> Result<Vec<Source>> {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).map_err(|e| Error::usage(format!("cannot read {}", file.display())).with_source(e))?;
        Ok(Source::new(file.display().to_string(), text))
    };
    expand(files)?.into_iter().map(read).collect()
}

/// Parses typed text, after the statements of files.
pub(super) fn typed(common: &Common, files: &[Parsed], text: &str) -> Result<Vec<Parsed>> {
    let dialect = dialect(common)?.after(files.iter().map(|parsed| &parsed.statement))?;
    parse_with(&Source::new("<sql>", text), &Variables::parse(&common.variables)?, dialect)
}

/// Expands a folder to its .sql files, 2 before 10.
fn expand(files: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for file in files {
        if !file.is_dir() {
            all.push(file.clone());
            continue;
        }
        let entries = std::fs::read_dir(file).map_err(|e| Error::usage(format!("cannot read {}", file.display())).with_source(e))?;
        let mut found: Vec<PathBuf> =
            entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "sql")).collect();
        if found.is_empty() {
            return Err(Error::usage(format!("{} holds no .sql files", file.display())));
        }
        found.sort_by_key(|p| natural(p));
        all.append(&mut found);
    }
    Ok(all)
}

/// Splits a name into text and numbers, so that numbers compare by value.
fn natural(path: &Path) -> Vec<(String, u64)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let mut parts = Vec::new();
    let mut rest = name.as_str();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (text, after) = rest.split_at(digits);
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        parts.push((text.to_string(), after[..end].parse().unwrap_or(u64::MAX)));
        rest = &after[end..];
    }
    parts
}

/// Executes a COPY; an interrupted one leaves nothing.
pub(super) async fn copy(connection: &Connection, copy: &Copy, parsed: &Parsed, stop: &CancellationToken) -> Result<()> {
    let rows = tokio::select! {
        () = stop.cancelled() => return Err(Error::new(ErrorKind::Interrupted, "interrupted")),
        rows = progress::copy(connection, copy) => rows.map_err(|e| parsed.locate(e))?,
    };
    eprintln!("{} to {}", counted(rows, "row"), copy.path);
    Ok(())
}

/// Prints complete rows.
pub(super) async fn print(schema: SchemaRef, rows: RecordBatch, asked: Option<Format>) -> Result<()> {
    print_stream(schema, render::ready(rows), Format::asked(asked)).await
}

/// Streams rows to the output. A closed pipe (`| head`) is the end of the output, not an error.
pub(super) async fn print_stream(schema: SchemaRef, rows: SendableRecordBatchStream, format: Format) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match render::print(schema, rows, format, &Look::default(), &mut out).await? {
        Printed::Rows(_) => Ok(()),
        Printed::Closed => std::process::exit(0),
    }
}

/// The error of STOP JOB where no job can be running.
pub(super) fn no_job_to_stop() -> Error {
    Error::sql("no job was started here").hint("STOP JOB ends a job of the shell; one that `millstream run` started ends with Ctrl-C")
}

/// The error of EXPLAIN ANALYZE JOB where no job can be running.
pub(super) fn no_job_to_ask() -> Error {
    Error::sql("no job was started here").hint(
        "EXPLAIN ANALYZE JOB is asked in the shell that started the job; EXPLAIN ANALYZE INSERT INTO ... reads what is there now, and writes nothing",
    )
}

/// Returns a token that SIGINT or SIGTERM cancels; a second signal ends the process at once.
pub(super) fn stop_signal() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let broken = |e| Error::internal("signals cannot be handled").with_source(e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(broken)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(broken)?;
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let mut first: Option<Instant> = None;
        loop {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            // One Ctrl-C may arrive twice, at the process and at its group; only a later one counts as the second.
            match first {
                Some(at) if clock::since(at) > Duration::from_secs(1) => std::process::exit(130),
                Some(_) => {}
                None => first = Some(clock::instant()),
            }
            stopped.cancel();
        }
    });
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_natural_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["10_insert.sql", "2_sink.sql", "1_source.sql", "notes.txt"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names: Vec<_> =
            expand(&[dir.path().to_path_buf()]).unwrap().iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
        assert_eq!(names, ["1_source.sql", "2_sink.sql", "10_insert.sql"]);
    }
}
