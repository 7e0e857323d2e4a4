//! Rewrites of sqlparser's trees: what is only written in another way becomes what the planner knows.

pub(super) mod calls;
pub(super) mod casts;
pub mod duplicates;
pub(super) mod forms;
pub(super) mod intervals;
pub(super) mod json_calls;
