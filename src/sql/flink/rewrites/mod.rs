//! Rewrites of sqlparser's trees: what Flink only writes in another way becomes what the planner knows.

mod calls;
pub(super) mod forms;
mod intervals;
pub(super) mod json_calls;
