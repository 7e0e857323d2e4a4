//! The runtime of one epoch: its context, the plan nodes that run operators, the scans, and the clock and watermark columns.

pub mod clock_column;
pub mod context;
pub mod exchange;
pub mod expression_errors;
pub mod hash_partition;
pub mod heavy_keys;
pub(super) mod max_event_time;
pub(super) mod nested_projection;
pub mod one_input;
pub mod portable;
pub mod read_progress;
pub mod recursion;
pub mod row_number;
pub mod scan;
pub mod stateful;
pub mod static_scan;
pub mod watermark_column;
