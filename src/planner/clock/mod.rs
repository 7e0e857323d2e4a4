//! The clock in SQL: `now()`, `PROCTIME()` and their kin.
//!
//! A query that ends has one clock: the time at which it began. A continuous query has one per epoch, which is recorded with
//! it and never goes back. What a clock means there depends on where it stands:
//!
//! ```text
//!  SELECT a, now()            Projection: a, __clock         the clock at which the row entered,
//!    FROM t                     Clock                        kept with the row from then on
//!                                 TableScan: t
//!
//!  WHERE ts > now() - ...     Live: ts > __clock() - ...     rows come and go by themselves
//!                               Filter: the rest
//! ```
//! 1. `functions`: all clocks are expressions over one volatile `__clock()`, which the optimizer can neither fold nor move.
//! 2. `stay`: a filter by the clock is not pushed below what groups.
//! 3. `place`: the optimized plan with the nodes `Clock` and `TemporalFilterNode` where a clock is asked for.
//! 4. `trend`: which predicates let a row pass for one span of time.
//!
//! Where neither will do (conditions of outer joins, ORDER BY with LIMIT, WITH RECURSIVE) a `Clock` that ticks puts the clock of
//! now behind every row, and changes all of them with it.

mod as_column;
mod functions;
mod nodes;
mod place;
mod stay;
mod trend;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result as DfResult};
use datafusion::logical_expr::Expr;

use crate::sql::types::utc;

pub(super) use functions::register;
pub(super) use nodes::{Clock, TemporalFilterNode, with_clock};
pub(super) use place::place;
pub(super) use stay::KeepClockFilters;
pub(super) use trend::{Passing, passing};

pub use crate::operators::epoch::clock_column::CLOCK;

/// The functions whose value is the clock itself.
const EXACT: [&str; 3] = ["__clock", "now", "proctime"];
/// Those that are made of it.
const DERIVED: [&str; 3] = ["current_date", "current_time", "localtimestamp"];

/// The type of the clock: TIMESTAMP_LTZ(3).
pub(super) fn clock_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, utc())
}

/// Whether an expression is the clock and nothing else.
pub(super) fn is_clock(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_clock(&alias.expr),
        Expr::ScalarFunction(f) => f.args.is_empty() && EXACT.contains(&f.name()),
        _ => false,
    }
}

/// Whether an expression asks for the clock.
pub(super) fn has_clock(expr: &Expr) -> bool {
    let clock = |e: &Expr| matches!(e, Expr::ScalarFunction(f) if EXACT.contains(&f.name()) || DERIVED.contains(&f.name()));
    expr.exists(|e| Ok(clock(e))).unwrap_or(false)
}

/// The expression with the column [`CLOCK`] in the place of `__clock()`.
///
/// # Errors
/// Never; DataFusion's walks can fail.
pub(super) fn from_column(expr: Expr) -> DfResult<Expr> {
    let replaced = expr.transform_down(|e| {
        if is_clock(&e) && !matches!(e, Expr::Alias(_)) {
            return Ok(Transformed::new(Expr::Column(Column::new_unqualified(CLOCK)), true, TreeNodeRecursion::Jump));
        }
        Ok(Transformed::no(e))
    })?;
    Ok(replaced.data)
}
