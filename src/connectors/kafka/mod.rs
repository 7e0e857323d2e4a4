//! Kafka topics as tables: real clusters, and the in-process topic log, which implements the same trait.
//!
//! ```text
//!  connector ─▶ config (the declaration) ─▶ source ─▶ startup (where to begin) ─▶ fetch (poll, rows) ─▶ reader | read
//!                                        └▶ sink (transactions that hold the commit's number)
//!  what a record is:    kafka            a row                                    config, record_layout
//!                       upsert-kafka     the newest row of its key, or a delete   rows (tombstones), writer
//!                       debezium-json    a change, one or two rows with weights   formats/debezium
//!  all use the trait in broker: embedded, or Apache Kafka through librdkafka
//! ```

pub mod broker;
pub mod config;
pub mod conformance;
pub mod connector;
pub mod embedded;
pub mod librdkafka;
pub mod metadata;
pub mod offsets;
pub mod options;
pub mod partitioner;
pub mod rows;
pub mod sink;
pub mod source;
pub mod startup;

mod discovery;
mod fetch;
mod last_commit;
mod metadata_columns;
mod peek;
mod pending;
mod prune_ranges;
mod read;
mod reader;
mod record_layout;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod writer;

pub use config::KafkaTable;
pub use connector::{BrokerFactory, KafkaConnector};
pub use embedded::{EmbeddedBroker, RETENTION};
pub use librdkafka::RdKafkaBroker;
pub use sink::KafkaSink;
pub use source::KafkaSource;
