//! Statements and what they mean: the catalog, the settings and the tables of a connection, and the jobs and queries made from them.
//!
//! ```text
//!  shell, server ─▶ Connection: SET, USE, TEMPORARY   connection.rs, tables.rs      one per client
//!                       │  execute.rs ─┬─ declare.rs, show.rs, explain.rs, check.rs, peek.rs
//!                       │              ├─ a query ──▶ a session that ends, or live_query.rs ▸ live_result.rs
//!                       │              ├─ rows ─────▶ write.rs
//!                       │              └─ a job ────▶ plan_job.rs ▸ start_job.rs
//!                       ▼
//!                   Workspace: catalog, connectors, open sources, memory, jobs      shared.rs, open_sources.rs      one per process
//! ```
//! A module above `jobs`, which knows nothing of statements: it runs what it is handed here.

mod analyze;
mod batch_insert;
pub mod check;
mod connection;
mod declare;
mod dependents;
#[cfg(test)]
mod dialect_tests;
mod execute;
mod explain;
pub mod job_settings;
mod job_sources;
mod limit;
mod live_query;
mod live_result;
mod names;
mod open_sources;
mod peek;
mod plan_job;
mod schema_inference;
mod script_job;
mod shared;
mod show;
mod show_jobs;
mod start_job;
mod tables;
mod view_jobs;
mod write;

pub use connection::Connection;
pub use declare::Ack;
pub use execute::Outcome;
pub use limit::Limit;
pub use live_query::LiveQuery;
pub use live_result::LiveResult;
pub use names::CompletionNames;
pub use script_job::ScriptJob;
pub use shared::Workspace;
pub use view_jobs::Keeper;
