//! Joins: of changes, over intervals of event time, and with tables as they are now.

pub mod delta_join;
pub mod interval_join;
pub mod lookup_join;
