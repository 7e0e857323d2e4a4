//! Joins: of changes, over intervals of event time, and with the current content of tables.

pub mod delta_join;
pub mod interval_join;
pub mod lookup_join;
