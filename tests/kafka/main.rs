//! Tests of tables on Kafka: positions, partitions, faults of a broker, bad records.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod bad_input;
mod broker;
#[path = "../common/cli.rs"]
mod cli;
#[path = "../common/mod.rs"]
mod common;
mod faults;
mod history;
mod limits;
#[path = "../common/main_job.rs"]
mod main_job;
#[path = "../common/own_kafka.rs"]
mod own_kafka;
mod runs;
mod source;
mod tables;
#[path = "../common/topic.rs"]
mod topic;
