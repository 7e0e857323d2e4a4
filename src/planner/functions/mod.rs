//! Flink's functions, where DataFusion has none of that name or one with another meaning; `docs/functions.md` lists them all.
//!
//! One file per family, each with a list of its functions; `scalar.rs` is what they are made of. Cases with their expected
//! answers stand in `cases/*.sql`.

use datafusion::execution::{FunctionRegistry, SessionState};

use crate::common::Result;

mod args;
mod arrays;
pub(super) mod calendar;
mod call;
pub mod checked;
pub(super) mod common_decimals;
mod compiled;
pub mod decimals;
mod inherited;
pub mod intervals;
mod json;
mod json_build;
mod json_path;
mod maps;
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
mod sums;
mod text;
mod time;

pub use arrays::cardinality_function as cardinality;
pub use scalar::element;
pub use signed::{row_number, window_function};
pub use sums::checked_sum;

/// Registers all of them; names that DataFusion has too mean Flink's from then on.
///
/// # Errors
/// When DataFusion refuses one.
pub fn register(state: &mut SessionState) -> Result<()> {
    let families = [
        text::functions(),
        string_position::functions(),
        encoding::functions(),
        field_names::functions(),
        arrays::functions(),
        maps::functions(),
        datafusion_compat::functions(state)?,
        numbers::functions(),
        decimals::functions(),
        checked::functions(),
        round::functions(),
        intervals::functions(),
        random::functions(),
        regex::functions(),
        time::functions(),
        calendar::functions(),
        json::functions(),
        json_build::functions(),
        to_string::functions(),
        printf::functions(),
    ];
    for function in families.into_iter().flatten() {
        state.register_udf(function)?;
    }
    for (name, alias) in [("starts_with", "startswith"), ("ends_with", "endswith")] {
        let function = state.udf(name)?;
        state.register_udf(std::sync::Arc::new(function.as_ref().clone().with_aliases([alias])))?;
    }
    for function in ordered::functions() {
        state.register_udaf(function)?;
    }
    for (name, alias) in [
        // NULLs are left out, and nothing at all is NULL.
        ("string_agg", "listagg"),
        ("var", "variance"),
    ] {
        let function = state.udaf(name)?;
        state.register_udaf(std::sync::Arc::new(function.as_ref().clone().with_aliases([alias])))?;
    }
    for function in min_max::functions() {
        state.register_udaf(function)?;
    }
    state.register_udaf(percentile::function())?;
    state.register_udaf(checked_sum())?;
    signed::register(state)?;
    Ok(())
}

mod datafusion_compat;
mod encoding;
pub mod field_names;
pub mod min_max;
mod string_position;
#[cfg(test)]
mod tests;
pub mod to_string;
#[cfg(test)]
mod type_tests;
