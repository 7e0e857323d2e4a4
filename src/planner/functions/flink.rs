//! Flink's functions that DataFusion does not have, or has with another meaning.

use std::sync::Arc;

use datafusion::execution::{FunctionRegistry, SessionState};

use crate::common::Result;

use super::decimals::DecimalPlanner;
use super::intervals::IntervalPlanner;
use super::{
    arrays, calendar, datafusion_compat, decimals, encoding, field_names, intervals, json, json_build, maps, numbers, percentile, printf,
    random, regex, round, string_position, text, time, to_string,
};

/// Registers all of them; for names that DataFusion has as well, Flink's meaning wins.
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
        state.register_udf(Arc::new(function.as_ref().clone().with_aliases([alias])))?;
    }
    for (name, alias) in [
        // NULLs are skipped, and the result of no values is NULL.
        ("string_agg", "listagg"),
        ("var", "variance"),
    ] {
        let function = state.udaf(name)?;
        state.register_udaf(Arc::new(function.as_ref().clone().with_aliases([alias])))?;
    }
    state.register_udaf(percentile::function())?;
    state.register_expr_planner(Arc::new(IntervalPlanner))?;
    state.register_expr_planner(Arc::new(DecimalPlanner))?;
    Ok(())
}
