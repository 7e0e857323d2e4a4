//! The main job over a topic of transactions, measured as a whole process.
//!
//! ```text
//! eval "$(tests/services env)"; cargo bench --bench transactions [-- ROWS [RUNS]]
//! ```
//! Fills `bench_transactions_<ROWS>` (4 partitions, lz4, about 190 bytes of JSON a row) once, then runs
//! `millstream run sql/transactions/flink` over it to its end and prints rows/s, CPU-seconds per million rows beyond start-up
//! (the same job over an empty topic) and peak memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::mem::MaybeUninit;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, OutRecord};

const PARTITIONS: usize = 4;
const EMPTY: &str = "bench_transactions_0";

fn main() {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let rows = numbers.first().copied().unwrap_or(5_000_000);
    let runs = numbers.get(1).copied().unwrap_or(3);
    let Ok(kafka) = std::env::var("MILLSTREAM_TEST_KAFKA") else {
        eprintln!("no broker: run `tests/services start kafka && eval \"$(tests/services env)\"`");
        std::process::exit(1);
    };
    let topic = format!("bench_transactions_{rows}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        fill(&kafka, EMPTY, 0).await;
        fill(&kafka, &topic, rows).await;
    });
    drop(runtime);

    let idle = best(runs, || measure(&kafka, EMPTY));
    println!("start-up alone: {:.2} s, {:.2} CPU-s, {:.0} MB", idle.seconds, idle.cpu, idle.megabytes);
    for _ in 0..runs {
        let run = measure(&kafka, &topic);
        let million = rows as f64 / 1e6;
        println!(
            "{rows} rows: {:.2} s, {:.0} rows/s, {:.2} CPU-s per million all in, {:.2} beyond start-up, {:.0} MB",
            run.seconds,
            rows as f64 / run.seconds,
            run.cpu / million,
            (run.cpu - idle.cpu) / million,
            run.megabytes,
        );
    }
}

struct Run {
    seconds: f64,
    cpu: f64,
    megabytes: f64,
}

fn best(runs: u64, mut run: impl FnMut() -> Run) -> Run {
    (0..runs).map(|_| run()).min_by(|a, b| a.cpu.total_cmp(&b.cpu)).unwrap()
}

/// One run of the release binary, to the end of the topic.
fn measure(kafka: &str, topic: &str) -> Run {
    let data = tempfile::tempdir().unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/transactions/flink");
    let before = children();
    let start = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_millstream"))
        .arg("run")
        .arg(scripts)
        .args(["--data".as_ref(), data.path().as_os_str()])
        .args(["--name", "bench", "--option", &format!("properties.bootstrap.servers={kafka}")])
        .args(["--option", &format!("transactions_table.topic={topic}"), "--option", "transactions_table.scan.bounded.mode=latest-offset"])
        .args(["--option", &format!("transactions_paid_agg_table.topic={topic}_out")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let after = children();
    Run { seconds, cpu: after.0 - before.0, megabytes: after.1 }
}

/// CPU seconds of all children that have ended, and the largest peak memory of any, in megabytes.
fn children() -> (f64, f64) {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is valid for a `rusage`, which the call fills.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss as f64 / 1024.0)
}

/// Makes the topic unless it holds that many rows already: ten users, event time 5,000 rows a second, up to 50 ms late.
async fn fill(kafka: &str, topic: &str, rows: u64) {
    let broker = RdKafkaBroker::new(kafka, &[("compression.type".into(), "lz4".into())]).unwrap();
    if broker.partitions(topic).await.unwrap().is_none() {
        broker.create_topic(topic, Some(PARTITIONS)).await.unwrap();
    }
    let held: i64 = broker.bounds(topic).await.unwrap().iter().map(|b| b.latest - b.earliest).sum();
    if held >= rows as i64 {
        return;
    }
    let mut producer = broker.producer(None).await.unwrap();
    let start = Instant::now();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for chunk in 0..rows.div_ceil(100_000) {
        let mut records = Vec::with_capacity(100_000);
        for k in chunk * 100_000..rows.min((chunk + 1) * 100_000) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (digit, roll, late) = (random % 10, random / 10 % 10, random / 100 % 51);
            let at = 1_714_564_800_000 + (k / 5) as i64 - late as i64;
            let at = chrono::DateTime::from_timestamp_millis(at).unwrap().format("%Y-%m-%d %H:%M:%S%.3f");
            let user = format!("{digit}4660caf-55b6-4c9c-a4dd-3b66d3b4c7b1");
            let paid = if digit == 0 { 100 } else { 10 * digit };
            let status = if roll == 0 { "Refused" } else { "Paid" };
            let value = format!(
                r#"{{"event_timestamp": "{at}", "user_id": "{user}", "transaction_id": {k}, "total_paid": {paid}, "status": "{status}"}}"#
            );
            // Round robin over the partitions, so that event time moves evenly.
            let partition = Some((k % PARTITIONS as u64) as i32);
            records.push(OutRecord { partition, key: Some(user.into()), value: Some(value.into()), ..OutRecord::default() });
        }
        producer.begin().await.unwrap();
        producer.send(topic, records).await.unwrap();
        producer.commit().await.unwrap();
    }
    println!("filled {topic} with {rows} rows in {:.1?}", start.elapsed());
    tokio::time::sleep(Duration::from_millis(100)).await;
}
