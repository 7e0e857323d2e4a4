//! Tests of tables on files, local and on S3: every format and compression, globs, partitions, inferred columns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod avro;
mod broken;
#[path = "../common/cli.rs"]
mod cli;
mod columns;
mod int96;
mod mutated;
mod odd;
mod place;
mod reading;
mod s3;
mod writing;
mod wrong;
