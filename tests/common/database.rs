//! Shared code of the tests of database connectors: servers of their own, the shell, jobs over files, two sinks in one job.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cli::{Ended, Home};
use crate::common;
use crate::common::process::{Job, Running};
use crate::common::transactions::{PARTITIONS, records, users, windows};
use crate::ports::Ports;

/// A database or keyspace of one test.
pub trait TestDatabase {
    /// The folder in which commands run.
    fn home(&self) -> &Home;

    /// The options of a table in this database.
    fn with(&self, table: &str, more: &str) -> String;

    /// Runs these statements in the shell.
    fn shell(&self, sql: &str) -> Ended {
        // Each run has its own catalog.
        let data = tempfile::tempdir().unwrap();
        let mut command = self.home().command(&["--data", &data.path().display().to_string()]);
        command.stdin(Stdio::piped());
        self.home().launch(command, Some(sql))
    }

    /// Runs a job over lines of CSV (k, v), in small epochs.
    fn csv_job(&self, lines: &[String], declarations: &str, insert: &str) -> Ended {
        self.home().file("in/a.csv", &(lines.join("\n") + "\n"));
        self.home().file(
            "job.sql",
            &format!(
                "CREATE TABLE input (k STRING, v INT) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv');\n{declarations}\n{insert};"
            ),
        );
        let options = ["--option", "checkpoint.interval=0", "--option", "max.rows.per.epoch=7"];
        self.home().run(&[&["run", "job.sql", "--fresh", "--yes"], &options[..]].concat())
    }

    /// Runs a job that joins orders of items 1 to 4, of which 4 does not exist, with a table of items.
    fn lookup_job(&self, items: &str, join: &str, rows_per_epoch: &str) -> Ended {
        let orders: Vec<String> =
            (0..40).map(|i| format!("{i},{}", if i % 5 == 4 { String::new() } else { (i % 5 + 1).to_string() })).collect();
        self.home().file("in/orders.csv", &(orders.join("\n") + "\n"));
        self.home().file(
            "job.sql",
            &format!(
                "CREATE TABLE orders (id INT, item INT, at AS PROCTIME()) WITH ('connector' = 'filesystem', 'path' = 'in', 'format' = 'csv',
                   'source.monitor-interval' = '1 s');
                 CREATE TABLE result (id INT, item INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) {};\n{items};\n{join};",
                self.with("result", "")
            ),
        );
        let rows = format!("max.rows.per.epoch={rows_per_epoch}");
        self.home().run(&["run", "job.sql", "--fresh", "--yes", "--until-now", "--option", &rows])
    }
}

/// The join of [`TestDatabase::lookup_job`].
pub const LOOKUP: &str =
    "INSERT INTO result SELECT o.id, o.item, i.name FROM orders o LEFT JOIN items FOR SYSTEM_TIME AS OF o.at AS i ON i.id = o.item";

/// The result of that join, in the order of the ids.
pub fn looked_up() -> Vec<String> {
    let row = |i: i32| match i % 5 {
        4 => format!("{i}|NULL|NULL"),
        3 => format!("{i}|4|NULL"),
        n => format!("{i}|{}|n{}", n + 1, n + 1),
    };
    (0..40).map(row).collect()
}

/// A server that only this test uses, and may stop and start; removed, with its data, when it is dropped.
pub struct OwnServer {
    name: &'static str,
    home: tempfile::TempDir,
    ports: Ports,
}

impl OwnServer {
    /// Starts `mysql`, `mariadb` or `cassandra`.
    pub fn start(name: &'static str) -> Self {
        let server = Self { name, home: tempfile::tempdir().unwrap(), ports: Ports::reserve() };
        server.services("start");
        server
    }

    /// The name of the server's system.
    #[allow(dead_code, reason = "not all tests ask")]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports.first)
    }

    /// Runs a verb: `start` returns when the server answers, `stop` when it has ended.
    pub fn services(&self, verb: &str) {
        let port = format!("MILLSTREAM_{}_PORT", self.name.to_uppercase());
        let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services"));
        command.args([verb, self.name]).env("MILLSTREAM_SERVICES_HOME", self.home.path()).env(port, self.ports.first.to_string());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ends the server as a power cut does.
    pub fn kill(&self) {
        let pid = std::fs::read_to_string(self.home.path().join(self.name).join("pid")).unwrap();
        assert!(Command::new("kill").args(["-9", pid.trim()]).status().unwrap().success());
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        self.services("reset");
    }
}

/// How a database holds the two tables of [`Sales`].
pub trait SalesTables: TestDatabase {
    /// Creates the tables.
    fn create(&self);
    /// The declared columns of `windows`, and the expressions that fill them.
    const WINDOWS: (&'static str, &'static str);
    /// Returns the rows of both tables, in order; empty while the server is down.
    fn held(&self) -> (Vec<String>, Vec<String>);
    /// Converts the start of a window, `yyyy-MM-dd HH:mm:ss`, to the form in [`Self::held`].
    fn window_start(start: &str) -> String;
}

/// A job with two sinks, windows and totals by key, with its topic and its database.
pub struct Sales<D> {
    pub db: D,
    pub topic: String,
    pub job: Job,
}

impl<D: SalesTables> Sales<D> {
    pub fn new(db: D, first: i64) -> Self {
        db.create();
        let topic = common::unique("sales");
        common::create(&topic, PARTITIONS);
        let (columns, values) = D::WINDOWS;
        db.home().file(
            "job.sql",
            &format!(
                "CREATE TABLE sales (event_timestamp TIMESTAMP(3), user_id STRING, total_paid INT, status STRING,
                   WATERMARK FOR event_timestamp AS event_timestamp) WITH ('connector' = 'kafka', 'topic' = '{topic}',
                   'properties.bootstrap.servers' = '{}', 'scan.startup.mode' = 'earliest-offset', 'format' = 'json',
                   'scan.watermark.idle-timeout' = '0'); -- a server is away for longer: no row may be late for that
                 CREATE TABLE windows ({columns}, paid BIGINT, n BIGINT) {};
                 CREATE TABLE users (user STRING, n BIGINT, paid BIGINT, PRIMARY KEY (user) NOT ENFORCED) {};
                 INSERT INTO windows SELECT {values}, SUM(total_paid), COUNT(*) FROM
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

    pub fn add(&self, from: i64, to: i64) {
        common::write(&self.topic, records(from..to));
    }

    pub fn held(&self) -> (Vec<String>, Vec<String>) {
        self.db.held()
    }

    /// Waits until both tables hold the results of the first rows of the topic, stops the job, and compares.
    #[track_caller]
    pub fn finish(&self, mut running: Running, all: i64) {
        let window = |line: String| {
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            let start = D::window_start(value["window_start"].as_str().unwrap());
            format!("{start}|{}|{}", value["total_paid"], value["total_transactions"])
        };
        let windows: Vec<String> = windows(all, false).into_iter().map(window).collect();
        let users: Vec<String> = users(all).into_iter().map(|(user, (n, paid))| format!("{user}|{n}|{paid}")).collect();
        running.until("all of the output", |_| {
            let held = self.held();
            held.0.len() >= windows.len() && held.1 == users
        });
        running.stop().code(0);
        assert_eq!(self.held(), (windows, users), "{}", self.topic);
    }
}

/// Tests that a lookup continues after its server was killed in the middle of a job. `items` and `db` are databases, the first of which is
/// on the server, with a table `items (id, name)` of the rows (0, 'n0') and (1, 'n1'); `named` returns the rows of `named (k, name)` in
/// `db`.
pub fn lookup_over_an_outage<D: TestDatabase>(server: &OwnServer, items: &D, db: &D, named: impl Fn() -> Vec<String>) {
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
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    let all = |n: i32| sorted((0..n).map(|k| format!("{k}|n{}", k % 2)).collect());
    let job = Job::new(&db.home().path().join("job.sql")).args(&["--name", &topic]);
    add(0..10);
    let mut running = job.start();
    running.until("ten rows", |_| sorted(named()) == all(10));
    server.kill();
    add(10..20);
    std::thread::sleep(Duration::from_secs(3));
    server.services("start");
    running.until("twenty rows", |_| sorted(named()) == all(20));
    running.stop().code(0);
}
