//! Running a continuous job: epochs, commits, publishing, recovery.
//!
//! ```text
//!  sources ─▶ [epoch: choose ranges ▸ run ▸ fold] ─▶ pending ─▶ [commit: one object] ─▶ [publish: one task per sink]
//!    follow()      as data arrives                     every checkpoint.interval            in order, exactly once
//! ```
//! The three run side by side: the next epoch runs while a commit is written, and commits go on while a sink lags.

mod alignment;
mod analyze;
mod answers;
mod begin;
mod changes;
pub mod check;
pub mod commits;
pub mod dead_letter;
mod declare;
pub mod driver;
mod execute;
mod gauge;
mod inferred;
pub mod inputs;
mod job_sources;
mod keepers;
pub mod late;
mod listed;
mod live;
mod memories;
pub mod memory;
pub mod meter;
mod names;
mod once;
mod open;
mod peek;
pub mod pipeline;
pub mod progress;
pub mod publish;
mod readers;
mod recovery;
mod routed_sink;
mod snapshots;
pub mod spec;
mod started;
pub mod taken;
mod users;
mod view_source;
pub mod views;
pub mod watermark;
pub mod workspace;

pub use declare::Done;
pub use driver::Ending;
pub use execute::Outcome;
pub use gauge::Gauge;
pub use keepers::Keeper;
pub use live::Live;
pub use names::Names;
pub use progress::{Phase, Status};
pub use spec::{Insert, JobSpec, Settings};
pub use taken::{Taken, resumes, run, take};
pub use workspace::Workspace;
