//! Exactly once: processes killed at every numbered point and at random, a node that stops, second copies, tables altered, records set back.
//! Two sinks in one job: windows, and totals by key.

use std::sync::Mutex;
use std::time::Duration;

use millstream::common::faults::CrashPoint;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::common;
use crate::common::process::{Job, Running};
use crate::common::transactions::{PARTITIONS, records, users, windows};
use crate::keyspace::{Keyspace, OwnNode};

/// The job, its topic, and the keyspace that it writes to.
struct Sales {
    db: Keyspace,
    topic: String,
    job: Job,
}

impl Sales {
    fn new(db: Keyspace, first: i64) -> Self {
        db.run(
            "CREATE TABLE windows (day date, at timestamp, paid bigint, n bigint, PRIMARY KEY (day, at)); \
             CREATE TABLE users (user text PRIMARY KEY, n bigint, paid bigint)",
        );
        let topic = common::unique("sales");
        common::create(&topic, PARTITIONS);
        db.home().file(
            "job.sql",
            &format!(
                "CREATE TABLE sales (event_timestamp TIMESTAMP(3), user_id STRING, total_paid INT, status STRING,
                   WATERMARK FOR event_timestamp AS event_timestamp) WITH ('connector' = 'kafka', 'topic' = '{topic}',
                   'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json',
                   'scan.watermark.idle-timeout' = '0'); -- a server is away for longer: no row may be late for that
                 CREATE TABLE windows (day DATE, at TIMESTAMP(3), paid BIGINT, n BIGINT) {};
                 CREATE TABLE users (user STRING, n BIGINT, paid BIGINT, PRIMARY KEY (user) NOT ENFORCED) {};
                 INSERT INTO windows SELECT CAST(window_start AS DATE), window_start, SUM(total_paid), COUNT(*) FROM
                   TABLE(TUMBLE(TABLE sales, DESCRIPTOR(event_timestamp), INTERVAL '3' SECONDS)) WHERE status = 'Paid' GROUP BY window_start, window_end;
                 INSERT INTO users SELECT user_id, COUNT(*), SUM(total_paid) FROM sales GROUP BY user_id;",
                common::address(),
                db.with("windows", ""),
                db.with("users", "")
            ),
        );
        let job = Job::new(&db.home().path().join("job.sql"));
        let job = job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "15").args(&["--name", &topic]);
        let sales = Self { db, topic, job };
        sales.add(0, first);
        sales
    }

    fn add(&self, from: i64, to: i64) {
        common::write(&self.topic, records(from..to));
    }

    /// What both tables hold; nothing while the node is away.
    fn held(&self) -> (Vec<String>, Vec<String>) {
        let rows = |cql: &str| {
            let mut rows = self.db.try_rows(cql).unwrap_or_default();
            rows.sort();
            rows
        };
        (rows("SELECT at, paid, n FROM windows"), rows("SELECT user, n, paid FROM users"))
    }

    /// Waits until both tables hold what the first rows of the topic come to, stops the job, and compares.
    #[track_caller]
    fn finish(&self, mut running: Running, all: i64) {
        let window = |line: String| {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let at = chrono::NaiveDateTime::parse_from_str(value["window_start"].as_str().unwrap(), "%Y-%m-%d %H:%M:%S").unwrap();
            format!("{}|{}|{}", at.and_utc().timestamp_millis(), value["total_paid"], value["total_transactions"])
        };
        let mut windows: Vec<String> = windows(all, false).into_iter().map(window).collect();
        windows.sort();
        let users: Vec<String> = users(all).into_iter().map(|(user, (n, paid))| format!("{user}|{n}|{paid}")).collect();
        running.until("all of the output", |_| {
            let held = self.held();
            held.0.len() >= windows.len() && held.1 == users
        });
        running.stop().code(0);
        assert_eq!(self.held(), (windows, users));
    }
}

/// Tries points a few at a time, and names all that fail.
fn crash_at(points: Vec<String>, try_one: impl Fn(&str) + Sync + std::panic::RefUnwindSafe) {
    let (waiting, failed) = (Mutex::new(points), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some(point) = waiting.lock().unwrap().pop() else { return };
                    if std::panic::catch_unwind(|| try_one(&point)).is_err() {
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
    let later = ["after-write-rows@3", "before-commit-rows@4", "after-commit-rows@3", "after-commit-rows@6"].map(String::from);
    let points = CrashPoint::numbered().map(|point| point.to_string()).chain(later);
    crash_at(points.collect(), |point| {
        // Old commits are cut off only after a hundred of them.
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
    // Frozen, perhaps between rows of a commit.
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
    // A column more does not matter.
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
    let node = OwnNode::start();
    let sales = Sales::new(node.keyspace(), 100);
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
    // It is away when the job starts.
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
    let node = OwnNode::start();
    let (items, db) = (node.keyspace(), Keyspace::new());
    items.run("CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items (id, name) VALUES (0, 'n0'); INSERT INTO items (id, name) VALUES (1, 'n1')");
    db.run("CREATE TABLE named (k int PRIMARY KEY, name text)");
    let topic = common::unique("orders");
    common::create(&topic, 1);
    db.home().file(
        "job.sql",
        &format!(
            "CREATE TABLE orders (k INT, item INT, at AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = '{topic}',
               'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json');
             CREATE TABLE items (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {};
             CREATE TABLE named (k INT, name STRING, PRIMARY KEY (k) NOT ENFORCED) {};
             INSERT INTO named SELECT k, name FROM orders JOIN items FOR SYSTEM_TIME AS OF orders.at AS i ON i.id = orders.item;",
            common::address(),
            items.with("items", ""),
            db.with("named", "")
        ),
    );
    let add = |ks: std::ops::Range<i32>| {
        let record = |k: i32| millstream::connectors::kafka::broker::OutRecord {
            partition: Some(0),
            value: Some(format!(r#"{{"k": {k}, "item": {}}}"#, k % 2).into()),
            ..Default::default()
        };
        common::write(&topic, ks.map(record).collect());
    };
    let job = Job::new(&db.home().path().join("job.sql")).args(&["--name", &topic]);
    add(0..10);
    let mut running = job.start();
    let all = |n: i32| {
        let mut rows: Vec<String> = (0..n).map(|k| format!("{k}|n{}", k % 2)).collect();
        rows.sort();
        rows
    };
    running.until("ten rows", |_| db.rows("SELECT k, name FROM named") == all(10));
    node.kill();
    add(10..20);
    std::thread::sleep(Duration::from_secs(3));
    node.services("start");
    running.until("twenty rows", |_| db.rows("SELECT k, name FROM named") == all(20));
    running.stop().code(0);
}
