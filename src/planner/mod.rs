//! SQL trees to plans: one session for batch queries, one for continuous ones, and the templates that epochs are bound from.
//!
//! ```text
//!  sqlparser Query ─▶ session (names, TUMBLE ...) ─▶ LogicalPlan ─▶ optimizer
//!                                                        │ batch: run it
//!                                                        ▼ continuous
//!            continuous: which strategy per node ─▶ physical plan ─▶ stages: cut below each stateful node ─▶ Template
//!                                                                                   bind(splits, W) ─▶ plan of one epoch
//! ```
//! The planner uses only the traits of `connectors` and never a connector's name.

pub mod bind;
mod cast_types;
pub mod codec;
pub mod continuous;
mod functions;
mod mode;
mod physical;
pub mod provider;
pub mod session;
mod window_close;
pub mod window_start;
pub mod window_tvf;

pub use bind::Binding;
pub use continuous::{StateNode, Template};
pub use mode::Mode;
pub use provider::{DeclaredTable, Relation, Tables};
pub use session::Session;
