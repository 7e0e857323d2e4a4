//! Tests of tables in Cassandra 5, on a real node: reads, lookups, writes, and exactly-once despite failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../common/cli.rs"]
mod cli;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/database.rs"]
mod database;
#[path = "../common/keyspace.rs"]
mod keyspace;
mod logins;
mod lookups;
#[path = "../common/ports.rs"]
mod ports;
mod promise;
mod scans;
mod sink;
mod tls;
mod types;
