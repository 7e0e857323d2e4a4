//! GROUP BY: final per window, updating by key, or the batch plan again.

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
        let mut input = self.provisional(&aggregate.input).await?;
        let schema = aggregate.input.schema();
        if let Some(session) = input.traits.session.clone() {
            if let Some(groups) = session_groups(aggregate, &session) {
                return self.session_aggregate(plan, aggregate, input, &session, groups).await;
            }
            input = self.settled(input).await?;
        }
        if let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() {
            return self.grouping_sets(plan, aggregate, sets, input).await;
        }
        if input.traits.sources.is_empty() {
            // Over nothing there is one answer, for good.
            return self.recompute(plan, vec![input], Partitioning::none(1), Vec::new()).await;
        }
        let groups: Vec<Option<usize>> = aggregate.group_expr.iter().map(|e| copied(e, schema)).collect();
        let end = groups.iter().enumerate().find_map(|(group, column)| {
            let column = (*column)?;
            let time = input.traits.times.get(&column)?;
            Some((group, column, time.clone(), time.to_end()?))
        });
        let mut traits = grouped(&groups, &input.traits);
        if let Some((.., time, _)) = &end {
            traits.closed_by(time);
        }
        match end {
            Some((group, column, time, shift)) if !input.traits.updating => {
                // No row comes too late for the clock.
                let lateness = if time.domain == Domain::Processing { 0 } else { self.lateness };
                if self.emit != Emit::Changes && lateness == 0 {
                    return self.closing_windows(plan, aggregate, input, (group, column, shift), &time, traits).await;
                }
                let until = shift.saturating_add(lateness);
                let traits = StreamProperties { updating: true, ..traits };
                let lifetime = Lifetime { window: Some((group, until)), ..Lifetime::default() };
                // Rows are late for the last of its operators, which tells the windows.
                let before = if self.emit == Emit::Changes { values_below(aggregate)? } else { 1 };
                let input = self.guard(input, self.next_node().saturating_add(before), column, &time, until)?;
                if self.emit != Emit::Changes {
                    return self.corrected_windows(plan, aggregate, input, (group, shift), lifetime, &time, traits).await;
                }
                if let Some(lowered) = self.distinct(plan, aggregate, &input, lifetime, Some(&time), &traits).await? {
                    return Ok(lowered);
                }
                self.keyed(aggregate, input, lifetime, plan.schema(), Some(&time), traits).await
            }
            _ if input.traits.updating => self.updating(plan, aggregate, input).await,
            _ => {
                let distinct = aggregate.aggr_expr.is_empty();
                let lifetime = Lifetime { ttl: self.ttl, distinct, ..Lifetime::default() };
                // A group may come long after its window has closed.
                let traits = StreamProperties { updating: !distinct, times: BTreeMap::new(), ..traits };
                if let Some(lowered) = self.distinct(plan, aggregate, &input, lifetime, None, &traits).await? {
                    return Ok(lowered);
                }
                self.keyed(aggregate, input, lifetime, plan.schema(), None, traits).await
            }
        }
    }

    /// Windows that come out once. `end` is the group and the column that tell the end, and what to add.
    async fn closing_windows(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        (group, column, shift): (usize, usize, i64),
        time: &Time,
        traits: StreamProperties,
    ) -> Result<Lowered> {
        let node = self.next_node();
        if let Some(paned) = paned(aggregate, &input.plan)? {
            // A pane's start is as far from its end as a pane is long.
            let shift = if matches!(time.role, Role::Start(_)) { paned.length } else { shift };
            let rule = LateRule::Pane(column, shift, paned.input);
            let input = self.guard_by(Lowered { plan: paned.plan, ..input }, node, time, &rule)?;
            let (partial, last) = self.halves(aggregate, input).await?;
            let operator = PaneAggregate::new(last, (group, shift), paned.groups)?;
            return self.operator(Arc::new(operator), vec![partial], plan.schema(), Some(time), traits).await;
        }
        let input = self.guard(input, node, column, time, shift)?;
        let (partial, last) = self.halves(aggregate, input).await?;
        let operator = WindowAggregate::new(last, (group, shift))?;
        self.operator(Arc::new(operator), vec![partial], plan.schema(), Some(time), traits).await
    }

    /// Windows that come out when they end, and again when a row comes within their allowed lateness.
    #[expect(clippy::too_many_arguments, reason = "what an aggregate is, when it comes out, and what is known of it")]
    async fn corrected_windows(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        end: (usize, i64),
        lifetime: Lifetime,
        time: &Time,
        traits: StreamProperties,
    ) -> Result<Lowered> {
        let (partial, last) = self.halves(aggregate, input).await?;
        let first = WindowAggregate::partial(Arc::clone(&last), end)?;
        let rows = first.schema();
        let first = self.operator(Arc::new(first), vec![partial], plan.schema(), Some(time), StreamProperties::default()).await?;
        let stage = self.program.stages.last().map(|s| s.id).ok_or_else(|| Error::internal("an operator without a stage"))?;
        let input = Input::Stage(stage, rows, first.nodes);
        let operator = KeyedAggregate::new(last, lifetime)?;
        self.operator(Arc::new(operator), vec![input], plan.schema(), Some(time), traits).await
    }

    pub(super) async fn keyed(
        &mut self,
        aggregate: &Aggregate,
        input: Lowered,
        lifetime: Lifetime,
        schema: &DFSchemaRef,
        time: Option<&Time>,
        traits: StreamProperties,
    ) -> Result<Lowered> {
        let (partial, last) = self.halves(aggregate, input).await?;
        let operator = KeyedAggregate::new(last, lifetime)?;
        self.operator(Arc::new(operator), vec![partial], schema, time, traits).await
    }

    /// Plans an aggregate in two halves: the first over the input, the second as functions.
    pub(super) async fn halves(&mut self, aggregate: &Aggregate, input: Lowered) -> Result<(Input, Arc<dyn ExecutionPlan>)> {
        let (scans, _) = leaves(&input.plan)?;
        let (first, last) = self.aggregate_halves(aggregate, input.plan).await?;
        Ok((Input::Planned(first, scans, input.nodes), last))
    }

    /// The same as plans.
    pub(super) async fn aggregate_halves(
        &self,
        aggregate: &Aggregate,
        input: LogicalPlan,
    ) -> Result<(Arc<dyn ExecutionPlan>, Arc<dyn ExecutionPlan>)> {
        let over = Aggregate::try_new(Arc::new(input), aggregate.group_expr.clone(), aggregate.aggr_expr.clone())?;
        let plan = LogicalPlan::Aggregate(over);
        halves(&self.state.query_planner().create_physical_plan(&plan, &self.state).await?)
    }

    /// Over updating input DISTINCT is told by its values, everything else by the rows.
    async fn updating(&mut self, plan: &LogicalPlan, aggregate: &Aggregate, input: Lowered) -> Result<Lowered> {
        let lifetime = Lifetime { ttl: self.ttl, ..Lifetime::default() };
        let key = (0..aggregate.group_expr.len()).collect();
        let traits =
            StreamProperties { updating: true, keys: vec![key], sources: input.traits.sources.clone(), ..StreamProperties::default() };
        match self.distinct(plan, aggregate, &input, lifetime, None, &traits).await? {
            Some(lowered) => Ok(lowered),
            None => self.changing(plan, aggregate, input, lifetime, traits).await,
        }
    }

    /// Over updating input every aggregate becomes sums of weighted values, or the extreme of kept ones, if it can; else groups are
    /// computed again.
    pub(super) async fn changing(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: Lowered,
        lifetime: Lifetime,
        traits: StreamProperties,
    ) -> Result<Lowered> {
        let Some((aggregates, extremes)) = self.parts(aggregate, &input)? else {
            let output = plan.schema().columns().into_iter().take(aggregate.group_expr.len()).map(Expr::Column).collect();
            let partitioning = Partitioning { inputs: vec![aggregate.group_expr.clone()], output };
            return self.recompute(plan, vec![input], partitioning, traits.keys).await;
        };
        let input = if extremes.is_empty() { input } else { self.cut_once(input).await? };
        let mut wanted = AggregateSpec { groups: aggregate.group_expr.clone(), aggregates, ..AggregateSpec::default() };
        let mut known: Vec<(Expr, Lowered)> = Vec::new();
        for extreme in extremes {
            let values = match known.iter().find(|(argument, _)| *argument == extreme.argument) {
                Some((_, values)) => values.clone(),
                None => self.values_of(aggregate, extreme.argument.clone(), &input).await?,
            };
            wanted.extremes.push((extreme.of(&values)?, values.clone()));
            known.push((extreme.argument, values));
        }
        wanted.counted = Some(weight(&input.plan)?);
        self.kept(plan, wanted, input, lifetime, None, traits).await
    }

    /// Every aggregate over changes as sums or as an extreme, which are listed once more. `None` if one of them is neither.
    fn parts(&self, aggregate: &Aggregate, input: &Lowered) -> Result<Option<(Vec<RetractableAggregate>, Vec<RetractableMinMax>)>> {
        let weight = weight(&input.plan)?;
        let (mut kept, mut extremes) = (Vec::new(), Vec::new());
        for expr in &aggregate.aggr_expr {
            kept.push(match RetractableAggregate::sums(expr, aggregate.input.schema(), &weight)? {
                Some(sums) => sums,
                // A value that was forgotten could be the next extreme.
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

    /// GROUPING SETS, ROLLUP, CUBE: the batch plan again, by what all sets group by.
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
            let time = input.traits.times.get(&column).filter(|t| t.to_end().is_some())?;
            Some((column, time.clone()))
        });
        if let Some(end) = end
            && !input.traits.updating
            && self.emit != Emit::Changes
        {
            let mut traits = StreamProperties { sources: input.traits.sources.clone(), ..StreamProperties::default() };
            for (group, expr) in &common {
                let time = copied(expr, &schema).and_then(|c| input.traits.times.get(&c)).filter(|t| t.to_end().is_some());
                traits.times.extend(time.map(|t| (*group, t.clone())));
            }
            traits.closed_by(&end.1);
            let key = common.into_iter().map(|(_, expr)| expr).collect();
            return self.closing(plan, vec![schema], vec![input], vec![end], vec![key], traits, rebuild).await;
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
        // Their smallest set is the empty one.
        GroupingSet::Rollup(_) | GroupingSet::Cube(_) => vec![Vec::new()],
    }
}

/// Groups are a key; of times only those of windows are still moved by the watermark.
fn grouped(groups: &[Option<usize>], input: &StreamProperties) -> StreamProperties {
    let mut traits = input.project(groups);
    traits.keys = vec![(0..groups.len()).collect()];
    traits.times.retain(|_, t| t.to_end().is_some());
    traits.times.values_mut().for_each(|t| t.guarded = true);
    traits.updating = false;
    traits
}
