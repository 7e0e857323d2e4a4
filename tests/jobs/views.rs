//! Materialized views that one process keeps and another one reads, on a real Kafka, with checkpoints in a folder and on S3; both are
//! killed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common;
use crate::common::process::{Job, Running, repo};
use crate::common::transactions::{Transactions, users};

const VIEW: &str =
    "CREATE MATERIALIZED VIEW per_user AS SELECT user_id, COUNT(*) AS n, SUM(total_paid) AS total FROM transactions_table GROUP BY user_id;
CREATE MATERIALIZED VIEW payments AS SELECT transaction_id, total_paid FROM transactions_table WHERE total_paid > 0;";
const READER: &str = "CREATE TABLE readings ( user_id STRING, n BIGINT, total BIGINT, PRIMARY KEY (user_id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'x', 'key.format' = 'raw', 'value.format' = 'json',
      'value.fields-include' = 'EXCEPT_KEY');
CREATE TABLE copies ( transaction_id INT ) WITH ('connector' = 'kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'x', 'format' = 'csv');
INSERT INTO readings SELECT user_id, n, total FROM per_user;
INSERT INTO copies SELECT transaction_id FROM payments;";

/// The job that keeps the views and the job that reads them, and the topics that the second one writes: the newest row of each user, and
/// each payment.
struct Jobs {
    keeper: Job,
    reader: Job,
    newest: String,
    copies: String,
}

fn jobs(t: &Transactions, more: &dyn Fn(Job) -> Job) -> Jobs {
    let (newest, copies) = (common::unique("readings"), common::unique("copies"));
    common::create(&newest, 2);
    common::create(&copies, 1);
    let job = more(Job::new(&repo()).option("properties.bootstrap.servers", &common::address()));
    let job = job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "10");
    let file = |name: &str, text: &str| {
        let path = job.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (source, view) = (repo().join("sql/transactions/flink/1_source.sql"), file("view.sql", VIEW));
    let keeper = job.of_files(&[source, view]).option("transactions_table.topic", &t.input);
    let reader = job.of_files(&[file("reader.sql", READER)]).option("readings.topic", &newest).option("copies.topic", &copies);
    let named = |job: Job, name: &str| job.args(&["--name", &format!("{name}-{}", t.output)]);
    Jobs { keeper: named(keeper, "keeper"), reader: named(reader, "reader"), newest, copies }
}

impl Jobs {
    /// Starts the job that keeps the views, and waits until they can be read.
    fn begin(&self) -> Running {
        let keeping = self.keeper.start();
        let until_now = self.reader.args(&["--until-now"]);
        let there = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            until_now.run().status.success()
        });
        assert!(there, "{}", keeping.said());
        keeping
    }

    /// Stops both once this many rows are read; each of them must be there exactly once.
    #[track_caller]
    fn end(&self, keeping: Running, mut reading: Running, rows: i64, what: &str) {
        let mut payments: Vec<String> = (0..rows).map(|k| k.to_string()).collect();
        payments.sort();
        reading.until("the newest rows", |_| {
            common::latest(&self.newest) == expected(rows) && common::read(&self.copies).len() >= payments.len()
        });
        reading.stop().code(0);
        keeping.stop().code(0);
        assert_eq!(common::latest(&self.newest), expected(rows), "{what}");
        assert_eq!(common::read(&self.copies), payments, "{what}");
    }
}

/// Returns the expected results once this many rows are read.
fn expected(rows: i64) -> BTreeMap<String, String> {
    users(rows).into_iter().map(|(user, (n, total))| (user, format!("{{\"n\":{n},\"total\":{total}}}"))).collect()
}

/// Kills the reader, then the job that keeps the views, at these points, and restarts both.
fn survives(t: &Transactions, jobs: &Jobs, points: [&str; 2]) {
    let keeping = jobs.begin();
    let reading = jobs.reader.start_to_crash(points[0]);
    t.add(100..200);
    assert!(reading.ended().killed(), "{points:?}");
    assert!(keeping.kill().killed());
    let reading = jobs.reader.start();
    let crashing = jobs.keeper.start_to_crash(points[1]);
    t.add(200..260);
    assert!(crashing.ended().killed(), "{points:?}");
    jobs.end(jobs.keeper.start(), reading, 260, &format!("{points:?}"));
}

#[test]
fn a_view_and_its_reader_are_killed_and_nothing_is_lost_or_doubled() {
    for points in [["after-put-commit@2", "before-put-commit@3"], ["after-commit-rows@2", "after-fold-state@4"]] {
        let t = Transactions::with(0..100);
        survives(&t, &jobs(&t, &|job| job), points);
    }
}

#[test]
fn a_view_and_its_reader_are_killed_at_once() {
    let t = Transactions::with(0..100);
    let jobs = jobs(&t, &|job| job);
    let mut keeping = jobs.begin();
    let mut reading = jobs.reader.start();
    let mut rows = 100;
    // The job at its crash point takes the other one down, wherever that is.
    for (keeper, reader) in [
        ("after-put-commit@3", None),
        ("before-write-sections@4", None),
        ("after-fold-state@2", Some("before-commit-rows@2")),
        ("before-confirm-put@3", Some("after-put-commit@3")),
    ] {
        assert!(keeping.kill().killed() && reading.kill().killed());
        keeping = jobs.keeper.start_to_crash(keeper);
        reading = reader.map_or_else(|| jobs.reader.start(), |point| jobs.reader.start_to_crash(point));
        t.add(rows..rows + 60);
        rows += 60;
        let first = if reader.is_some() { &mut reading } else { &mut keeping };
        first.until_gone();
    }
    drop((keeping, reading));
    jobs.end(jobs.keeper.start(), jobs.reader.start(), rows, "killed at once");
}

#[test]
fn views_are_kept_and_read_on_s3() {
    let t = Transactions::with(0..100);
    let endpoint = std::env::var("MILLSTREAM_TEST_S3").unwrap();
    let url = format!("s3://millstream/views/{}", t.output);
    let on_s3 = |job: Job| {
        job.args(&["--checkpoints", &url])
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("AWS_ACCESS_KEY_ID", "millstream")
            .env("AWS_SECRET_ACCESS_KEY", "millstream-secret")
            .env("AWS_REGION", "us-east-1")
    };
    survives(&t, &jobs(&t, &on_s3), ["after-put-commit@2", "before-confirm-put@2"]);
}
