//! Kafka tables on a real Apache Kafka: the conformance suites of sources and sinks, and behaviour that only a real broker shows.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use millstream::common::Projection;
use millstream::connectors::kafka::broker::{Broker, OutRecord};
use millstream::connectors::kafka::{KafkaConnector, RdKafkaBroker};
use millstream::connectors::{CommitInfo, Connector, Prefetch, StartMode, TableColumn, TableSpec, Writer, conformance};
use millstream::sql::ast::{Options, Pos};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

fn broker() -> Arc<RdKafkaBroker> {
    let address = std::env::var("MILLSTREAM_TEST_KAFKA");
    let address = address.map_err(|_| "no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\"").unwrap();
    Arc::new(RdKafkaBroker::new(&address, &[]).unwrap())
}

fn kafka(broker: &Arc<RdKafkaBroker>) -> KafkaConnector {
    let broker = Arc::clone(broker);
    KafkaConnector::new(Arc::new(move |_, _| Ok(Arc::clone(&broker) as Arc<dyn Broker>)))
}

/// Declares `(id INT, name STRING, amount BIGINT)` on a new topic.
fn table(more: &[(&str, &str)]) -> (String, Arc<TableSpec>) {
    let topic = format!("tables-{}", uuid::Uuid::now_v7().simple());
    let column = |name: &str, data_type| TableColumn { name: name.into(), data_type, nullable: true, metadata: None, is_virtual: false };
    let mut options = Options::default();
    let own =
        [("topic", topic.as_str()), ("format", "json"), ("scan.startup.mode", "earliest-offset"), ("properties.bootstrap.servers", "x")];
    for (key, value) in more.iter().chain(own.iter().filter(|(key, _)| more.iter().all(|(other, _)| other != key))) {
        options.push((*key).to_string(), (*value).to_string(), Pos::default()).unwrap();
    }
    let columns = vec![column("id", DataType::Int32), column("name", DataType::Utf8), column("amount", DataType::Int64)];
    let spec =
        TableSpec { name: "t".into(), connector: "kafka".into(), columns, primary_key: Vec::new(), partitioned_by: Vec::new(), options };
    (topic, Arc::new(spec))
}

fn rows(n: i32) -> RecordBatch {
    let ids = Arc::new(Int32Array::from_iter_values(0..n)) as ArrayRef;
    let names: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("n{i}"))));
    let amounts: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(i64::from)));
    RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("name", names, true), ("amount", amounts, true)]).unwrap()
}

fn record(partition: i32, value: &str) -> OutRecord {
    OutRecord { partition: Some(partition), value: Some(value.to_string().into()), ..OutRecord::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_keeps_to_the_contract_with_gaps_and_bad_records() {
    let broker = broker();
    let (topic, spec) = table(&[]);
    broker.create_topic(&topic, Some(3)).await.unwrap();
    let mut producer = broker.producer(Some(&format!("p-{topic}"))).await.unwrap();
    for round in 0..6 {
        producer.begin().await.unwrap();
        let good = |i: i32| record(i % 3, &format!("{{\"id\":{i},\"name\":\"n{i}\",\"amount\":{}}}", i * 10));
        let mut records: Vec<OutRecord> = (0..7).map(|i| good(round * 7 + i)).collect();
        records.push(record(round % 3, "{broken"));
        producer.send(&topic, records).await.unwrap();
        if round % 3 == 2 { producer.abort().await.unwrap() } else { producer.commit().await.unwrap() }
    }
    let source = kafka(&broker).source(spec).unwrap();
    conformance::source(&*source).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_keeps_to_the_contract() {
    let broker = broker();
    let (_, spec) = table(&[]);
    let kafka = kafka(&broker);
    let (sink, source) = (kafka.sink(Arc::clone(&spec)).unwrap(), kafka.source(spec).unwrap());
    assert!(sink.prepare().await.unwrap().is_some());
    conformance::sink(&*sink, &*source, &rows(10)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_sees_a_commit_in_one_wait() {
    let broker = broker();
    let (topic, spec) = table(&[]);
    broker.create_topic(&topic, Some(2)).await.unwrap();
    let source = kafka(&broker).source(spec).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let from = run.start(StartMode::Declared).await.unwrap();
    let mut reader = run.reader(from, Projection::columns(&source.schema(), &[0]).unwrap(), Prefetch::default()).unwrap();
    let begin = std::time::Instant::now();
    while !reader.next(10, Duration::from_millis(100)).await.unwrap().partitions.iter().all(|p| p.at_end) {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    let mut producer = broker.producer(None).await.unwrap();
    producer.begin().await.unwrap();
    producer.send(&topic, vec![record(1, "{\"id\":5}")]).await.unwrap();
    producer.commit().await.unwrap();
    let fetched = reader.next(10, Duration::from_secs(10)).await.unwrap();
    assert_eq!(fetched.rows(), 1, "{fetched:?} {:?}", broker.bounds(&topic).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_messages_behind_gaps_with_keys_and_without_values() {
    let broker = broker();
    let (topic, spec) = table(&[]);
    broker.create_topic(&topic, Some(2)).await.unwrap();
    let mut producer = broker.producer(Some(&format!("p-{topic}"))).await.unwrap();
    // The messages of each aborted transaction stay in the log, with a marker.
    for round in 0..40 {
        producer.begin().await.unwrap();
        let value = format!("{{\"id\":{round},\"name\":\"n\",\"amount\":1}}");
        let key = Some(format!("k{round}").into());
        let value = (round != 38).then(|| value.into());
        let one =
            OutRecord { partition: Some(round % 2), timestamp: Some(1_000 * i64::from(round + 1)), key, value, ..OutRecord::default() };
        producer.send(&topic, vec![one]).await.unwrap();
        if (4..36).contains(&round) { producer.abort().await.unwrap() } else { producer.commit().await.unwrap() }
    }
    // The answer to a commit precedes its markers.
    assert!(broker.settle(&topic, Duration::from_secs(60)).await.unwrap());
    let kafka = kafka(&broker);
    for (rows, keys) in [(3, &["k37", "k38", "k39"][..]), (6, &["k2", "k3", "k36", "k37", "k38", "k39"])] {
        let shown = kafka.peek(Arc::clone(&spec), rows).await.unwrap().unwrap();
        let text = |name: &str| shown.column_by_name(name).unwrap().as_string::<i32>().clone();
        assert_eq!(text("key").iter().flatten().collect::<Vec<_>>(), keys);
        let (raw, decoded) = (text("raw"), text("decoded"));
        let nulls = |column: &StringArray| (0..rows).filter(|row| column.is_null(*row)).collect::<Vec<_>>();
        assert_eq!((nulls(&raw), nulls(&decoded)), (vec![rows - 2], vec![rows - 2]));
        assert_eq!(raw.value(rows - 1), decoded.value(rows - 1));
    }
}

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", std::env::var("MILLSTREAM_TEST_KAFKA").unwrap()).create().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_is_another_one() {
    let broker = broker();
    let (topic, spec) = table(&[("scan.topic-partition-discovery.interval", "100 ms")]);
    broker.create_topic(&topic, Some(1)).await.unwrap();
    let source = kafka(&broker).source(spec).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let before = run.incarnation().await.unwrap();
    assert!(before.is_some() && run.incarnation().await.unwrap() == before);
    let from = run.start(StartMode::Declared).await.unwrap();
    let mut discoveries = run.discoveries(&from).unwrap();
    let mut reader = run.reader(from, Projection::all(&source.schema()), Prefetch::default()).unwrap();
    reader.next(10, Duration::from_millis(500)).await.unwrap();
    admin().delete_topics(&[&topic], &AdminOptions::new()).await.unwrap();
    while broker.partitions(&topic).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    broker.create_topic(&topic, Some(1)).await.unwrap();
    let after = run.incarnation().await.unwrap();
    assert!(after.is_some() && after != before, "{before:?}, {after:?}");
    let error = loop {
        match discoveries.take().map(|_| ()).and(reader.next(10, Duration::from_millis(200)).await) {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains(&topic), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_while_a_job_reads_are_read_from_their_beginning() {
    let broker = broker();
    let (topic, spec) = table(&[("scan.topic-partition-discovery.interval", "300 ms"), ("scan.startup.mode", "latest-offset")]);
    broker.create_topic(&topic, Some(1)).await.unwrap();
    let source = kafka(&broker).source(spec).unwrap();
    let mut run = conformance::enumerator(&*source).unwrap();
    let from = run.start(StartMode::Declared).await.unwrap();
    let mut discoveries = run.discoveries(&from).unwrap();
    let mut reader = run.reader(from, Projection::all(&source.schema()), Prefetch::default()).unwrap();
    reader.next(10, Duration::from_millis(100)).await.unwrap();
    admin().create_partitions(&[NewPartitions::new(&topic, 3)], &AdminOptions::new()).await.unwrap();
    while broker.bounds(&topic).await.is_ok_and(|b| b.len() < 3) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut producer = broker.producer(None).await.unwrap();
    producer.begin().await.unwrap();
    producer.send(&topic, vec![record(2, r#"{"id":7}"#), record(1, r#"{"id":8}"#), record(0, r#"{"id":9}"#)]).await.unwrap();
    producer.commit().await.unwrap();
    let (mut added, mut ids) = (Vec::new(), Vec::new());
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while ids.len() < 3 {
        let found = discoveries.take().unwrap();
        added.extend(found.iter().map(|r| (r.partition, r.start)));
        reader.assign(found).unwrap();
        let fetched = reader.next(10, Duration::from_millis(100)).await.unwrap();
        ids.extend(fetched.chunks.iter().flat_map(|c| c.batch.column(0).as_primitive::<Int32Type>().values().to_vec()));
        assert!(std::time::Instant::now() < until, "{added:?}, {ids:?}");
    }
    ids.sort_unstable();
    added.sort_unstable();
    assert_eq!((ids, added), (vec![7, 8, 9], vec![(1, 0), (2, 0)]));
}

/// Rows that lz4 cannot compress enough: the broker refuses them, but no other row of their commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_topic_finds_too_large_is_a_bad_record() {
    let broker = broker();
    let (topic, spec) = table(&[]);
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "3000");
    admin().create_topics(&[new], &AdminOptions::new()).await.unwrap();
    let kafka = kafka(&broker);
    let sink = kafka.sink(Arc::clone(&spec)).unwrap();
    let who = Writer { job: topic.clone(), job_uuid: "u".into(), folder: "f".into(), incarnation: 1, sink: "s".into() };
    let noise: String = (0..200).map(|_| uuid::Uuid::new_v4().simple().to_string()).collect();
    let names: Vec<String> = (0..400).map(|i| if i == 17 { noise.clone() } else { format!("n{i}") }).collect();
    let columns: [(&str, ArrayRef, bool); 3] = [
        ("id", Arc::new(Int32Array::from_iter_values(0..400)), true),
        ("name", Arc::new(StringArray::from_iter_values(&names)), true),
        ("amount", Arc::new(Int64Array::from_iter_values(0..400)), true),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut tries = 0;
    let rejected = loop {
        tries += 1;
        assert!(tries < 5);
        let (mut writer, held) = sink.open(&who).await.unwrap();
        assert!(held.is_none());
        let written = match writer.write(&CommitInfo::new(1, ""), std::slice::from_ref(&rows)).await {
            Ok(()) => writer.commit(&CommitInfo::new(1, "")).await,
            error => error,
        };
        match written {
            Ok(()) => {
                let rejected = writer.rejected();
                writer.flush().await.unwrap();
                break rejected;
            }
            Err(error) => assert_eq!(error.kind(), millstream::common::ErrorKind::Unavailable, "{error}"),
        }
    };
    assert_eq!((rejected.len(), sink.rejected()), (1, 1));
    assert!(rejected[0].error.contains("max.message.bytes"), "{rejected:?}");
    // After a flush all rows are visible at once.
    let latest: i64 = broker.bounds(&topic).await.unwrap().iter().map(|b| b.latest).sum();
    assert!(latest >= 400, "{latest}");
}
