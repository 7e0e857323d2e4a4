//! Flink's functions, where DataFusion has none of that name or one with another meaning; `docs/functions.md` lists them all.
//!
//! One file per family, each with a list of its functions; `scalar.rs` is what they are made of. Cases with their expected
//! answers stand in `cases/*.sql`.

use datafusion::execution::{FunctionRegistry, SessionState};

use crate::common::Result;

mod adapted;
mod args;
mod arrays;
mod calendar;
mod call;
mod codes;
mod compiled;
mod extremes;
mod java_parse;
mod java_time;
mod json;
mod json_path;
mod numbers;
mod places;
mod regex;
mod scalar;
mod text;
mod time;

#[cfg(test)]
mod tests;

/// Registers all of them; names that DataFusion has too mean Flink's from then on.
///
/// # Errors
/// When DataFusion refuses one.
pub fn register(state: &mut SessionState) -> Result<()> {
    let families = [
        text::functions(),
        places::functions(),
        codes::functions(),
        arrays::functions(),
        adapted::functions(state)?,
        numbers::functions(),
        regex::functions(),
        time::functions(),
        calendar::functions(),
        json::functions(),
    ];
    for function in families.into_iter().flatten() {
        state.register_udf(function)?;
    }
    for (name, alias) in [("starts_with", "startswith"), ("ends_with", "endswith")] {
        let function = state.udf(name)?;
        state.register_udf(std::sync::Arc::new(function.as_ref().clone().with_aliases([alias])))?;
    }
    // LISTAGG and STRING_AGG are one: NULLs are left out, and nothing at all is NULL.
    let string_agg = state.udaf("string_agg")?;
    state.register_udaf(std::sync::Arc::new(string_agg.as_ref().clone().with_aliases(["listagg"])))?;
    for function in extremes::functions() {
        state.register_udaf(function)?;
    }
    Ok(())
}
