//! Kafka topics as tables: real clusters, and the in-process topic log behind the same trait.

pub mod broker;
pub mod conformance;
pub mod librdkafka;

pub use librdkafka::RdKafkaBroker;
