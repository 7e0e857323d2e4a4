//! Lowers GROUP BY: final per window, updating by key, or recomputed with the batch plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;

use crate::common::{Error, Result};
use crate::operators::aggregates::keyed_aggregate::Lifetime;
use crate::operators::windows::late_filter::LateRule;
use crate::operators::{KeyedAggregate, Operator, PaneAggregate, WindowAggregate};
use crate::sql::ast::Emit;

use super::super::physical::halves;
use super::distinct::values_below;
use super::panes::paned;
use super::recompute::Partitioning;
use super::retractable_aggregate::AggregateSpec;
use super::retractable_min_max::{RetractableMinMax, retractable_min_max};
use super::session::session_groups;
use super::sums::RetractableAggregate;
use super::{Input, Lowered, Lowering, copied, leaves, weight};
use crate::planner::properties::{Domain, Role, StreamProperties, Time};

impl Lowering {
    pub(super) async fn aggregate(&mut self, plan: &LogicalPlan, aggregate: &Aggregate) -> Result<Lowered> {
        let mut input = self.lower_unmerged(&aggregate.input).await?;
        let schema = aggregate.input.schema();
        if let Some(session) = input.properties.session.clone() {
            if let Some(groups) = session_groups(aggregate, &session) {
                return self.session_aggregate(plan, aggregate, input, &session, groups).await;
            }
            input = self.merge_sessions(input).await?;
        }
        if let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() {
            return self.grouping_sets(plan, aggregate, sets, input).await;
        }
        if input.properties.sources.is_empty() {
            // An aggregate over an empty relation has one constant row.
            return self.recompute(plan, vec![input], Partitioning::none(1), Vec::new()).await;
        }
        let groups: Vec<Option<usize>> = aggregate.group_expr.iter().map(|e| copied(e, schema)).collect();
        let end = groups.iter().enumerate().find_map(|(group, column)| {
            let column = (*column)?;
            let time = input.properties.times.get(&column)?;
            Some((group, column, time.clone(), time.to_end()?))
        });
        let mut properties = grouped(&groups, &input.properties);
        if let Some((.., time, _)) = &end {
            properties.closed_by(time);
        }
        match end {
            Some((group, column, time, shift)) if !input.properties.updating => {
                // No row is late for processing time.
                let lateness = if time.domain == Domain::Processing { 0 } else { self.lateness };
                if self.emit != Emit::Changes && lateness == 0 {
                    return self.closing_windows(plan, aggregate, input, (group, column, shift), &time, properties).await;
                }
                let until = shift.saturating_add(lateness);
                let properties = StreamProperties { updating: true, ..properties };
                let lifetime = Lifetime { window: Some((group, until)), ..Lifetime::default() };
                // Rows are late for the last operator that this adds, whose groups are the windows.
                let before = if self.emit == Emit::Changes { values_below(aggregate)? } else { 1 };
                let input = self.with_late_filter(input, self.next_node().saturating_add(before), column, &time, until)?;
                if self.emit != Emit::Changes {
                    return self.corrected_windows(plan, aggregate, input, (group, shift), lifetime, &time, properties).await;
                }
                if let Some(lowered) = self.distinct(plan, aggregate, &input, lifetime, Some(&time), &properties).await? {
                    return Ok(lowered);
                }
                self.keyed(aggregate, input, lifetime, plan.schema(), Some(&time), properties).await
            }
            _ if input.properties.updating => self.updating(plan, aggregate, input).await,
            _ => {
                let distinct = aggregate.aggr_expr.is_empty();
                let lifetime = Lifetime { ttl: self.ttl, distinct, ..Lifetime::default() };
                // A group may arrive long after its window has closed.
                let properties = StreamProperties { updating: !distinct, times: BTreeMap::new(), ..properties };
                if let Some(lowered) = self.distinct(plan, aggregate, &input, lifetime, None, &properties).await? {
                    return Ok(lowered);
                }
                self.keyed(aggregate, input, lifetime, plan.schema(), None, properties).await
            }
        }
    }

    /// Windows that are emitted once. `end` is the group and the column of the window's end, and the milliseconds to add.
    async fn closing_windows(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        (group, column, shift): (usize, usize, i64),
        time: &Time,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let node = self.next_node();
        if let Some(paned) = paned(aggregate, &input.plan)? {
            // A pane's start is its end minus the pane length.
            let shift = if matches!(time.role, Role::Start(_)) { paned.length } else { shift };
            let rule = LateRule::Pane(column, shift, paned.input);
            let input = self.with_late_rule(Lowered { plan: paned.plan, ..input }, node, time, &rule)?;
            let (partial, last) = self.halves(aggregate, input).await?;
            let operator = PaneAggregate::new(last, (group, shift), paned.groups)?;
            return self.operator(Arc::new(operator), vec![partial], plan.schema(), Some(time), properties).await;
        }
        let input = self.with_late_filter(input, node, column, time, shift)?;
        let (partial, last) = self.halves(aggregate, input).await?;
        let operator = WindowAggregate::new(last, (group, shift))?;
        self.operator(Arc::new(operator), vec![partial], plan.schema(), Some(time), properties).await
    }

    /// Windows that are emitted when they end, and updated by rows within their allowed lateness.
    #[expect(clippy::too_many_arguments, reason = "what an aggregate is, when it comes out, and what is known of it")]
    async fn corrected_windows(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        end: (usize, i64),
        lifetime: Lifetime,
        time: &Time,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let (partial, last) = self.halves(aggregate, input).await?;
        let first = WindowAggregate::partial(Arc::clone(&last), end)?;
        let rows = first.schema();
        let first = self.operator(Arc::new(first), vec![partial], plan.schema(), Some(time), StreamProperties::default()).await?;
        let stage = self.program.stages.last().map(|s| s.id).ok_or_else(|| Error::internal("an operator without a stage"))?;
        let input = Input::Stage(stage, rows, first.nodes);
        let operator = KeyedAggregate::new(last, lifetime)?;
        self.operator(Arc::new(operator), vec![input], plan.schema(), Some(time), properties).await
    }

    pub(super) async fn keyed(
        &mut self,
        aggregate: &Aggregate,
        input: Lowered,
        lifetime: Lifetime,
        schema: &DFSchemaRef,
        time: Option<&Time>,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let (partial, last) = self.halves(aggregate, input).await?;
        let operator = KeyedAggregate::new(last, lifetime)?;
        self.operator(Arc::new(operator), vec![partial], schema, time, properties).await
    }

    /// Plans a two-phase aggregate: the partial phase over the input, the final phase as functions.
    pub(super) async fn halves(&mut self, aggregate: &Aggregate, input: Lowered) -> Result<(Input, Arc<dyn ExecutionPlan>)> {
        let (scans, _) = leaves(&input.plan)?;
        let (first, last) = self.aggregate_halves(aggregate, input.plan).await?;
        Ok((Input::Planned(first, scans, input.nodes), last))
    }

    /// Both phases as plans.
    pub(super) async fn aggregate_halves(
        &self,
        aggregate: &Aggregate,
        input: LogicalPlan,
    ) -> Result<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
        let over = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), aggregate.aggr_expr.clone())?;
        let plan = LogicalPlan::Aggregate(over);
        halves(&self.state.query_planner().create_physical_plan(&plan, &self.state).await?)
    }

    /// Over updating input DISTINCT aggregates run over the changes of values, all others over the rows.
    async fn updating(&mut self, plan: &LogicalPlan, aggregate: &Aggregate, input: Lowered) -> Result<Lowered> {
        let lifetime = Lifetime { ttl: self.ttl, ..Lifetime::default() };
        let key = (0..aggregate.group_expr.len()).collect();
        let properties =
            StreamProperties { updating: true, keys: vec![key], sources: input.properties.sources.clone(), ..StreamProperties::default() };
        match self.distinct(plan, aggregate, &input, lifetime, None, &properties).await? {
            Some(lowered) => Ok(lowered),
            None => self.changing(plan, aggregate, input, lifetime, properties).await,
        }
    }

    /// Over updating input every aggregate becomes sums of weighted values, or MIN or MAX of stored values, if possible; else groups are
    /// recomputed.
    pub(super) async fn changing(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        lifetime: Lifetime,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let Some((aggregates, extremes)) = self.parts(aggregate, &input)? else {
            let output = plan.schema().columns().into_iter().take(aggregate.group_expr.len()).map(Expr::Column).collect();
            let partitioning = Partitioning { inputs: vec![aggregate.group_expr.clone()], output };
            return self.recompute(plan, vec![input], partitioning, properties.keys).await;
        };
        let input = if extremes.is_empty() { input } else { self.cut_stage_once(input).await? };
        let mut wanted = AggregateSpec { groups: aggregate.group_expr.clone(), aggregates, ..AggregateSpec::default() };
        let mut known: Vec<(Expr, Lowered)> = Vec::new();
        for extreme in extremes {
            let values = match known.iter().find(|(argument, _)| *argument == extreme.argument) {
                Some((_, values)) => values.clone(),
                None => self.values_of(aggregate, extreme.argument.clone(), &input).await?,
            };
            wanted.extremes.push((extreme.extreme_over(&values)?, values.clone()));
            known.push((extreme.argument, values));
        }
        wanted.counted = Some(weight(&input.plan)?);
        self.retractable(plan, wanted, input, lifetime, None, properties).await
    }

    /// Every aggregate over changes as sums or as MIN or MAX; the latter are also listed separately. `None` if one of them is neither.
    fn parts(&self, aggregate: &Aggregate, input: &Lowered) -> Result<Option<(Vec<RetractableAggregate>, Vec<RetractableMinMax>)>> {
        let weight = weight(&input.plan)?;
        let (mut kept, mut extremes) = (Vec::new(), Vec::new());
        for expr in &aggregate.aggr_expr {
            kept.push(match RetractableAggregate::sums(expr, aggregate.input.schema(), &weight)? {
                Some(sums) => sums,
                // An expired value could be the next extreme.
                None if self.ttl.is_some() => return Ok(None),
                None => {
                    let Some(extreme) = retractable_min_max(expr, aggregate)? else { return Ok(None) };
                    extremes.push(extreme);
                    RetractableAggregate::extreme()
                }
            });
        }
        Ok(Some((kept, extremes)))
    }

    /// GROUPING SETS, ROLLUP, CUBE: recomputed by the columns that all sets have in common.
    async fn grouping_sets(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        sets: &datafusion::logical_expr::GroupingSet,
        input: Lowered,
    ) -> Result<Lowered> {
        let schema = Arc::clone(aggregate.input.schema());
        let distinct = sets.distinct_expr();
        let lists = grouping_lists(sets);
        let common: Vec<(usize, Expr)> = distinct
            .iter()
            .enumerate()
            .filter(|(_, e)| lists.iter().all(|list| list.contains(e)))
            .map(|(i, e)| (i, (*e).clone()))
            .collect();
        let rebuild = |plan: &LogicalPlan, leaves: Vec<LogicalPlan>| Ok(plan.with_new_exprs(plan.expressions(), leaves)?);
        let end = common.iter().find_map(|(_, e)| {
            let column = copied(e, &schema)?;
            let time = input.properties.times.get(&column).filter(|t| t.to_end().is_some())?;
            Some((column, time.clone()))
        });
        if let Some(end) = end
            && !input.properties.updating
            && self.emit != Emit::Changes
        {
            let mut properties = StreamProperties { sources: input.properties.sources.clone(), ..StreamProperties::default() };
            for (group, expr) in &common {
                let time = copied(expr, &schema).and_then(|c| input.properties.times.get(&c)).filter(|t| t.to_end().is_some());
                properties.times.extend(time.map(|t| (*group, t.clone())));
            }
            properties.closed_by(&end.1);
            let key = common.into_iter().map(|(_, expr)| expr).collect();
            return self.closing(plan, vec![schema], vec![input], vec![end], vec![key], properties, rebuild).await;
        }
        let columns = plan.schema().columns();
        let output = common.iter().filter_map(|(i, _)| columns.get(*i).cloned()).map(Expr::Column).collect();
        let partitioning = Partitioning { inputs: vec![common.into_iter().map(|(_, e)| e).collect()], output };
        self.recompute(plan, vec![input], partitioning, Vec::new()).await
    }
}

fn grouping_lists(sets: &datafusion::logical_expr::GroupingSet) -> Vec<Vec<Expr>> {
    use datafusion::logical_expr::GroupingSet;
    match sets {
        GroupingSet::GroupingSets(lists) => lists.clone(),
        // The smallest set of these is empty.
        GroupingSet::Rollup(_) | GroupingSet::Cube(_) => vec![Vec::new()],
    }
}

/// The groups are a key; only times of windows remain time attributes.
fn grouped(groups: &[Option<usize>], input: &StreamProperties) -> StreamProperties {
    let mut properties = input.project(groups);
    properties.keys = vec![(0..groups.len()).collect()];
    properties.times.retain(|_, t| t.to_end().is_some());
    properties.times.values_mut().for_each(|t| t.guarded = true);
    properties.updating = false;
    properties
}
