//! Tests of the command line: its commands, its output, and its errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

#[path = "../common/cli.rs"]
mod cli;
mod command_line;
mod hostile_sql;
mod messages;
mod secrets;
