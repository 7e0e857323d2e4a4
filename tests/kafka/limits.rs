//! Sizes and times that are too large for every run: run by hand, `cargo test --test kafka -- --ignored`.

use std::time::Duration;

use crate::cli::Home;
use crate::main_job::{MainJob, paid};
use crate::own_kafka::OwnKafka;
use crate::topic::{Topic, record};

#[test]
#[ignore = "takes more than a minute"]
fn a_broker_that_was_stopped_for_a_minute_gets_every_row_once() {
    let kafka = OwnKafka::new();
    kafka.services("start");
    let job = MainJob::on(Topic::at(&kafka.address(), "transactions", 1), &["transactions_table.scan.watermark.idle-timeout=0 s"]);
    let home = Home::new();
    job.input.put(&[paid(0, 1), paid(4000, 2)]);
    let mut live = home.start(&job.args());
    live.until("the first window", |_| job.windows() == [(0, 1, 1)]);
    job.input.put(&[paid(5000, 2), paid(7000, 5)]);
    kafka.services("stop");
    std::thread::sleep(Duration::from_secs(60));
    kafka.services("start");
    job.input.put(&[paid(10_000, 3)]);
    let windows = [(0, 1, 1), (3, 4, 2), (6, 5, 1)];
    live.until("the next windows", |_| job.windows() == windows);
    live.stop();
    assert_eq!(job.windows(), windows);
}

#[test]
#[ignore = "a broker needs some time for so many partitions"]
fn two_thousand_partitions_are_read_and_written() {
    let kafka = OwnKafka::new();
    kafka.services("start");
    let (wide, sums) = (Topic::at(&kafka.address(), "wide", 2_000), Topic::at(&kafka.address(), "sums", 2_000));
    let rows: Vec<_> = (0..20_000).map(|id| record(format!(r#"{{"id":{id}}}"#)).on(id % 2_000)).collect();
    rows.chunks(2_000).for_each(|rows| wide.put(rows));
    let with = |topic: &Topic| format!("'topic' = '{}', 'properties.bootstrap.servers' = '{}'", topic.name, topic.address);
    let home = Home::new();
    home.file(
        "wide.sql",
        &format!(
            "CREATE TABLE w (id BIGINT) WITH ('connector' = 'kafka', {}, 'format' = 'json', 'scan.startup.mode' = 'earliest-offset');
             CREATE TABLE s (k BIGINT, n BIGINT, PRIMARY KEY (k) NOT ENFORCED)
             WITH ('connector' = 'upsert-kafka', {}, 'key.format' = 'json', 'value.format' = 'json');
             INSERT INTO s SELECT id % 5000, COUNT(*) FROM w GROUP BY id % 5000;",
            with(&wide),
            with(&sums)
        ),
    );
    home.run(&["run", "wide.sql", "--until-now"]).ok();
    home.run(&["run", "wide.sql", "--until-now"]).ok().says(&["resumed at commit"]);
    let ended = home.run(&["query", "SELECT COUNT(*) AS keys, SUM(n) AS n FROM s"]).ok();
    assert_eq!(ended.out, "keys,n\n5000,20000\n", "{ended}");
}
