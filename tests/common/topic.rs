//! Topics of a real Kafka, written and read with the tests' own client.
#![allow(dead_code, reason = "every test crate uses a part of it")]

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{Offset, TopicPartitionList};

use super::cli::PATIENCE;

/// The address of the broker that tests/services started.
pub fn kafka() -> String {
    std::env::var("MILLSTREAM_TEST_KAFKA")
        .unwrap_or_else(|_| panic!("no Kafka; run `tests/services start kafka && eval \"$(tests/services env)\"`"))
}

/// Returns a name that no other run uses: topics stay in the broker.
pub fn unique(name: &str) -> String {
    format!("{name}-{}", uuid::Uuid::now_v7().simple())
}

/// A topic.
#[derive(Debug, Clone)]
pub struct Topic {
    pub name: String,
    pub address: String,
}

/// A record to write.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub partition: i32,
    pub key: Option<String>,
    /// The value; without one the record is a tombstone.
    pub value: Option<Vec<u8>>,
    pub timestamp: Option<i64>,
    pub headers: Vec<(String, String)>,
}

/// A record of partition 0.
pub fn record(value: impl AsRef<[u8]>) -> Record {
    Record { value: Some(value.as_ref().to_vec()), ..Record::default() }
}

/// A record without a value.
pub fn tombstone() -> Record {
    Record { key: Some("k".into()), ..Record::default() }
}

impl Record {
    pub fn on(self, partition: i32) -> Self {
        Self { partition, ..self }
    }

    pub fn at(self, timestamp: i64) -> Self {
        Self { timestamp: Some(timestamp), ..self }
    }

    pub fn keyed(self, key: &str) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    pub fn with_header(mut self, key: &str, value: &str) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }
}

impl Topic {
    /// Creates a topic on the shared broker.
    pub fn new(name: &str, partitions: i32) -> Self {
        Self::at(&kafka(), &unique(name), partitions)
    }

    /// Creates a topic on another broker.
    pub fn at(address: &str, name: &str, partitions: i32) -> Self {
        Self::with_settings(address, name, partitions, &[])
    }

    /// Creates a topic with its own settings.
    pub fn with_settings(address: &str, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Self {
        let topic = Self { name: name.into(), address: address.into() };
        let admin: AdminClient<DefaultClientContext> = topic.client().create().unwrap();
        let new = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
        let made = block_on(admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(PATIENCE)))).unwrap();
        made[0].as_ref().unwrap();
        topic
    }

    /// Deletes the topic, and waits until it no longer exists.
    pub fn delete(&self) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        block_on(admin.delete_topics(&[&self.name], &AdminOptions::new())).unwrap();
        let begin = Instant::now();
        while self.exists() {
            assert!(begin.elapsed() < PATIENCE, "topic {} stays", self.name);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Names a topic without creating it.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), address: kafka() }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.address);
        config
    }

    /// Writes records, and returns when the broker has stored them.
    pub fn put(&self, records: &[Record]) {
        let producer: BaseProducer = self.client().set("linger.ms", "0").create().unwrap();
        self.send(&producer, records);
        producer.flush(PATIENCE).unwrap();
        assert_eq!(producer.in_flight_count(), 0);
    }

    /// Writes records in a transaction, which leaves a marker after each partition's last one.
    pub fn put_in_transaction(&self, records: &[Record], commit: bool) {
        let producer: BaseProducer = self.client().set("transactional.id", unique("writer")).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        self.send(&producer, records);
        producer.flush(PATIENCE).unwrap();
        if commit { producer.commit_transaction(PATIENCE).unwrap() } else { producer.abort_transaction(PATIENCE).unwrap() }
    }

    fn send(&self, producer: &BaseProducer, records: &[Record]) {
        for record in records {
            let mut headers = OwnedHeaders::new();
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let mut out: BaseRecord<'_, str, [u8]> = BaseRecord::to(&self.name).partition(record.partition).headers(headers);
            out.key = record.key.as_deref();
            out.payload = record.value.as_deref();
            out.timestamp = record.timestamp;
            producer.send(out).map_err(|(e, _)| e).unwrap();
        }
    }

    fn reader(&self, group: &str) -> BaseConsumer {
        let mut config = self.client();
        config.set("group.id", group).set("enable.auto.commit", "false").set("enable.partition.eof", "true");
        config.set("isolation.level", "read_committed").create().unwrap()
    }

    /// Waits until committed records can be read: a broker answers a producer's commit before it writes the marker that makes the records
    /// visible. The wait is limited, because a transaction of a killed process stays open.
    fn settle(&self, reader: &BaseConsumer, partitions: i32) {
        let mut config = self.client();
        let loose: BaseConsumer = config.set("group.id", "tests").set("isolation.level", "read_uncommitted").create().unwrap();
        let end = |reader: &BaseConsumer, partition: i32| reader.fetch_watermarks(&self.name, partition, PATIENCE).unwrap().1;
        let begin = Instant::now();
        while (0..partitions).any(|p| end(reader, p) != end(&loose, p)) && begin.elapsed() < Duration::from_secs(2) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn partitions(&self, reader: &BaseConsumer) -> i32 {
        let metadata = reader.fetch_metadata(Some(&self.name), PATIENCE).unwrap();
        i32::try_from(metadata.topics()[0].partitions().len()).unwrap()
    }

    /// Whether it exists.
    pub fn exists(&self) -> bool {
        let metadata = self.reader("tests").fetch_metadata(None, PATIENCE).unwrap();
        metadata.topics().iter().any(|t| t.name() == self.name)
    }

    /// Returns its committed records; empty if there is no such topic.
    pub fn records(&self) -> Vec<OwnedMessage> {
        if !self.exists() {
            return Vec::new();
        }
        let reader = self.reader("tests");
        let mut list = TopicPartitionList::new();
        let partitions = self.partitions(&reader);
        self.settle(&reader, partitions);
        for partition in 0..partitions {
            list.add_partition_offset(&self.name, partition, Offset::Beginning).unwrap();
        }
        let (mut open, mut records) = ((0..i32::try_from(list.count()).unwrap()).collect::<BTreeSet<i32>>(), Vec::new());
        reader.assign(&list).unwrap();
        let begin = Instant::now();
        while !open.is_empty() {
            assert!(begin.elapsed() < PATIENCE, "topic {} cannot be read to its end", self.name);
            match reader.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => records.push(message.detach()),
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                Some(Err(error)) => panic!("{error}"),
                None => {}
            }
        }
        records
    }

    /// Returns the values of its records.
    pub fn values(&self) -> Vec<String> {
        self.records().iter().map(|m| String::from_utf8_lossy(m.payload().unwrap_or_default()).into_owned()).collect()
    }

    /// Commits an offset for a group.
    pub fn commit(&self, group: &str, partition: i32, offset: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.name, partition, Offset::Offset(offset)).unwrap();
        self.reader(group).commit(&list, CommitMode::Sync).unwrap();
    }
}
