//! Statements and what they mean: the catalog, the settings and the tables of a run, and the jobs and queries made from them.
//!
//! A module above `jobs`, which knows nothing of statements: it runs what it is handed here.

mod analyze;
mod batch_insert;
pub mod check;
mod declare;
mod dependents;
mod execute;
mod job_sources;
mod live_query;
mod names;
mod peek;
mod schema_inference;
mod show;
mod show_jobs;
pub mod statements;
mod table_registry;
mod view_jobs;

pub use declare::Done;
pub use execute::Outcome;
pub use live_query::LiveQuery;
pub use names::Names;
pub use statements::Workspace;
pub use view_jobs::Keeper;
