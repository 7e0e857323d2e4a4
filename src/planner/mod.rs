//! SQL trees to plans: one session for batch queries, one for continuous ones, and the templates that epochs are bound from.
//!
//! ```text
//!  sqlparser Query ─▶ session (names, TUMBLE, HOP ...) ─▶ LogicalPlan ─▶ optimizer
//!                                                        │ batch: run it
//!                                                        ▼ continuous
//!            lower: which strategy per node; stages are cut at each stateful one ─▶ Program
//!                                                              bind(splits, W) ─▶ plans of one epoch
//! ```
//! The planner uses only the traits of `connectors` and never a connector's name.

mod apart;
mod as_of;
mod averages;
pub mod bind;
mod bounds;
mod cast_types;
mod clock;
pub mod codec;
mod column_order;
mod columns;
pub mod continuous;
mod current_watermark;
mod cut;
pub mod explain;
mod filter_pushdown;
mod first_rows;
mod flink_casts;
mod functions;
mod limits;
mod lossy_casts;
mod lower;
mod mode;
mod null_order;
mod over_forms;
mod physical;
mod planned;
pub mod program;
pub mod provider;
mod row_fields;
pub mod session;
mod session_windows;
mod single_row;
mod subqueries;
mod total_order;
mod traits;
mod tuples;
mod unnest;
mod using;
mod wide_decimals;
mod window_call;
pub mod window_tvf;
mod zeros;

pub use bind::Binding;
pub use continuous::{ContinuousPlanner, Streaming};
pub use explain::{Explained, Measured};
pub use mode::Mode;
pub use program::{Output, Program, Stage, StateNode};
pub use provider::{Content, DeclaredTable, Kept, Relation, Tables, View};
pub use session::Session;
pub use traits::{Domain, Shape};
