//! TUMBLE, HOP, CUMULATE and SESSION: window arithmetic, window aggregates, and late rows.

pub mod arithmetic;
pub mod late_filter;
pub mod pane_aggregate;
pub mod panes;
pub mod session;
pub(super) mod session_late;
pub mod window_aggregate;
pub mod window_assign;
pub mod window_batch;
