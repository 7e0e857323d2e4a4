//! Exactly once on a real Kafka: the process is killed at every numbered point and at random, started again, and every
//! window stands in the output topic once, with its exact sums.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::Mutex;
use std::time::Duration;

use common::process::{Job, Running, repo};
use common::transactions::{Transactions, windows, windows_of};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// How many crash points are tried at the same time.
const AT_ONCE: usize = 4;

/// Small epochs and a commit after each of them, so that there is much to be killed in.
fn busy(job: &Job, rows: u32) -> Job {
    job.option("checkpoint.interval", "0").option("max.rows.per.epoch", &rows.to_string())
}

/// Waits until the output has so many windows, stops the job, and compares all of them.
#[track_caller]
fn finish(t: &Transactions, mut running: Running, expected: &[String]) {
    running.until(&format!("{} windows", expected.len()), |_| t.out().len() >= expected.len());
    running.stop().code(0);
    assert_eq!(t.out(), expected);
}

/// Runs until the crash point, writes the rest of the input, runs again, and compares.
fn crash_and_resume(point: &str) {
    // Old commits are cut off only after a hundred of them.
    let (rows, first, all) = if point.starts_with("10") { (2, 360, 420) } else { (15, 300, 400) };
    let t = Transactions::with(0..first);
    let job = busy(&t.job, rows);
    let ended = job.start_to_crash(point).ended();
    assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
    t.add(first..all);
    finish(&t, job.start(), &windows(all, false));
}

/// Tries them a few at a time, and names all that fail.
fn crash_at(points: Vec<String>, crash_and_resume: impl Fn(&str) + Sync + std::panic::RefUnwindSafe) {
    let waiting = Mutex::new(points);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(point) = waiting.lock().unwrap().pop() else { return };
                    if std::panic::catch_unwind(|| crash_and_resume(&point)).is_err() {
                        failed.lock().unwrap().push(point);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "not exactly once after a crash at {failed:?}");
}

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing() {
    crash_at((1..=10).flat_map(|n| [format!("{n}-before"), format!("{n}-after")]).collect(), crash_and_resume);
}

#[test]
fn a_kill_in_the_middle_of_the_stream_loses_and_doubles_nothing() {
    let points = ["1-after@20", "2-after@9", "3-before@13", "4-after@3", "5-after@3", "6-before@7", "7-after@3", "8-before@3", "8-after@3"];
    crash_at(points.map(String::from).to_vec(), crash_and_resume);
}

/// The transactions job with a second INSERT, of longer windows into the same topic.
#[test]
fn two_queries_that_write_to_one_topic_lose_and_double_nothing() {
    let points = ["5-after@4", "7-before@2", "7-after@3", "8-before@2", "8-after", "8-after@2", "8-after@4", "9-before@3"];
    crash_at(points.map(String::from).to_vec(), |point| {
        let t = Transactions::with(0..400);
        let folder = repo().join("sql/transactions/flink");
        let longer = t.job.folder().join("4_longer.sql");
        let insert = std::fs::read_to_string(folder.join("3_insert.sql")).unwrap();
        std::fs::write(&longer, insert.replace("'3' SECONDS", "'6' SECONDS")).unwrap();
        let job = busy(&t.job.of_files(&[folder, longer]), 15);
        let ended = job.start_to_crash(point).ended();
        assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
        t.add(400..500);
        let mut expected = [windows(500, false), windows_of(6_000, 500, false)].concat();
        expected.sort();
        finish(&t, job.start(), &expected);
    });
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    kill_at_random(7, |job| busy(job, 10));
}

#[test]
fn kills_at_random_moments_with_default_settings_lose_and_double_nothing() {
    kill_at_random(8, Job::clone);
}

fn kill_at_random(seed: u64, settings: impl Fn(&Job) -> Job) {
    let mut random = StdRng::seed_from_u64(seed);
    let t = Transactions::with(0..100);
    let job = settings(&t.job);
    let mut rows = 100;
    for _ in 0..7 {
        let running = job.start();
        let more = rows + random.random_range(60..160);
        t.add(rows..more);
        rows = more;
        std::thread::sleep(Duration::from_millis(random.random_range(50..900)));
        assert!(running.kill().killed());
    }
    // All partitions end within one window.
    t.add(rows..rows + 60);
    finish(&t, job.start(), &windows(rows + 60, false));
}
