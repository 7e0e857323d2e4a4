//! Materialized views that a process keeps and another one reads, on a real Kafka, with checkpoints in a folder and on S3; both are killed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common;
use crate::common::process::{Job, repo};
use crate::common::transactions::{Transactions, users};

const VIEW: &str = "CREATE MATERIALIZED VIEW per_user AS SELECT user_id, COUNT(*) AS n, SUM(total_paid) AS total FROM transactions_table GROUP BY user_id;";
const READER: &str = "CREATE TABLE readings ( user_id STRING, n BIGINT, total BIGINT, PRIMARY KEY (user_id) NOT ENFORCED )
WITH ('connector' = 'upsert-kafka', 'topic' = 'x', 'properties.bootstrap.servers' = 'x', 'key.format' = 'raw', 'value.format' = 'json',
      'value.fields-include' = 'EXCEPT_KEY');
INSERT INTO readings SELECT user_id, n, total FROM per_user;";

/// The job that keeps the view and the one that reads it, and the topic that the second one writes.
fn jobs(t: &Transactions, more: &dyn Fn(Job) -> Job) -> (Job, Job, String) {
    let topic = common::unique("readings");
    common::create(&topic, 2);
    let job = more(Job::new(&repo()).option("properties.bootstrap.servers", &common::address()));
    let job = job.option("checkpoint.interval", "0").option("max.rows.per.epoch", "10");
    let file = |name: &str, text: &str| {
        let path = job.folder().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (source, view) = (repo().join("sql/transactions/flink/1_source.sql"), file("view.sql", VIEW));
    let keeper = job.of_files(&[source, view]).option("transactions_table.topic", &t.input);
    let reader = job.of_files(&[file("reader.sql", READER)]).option("readings.topic", &topic);
    let named = |job: Job, name: &str| job.args(&["--name", &format!("{name}-{}", t.output)]);
    (named(keeper, "keeper"), named(reader, "reader"), topic)
}

/// What the readings have to be once this many rows are read.
fn expected(rows: i64) -> BTreeMap<String, String> {
    users(rows).into_iter().map(|(user, (n, total))| (user, format!("{{\"n\":{n},\"total\":{total}}}"))).collect()
}

/// Kills the reader, then the job that keeps the view, at these points, and lets both go on.
fn survives(t: &Transactions, (keeper, reader, topic): (Job, Job, String), points: [&str; 2]) {
    let keeping = keeper.start();
    // The view has to be there before it can be read.
    let until_now = reader.args(&["--until-now"]);
    let there = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        until_now.run().status.success()
    });
    assert!(there, "{}", keeping.said());
    let reading = reader.start_to_crash(points[0]);
    t.add(100..200);
    assert!(reading.ended().killed(), "{points:?}");
    assert!(keeping.kill().killed());
    let reading = reader.start();
    let crashing = keeper.start_to_crash(points[1]);
    t.add(200..260);
    assert!(crashing.ended().killed(), "{points:?}");
    let keeping = keeper.start();
    let mut reading = reading;
    reading.until("the newest rows", |_| common::latest(&topic) == expected(260));
    reading.stop().code(0);
    keeping.stop().code(0);
    assert_eq!(common::latest(&topic), expected(260), "{points:?}");
}

#[test]
fn a_view_and_its_reader_are_killed_and_nothing_is_lost_or_doubled() {
    for points in [["5-after@2", "5-before@3"], ["8-after@2", "3-after@4"]] {
        let t = Transactions::with(0..100);
        survives(&t, jobs(&t, &|job| job), points);
    }
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
    survives(&t, jobs(&t, &on_s3), ["5-after@2", "6-before@2"]);
}
