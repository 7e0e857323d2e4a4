//! Lowers linear nodes: their output for a row does not depend on other rows, so DataFusion's nodes also run over changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{Expr, Extension, Filter, LogicalPlan, Projection, SubqueryAlias, Union, Unnest};

use crate::common::{Error, Result};
use crate::operators::windows::arithmetic::WindowKind;
use crate::sql::ast::Emit;

use super::super::clock::{Clock, TemporalFilterNode};
use super::super::current_watermark::asks;
use super::super::first_rows::FirstRowsNode;
use super::super::window_tvf::WindowTvf;
use super::first_row::BEGUN;
use super::watermark::asks_above;
use super::{Lowered, Lowering, columns, copied, leaves, weight, weight_one, weighted};
use crate::planner::properties::{Role, Session, StreamProperties, Time};

impl Lowering {
    pub(super) async fn projection(&mut self, projection: &Projection) -> Result<Lowered> {
        let mut input = self.lower_unmerged(&projection.input).await?;
        let mut exprs = projection.expr.clone();
        if input.properties.updating && exprs.iter().any(Expr::is_volatile) {
            let once;
            (input, once) = self.materialize_volatile(&projection.input, input, exprs).await?;
            exprs = once;
        } else if exprs.iter().any(asks) {
            let marked;
            (input, marked) = self.with_watermark_columns(projection.input.schema(), input, exprs)?;
            exprs = marked;
        }
        let from: Vec<_> = exprs.iter().map(|e| copied(e, projection.input.schema())).collect();
        let computed = exprs.iter().zip(&from).filter(|(_, f)| f.is_none()).map(|(e, _)| e);
        if input.properties.session.is_some()
            && (input.properties.project(&from).session.is_none() || asks_for_sessions(&input, computed, projection.input.schema()))
        {
            input = self.merge_sessions(input).await?;
        }
        let properties = input.properties.project(&from);
        if properties.updating {
            exprs.push(weight(&input.plan)?);
        }
        let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan))?);
        Ok(Lowered { plan, properties, nodes: input.nodes })
    }

    pub(super) async fn filter(&mut self, plan: &LogicalPlan, filter: &Filter) -> Result<Lowered> {
        if !asks_above(plan)?
            && let Some(lowered) = self.filter_over_window(plan).await?
        {
            return Ok(lowered);
        }
        let mut input = self.lower_unmerged(&filter.input).await?;
        // Removing rows changes sessions, unless all rows of a key are removed.
        if let Some(session) = &input.properties.session {
            let schema = filter.input.schema();
            let by_key = |c: &Column| schema.maybe_index_of_column(c).is_some_and(|i| session.partition.contains(&i));
            if !filter.predicate.column_refs().into_iter().all(by_key) {
                input = self.merge_sessions(input).await?;
            }
        }
        if input.properties.updating && filter.predicate.is_volatile() {
            let (kept, passes) = self.materialize_volatile(&filter.input, input, vec![filter.predicate.clone()]).await?;
            let passes = passes.into_iter().next().ok_or_else(|| Error::internal("a filter without a predicate"))?;
            let filtered = LogicalPlan::Filter(Filter::try_new(passes.unalias(), Arc::new(kept.plan))?);
            let mut exprs = columns(filter.input.schema());
            exprs.push(weight(&filtered)?);
            let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(filtered))?);
            return Ok(Lowered { plan, ..kept });
        }
        if asks(&filter.predicate) {
            let (marked, passes) = self.with_watermark_columns(filter.input.schema(), input, vec![filter.predicate.clone()])?;
            let passes = passes.into_iter().next().ok_or_else(|| Error::internal("a filter without a predicate"))?;
            let filtered = LogicalPlan::Filter(Filter::try_new(passes.unalias(), Arc::new(marked.plan))?);
            let plan = LogicalPlan::Projection(Projection::try_new(columns(filter.input.schema()), Arc::new(filtered))?);
            return Ok(Lowered { plan, ..marked });
        }
        let plan = LogicalPlan::Filter(Filter::try_new(filter.predicate.clone(), Arc::new(input.plan))?);
        Ok(Lowered { plan, ..input })
    }

    pub(super) async fn alias(&mut self, alias: &SubqueryAlias) -> Result<Lowered> {
        let mut input = self.lower_unmerged(&alias.input).await?;
        if alias.alias.table() == BEGUN {
            input = self.cut_stage(input).await?;
        }
        let plan = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(input.plan), alias.alias.clone())?);
        Ok(Lowered { plan, properties: input.properties, nodes: input.nodes })
    }

    pub(super) async fn union(&mut self, union: &Union) -> Result<Lowered> {
        let mut inputs = Vec::with_capacity(union.inputs.len());
        for input in &union.inputs {
            inputs.push(self.lower(input).await?);
        }
        let updating = inputs.iter().any(|i| i.properties.updating);
        let mut some = (false, false);
        for input in &inputs {
            let (scans, cuts) = leaves(&input.plan)?;
            some = (some.0 || scans, some.1 || cuts);
        }
        let mut properties = StreamProperties { updating, ..StreamProperties::default() };
        properties.times = common_times(&inputs);
        let mut plans = Vec::with_capacity(inputs.len());
        let mut nodes = std::collections::BTreeSet::new();
        for mut input in inputs {
            if some == (true, true) && leaves(&input.plan)?.0 {
                input = self.cut_stage(input).await?;
            }
            if updating && !input.properties.updating {
                let mut exprs = columns(input.plan.schema());
                exprs.push(weight_one());
                input.plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan))?);
            }
            properties.sources.extend(input.properties.sources);
            nodes.extend(input.nodes);
            plans.push(Arc::new(input.plan));
        }
        let schema = if updating { weighted(&union.schema)? } else { Arc::clone(&union.schema) };
        Ok(Lowered { plan: LogicalPlan::Union(Union { inputs: plans, schema }), properties, nodes })
    }

    pub(super) async fn unnest(&mut self, plan: &LogicalPlan, unnest: &Unnest) -> Result<Lowered> {
        let input = self.lower(&unnest.input).await?;
        // Columns that are not unnested keep their properties, but not their keys.
        let from: Vec<_> = plan.schema().columns().iter().map(|c| unnest.input.schema().maybe_index_of_column(c)).collect();
        let mut properties = input.properties.project(&from);
        properties.keys.clear();
        let plan = plan.with_new_exprs(plan.expressions(), vec![input.plan])?;
        Ok(Lowered { plan, properties, nodes: input.nodes })
    }

    pub(super) async fn extension(&mut self, plan: &LogicalPlan, extension: &Extension) -> Result<Lowered> {
        if let Some(clock) = extension.node.as_any().downcast_ref::<Clock>() {
            return self.clock(clock).await;
        }
        if let Some(live) = extension.node.as_any().downcast_ref::<TemporalFilterNode>() {
            return self.temporal_filter(live).await;
        }
        if let Some(first) = extension.node.as_any().downcast_ref::<FirstRowsNode>() {
            return self.first_rows(plan, first).await;
        }
        let Some(window) = extension.node.as_any().downcast_ref::<WindowTvf>() else { return self.fallback(plan).await };
        let input = self.lower(&window.input).await?;
        let index = window.input.schema().maybe_index_of_column(&window.time);
        let time = index.and_then(|i| input.properties.times.get(&i)).filter(|t| matches!(t.role, Role::Row | Role::Last)).cloned();
        let time = time.map(|time| self.windowed(time, window.kind));
        let width = window.input.schema().fields().len();
        let mut properties = input.properties.clone();
        properties.keys.clear();
        match (time, window.kind) {
            (_, WindowKind::Session { .. }) if properties.updating || properties.sources.is_empty() || self.emit == Emit::Changes => {
                return self.changing_sessions(plan, window, input).await;
            }
            (Some(time), WindowKind::Session { gap }) => {
                let partition = window.partition.iter().filter_map(|c| window.input.schema().maybe_index_of_column(c)).collect();
                properties.session = Some(Session { gap, partition, window: [width, width + 1, width + 2].map(Some), time });
            }
            (Some(time), _) => {
                // CUMULATE windows of one start have several ends.
                let start = match window.kind {
                    WindowKind::Tumble { size } | WindowKind::Hop { size, .. } => Some(Role::Start(size)),
                    WindowKind::Cumulate { .. } | WindowKind::Session { .. } => None,
                };
                let roles = [start, Some(Role::End), Some(Role::Last)];
                for (i, role) in roles.into_iter().enumerate() {
                    properties.times.extend(role.map(|role| (width + i, Time { role, ..time.clone() })));
                }
            }
            // Windows over an empty relation need no time.
            (None, _) if properties.updating || properties.sources.is_empty() => {}
            (None, _) => return Err(no_event_time(window)),
        }
        let plan = plan.with_new_exprs(plan.expressions(), vec![input.plan])?;
        Ok(Lowered { plan, properties, nodes: input.nodes })
    }
}

impl Lowering {
    /// The time attribute of windows over a time.
    fn windowed(&mut self, mut time: Time, kind: WindowKind) -> Time {
        self.next_window += 1;
        time.windows.insert(self.next_window);
        // A row at the very end of a session still belongs to it, and a session's end has the precision of its column: the end is known one
        // millisecond later.
        time.watermark_delay = time.watermark_delay.saturating_add(i64::from(matches!(kind, WindowKind::Session { .. })));
        time
    }
}

/// Whether expressions read sessions that are not merged yet.
fn asks_for_sessions<'a>(input: &Lowered, exprs: impl IntoIterator<Item = &'a Expr>, schema: &DFSchema) -> bool {
    let Some(session) = &input.properties.session else { return false };
    let mut columns = exprs.into_iter().flat_map(|e| e.column_refs());
    columns.any(|c| session.window.contains(&schema.maybe_index_of_column(c)))
}

/// The time attributes that all inputs of a union have in common.
fn common_times(inputs: &[Lowered]) -> BTreeMap<usize, Time> {
    let Some((first, rest)) = inputs.split_first() else { return BTreeMap::new() };
    let mut times = first.properties.times.clone();
    for input in rest {
        times.retain(|column, time| {
            let Some(other) = input.properties.times.get(column) else { return false };
            // `window_time` of an emitted row is also a row time.
            let own = |role: &Role| matches!(role, Role::Row | Role::Last);
            if other.domain != time.domain || (other.role != time.role && !(own(&other.role) && own(&time.role))) {
                return false;
            }
            if other.role != time.role {
                time.role = Role::Row;
            }
            time.sources.extend(other.sources.iter().cloned());
            time.watermark_delay = time.watermark_delay.max(other.watermark_delay);
            time.windows.extend(&other.windows);
            time.guarded &= other.guarded;
            true
        });
    }
    times
}

fn no_event_time(window: &WindowTvf) -> Error {
    Error::sql(format!("window over `{}`: it is not an event-time column", window.time.name)).hint(format!(
        "declare `WATERMARK FOR {0} AS {0} - INTERVAL '1' SECOND` on its table, and pass the column on unchanged, or use PROCTIME()",
        window.time.name
    ))
}

/// The same fragment with weights; if it has none, every row has weight 1.
pub(super) fn with_weights(input: Lowered) -> Result<Lowered> {
    if input.properties.updating {
        return Ok(input);
    }
    let mut exprs = columns(input.plan.schema());
    exprs.push(weight_one());
    let plan = LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan))?);
    Ok(Lowered { plan, properties: StreamProperties { updating: true, ..input.properties }, nodes: input.nodes })
}
