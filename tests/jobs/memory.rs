//! State that exceeds memory, and commits that hold only what changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use millstream::jobs::memory::Memory;
use millstream::jobs::{self, Ending, Settings, Status};
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::Workspace;
use tokio_util::sync::CancellationToken;

use crate::embedded::{Place, Watched};
use crate::manual_clock::ManualClock;

const MB: usize = 1 << 20;

/// Every key comes `times` times, always in the same order, so that a key is never the most recently used one.
fn script(keys: usize, times: usize) -> String {
    format!(
        "CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{}', 'rows-per-second' = 'unlimited',
           'fields.id.kind' = 'sequence', 'fields.id.start' = '0');
         CREATE MATERIALIZED VIEW counts AS SELECT id % {keys} AS k, COUNT(*) AS n, SUM(1) AS v FROM s GROUP BY id % {keys};",
        keys * times
    )
}

/// Returns the files in a folder, recursively. The folder for spilled data, with its lock, exists as long as the connection.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

/// Runs a job with this much memory, and a limit for its state; returns how it ended, and the sums over its view.
async fn run(place: &Place, sql: &str, memory: usize, state: usize, epoch_rows: usize) -> (Status, Vec<i64>) {
    let tmp = tempfile::tempdir().unwrap();
    let memory = Memory::new(Some(memory as u64), tmp.path());
    let made = |w: Workspace| w.with_memory(&memory).unwrap().with_checkpoints(Arc::clone(&place.store), false);
    let (connection, statements) = place.connection_in(sql, &[], made);
    let mut settings = Settings::default();
    memory.share(&mut settings);
    settings.state_memory = state;
    settings.max_rows_per_epoch = epoch_rows;
    let spec = connection.plan_job("job", &statements, Arc::clone(&place.store), settings).await.unwrap();
    let watched = Watched::new(epoch_rows, &spec);
    let ended = jobs::run(&spec, &CancellationToken::new()).await;
    assert!(matches!(ended, Ok(Ending::Finished(_))), "{ended:?}");
    drop(spec);
    let rows = |path: &PathBuf| path.file_name().is_some_and(|name| name != "lock");
    assert!(!files_in(tmp.path()).iter().any(rows), "rows are left: {:?}", files_in(tmp.path()));
    let asked = parse(&Source::new("q", "SELECT COUNT(*), SUM(n), SUM(v), COUNT(DISTINCT k) FROM counts")).unwrap().remove(0);
    let Statement::Query(query) = asked.statement else { unreachable!() };
    let (_, rows) = connection.session(Mode::Batch).unwrap().run(&query).await.unwrap();
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    let sums = rows[0].columns().iter().map(|c| c.as_primitive::<Int64Type>().value(0)).collect();
    drop(connection);
    assert_eq!(files_in(tmp.path()), Vec::<PathBuf>::new(), "files are left");
    (watched.last(), sums)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_state_is_larger_than_its_memory_runs_to_the_end() {
    let (status, sums) = run(&Place::new(), &script(60_000, 3), 256 * MB, MB, 8192).await;
    assert_eq!(sums, [60_000, 180_000, 180_000, 60_000]);
    assert!(status.state_disk > MB as u64, "{status:?}");
    assert!(status.state_bytes < 3 * MB as u64, "{status:?}");
}

/// Two windows with too many rows and too many groups: each is merged from disk, and emitted as a stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_larger_than_memory_comes_out_whole() {
    let source = "CREATE TABLE s (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts) WITH ('connector' = 'datagen',
         'number-of-rows' = '300000', 'rows-per-second' = 'unlimited', 'fields.id.kind' = 'sequence', 'fields.id.start' = '0');";
    for (window, times) in [
        ("TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '150' SECOND)", 1),
        ("HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '50' SECOND, INTERVAL '150' SECOND)", 3),
    ] {
        let sql = format!(
            "{source} CREATE MATERIALIZED VIEW counts AS SELECT window_end, id % 60000 AS k, COUNT(*) AS n, SUM(1) AS v
               FROM TABLE({window}) GROUP BY window_start, window_end, id % 60000;"
        );
        let (status, sums) = run(&Place::new(), &sql, 64 * MB, MB, 8192).await;
        assert_eq!(sums[1..], [300_000 * times, 300_000 * times, 60_000], "{window}");
        assert!(status.state_disk > MB as u64, "{status:?}");
    }
}

/// State takes nearly all memory, so that the sort of an epoch runs out.
#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_finds_too_little_memory_runs_again_with_less_state() {
    const ROWS: i64 = 150_000;
    let sql = format!(
        "CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{ROWS}', 'rows-per-second' = 'unlimited',
           'fields.id.kind' = 'sequence', 'fields.id.start' = '0');
         CREATE MATERIALIZED VIEW counts AS SELECT id AS k, 1 AS n, 1 + id - COALESCE(LAG(id) OVER (PARTITION BY id ORDER BY id), id) AS v
           FROM s;"
    );
    let (status, sums) = run(&Place::new(), &sql, 16 * MB, 16 * MB, 30_000).await;
    assert_eq!(sums, [ROWS; 4]);
    assert!(status.retries > 0 && status.state_disk > 0, "{status:?}");
}

/// All rows are there at once, and would need several times the memory: an epoch reads only a part of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_reads_as_much_as_memory_allows() {
    const ROWS: i64 = 150_000;
    let sql = format!(
        "CREATE TABLE s (id BIGINT, v STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '{ROWS}', 'rows-per-second' = 'unlimited',
           'fields.id.kind' = 'sequence', 'fields.id.start' = '0', 'fields.v.length' = '100');
         CREATE MATERIALIZED VIEW counts AS SELECT k, n, v FROM
           (SELECT id AS k, 1 AS n, CHAR_LENGTH(v) / 100 AS v, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v) AS rn FROM s) WHERE rn = 1;"
    );
    let (status, sums) = run(&Place::new(), &sql, 32 * MB, 16 * MB, 1 << 18).await;
    assert_eq!(sums, [ROWS; 4]);
    assert!(status.epoch > 4, "{status:?}");
}

/// Whole tables are written again as they grow, but not with every commit: in total about twice what changed.
#[tokio::test(flavor = "multi_thread")]
async fn commits_hold_what_changed() {
    let place = Place::new();
    let (status, sums) = run(&place, &script(100_000, 2), 1024 * MB, 512 * MB, 20_000).await;
    assert_eq!(sums, [100_000, 200_000, 200_000, 100_000]);
    // Two tables: 200,000 groups are put, and 300,000 rows of a view change.
    let changed = 200_000 * 40 + 300_000 * 40;
    assert!(status.committed_bytes < 2 * changed, "{} bytes", status.committed_bytes);
    let commits = place.store.below("job").list("commits").await.unwrap().len();
    assert!(commits > 0);
}

/// A key without rows for the TTL is new again: approximately, as EXPLAIN says.
#[tokio::test(flavor = "multi_thread")]
async fn first_rows_are_forgotten_after_their_ttl() {
    let place = Place::new();
    let sql = "SET 'table.exec.state.ttl' = '1 h';
      CREATE TABLE s (k STRING, id BIGINT, at AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json',
        'scan.startup.mode' = 'earliest-offset');
      CREATE TABLE firsts (k STRING, id BIGINT) WITH ('connector' = 'kafka', 'topic' = 'firsts', 'format' = 'json');
      INSERT INTO firsts SELECT k, id FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY at) AS rn FROM s) WHERE rn = 1;";
    let clock = ManualClock::at(1_714_564_800_000);
    let mut expected = Vec::new();
    // Minutes that pass, the next key, and whether it counts as the first of its kind.
    for (id, (minutes, key, first)) in
        [(0, "a", true), (30, "a", false), (59, "a", false), (61, "b", true), (1, "a", true)].into_iter().enumerate()
    {
        clock.advance(minutes * 60_000);
        place.put("s", 1, [(0, format!(r#"{{"k":"{key}","id":{id}}}"#))]);
        if first {
            expected.push(format!(r#"{{"k":"{key}","id":{id}}}"#));
        }
        let mut spec = place.plan(sql, &[], Settings::default()).await.unwrap();
        spec.clock = Arc::new(clock.clone());
        let (stop, mut status) = (CancellationToken::new(), spec.status.subscribe());
        let job = tokio::spawn({
            let stop = stop.clone();
            async move { jobs::run(&spec, &stop).await }
        });
        let read = status.wait_for(|s| s.rows == 1).await.unwrap().epoch;
        // The output is known when the clock has advanced.
        clock.advance(1);
        drop(status.wait_for(|s| s.epoch > read).await.unwrap());
        stop.cancel();
        job.await.unwrap().unwrap();
        let mut sorted = expected.clone();
        sorted.sort();
        assert_eq!(place.read("firsts").await, sorted, "after row {id}");
    }
}
