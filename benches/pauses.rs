//! How long a job stops reading while large state is written to commits, as a histogram.
//!
//! ```text
//! cargo bench --bench pauses [-- MEGABYTES]
//! ```
//! A `GROUP BY` with as many keys as make the state so large (default 1024), read from `datagen` in epochs of 4096 rows, each key
//! three times. A pause is the time from the end of one epoch to the end of the next: what an epoch takes by itself is in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream::catalog::{Catalog, Overrides};
use millstream::connectors::Connectors;
use millstream::jobs::{Settings, run};
use millstream::sql::ast::Source;
use millstream::sql::parse;
use millstream::state::StateStore;
use millstream::state::local::LocalStore;
use millstream::workspace::Workspace;
use tokio_util::sync::CancellationToken;

/// Bytes of state for a key: 100 letters and a count, with their places in the table.
const BYTES_PER_KEY: u64 = 277;
const ROWS_PER_EPOCH: usize = 4096;
/// Upper bounds of the histogram's bars, in milliseconds.
const BARS: [u64; 10] = [5, 10, 20, 40, 60, 80, 100, 200, 500, u64::MAX];

fn main() {
    let megabytes: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1024);
    let keys = (megabytes << 20) / BYTES_PER_KEY;
    tokio::runtime::Runtime::new().unwrap().block_on(measure(keys));
}

async fn measure(keys: u64) {
    let sql = format!(
        "CREATE TABLE s (id BIGINT) WITH ('connector' = 'datagen', 'number-of-rows' = '{}', 'rows-per-second' = 'unlimited',
           'fields.id.kind' = 'sequence', 'fields.id.start' = '0');
         CREATE TABLE o (k BIGINT, n BIGINT, v STRING) WITH ('connector' = 'blackhole');
         INSERT INTO o SELECT id % {keys}, COUNT(*), MAX(LPAD(CAST(id AS STRING), 100, 'x')) FROM s GROUP BY id % {keys};",
        keys * 3,
    );
    let workspace = Workspace::new(Catalog::in_memory(), Connectors::embedded(Arc::default()), Overrides::default());
    let connection = workspace.into_connection();
    let mut parsed = parse(&Source::new("pauses.sql", sql.as_str())).unwrap();
    let insert = parsed.pop().unwrap();
    for statement in &parsed {
        connection.declare(statement).await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn StateStore> = Arc::new(LocalStore::new(folder.path()));
    let settings = Settings { max_rows_per_epoch: ROWS_PER_EPOCH, state_memory: 8 << 30, ..Settings::default() };
    let spec = connection.plan_job("pauses", &[insert], store, settings).await.unwrap();
    let mut status = spec.status.subscribe();
    let watching = tokio::spawn(async move {
        let (mut ends, mut rows, mut state) = (Vec::new(), 0, 0);
        while status.changed().await.is_ok() {
            let now = status.borrow_and_update();
            state = state.max(now.state_bytes);
            if now.rows > rows {
                rows = now.rows;
                ends.push((Instant::now(), rows));
            }
        }
        (ends, state)
    });
    let stop = CancellationToken::new();
    run(&spec, &stop).await.unwrap();
    drop(spec);
    let (ends, state) = watching.await.unwrap();
    report(&ends, state, keys);
}

fn report(ends: &[(Instant, u64)], state: u64, keys: u64) {
    // From where all keys are there: the state has its full size.
    let full: Vec<Instant> = ends.iter().filter(|(_, rows)| *rows >= keys).map(|(end, _)| *end).collect();
    let mut timed: Vec<(Duration, Duration)> = full.windows(2).map(|pair| (pair[1] - pair[0], pair[0] - ends[0].0)).collect();
    timed.sort();
    let pauses: Vec<Duration> = timed.iter().map(|(pause, _)| *pause).collect();
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    let took = (ends[ends.len() - 1].0 - ends[0].0).as_secs_f64();
    println!("{keys} keys, {:.0} MB of state, {} epochs at full size, {took:.0} s", state as f64 / 1048576.0, pauses.len());
    println!("pauses: half {:.1} ms, 99 % {:.1} ms, 99.9 % {:.1} ms, longest {:.1} ms", at(0.5), at(0.99), at(0.999), at(1.0));
    let longest = timed.iter().rev().take(5).map(|(pause, at)| format!("{} ms after {:.1} s", pause.as_millis(), at.as_secs_f64()));
    println!("the five longest: {}", longest.collect::<Vec<_>>().join(", "));
    let mut least = 0;
    for bar in BARS {
        let count = pauses.iter().filter(|pause| (least..bar).contains(&(pause.as_millis() as u64))).count();
        let to = if bar == u64::MAX { "      ".into() } else { format!("{bar:>3} ms") };
        println!("{least:>4} to {to} {count:>7} {}", "█".repeat((count * 60).div_ceil(pauses.len())));
        least = bar;
    }
}
