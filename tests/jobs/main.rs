//! Tests of whole jobs: in this process over topics in memory, and as processes that are killed, on a real Kafka and a real S3.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod calendar;
mod checkpoints_on_s3;
#[path = "../common/mod.rs"]
mod common;
mod current_watermark;
mod embedded;
#[path = "../common/epochs.rs"]
mod epochs;
mod exactly_once;
mod files_streaming;
#[path = "../../benches/nexmark/generator.rs"]
mod generator;
mod job_life;
mod late_and_skew;
mod lookup_by_key;
mod lookups;
#[path = "../common/manual_clock.rs"]
mod manual_clock;
mod memory;
mod nexmark;
mod snapshots;
mod views;
mod windows;
