//! Functions that DataFusion does not have, or has with another meaning: those that all dialects need, and Flink's (`flink.rs`);
//! `docs/functions.md` lists them all.
//!
//! There is one file per family, each with a list of its functions; `scalar.rs` is the framework they use. Test cases with their expected
//! results are in `cases/*.sql`.

use datafusion::execution::{FunctionRegistry, SessionState};

use crate::common::Result;

mod args;
mod arrays;
pub(super) mod calendar;
mod call;
pub mod checked;
pub(super) mod common_decimals;
mod compiled;
mod datafusion_compat;
pub mod decimals;
mod encoding;
pub mod field_names;
pub mod flink;
mod inherited;
pub mod intervals;
mod json;
mod json_build;
mod json_path;
mod maps;
pub mod min_max;
mod numbers;
mod ordered;
mod percentile;
mod printf;
mod random;
mod regex;
pub mod round;
mod rows;
mod scalar;
mod signed;
mod string_position;
mod sums;
#[cfg(test)]
mod tests;
mod text;
mod time;
pub mod to_string;
#[cfg(test)]
mod type_tests;

pub use arrays::cardinality_function as cardinality;
pub use scalar::element;
pub use signed::{row_number, window_function};
pub use sums::checked_sum;

/// Registers the functions that all dialects share, because plans depend on them: sums that do not wrap, counts as BIGINT, extremes in a
/// total order, aggregates with their own order.
///
/// # Errors
/// When DataFusion refuses one.
pub fn register_shared(state: &mut SessionState) -> Result<()> {
    for function in checked::functions() {
        state.register_udf(function)?;
    }
    for function in ordered::functions().into_iter().chain(min_max::functions()).chain([checked_sum()]) {
        state.register_udaf(function)?;
    }
    signed::register(state)?;
    Ok(())
}
