//! Plans SQL trees: one session for batch queries, one for continuous ones, and the plan templates that are bound to epochs.
//!
//! ```text
//!  sqlparser Query ─▶ session (names, TUMBLE, HOP ...) ─▶ LogicalPlan ─▶ optimizer
//!                                                        │ batch: run it
//!                                                        ▼ continuous
//!            lower: which strategy per node; stages are cut at each stateful one ─▶ Program
//!                                                              bind(splits, W) ─▶ plans of one epoch
//! ```
//! The planner uses only the traits of `connectors` and never a connector's name.

mod as_of;
pub mod bind;
mod case_insensitive;
mod clock;
pub mod codec;
mod columns;
pub mod continuous;
mod current_watermark;
mod dialects;
pub mod explain;
mod filter_pushdown;
mod first_rows;
mod foreign_view;
mod functions;
mod limits;
mod logical;
mod lookup_scan;
mod lower;
mod metadata_predicate;
mod mode;
mod nodes;
mod physical;
mod planned_query;
pub mod program;
mod properties;
pub mod provider;
mod query_runtime;
pub mod rewrites;
mod row_fields;
mod rules;
pub mod session;
mod session_windows;
mod streaming_settings;
#[cfg(test)]
mod test_dialect;
mod unnest;
mod using;
mod window_call;
pub mod window_tvf;

pub use bind::Binding;
pub use continuous::ContinuousPlanner;
pub use explain::{Exchanged, Explained, Measured, StageMeasured};
pub use mode::Mode;
pub use program::{HashExchange, Output, Program, Stage, StateNode};
pub use properties::{Domain, Shape};
pub use provider::{Content, DeclaredTable, MaterializedContent, Relation, Tables, ViewDefinition};
pub use query_runtime::QueryRuntime;
pub use session::Session;
pub use streaming_settings::StreamingSettings;
