//! What a job does with a table that it reads: silence, alignment, and where messages go that cannot be read.

use std::time::Duration;

use crate::catalog::TableEntry;
use crate::common::{Error, Result, units};
use crate::connectors::{RunContext, TableSpec};
use crate::planner::{DeclaredTable, Domain, Program};

use crate::jobs::spec::{DeadLetter, JobSource};

const IDLE: &str = "scan.watermark.idle-timeout";
const AHEAD: &str = "scan.watermark.max-ahead";
const DRIFT: &str = "scan.watermark.alignment.max-drift";

/// How long a partition may be silent, if nothing is said.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How far a partition may be ahead of the slowest, if nothing is said.
const MAX_DRIFT: Duration = Duration::from_secs(60);

/// Reads a table's options; `job` is the name of a job that lasts, and `dead_letter` opens the table for messages that cannot be read.
///
/// # Errors
/// With the place of the option that does not fit.
pub(super) fn job_source(
    declared: &DeclaredTable,
    entry: &TableEntry,
    spec: &TableSpec,
    program: &Program,
    job: Option<&str>,
    dead_letter: &dyn Fn(&str) -> Result<DeadLetter>,
) -> Result<JobSource> {
    let duration = |key| spec.option(key).map(units::duration).transpose().map_err(|e| place(entry, key, e));
    let max_drift = duration(DRIFT)?.unwrap_or(MAX_DRIFT);
    // Where no operator waits for the table's time, nothing piles up that would need its partitions to keep together.
    let moves = program.nodes.values().any(|n| n.domain == Domain::Event && n.sources.contains(&spec.name));
    let has_watermark = declared.definition.watermark.is_some();
    let dead_letter = declared.source.dead_letter().map(dead_letter).transpose();
    Ok(JobSource {
        table: spec.name.clone(),
        identity: declared.source.identity(),
        stream: declared.stream()?,
        columns: declared.source.schema(),
        run: RunContext { job: job.map(str::to_string), ..RunContext::default() },
        idle_timeout: duration(IDLE)?.unwrap_or(IDLE_TIMEOUT),
        has_watermark,
        max_drift: (has_watermark && moves && !max_drift.is_zero()).then_some(max_drift),
        max_ahead: duration(AHEAD)?,
        dead_letter: dead_letter.map_err(|e| place(entry, "dead-letter.table", e))?,
    })
}

/// A materialized view as a source of a job.
///
/// # Errors
/// When it is not read continuously.
pub(super) fn of_view(view: &DeclaredTable, job: Option<&str>) -> Result<JobSource> {
    Ok(JobSource {
        table: view.definition.name.clone(),
        identity: view.source.identity(),
        stream: view.stream()?,
        columns: view.source.schema(),
        run: RunContext { job: job.map(str::to_string), ..RunContext::default() },
        idle_timeout: IDLE_TIMEOUT,
        has_watermark: view.source.watermark().is_some(),
        max_drift: None,
        max_ahead: None,
        dead_letter: None,
    })
}

/// Gives an error the place of a table's option.
pub(super) fn place(entry: &TableEntry, key: &str, error: Error) -> Error {
    entry.locate(entry.definition.options.pos(key), error.in_table_option(&entry.definition.name, key))
}
