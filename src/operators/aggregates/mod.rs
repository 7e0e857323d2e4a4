//! GROUP BY without a final window, and the merging of partial aggregates that windows use as well.

pub mod keyed_aggregate;
pub mod merge;
pub(super) mod merge_sorted;
pub mod min_max;
