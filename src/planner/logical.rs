//! Plans a query into a logical plan, in the state of its dialect: rewrites the text, plans it, and applies all [`rules`].

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;

use crate::common::Result;
use crate::sql::ast::Query;
use crate::sql::size;

use super::limits;
use super::mode::Mode;
use super::planned_query::planned;
use super::provider::Tables;
use super::rules::{self, RuleContext};
use super::using::joins_on;

/// Plans a query, in which views of other dialects stay closed. Rewrites its text where DataFusion's planner would read it differently,
/// then its plan by all [`rules`].
pub(super) async fn statement(state: &SessionState, tables: &dyn Tables, query: Query, mode: Mode) -> Result<LogicalPlan> {
    traced(state, tables, query, mode, &mut |_, _| {}).await
}

/// Like [`statement`]; `seen` gets the plan as written, and after each rule.
pub(super) async fn traced(
    state: &SessionState,
    tables: &dyn Tables,
    query: Query,
    mode: Mode,
    seen: &mut (dyn FnMut(&'static str, &LogicalPlan) + Send),
) -> Result<LogicalPlan> {
    let aggregate = |name: &str| state.aggregate_functions().contains_key(name.to_ascii_lowercase().as_str());
    let (dialect, mut query) = (query.dialect, *query.query);
    size::check(&query, &|name| tables.columns(name).len(), &aggregate)?;
    rules::rewrite_text(&mut query, dialect)?;
    joins_on(&mut query, state, tables).await?;
    let plan = planned(state, tables, query).await?;
    limits::check(&plan)?;
    seen("as written", &plan);
    rules::apply(plan, &RuleContext { dialect, mode, functions: state }, seen)
}
