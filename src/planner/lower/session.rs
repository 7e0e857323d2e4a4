//! Lowers SESSION windows: merged with the aggregate above them if it groups by their key, else row by row.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

use crate::common::{Error, Result};
use crate::operators::aggregates::merge::Functions;
use crate::operators::windows::late_filter::LateRule;
use crate::operators::windows::session::{SessionMerge, Sessions};

use super::super::session_windows::expand_sessions;
use super::super::window_tvf::WindowTvf;
use super::recompute::Partitioning;
use super::{Input, Lowered, Lowering, copied, leaves};
use crate::planner::properties::{Role, Session, StreamProperties, Time};

impl Lowering {
    /// Merges sessions, if those of the rows are provisional.
    pub(super) async fn merge_sessions(&mut self, input: Lowered) -> Result<Lowered> {
        let Some(session) = input.properties.session.clone() else { return Ok(input) };
        let schema = Arc::clone(input.plan.schema());
        let mut properties = StreamProperties { session: None, keys: Vec::new(), times: BTreeMap::new(), ..input.properties.clone() };
        properties.times.extend(times(&session, Some));
        let sessions = Sessions { gap: session.gap, keys: session.partition.clone(), window: session.window };
        let input = self.in_time(input, &session)?;
        let operator = SessionMerge::new(None, Arc::clone(schema.inner()), sessions);
        let input = Input::Piece(Box::new(input));
        self.operator(Arc::new(operator), vec![input], &schema, Some(&session.time), properties).await
    }

    /// An aggregate by sessions: `groups` are the indices of the key and of the window among its groups.
    pub(super) async fn session_aggregate(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        session: &Session,
        groups: Sessions,
    ) -> Result<Lowered> {
        let schema = plan.schema();
        let count = aggregate.group_expr.len();
        let mut properties =
            StreamProperties { sources: input.properties.sources.clone(), keys: vec![(0..count).collect()], ..StreamProperties::default() };
        let place = |column: usize| session.window.iter().position(|c| *c == Some(column)).and_then(|which| groups.window[which]);
        properties.times.extend(times(session, place));
        let input = self.in_time(input, session)?;
        let (scans, nodes) = (leaves(&input.plan)?.0, input.nodes.clone());
        let (first, last) = self.aggregate_halves(aggregate, input.plan).await?;
        let functions = Functions::new(last)?;
        let rows = Arc::clone(functions.partial());
        let operator = SessionMerge::new(Some(functions), rows, groups);
        let input = Input::Planned(first, scans, nodes);
        self.operator(Arc::new(operator), vec![input], schema, Some(&session.time), properties).await
    }

    /// Adds a late filter, unless an operator below has one.
    fn in_time(&mut self, input: Lowered, session: &Session) -> Result<Lowered> {
        let sessions = Sessions { gap: session.gap, keys: session.partition.clone(), window: session.window };
        self.with_late_rule(input, self.next_node(), &session.time, &LateRule::Session(sessions))
    }

    /// Sessions that may change: over updates, or emitted before they are complete.
    pub(super) async fn changing_sessions(&mut self, plan: &LogicalPlan, window: &WindowTvf, input: Lowered) -> Result<Lowered> {
        let keys: Vec<Expr> = window.partition.iter().cloned().map(Expr::Column).collect();
        let partitioning = Partitioning { inputs: vec![keys.clone()], output: keys };
        let originals = vec![Arc::clone(window.input.schema())];
        self.recompute_over(plan, originals, vec![input], partitioning, Vec::new(), |plan, leaves| {
            let expanded = expand_sessions(plan.with_new_exprs(plan.expressions(), leaves)?)?;
            // The same columns in the same order, under their own names.
            if expanded.schema().fields().len() == plan.schema().fields().len() {
                Ok(expanded)
            } else {
                Err(Error::internal("sessions with other columns"))
            }
        })
        .await
    }
}

/// Times of complete sessions: `place` maps a window column to its index in the output.
fn times(session: &Session, place: impl Fn(usize) -> Option<usize>) -> Vec<(usize, Time)> {
    // W does not bound a session's start.
    let roles = [None, Some(Role::End), Some(Role::Last)];
    let columns = session.window.iter().zip(roles);
    columns.filter_map(|(column, role)| Some((place((*column)?)?, Time { role: role?, ..session.time.guarded() }))).collect()
}

/// The indices of the session's columns among the groups of an aggregate that groups by exactly the session and its key.
pub(super) fn session_groups(aggregate: &Aggregate, session: &Session) -> Option<Sessions> {
    let schema = aggregate.input.schema();
    let groups = aggregate.group_expr.iter().map(|e| copied(e, schema)).collect::<Option<Vec<usize>>>()?;
    let place = |column: usize| groups.iter().position(|g| *g == column);
    let window = session.window.map(|c| c.and_then(place));
    let keys = session.partition.iter().map(|c| place(*c)).collect::<Option<Vec<usize>>>()?;
    let others = groups.iter().enumerate().any(|(i, _)| !keys.contains(&i) && !window.contains(&Some(i)));
    (window[0].is_some() && window[1].is_some() && !others).then_some(Sessions { gap: session.gap, keys, window })
}
