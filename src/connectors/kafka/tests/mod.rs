//! Tests of Kafka tables on the embedded log.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::*;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit};

use super::broker::{Broker, OutRecord};
use super::testing::{column, keyed, metadata, table, table_of};
use super::{EmbeddedBroker, KafkaConnector};
use crate::common::ErrorKind;
use crate::connectors::{Connector, Fetched, PartitionRange, Prefetch, SourceCounters, StartMode, conformance};

mod away;
mod modes;
mod reading;
mod upserting;
mod writing;

const PLAIN: &[(&str, &str)] = &[("topic", "t"), ("format", "json"), ("scan.startup.mode", "earliest-offset")];

fn with(more: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut options = PLAIN.to_vec();
    options.retain(|(key, _)| !more.iter().any(|(k, _)| k == key));
    options.extend_from_slice(more);
    options
}

fn log(partitions: usize) -> (Arc<EmbeddedBroker>, KafkaConnector) {
    let broker = Arc::new(EmbeddedBroker::new());
    broker.create("t", Some(partitions)).unwrap();
    (Arc::clone(&broker), KafkaConnector::embedded(broker))
}

fn record(partition: i32, value: &str) -> OutRecord {
    OutRecord { partition: Some(partition), value: Some(value.to_string().into()), ..OutRecord::default() }
}

fn row(i: usize) -> String {
    format!("{{\"id\":{i},\"name\":\"n{i}\",\"amount\":{}}}", i * 10)
}

async fn transaction(broker: &EmbeddedBroker, records: Vec<OutRecord>) {
    let mut producer = broker.producer(Some("test")).await.unwrap();
    producer.begin().await.unwrap();
    producer.send("t", records).await.unwrap();
    producer.commit().await.unwrap();
}

fn ids(fetched: &Fetched) -> Vec<i32> {
    fetched.chunks.iter().flat_map(|c| c.batch.column(0).as_primitive::<Int32Type>().values().to_vec()).collect()
}
