//! Changelogs as rows with weights: normalization, snapshots, and batch plans that are run again for changed keys.

pub mod changelog_snapshot;
pub mod coerce;
pub mod constants;
pub(super) mod expiring;
pub mod first_rows;
pub(super) mod key_index;
pub(super) mod key_slices;
pub mod materialize;
pub mod normalize;
pub mod recompute;
pub mod reconcile;
pub mod subplan;
pub mod zset;
