//! Conformance suites for sources and sinks. Every connector runs them: Kafka on the embedded log in unit tests, on real servers in the
//! integration tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;
use futures::StreamExt;

use crate::common::{Error, ErrorKind, Projection, Result, clock};

use super::{
    BoundedScan, CommitInfo, Fetched, PartitionRange, PartitionState, Prefetch, Recorded, RunContext, Sink, Source, SourceCounters, Split,
    SplitEnumerator, SplitScan, StartMode, Writer,
};

/// How long a read may take before it counts as stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rows as text, by partition.
pub type RowsByPartition = BTreeMap<i32, Vec<String>>;

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::internal(format!("conformance: {}", otherwise()))) }
}

/// Appends the rows of a batch as text.
fn append(batch: &RecordBatch, to: &mut Vec<String>) -> Result<()> {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter().map(|c| ArrayFormatter::try_new(c, &options)).collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let cells: Vec<String> = columns.iter().map(|column| column.value(row).to_string()).collect();
        to.push(cells.join("|"));
    }
    Ok(())
}

/// Reads everything that a source holds now, as a batch query does.
///
/// # Errors
/// When reading fails.
pub async fn read_all(source: &dyn Source, projection: &[usize]) -> Result<RowsByPartition> {
    if let Some(BoundedScan::Provider(table)) = source.scan() {
        let mut rows = Vec::new();
        let context = SessionContext::new();
        let plan = table.scan(&context.state(), Some(&projection.to_vec()), &[], None).await?;
        for batch in collect(plan, context.task_ctx()).await? {
            append(&batch, &mut rows)?;
        }
        return Ok(RowsByPartition::from([(0, rows)]));
    }
    let ranges = splits(source)?.ranges().await?;
    read_ranges(source, &ranges, projection).await
}

fn splits(source: &dyn Source) -> Result<Arc<dyn SplitScan>> {
    match source.scan() {
        Some(BoundedScan::Splits(scan)) => Ok(scan),
        _ => Err(Error::internal("the suite is for sources that are read by splits")),
    }
}

/// Reads everything that a source holds now, as a job does, and returns the counters.
///
/// # Errors
/// When reading fails.
pub async fn counted(source: &dyn Source, projection: &[usize]) -> Result<Arc<SourceCounters>> {
    let run = RunContext::default();
    let mut enumerator = opened(source, run.clone())?;
    let ranges = enumerator.start(StartMode::History).await?;
    let mut reader = enumerator.reader(ranges, Projection::columns(&source.schema(), projection)?, Prefetch::default())?;
    let until = clock::instant() + PATIENCE;
    while !reader.next(1_000, Duration::from_millis(200)).await?.partitions.iter().all(|s| s.exhausted) {
        check(clock::instant() < until, || "stuck".to_string())?;
    }
    Ok(run.counters)
}

/// Returns the enumerator of a new run of a job.
///
/// # Errors
/// When the source is no stream.
pub fn enumerator(source: &dyn Source) -> Result<Box<dyn SplitEnumerator>> {
    opened(source, RunContext::default())
}

fn opened(source: &dyn Source, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
    source.stream().ok_or_else(|| Error::internal("the suite is for sources that are streams"))?.enumerator(run)
}

async fn read_ranges(source: &dyn Source, ranges: &[PartitionRange], projection: &[usize]) -> Result<RowsByPartition> {
    let projection = Projection::columns(&source.schema(), projection)?;
    let schema = projection.schema();
    let mut rows = RowsByPartition::new();
    for range in ranges {
        let end = range.end.ok_or_else(|| Error::internal("a batch read without an end"))?;
        let split = Split { table: "t".to_string(), partition: range.partition, start: range.start, end };
        let mut stream = splits(source)?.read(&split, &projection, None)?;
        check(stream.schema().fields() == schema.fields(), || format!("schema of the stream: {:?}", stream.schema()))?;
        let of_partition = rows.entry(range.partition).or_default();
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            check(batch.schema().fields() == schema.fields(), || format!("schema of a batch: {:?}", batch.schema()))?;
            append(&batch, of_partition)?;
        }
    }
    Ok(rows)
}

/// Runs the suite for a source that holds a fixed set of rows, in more than one partition if it can.
///
/// # Errors
/// When a rule is broken; the error says which.
pub async fn source(source: &dyn Source) -> Result<()> {
    let every: Vec<usize> = (0..source.schema().fields().len()).collect();
    let ranges = splits(source)?.ranges().await?;
    check(!ranges.is_empty(), || "no partitions".to_string())?;
    let expected = read_ranges(source, &ranges, &every).await?;
    let total: usize = expected.values().map(Vec::len).sum();
    check(total > 0, || "the suite needs a source with rows".to_string())?;
    check(read_ranges(source, &ranges, &every).await? == expected, || "a second read gave other rows".to_string())?;

    for max_rows in [1, 3, 7, 100_000] {
        let (rows, states) = drain(source, &ranges, &every, max_rows, usize::MAX).await?;
        check(rows == expected, || format!("a reader with max_rows {max_rows} gave other rows: {rows:?}"))?;
        for range in &ranges {
            let state = states.iter().find(|s| s.partition == range.partition);
            check(state.is_some_and(|s| s.exhausted && Some(s.position) == range.end), || format!("end of {range:?}: {state:?}"))?;
        }
    }
    for (max_rows, calls) in [(1, 1), (2, 3), (5, 1)] {
        let rows = restarted(source, &ranges, &every, max_rows, calls).await?;
        check(rows == expected, || format!("rows after restarts, {max_rows} at a time: {rows:?}"))?;
    }
    for column in 0..every.len() {
        let one = read_ranges(source, &ranges, &[column]).await?;
        let cells: RowsByPartition = project(&expected, column);
        check(one == cells, || format!("column {column} alone: {one:?}"))?;
    }
    let none = drain(source, &ranges, &[], 4, usize::MAX).await?.0;
    check(none.values().map(Vec::len).sum::<usize>() == total, || "rows without columns are not counted".to_string())?;
    check(enumerator(source)?.resume(&ranges, &[]).await?.is_empty(), || "new partitions out of nothing".to_string())
}

/// Returns one column of rows as text. The suite's values must not contain a `|`.
fn project(rows: &RowsByPartition, column: usize) -> RowsByPartition {
    let cell = |row: &String| row.split('|').nth(column).unwrap_or_default().to_string();
    rows.iter().map(|(partition, rows)| (*partition, rows.iter().map(cell).collect())).collect()
}

/// Reads until all partitions are exhausted, or until a number of calls have returned rows.
async fn drain(
    source: &dyn Source,
    ranges: &[PartitionRange],
    projection: &[usize],
    max_rows: usize,
    mut calls: usize,
) -> Result<(RowsByPartition, Vec<PartitionState>)> {
    // A small prefetch limit, so that the reader has to wait for us.
    let prefetch = Prefetch { batch_rows: 5, max_bytes: 1_000, threads: 2 };
    let projection = Projection::columns(&source.schema(), projection)?;
    let mut reader = enumerator(source)?.reader(ranges.to_vec(), projection, prefetch)?;
    let mut rows: RowsByPartition = ranges.iter().map(|r| (r.partition, Vec::new())).collect();
    let mut at: BTreeMap<i32, i64> = ranges.iter().map(|r| (r.partition, r.start)).collect();
    let until = clock::instant() + PATIENCE;
    loop {
        let fetched: Fetched = reader.next(max_rows, Duration::from_millis(200)).await?;
        check(fetched.rows() <= max_rows, || format!("{} rows where {max_rows} were asked for", fetched.rows()))?;
        check(fetched.partitions.len() == ranges.len(), || format!("states of {} partitions", fetched.partitions.len()))?;
        for state in &fetched.partitions {
            let before = at.insert(state.partition, state.position);
            check(before.is_some_and(|before| before <= state.position), || format!("position went back: {before:?}, {state:?}"))?;
        }
        for chunk in &fetched.chunks {
            check(chunk.batch.num_rows() > 0, || "an empty chunk".to_string())?;
            append(&chunk.batch, rows.entry(chunk.partition).or_default())?;
        }
        calls -= usize::from(fetched.rows() > 0);
        if calls == 0 || fetched.partitions.iter().all(|s| s.exhausted) {
            return Ok((rows, fetched.partitions));
        }
        check(clock::instant() < until, || format!("stuck at {:?}", fetched.partitions))?;
    }
}

/// Reads a few rows, stops, and continues with a new reader from the positions, until the end.
async fn restarted(
    source: &dyn Source,
    ranges: &[PartitionRange],
    projection: &[usize],
    max_rows: usize,
    calls: usize,
) -> Result<RowsByPartition> {
    let mut ranges = ranges.to_vec();
    let mut all: RowsByPartition = ranges.iter().map(|r| (r.partition, Vec::new())).collect();
    let until = clock::instant() + PATIENCE;
    while ranges.iter().any(|r| r.end.is_none_or(|end| r.start < end)) {
        let (rows, states) = drain(source, &ranges, projection, max_rows, calls).await?;
        for (partition, rows) in rows {
            all.entry(partition).or_default().extend(rows);
        }
        for range in &mut ranges {
            let state = states.iter().find(|s| s.partition == range.partition);
            range.start = state.map_or(range.start, |s| s.position);
        }
        enumerator(source)?.resume(&ranges, &[]).await?;
        check(clock::instant() < until, || format!("stuck at {ranges:?}"))?;
    }
    Ok(all)
}

/// Runs the suite for a sink with transactions, on an empty target that `source` reads back. `rows` are rows to write.
///
/// # Errors
/// When a rule is broken; the error says which.
pub async fn sink(sink: &dyn Sink, source: &dyn Source, rows: &RecordBatch) -> Result<()> {
    let writer = |uuid: &str, incarnation| Writer {
        job: "conformance".to_string(),
        job_uuid: uuid.to_string(),
        folder: "a".to_string(),
        incarnation,
        sink: format!("sink-{}", std::process::id()),
    };
    let recorded = |n, attempt: &str| Some(Recorded { n, attempt: Some(attempt.to_string()) });
    check(sink.exactly_once(), || "the suite is for sinks with transactions".to_string())?;
    check(rows.schema().fields().len() == sink.schema().fields().len(), || "rows of another shape".to_string())?;
    sink.prepare().await?;
    check(sink.prepare().await?.is_none(), || "made twice".to_string())?;
    let count = async || Ok::<usize, Error>(read_all(source, &[0]).await?.values().map(Vec::len).sum());
    check(count().await? == 0, || "the suite needs an empty target".to_string())?;
    let one = rows.num_rows();
    let twice = [rows.clone(), concat_batches(&rows.schema(), [&rows.slice(0, 1), rows])?];
    let two = twice.iter().map(RecordBatch::num_rows).sum::<usize>();

    let (mut first, newest) = sink.open(&writer("a", 1)).await?;
    check(newest.is_none(), || format!("a new target holds commit {newest:?}"))?;
    first.write(&CommitInfo::new(1, ""), &twice).await?;
    drop(first);
    let (mut first, newest) = sink.open(&writer("a", 2)).await?;
    check(newest.is_none() && count().await? == 0, || "a write without its commit is visible".to_string())?;
    first.write(&CommitInfo::new(1, ""), std::slice::from_ref(rows)).await?;
    first.commit(&CommitInfo::new(1, "")).await?;
    first.write(&CommitInfo::new(2, "x"), &twice).await?;
    first.commit(&CommitInfo::new(2, "x")).await?;
    // A commit is durable; a flush makes it visible to readers at once.
    first.flush().await?;
    check(count().await? == one + two, || "rows of commits 1 and 2".to_string())?;

    first.write(&CommitInfo::new(3, ""), &twice).await?;
    let (mut second, newest) = sink.open(&writer("a", 3)).await?;
    check(newest == recorded(2, "x"), || format!("commit 2 is the newest, not {newest:?}"))?;
    let late = first.commit(&CommitInfo::new(3, "")).await;
    check(late.as_ref().is_err_and(|e| e.kind() == ErrorKind::Fenced), || format!("an older copy is not fenced: {late:?}"))?;
    check(count().await? == one + two, || "rows of a fenced copy are visible".to_string())?;
    second.write(&CommitInfo::new(3, "y"), &[]).await?;
    second.commit(&CommitInfo::new(3, "y")).await?;
    drop(second);

    let older = sink.open(&writer("a", 2)).await;
    check(older.is_err_and(|e| e.kind() == ErrorKind::Fenced), || "an older incarnation may open".to_string())?;
    let (mut third, newest) = sink.open(&writer("a", 4)).await?;
    check(newest == recorded(3, "y"), || format!("an empty commit is not remembered: {newest:?}"))?;
    third.write(&CommitInfo::new(4, ""), std::slice::from_ref(rows)).await?;
    third.commit(&CommitInfo::new(4, "")).await?;
    third.flush().await?;
    drop(third);
    check(count().await? == one + two + one, || "rows of commit 4".to_string())?;
    let (_, newest) = sink.open(&writer("b", 1)).await?;
    check(newest.is_none(), || format!("the commit of another job counts: {newest:?}"))
}
