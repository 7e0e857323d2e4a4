//! Batch queries over the history of a topic read no more of it than necessary.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use millstream::catalog::{Catalog, Overrides};
use millstream::connectors::Connectors;
use millstream::connectors::kafka::broker::{Broker, OutRecord};
use millstream::connectors::kafka::{EmbeddedBroker, RdKafkaBroker};
use millstream::operators::Progress;
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::{Ack, Workspace};

/// 2024-05-01, from which record i of each partition is i seconds away.
const BEGIN: i64 = 1_714_521_600_000;
/// Records of each of the two partitions.
const COUNT: i64 = 100;

/// The filter; the ranges that are read; the number of rows that pass; the number of rows read.
const CASES: &[(&str, &str, usize, u64)] = &[
    ("TRUE", "0: 0..100, 1: 0..100", 200, 200),
    ("p = 1", "1: 0..100", 100, 100),
    ("p <> 1 AND o < 3", "0: 0..3", 3, 3),
    ("o >= 90", "0: 90..100, 1: 90..100", 20, 20),
    ("p = 0 AND o BETWEEN 10 AND 19", "0: 10..20", 10, 10),
    ("p = 1 AND o IN (50, 3, 4)", "1: 3..5, 1: 50..51", 3, 3),
    ("o = 7 OR o > 98", "0: 7..8, 0: 99..100, 1: 7..8, 1: 99..100", 4, 4),
    ("p_copy = 1 AND 95 <= o", "1: 95..100", 5, 5),
    ("ts >= TO_TIMESTAMP_LTZ(1714521690000, 3)", "0: 90..100, 1: 90..100", 20, 20),
    ("at > TIMESTAMP '2024-05-01 00:01:35' AND p = 0", "0: 96..100", 4, 4),
    // If producers set the time, it is not in the order of offsets: it bounds no end.
    ("at < TIMESTAMP '2024-05-01 00:00:10'", "0: 0..100, 1: 0..100", 20, 200),
    // Neither side bounds the rows of the other one.
    ("p = 0 OR id = 5", "0: 0..100, 1: 0..100", 101, 200),
    ("p = 7", "", 0, 0),
    ("o > 1000", "", 0, 0),
    ("ts > TO_TIMESTAMP_LTZ(1814521690000, 3)", "", 0, 0),
];

fn table(topic: &str, address: &str) -> String {
    format!(
        "CREATE TABLE t (
           id INT,
           p INT METADATA FROM 'partition' VIRTUAL,
           o BIGINT METADATA FROM 'offset' VIRTUAL,
           ts TIMESTAMP_LTZ(3) METADATA FROM 'timestamp',
           p_copy AS CAST(p AS BIGINT),
           at AS CAST(ts AS TIMESTAMP(3))
         ) WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'json',
           'properties.bootstrap.servers' = '{address}', 'scan.startup.mode' = 'latest-offset');"
    )
}

async fn fill(broker: &dyn Broker, topic: &str) {
    broker.create_topic(topic, Some(2)).await.unwrap();
    let record = |partition: i32, i: i64| OutRecord {
        partition: Some(partition),
        timestamp: Some(BEGIN + i * 1_000),
        value: Some(format!("{{\"id\":{i}}}").into()),
        ..OutRecord::default()
    };
    let mut producer = broker.producer(None).await.unwrap();
    producer.begin().await.unwrap();
    producer.send(topic, (0..COUNT).flat_map(|i| [record(0, i), record(1, i)]).collect()).await.unwrap();
    producer.commit().await.unwrap();
}

struct Answer {
    rows: usize,
    read: u64,
    plan: String,
}

/// Declares the table, and runs one query.
async fn answer(connectors: Connectors, table: &str, query: &str) -> Answer {
    let connection = Workspace::new(Catalog::in_memory(), connectors, Overrides::parse(&[] as &[&str]).unwrap()).into_connection();
    let session = connection.session(Mode::Batch).unwrap();
    for parsed in parse(&Source::new("test.sql", format!("{table}\n{query};"))).unwrap() {
        if let Some(Ack(_)) = connection.declare(&parsed).await.unwrap() {
            continue;
        }
        let Statement::Query(query) = &parsed.statement else { continue };
        let plan = session.explain(query, false).await.unwrap();
        let (_, rows) = session.run(query).await.unwrap();
        let rows: Vec<RecordBatch> = rows.try_collect().await.unwrap();
        let read = session.task_context().session_config().get_extension::<Progress>().unwrap().newest().rows();
        return Answer { rows: rows.iter().map(RecordBatch::num_rows).sum(), read, plan };
    }
    unreachable!("no query in {query}")
}

async fn all_cases(connectors: impl Fn() -> Connectors, table: &str) {
    for (filter, ranges, rows, read) in CASES {
        let answer = answer(connectors(), table, &format!("SELECT id, o FROM t WHERE {filter}")).await;
        assert_eq!((answer.rows, answer.read), (*rows, *read), "{filter}: {}", answer.plan);
        let shown = format!("ranges=[{ranges}]");
        assert!(answer.plan.contains(&shown), "{filter}: {}", answer.plan);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_filters_leave_is_read() {
    let broker = Arc::new(EmbeddedBroker::new());
    fill(&*broker, "t").await;
    all_cases(|| Connectors::embedded(Arc::clone(&broker)), &table("t", "")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_filters_leave_is_read_from_kafka() {
    let address = std::env::var("MILLSTREAM_TEST_KAFKA");
    let address = address.map_err(|_| "no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\"").unwrap();
    let broker = RdKafkaBroker::new(&address, &[]).unwrap();
    let topic = format!("history-{}", uuid::Uuid::now_v7().simple());
    fill(&broker, &topic).await;
    all_cases(Connectors::real, &table(&topic, &address)).await;
}

/// Changes are read whole: the newest row is known only from all of them.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_read_whole() {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(1)).unwrap();
    let record =
        |i: i64| OutRecord { key: Some("7".into()), value: Some(format!("{{\"id\":7,\"n\":{i}}}").into()), ..OutRecord::default() };
    broker.append("t", (0..10).map(record).collect()).unwrap();
    let table = "CREATE TABLE t (id INT, n INT, o BIGINT METADATA FROM 'offset' VIRTUAL, PRIMARY KEY (id) NOT ENFORCED)
                 WITH ('connector' = 'upsert-kafka', 'topic' = 't', 'key.format' = 'json', 'value.format' = 'json');";
    for (query, rows) in [("SELECT n FROM t WHERE o < 5", 0), ("SELECT n FROM t WHERE o = 9", 1), ("SELECT n FROM t LIMIT 1", 1)] {
        let answer = answer(Connectors::embedded(Arc::clone(&broker)), table, query).await;
        assert_eq!((answer.rows, answer.read), (rows, 10), "{query}: {}", answer.plan);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_stops_early() {
    let broker = Arc::new(EmbeddedBroker::new());
    fill(&*broker, "t").await;
    for (query, rows, at_most) in [
        ("SELECT * FROM t LIMIT 5", 5, 10),
        ("SELECT * FROM t LIMIT 5 OFFSET 3", 5, 16),
        ("SELECT id FROM (SELECT * FROM t WHERE p = 0) LIMIT 1", 1, 100),
        ("SELECT * FROM t LIMIT 500", 200, 200),
        ("SELECT * FROM t ORDER BY id LIMIT 5", 5, 200),
    ] {
        let answer = answer(Connectors::embedded(Arc::clone(&broker)), &table("t", ""), query).await;
        assert_eq!(answer.rows, rows, "{query}");
        assert!(answer.read <= at_most, "{query}: {} rows were read: {}", answer.read, answer.plan);
    }
}
