//! Rewrites of sqlparser's trees: turns Flink's alternative forms into those that the planner knows.

mod calls;
pub(super) mod forms;
mod intervals;
pub(super) mod json_calls;
