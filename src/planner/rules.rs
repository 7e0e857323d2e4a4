//! The rewrites of the text and the plan of every query that run before DataFusion's own analyzer and optimizer, in this order.
//!
//! ```text
//!  SQL ─▶ TEXT_RULES ─▶ plan ─▶ RULES, one after the other ─▶ DataFusion: analyzer ▸ optimizer ─▶ a physical plan, or the stages of a job
//! ```
//! The rules of a dialect give its result where DataFusion's differs. The parts of a query in another dialect have been through that
//! dialect's rules and are hidden from these (`foreign_view.rs`). `EXPLAIN VERBOSE` shows the plan after each rule that changes it.

use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::Query;

use crate::common::Result;
use crate::sql::Dialect;

use super::as_of::as_of;
use super::functions::round::by_row;
use super::mode::Mode;
use super::rewrites::deterministic_order::total_order;
use super::rewrites::flink_casts::flink_casts;
use super::rewrites::integer_avg::integer_averages;
use super::rewrites::normalize_zero::one_zero;
use super::rewrites::null_order::{self, times_last};
use super::rewrites::row_field_names;
use super::rewrites::serializable_over::sendable;
use super::rewrites::subqueries::counted;
use super::rewrites::tuples;
use super::rewrites::wide_decimals::wide_decimals;
use super::unnest::beside;

/// The context that a rule may use beside the plan.
pub(super) struct RuleContext<'a> {
    /// The dialect of the query.
    pub dialect: Dialect,
    /// How the query will run.
    pub mode: Mode,
    /// The functions of the session.
    pub functions: &'a dyn FunctionRegistry,
}

/// The dialects whose queries a rule applies to.
pub(super) enum Holds {
    /// All: rules for equal results in batch and streaming, and for forms that DataFusion cannot run.
    Always,
    /// These: rules for the values of expressions in them.
    In(&'static [Dialect]),
}

impl Holds {
    fn for_queries_of(&self, dialect: Dialect) -> bool {
        match self {
            Self::Always => true,
            Self::In(dialects) => dialects.contains(&dialect),
        }
    }
}

/// A rewrite of the plan of every query.
pub(super) struct Rule {
    /// Its name in EXPLAIN VERBOSE.
    pub name: &'static str,
    /// Where it applies.
    pub holds: Holds,
    apply: fn(LogicalPlan, &RuleContext<'_>) -> Result<LogicalPlan>,
}

/// A rewrite of the text of every query, where DataFusion's planner would read it differently.
struct TextRule {
    holds: Holds,
    apply: fn(&mut Query) -> Result<()>,
}

/// Only Flink's dialect.
const FLINK: Holds = Holds::In(&[Dialect::FLINK]);

/// All rules, in the order in which they are applied.
pub(super) const RULES: [Rule; 11] = [
    // Types first: later rules build on the final types.
    Rule { name: "round_by_row", holds: FLINK, apply: |plan, _| by_row(plan) },
    Rule { name: "times_without_value_last", holds: Holds::Always, apply: |plan, _| times_last(plan) },
    Rule { name: "wide_decimals", holds: FLINK, apply: |plan, _| wide_decimals(plan) },
    // Then joins and subqueries, some of which become nodes that the following rules look into.
    Rule { name: "count_in_subqueries", holds: Holds::Always, apply: |plan, _| counted(plan) },
    Rule { name: "as_of_join", holds: Holds::Always, apply: |plan, _| as_of(plan) },
    Rule { name: "unnest_beside", holds: Holds::Always, apply: |plan, _| beside(plan) },
    Rule { name: "deterministic_order", holds: Holds::Always, apply: |plan, context| total_order(plan, context.mode) },
    Rule { name: "normalize_zero", holds: Holds::Always, apply: |plan, _| one_zero(plan) },
    Rule { name: "serializable_over", holds: Holds::Always, apply: |plan, _| sendable(plan) },
    Rule { name: "integer_avg", holds: FLINK, apply: |plan, _| integer_averages(plan) },
    // Last, because the rules above add casts.
    Rule { name: "flink_casts", holds: FLINK, apply: |plan, context| flink_casts(plan, context.functions) },
];

/// All rewrites of the text, in the order in which they are applied.
const TEXT_RULES: [TextRule; 3] = [
    TextRule { holds: FLINK, apply: |query| done(query, row_field_names::name) },
    TextRule { holds: Holds::Always, apply: |query| done(query, null_order::mark) },
    TextRule { holds: Holds::Always, apply: tuples::compared },
];

fn done(query: &mut Query, rewrite: impl Fn(&mut Query)) -> Result<()> {
    rewrite(query);
    Ok(())
}

/// Rewrites the text of a query.
///
/// # Errors
/// When a rule does not support the query.
pub(super) fn rewrite_text(query: &mut Query, dialect: Dialect) -> Result<()> {
    TEXT_RULES.iter().filter(|rule| rule.holds.for_queries_of(dialect)).try_for_each(|rule| (rule.apply)(query))
}

/// Applies all rules; `seen` gets the plan after each of them.
///
/// # Errors
/// When a rule does not support the plan.
pub(super) fn apply(
    mut plan: LogicalPlan,
    context: &RuleContext<'_>,
    seen: &mut (dyn FnMut(&'static str, &LogicalPlan) + Send),
) -> Result<LogicalPlan> {
    for rule in RULES.iter().filter(|rule| rule.holds.for_queries_of(context.dialect)) {
        plan = (rule.apply)(plan, context)?;
        seen(rule.name, &plan);
    }
    Ok(plan)
}
