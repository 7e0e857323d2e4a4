//! What changes because the clock goes on: filters, and columns that hold the clock.

pub mod materialize;
pub mod temporal_filter;
pub mod ticking_clock;
pub mod ticking_filter;
pub(super) mod ticks;
