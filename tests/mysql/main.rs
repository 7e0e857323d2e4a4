//! Tests of tables in MySQL 8 and MariaDB, on real servers: reads, lookups, writes, and exactly-once despite failures.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../common/cli.rs"]
mod cli;
#[path = "../common/mod.rs"]
mod common;
#[path = "../common/database.rs"]
mod database;
#[path = "../common/keyspace.rs"]
#[expect(dead_code, reason = "tests of Cassandra alone use more of it")]
mod keyspace;
mod lookups;
#[path = "../common/ports.rs"]
mod ports;
mod promise;
mod scans;
mod servers;
mod sink;
mod trading;
mod types;
