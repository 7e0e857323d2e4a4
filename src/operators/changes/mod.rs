//! Changes as rows with weights: keys, the content that they amount to, and the batch plan run again on what they touch.

pub mod changelog_snapshot;
pub mod coerce;
pub mod constants;
pub(super) mod expiring;
pub mod first_rows;
pub(super) mod key_index;
pub mod materialize;
pub mod normalize;
pub mod recompute;
pub mod reconcile;
pub mod subplan;
pub mod zset;
