//! Operators whose output changes with processing time: temporal filters and columns of the clock.

pub mod materialize;
pub mod temporal_filter;
pub mod ticking_clock;
pub mod ticking_filter;
pub(super) mod ticks;
