//! The clock in SQL: `now()`, `PROCTIME()` and related functions.
//!
//! A bounded query has one clock: the time at which it began. A continuous query has one per epoch, which is recorded with the epoch and
//! never goes back. What a clock means there depends on its place:
//!
//! ```text
//!  SELECT a, now()            Projection: a, __clock         the clock at which the row entered,
//!    FROM t                     Clock                        kept with the row from then on
//!                                 TableScan: t
//!
//!  WHERE ts > now() - ...     Live: ts > __clock() - ...     rows are added and retracted as the clock advances
//!                               Filter: the rest
//! ```
//! 1. `functions`: all clock functions are expressions over one volatile `__clock()`, which the optimizer can neither fold nor move.
//! 2. `stay`: a filter by the clock is not pushed below grouping nodes.
//! 3. `place`: adds the nodes `Clock` and `TemporalFilterNode` to the optimized plan where an expression reads the clock.
//! 4. `trend`: decides which predicates let a row pass for one span of time.
//!
//! Where neither is possible (conditions of outer joins, ORDER BY with LIMIT, WITH RECURSIVE) a `Clock` that ticks appends the current
//! clock to every row, and changes all of them at each tick.

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
/// The functions that are computed from it.
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

/// Whether an expression contains the clock.
pub(super) fn has_clock(expr: &Expr) -> bool {
    let clock = |e: &Expr| matches!(e, Expr::ScalarFunction(f) if EXACT.contains(&f.name()) || DERIVED.contains(&f.name()));
    expr.exists(|e| Ok(clock(e))).unwrap_or(false)
}

/// Replaces `__clock()` in an expression by the column [`CLOCK`].
///
/// # Errors
/// Never fails; DataFusion's tree walks are fallible by type.
pub(super) fn from_column(expr: Expr) -> DfResult<Expr> {
    let replaced = expr.transform_down(|e| {
        if is_clock(&e) && !matches!(e, Expr::Alias(_)) {
            return Ok(Transformed::new(Expr::Column(Column::new_unqualified(CLOCK)), true, TreeNodeRecursion::Jump));
        }
        Ok(Transformed::no(e))
    })?;
    Ok(replaced.data)
}
