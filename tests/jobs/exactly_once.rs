//! Exactly once on a real Kafka: the process is killed at every numbered point and at random, and started again; every window is in the
//! output topic once, with its exact sums.

use millstream::common::faults::CrashPoint;
use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common;
use crate::common::process::{Job, Running, crash_at, repo};
use crate::common::transactions::{Transactions, users, windows, windows_of};

/// Small epochs with a commit after each, so that there are many points to be killed at.
fn busy(job: &Job, rows: u32) -> Job {
    job.option("checkpoint.interval", "0").option("max.rows.per.epoch", &rows.to_string())
}

/// Waits until the output has this many windows, stops the job, and compares all of them.
#[track_caller]
fn finish(t: &Transactions, mut running: Running, expected: &[String]) {
    running.until(&format!("{} windows", expected.len()), |_| t.out().len() >= expected.len());
    running.stop().code(0);
    assert_eq!(t.out(), expected);
}

/// Runs until the crash point, writes the rest of the input, runs again, and compares.
fn crash_and_resume(point: &str) {
    // Old commits are pruned only after a hundred commits.
    let (rows, first, all) = if point.contains("prune") { (2, 360, 420) } else { (15, 300, 400) };
    let t = Transactions::with(0..first);
    let job = busy(&t.job, rows);
    let ended = job.start_to_crash(point).ended();
    assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
    t.add(first..all);
    finish(&t, job.start(), &windows(all, false));
}

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing() {
    // The state is too small for a background snapshot; snapshots.rs tests those.
    crash_at(CrashPoint::numbered().map(|point| point.to_string()).collect(), crash_and_resume);
}

#[test]
fn a_kill_in_the_middle_of_the_stream_loses_and_doubles_nothing() {
    let points = [
        "after-choose-ranges@20",
        "after-run-plans@9",
        "before-fold-state@13",
        "after-write-sections@3",
        "after-put-commit@3",
        "before-confirm-put@7",
        "after-write-rows@3",
        "before-commit-rows@3",
        "after-commit-rows@3",
    ];
    crash_at(points.map(String::from).to_vec(), crash_and_resume);
}

/// The transactions job with a second INSERT, of longer windows into the same topic.
#[test]
fn two_queries_that_write_to_one_topic_lose_and_double_nothing() {
    let points = [
        "after-put-commit@4",
        "before-write-rows@2",
        "after-write-rows@3",
        "before-commit-rows@2",
        "after-commit-rows",
        "after-commit-rows@2",
        "after-commit-rows@4",
        "before-confirm-sink@3",
    ];
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
    // All partitions end within the same window.
    t.add(rows..rows + 60);
    finish(&t, job.start(), &windows(rows + 60, false));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() { copy(&entry.path(), &to) } else { std::fs::copy(entry.path(), &to).map(drop).unwrap() }
    }
}

/// Returns the files of the commits in a job's folder.
fn commits(jobs: &std::path::Path) -> Vec<String> {
    let name = std::fs::read_dir(jobs).unwrap().map(|e| e.unwrap().path().join("commits")).find(|p| p.is_dir()).unwrap();
    let mut names: Vec<String> = std::fs::read_dir(name).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A supervisor that restarts the job must not get it past the check.
#[test]
fn checkpoints_that_are_older_than_the_topic_or_not_whole_are_refused_every_time() {
    let t = Transactions::with(0..200);
    let job = busy(&t.job, 15);
    let jobs = job.folder().join("jobs");
    let (older, newer) = (job.folder().join("older"), job.folder().join("newer"));
    let mut running = job.start();
    running.until("some windows", |_| t.out().len() > 1);
    running.stop().code(0);
    copy(&jobs, &older);
    for rows in [200..300, 300..400] {
        let before = t.out().len();
        t.add(rows);
        let mut running = job.start();
        running.until("more windows", |_| t.out().len() > before);
        running.stop().code(0);
    }
    copy(&jobs, &newer);
    let put_back = |from: &std::path::Path| {
        std::fs::remove_dir_all(&jobs).unwrap();
        copy(from, &jobs);
    };
    let out = t.out();
    put_back(&older);
    let held = commits(&jobs);
    for i in 0..7 {
        t.add(400 + 20 * i..420 + 20 * i);
        let said = job.run().code(1);
        assert!(said.contains("older than"), "{said}");
        assert_eq!((commits(&jobs), t.out()), (held.clone(), out.clone()), "start {i}");
    }
    let of_job = |part: &str| std::fs::read_dir(&jobs).unwrap().map(|e| e.unwrap().path().join(part)).find(|p| p.exists()).unwrap();
    for part in ["commits", "incarnations"] {
        put_back(&newer);
        std::fs::remove_dir_all(of_job(part)).unwrap();
        for _ in 0..2 {
            let said = job.run().code(1);
            assert!(said.contains(&format!("the folder `{part}` is missing")), "{said}");
        }
        assert_eq!(t.out(), out);
    }
    put_back(&newer);
    std::fs::write(of_job("commits").join(".00001.abc.tmp"), "half a commit").unwrap();
    finish(&t, job.start(), &windows(540, false));
    assert!(!of_job("commits").join(".00001.abc.tmp").exists());
}

/// Two aggregates, the second over what the first has written by key; its groups are inserted and deleted.
const BY_KEY: &str = "
CREATE TABLE per_user ( user_id STRING, n BIGINT, total BIGINT, PRIMARY KEY (user_id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'x',
      'key.format' = 'raw', 'value.format' = 'json', 'value.fields-include' = 'EXCEPT_KEY');
CREATE TABLE per_count ( n BIGINT, users BIGINT, total BIGINT, PRIMARY KEY (n) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'x', 'key.format' = 'json', 'value.format' = 'json');
INSERT INTO per_user SELECT user_id, COUNT(*), SUM(total_paid) FROM transactions_table GROUP BY user_id;
INSERT INTO per_count SELECT n, COUNT(*), SUM(total) FROM per_user GROUP BY n;
";

#[test]
fn what_is_written_by_key_is_right_after_kills() {
    let points = [
        "after-fold-state@4",
        "after-put-commit@6",
        "after-write-rows@2",
        "before-commit-rows@3",
        "after-commit-rows@2",
        "before-confirm-sink@4",
        "",
    ];
    crash_at(points.map(String::from).to_vec(), |point| {
        let t = Transactions::with(0..200);
        let (per_user, per_count) = (common::unique("per-user"), common::unique("per-count"));
        common::create(&per_user, 3);
        common::create(&per_count, 2);
        let script = t.job.folder().join("by_key.sql");
        std::fs::write(&script, BY_KEY).unwrap();
        let job = t.job.of_files(&[repo().join("sql/transactions/flink/1_source.sql"), script]);
        let job = busy(&job.option("per_user.topic", &per_user).option("per_count.topic", &per_count), 10);
        // The other options belong to tables that this job does not have.
        let job = job.without("transactions_paid_agg_table.topic");
        if point.is_empty() {
            for rows in [200, 260, 310] {
                let running = job.start();
                std::thread::sleep(Duration::from_millis(400));
                assert!(running.kill().killed());
                t.add(
                    rows..if rows == 200 {
                        260
                    } else if rows == 260 {
                        310
                    } else {
                        353
                    },
                );
            }
        } else {
            let ended = job.start_to_crash(point).ended();
            assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
            t.add(200..353);
        }
        let users = users(353);
        let mut counts: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
        for (n, total) in users.values() {
            let (count, sum) = counts.entry(*n).or_default();
            (*count, *sum) = (*count + 1, *sum + total);
        }
        assert!(counts.len() > 1);
        let first: BTreeMap<String, String> =
            users.iter().map(|(user, (n, total))| (user.clone(), format!("{{\"n\":{n},\"total\":{total}}}"))).collect();
        let value = |n: &i64, (users, total): &(i64, i64)| format!("{{\"n\":{n},\"users\":{users},\"total\":{total}}}");
        let second: BTreeMap<String, String> = counts.iter().map(|(n, c)| (format!("{{\"n\":{n}}}"), value(n, c))).collect();
        let mut running = job.start();
        running.until(&format!("{second:?}"), |_| common::latest(&per_count) == second);
        assert_eq!(common::latest(&per_user), first);
        running.stop().code(0);
        assert_eq!((common::latest(&per_user), common::latest(&per_count)), (first, second));
        // Groups were deleted, and a query over the topic returns only the remaining ones.
        assert!(common::records(&per_count).iter().any(|(_, value)| value.is_none()));
        let lines = counts.iter().map(|(n, (users, total))| format!("{n},{users},{total}\n")).collect::<String>();
        assert_eq!(job.query("SELECT n, users, total FROM per_count ORDER BY n"), format!("n,users,total\n{lines}"));
        assert_eq!(job.query("SELECT COUNT(*) c FROM per_user LIMIT 1"), "c\n10\n");
    });
}
