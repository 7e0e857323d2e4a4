//! Rewrites of plans and expressions that give Flink's results where DataFusion's differ.

pub(super) mod cast_types;
pub(super) mod column_order;
pub(super) mod deterministic_order;
pub(super) mod flink_casts;
pub(super) mod integer_avg;
pub(super) mod lossy_casts;
pub(super) mod normalize_zero;
pub(super) mod null_order;
pub(super) mod row_field_names;
pub(super) mod serializable_over;
pub(super) mod single_row;
pub(super) mod subqueries;
pub(super) mod tuples;
pub(super) mod wide_decimals;
mod window_functions;
