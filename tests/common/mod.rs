//! Shared code of tests of the whole binary: the real Kafka, the transactions written to it, and processes to kill.
#![allow(dead_code, reason = "every test crate uses a part of it")]

pub mod process;
pub mod transactions;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use millstream::connectors::kafka::RdKafkaBroker;
use millstream::connectors::kafka::broker::{Broker, OutRecord};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap());
static BROKER: LazyLock<RdKafkaBroker> = LazyLock::new(|| RdKafkaBroker::new(&address(), &[]).unwrap());

/// The address of the broker that tests/services started.
pub fn address() -> String {
    std::env::var("MILLSTREAM_TEST_KAFKA")
        .unwrap_or_else(|_| panic!("no Kafka; run: tests/services start kafka && eval \"$(tests/services env)\""))
}

/// The same broker for a reader of uncommitted records.
static LOOSE: LazyLock<RdKafkaBroker> =
    LazyLock::new(|| RdKafkaBroker::new(&address(), &[("isolation.level".into(), "read_uncommitted".into())]).unwrap());

/// Waits until committed records can be read: a broker answers a producer's commit before it writes the marker that makes the records
/// visible. The wait is limited, because a transaction of a killed process stays open.
pub fn settle(topic: &str) {
    let begin = Instant::now();
    let ends = |broker: &RdKafkaBroker| block(broker.bounds(topic)).unwrap().iter().map(|b| b.latest).collect::<Vec<_>>();
    while ends(&BROKER) != ends(&LOOSE) && begin.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns a name that no other run uses: topics stay in the broker.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::now_v7().simple())
}

/// Runs a future on the runtime that all tests of a crate share.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Creates a topic.
pub fn create(topic: &str, partitions: usize) {
    block(BROKER.create_topic(topic, Some(partitions))).unwrap();
}

/// Writes records, and returns when the broker has stored them.
pub fn write(topic: &str, records: Vec<OutRecord>) {
    block(async {
        let mut producer = BROKER.producer(None).await.unwrap();
        producer.begin().await.unwrap();
        producer.send(topic, records).await.unwrap();
        producer.commit().await.unwrap();
    });
}

/// Returns the committed values of a topic, sorted; empty if there is no such topic.
pub fn read(topic: &str) -> Vec<String> {
    let mut values: Vec<String> = records(topic).into_iter().map(|(_, value)| value.unwrap_or_default()).collect();
    values.sort();
    values
}

/// Returns the newest value of each key of a topic, without deleted keys.
pub fn latest(topic: &str) -> BTreeMap<String, String> {
    let newest: BTreeMap<_, _> = records(topic).into_iter().map(|(key, value)| (key.unwrap(), value)).collect();
    newest.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

/// Returns key and value of every committed record, in order per partition.
pub fn records(topic: &str) -> Vec<(Option<String>, Option<String>)> {
    if block(BROKER.partitions(topic)).unwrap().is_none() {
        return Vec::new();
    }
    settle(topic);
    let bounds = block(BROKER.bounds(topic)).unwrap();
    let open: Vec<(i32, i64)> = bounds.iter().filter(|b| b.earliest < b.latest).map(|b| (b.partition, b.earliest)).collect();
    if open.is_empty() {
        return Vec::new();
    }
    let ends: BTreeMap<i32, i64> = bounds.iter().map(|b| (b.partition, b.latest)).collect();
    let mut consumer = BROKER.consumer(topic, &open).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (mut records, begin) = (Vec::new(), Instant::now());
    loop {
        consumer.poll(1000, Duration::from_millis(50), &mut |r| records.push((r.key.map(text), r.value.map(text)))).unwrap();
        if consumer.positions().iter().all(|p| p.next >= ends[&p.partition]) {
            return records;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "topic {topic} cannot be read: {:?}", consumer.outage());
    }
}
