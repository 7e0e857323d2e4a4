//! Exactly once: processes killed at every numbered point and at random, a stopped node, second copies, altered tables, records that were
//! reset. Two sinks in one job: windows, and totals by key.

use std::time::Duration;

use millstream::common::faults::CrashPoint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common::process::crash_at;
use crate::common::transactions::windows;
use crate::database::{OwnServer, Sales, lookup_over_an_outage};
use crate::keyspace::Keyspace;

#[test]
fn a_kill_at_every_point_loses_and_doubles_nothing() {
    let later = ["after-write-rows@3", "before-commit-rows@4", "after-commit-rows@3", "after-commit-rows@6"].map(String::from);
    let points = CrashPoint::numbered().map(|point| point.to_string()).chain(later);
    crash_at(points.collect(), |point| {
        // Old commits are pruned only after a hundred commits.
        let (rows, first, all) = if point.contains("prune") { ("2", 360, 420) } else { ("15", 300, 400) };
        let sales = Sales::new(Keyspace::new(), first);
        let job = sales.job.without("max.rows.per.epoch").option("max.rows.per.epoch", rows);
        let ended = job.start_to_crash(point).ended();
        assert!(ended.killed(), "{point}: {:?}\n{}", ended.status, ended.said);
        sales.add(first, all);
        sales.finish(job.start(), all);
    });
}

#[test]
fn kills_at_random_moments_lose_and_double_nothing() {
    let mut random = StdRng::seed_from_u64(1);
    let sales = Sales::new(Keyspace::new(), 100);
    let mut all = 100;
    for _ in 0..10 {
        let running = sales.job.start();
        let more = all + random.random_range(60..160);
        sales.add(all, more);
        all = more;
        std::thread::sleep(Duration::from_millis(random.random_range(100..1200)));
        assert!(running.kill().killed());
    }
    sales.add(all, all + 60);
    sales.finish(sales.job.start(), all + 60);
}

#[test]
fn a_second_copy_takes_over() {
    let endpoint = std::env::var("MILLSTREAM_TEST_S3")
        .unwrap_or_else(|_| panic!("no S3; run: tests/services start s3 && eval \"$(tests/services env)\""));
    let sales = Sales::new(Keyspace::new(), 200);
    let job = sales
        .job
        .args(&["--checkpoints", &format!("s3://millstream/checkpoints/{}", sales.topic)])
        .env("AWS_ENDPOINT_URL", &endpoint)
        .env("AWS_ACCESS_KEY_ID", "millstream")
        .env("AWS_SECRET_ACCESS_KEY", "millstream-secret")
        .env("AWS_REGION", "us-east-1");
    let mut first = job.start();
    first.until("windows", |_| !sales.held().0.is_empty());
    // Frozen, possibly between rows of a commit.
    first.signal(libc::SIGSTOP);
    let mut second = job.elsewhere().start();
    sales.add(200, 300);
    second.until("a resumed job", |running| running.said().contains("resumed at commit"));
    second.until("its rows", |_| sales.held().0.len() >= windows(300, false).len());
    first.signal(libc::SIGCONT);
    let ended = first.ended();
    assert!(!ended.status.success() && ended.said.contains("taken over by incarnation 2"), "{:?}\n{}", ended.status, ended.said);
    sales.add(300, 400);
    sales.finish(second, 400);
}

#[test]
fn a_record_that_was_set_back_stops_the_job() {
    let sales = Sales::new(Keyspace::new(), 200);
    let mut running = sales.job.start();
    running.until("rows", |_| sales.held().0.len() >= windows(200, false).len());
    running.stop().code(0);
    let says = |what: &str, part: &str| {
        let ended = sales.job.run();
        assert!(!ended.status.success() && ended.said.contains(part), "{what}: {:?}\n{}", ended.status, ended.said);
    };
    for row in sales.db.rows("SELECT folder, sink FROM millstream_commits") {
        let (folder, sink) = row.split_once('|').unwrap();
        sales.db.run(&format!("UPDATE millstream_commits SET n = 1, attempt = null WHERE folder = '{folder}' AND sink = '{sink}'"));
    }
    says("an older commit", "was written to it");
    sales.db.run("TRUNCATE millstream_commits");
    says("no record", "has no record of commit");
    sales.db.run("DROP TABLE millstream_commits");
    says("no table of records", "has no record of commit");
}

#[test]
fn a_table_that_is_altered_or_dropped_under_a_job() {
    let sales = Sales::new(Keyspace::new(), 200);
    let mut running = sales.job.start();
    running.until("rows", |_| sales.held().0.len() >= windows(200, false).len());
    // An additional column does not matter.
    sales.db.run("ALTER TABLE users ADD note text");
    sales.add(200, 300);
    running.until("more rows", |_| sales.held().0.len() >= windows(300, false).len());
    sales.db.run("DROP TABLE windows");
    sales.add(300, 400);
    let ended = running.ended();
    assert!(!ended.status.success() && ended.said.contains("windows"), "{:?}\n{}", ended.status, ended.said);
}

#[test]
fn a_node_that_stops_and_comes_back_loses_and_doubles_nothing() {
    let node = OwnServer::start("cassandra");
    let sales = Sales::new(Keyspace::on(&node), 100);
    let mut running = sales.job.start();
    running.until("rows", |_| !sales.held().0.is_empty());
    for (round, killed) in [true, false].into_iter().enumerate() {
        let from = 100 + 80 * i64::try_from(round).unwrap();
        sales.add(from, from + 40);
        std::thread::sleep(Duration::from_millis(150));
        if killed {
            node.kill()
        } else {
            node.services("stop")
        }
        sales.add(from + 40, from + 80);
        std::thread::sleep(Duration::from_secs(2));
        node.services("start");
        sales.db.await_node();
    }
    sales.finish(running, 260);
    // The node is down when the job starts.
    node.services("stop");
    let mut running = sales.job.start();
    sales.add(260, 400);
    running.until("a word on it", |running| running.said().contains("nothing listens there"));
    node.services("start");
    sales.db.await_node();
    sales.finish(running, 400);
}

#[test]
fn a_lookup_waits_for_its_node() {
    let node = OwnServer::start("cassandra");
    let (items, db) = (Keyspace::on(&node), Keyspace::new());
    items.run("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items (id, name) VALUES (0, 'n0'); INSERT INTO items (id, name) VALUES (1, 'n1')");
    db.run("CREATE TABLE named (k int PRIMARY KEY, name text)");
    lookup_over_an_outage(&node, &items, &db, || db.rows("SELECT k, name FROM named"));
}
