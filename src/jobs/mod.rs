//! The runtime of continuous jobs: epochs, commits, publishing, recovery.
//!
//! ```text
//!  sources ─▶ [epoch: choose ranges ▸ run ▸ fold] ─▶ pending ─▶ [commit: one object] ─▶ [publish: one task per sink]
//!    follow()      as data arrives                     every checkpoint.interval            in order, exactly once
//! ```
//! The three run concurrently: the next epoch runs while a commit is written, and commits continue while a sink lags.

mod alignment;
pub mod changes;
pub mod claim;
mod commit_contents;
pub mod commits;
pub mod dead_letter;
pub mod driver;
mod failing_row;
pub mod handle;
pub mod inputs;
pub mod job_registry;
pub mod late;
pub mod memory;
pub mod metrics;
pub mod metrics_view;
pub mod pipeline;
pub mod progress;
pub mod publish;
pub mod readers;
mod recovery;
mod rescale;
pub mod routed_sink;
pub mod snapshots;
mod source_state;
pub mod spec;
pub mod stage_runner;
pub mod stages;
mod startup;
pub mod stored_view;
mod view_source;
pub mod views;
pub mod watermark;

pub use claim::{ClaimedJob, claim, resumes, run};
pub use driver::Ending;
pub use metrics::JobMetrics;
pub use progress::{Phase, Status};
pub use spec::{Insert, JobSpec, Settings};
