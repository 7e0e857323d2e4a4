//! What happens to the plan of every query before DataFusion's own analyzer and optimizer see it, in this order.
//!
//! ```text
//!  SQL ─▶ plan ─▶ RULES, one after the other ─▶ DataFusion: analyzer ▸ optimizer ─▶ a physical plan, or the stages of a job
//! ```
//! Rules of a dialect give its answer where DataFusion has its own. What a query reads in another dialect has been through the rules of
//! that one and is closed to these (`foreign_view.rs`). `EXPLAIN VERBOSE` shows the plan after each rule that changes it.

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::LogicalPlan;

use crate::common::Result;
use crate::sql::Dialect;

use super::as_of::as_of;
use super::functions::round::by_row;
use super::mode::Mode;
use super::rewrites::deterministic_order::total_order;
use super::rewrites::flink_casts::flink_casts;
use super::rewrites::integer_avg::integer_averages;
use super::rewrites::normalize_zero::one_zero;
use super::rewrites::null_order::times_last;
use super::rewrites::serializable_over::sendable;
use super::rewrites::subqueries::counted;
use super::rewrites::wide_decimals::wide_decimals;
use super::unnest::beside;

/// What a rule may look at beside the plan.
pub(super) struct RuleContext<'a> {
    /// The dialect of the query.
    pub dialect: Dialect,
    /// How the query will run.
    pub mode: Mode,
    /// The functions of the session.
    pub functions: &'a dyn FunctionRegistry,
}

/// For queries of which dialects a rule holds.
pub(super) enum Holds {
    /// Of all: answers that do not depend on how a query runs, forms that DataFusion cannot run.
    Always,
    /// Of these: what expressions are worth there.
    In(&'static [Dialect]),
}

/// A rewrite of the plan of every query.
pub(super) struct Rule {
    /// What EXPLAIN VERBOSE calls it.
    pub name: &'static str,
    /// Where it holds.
    pub holds: Holds,
    apply: fn(LogicalPlan, &RuleContext<'_>) -> Result<LogicalPlan>,
}

/// Of Flink's dialect alone.
const FLINK: Holds = Holds::In(&[Dialect::FLINK]);

/// All rules, in the order in which they are applied.
pub(super) const RULES: [Rule; 11] = [
    // Types first: what later rules add is made of the types that come out in the end.
    Rule { name: "round_by_row", holds: FLINK, apply: |plan, _| by_row(plan) },
    Rule { name: "times_without_value_last", holds: Holds::Always, apply: |plan, _| times_last(plan) },
    Rule { name: "wide_decimals", holds: FLINK, apply: |plan, _| wide_decimals(plan) },
    // Then joins and subqueries, of which some become nodes that the following rules look into.
    Rule { name: "count_in_subqueries", holds: Holds::Always, apply: |plan, _| counted(plan) },
    Rule { name: "as_of_join", holds: Holds::Always, apply: |plan, _| as_of(plan) },
    Rule { name: "unnest_beside", holds: Holds::Always, apply: |plan, _| beside(plan) },
    Rule { name: "deterministic_order", holds: Holds::Always, apply: |plan, context| total_order(plan, context.mode) },
    Rule { name: "normalize_zero", holds: Holds::Always, apply: |plan, _| one_zero(plan) },
    Rule { name: "serializable_over", holds: Holds::Always, apply: |plan, _| sendable(plan) },
    Rule { name: "integer_avg", holds: FLINK, apply: |plan, _| integer_averages(plan) },
    // Last, because the rules above add casts of their own.
    Rule { name: "flink_casts", holds: FLINK, apply: |plan, context| flink_casts(plan, context.functions) },
];

/// Applies all rules; `seen` is shown the plan after each of them.
///
/// # Errors
/// What a rule does not take.
pub(super) fn apply(
    mut plan: LogicalPlan,
    context: &RuleContext<'_>,
    seen: &mut (dyn FnMut(&'static str, &LogicalPlan) + Send),
) -> Result<LogicalPlan> {
    let holds = |rule: &&Rule| match rule.holds {
        Holds::Always => true,
        Holds::In(dialects) => dialects.contains(&context.dialect),
    };
    for rule in RULES.iter().filter(holds) {
        plan = (rule.apply)(plan, context)?;
        seen(rule.name, &plan);
    }
    Ok(plan)
}
