//! GROUP BY: final per window, updating by key, or the batch plan again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchemaRef};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Cast, Expr, ExprSchemable, LogicalPlan, Projection, lit, when};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;

use crate::common::{Error, Result};
use crate::operators::keyed_aggregate::Lifetime;
use crate::operators::{KeyedAggregate, WindowAggregate};
use crate::sql::ast::Emit;

use super::super::physical::halves;
use super::super::traits::{Domain, Role, Time, Traits};
use super::recompute::{Partitioning, guard};
use super::session::session_groups;
use super::{Input, Lowered, Lowering, copied, leaves, weight, weighted};

/// The name of the hidden aggregate that counts a group's rows.
const EXISTS: &str = "__rows";

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
        let traits = grouped(&groups, &input.traits);
        match end {
            Some((group, column, time, shift)) if !input.traits.updating => {
                let node = self.next_node();
                // No row comes too late for the clock.
                let lateness = if time.domain == Domain::Processing { 0 } else { self.lateness };
                let final_only = self.emit != Emit::Changes && lateness == 0;
                let input = guard(input, node, column, &time, shift.saturating_add(lateness))?;
                if final_only {
                    let (partial, last) = self.halves(aggregate, input).await?;
                    let operator = WindowAggregate::new(last, (group, shift))?;
                    return self.operator(Arc::new(operator), vec![partial], plan.schema(), Some(&time), traits).await;
                }
                let window = Some((group, shift.saturating_add(lateness)));
                let lifetime = Lifetime { window, ..Lifetime::default() };
                let traits = Traits { updating: true, ..traits };
                self.keyed(aggregate, input, lifetime, plan.schema(), Some(&time), traits).await
            }
            _ if input.traits.updating => self.updating(plan, aggregate, input).await,
            _ => {
                let distinct = aggregate.aggr_expr.is_empty();
                let lifetime = Lifetime { ttl: self.ttl, distinct, ..Lifetime::default() };
                // A group may come long after its window has closed.
                let traits = Traits { updating: !distinct, times: BTreeMap::new(), ..traits };
                self.keyed(aggregate, input, lifetime, plan.schema(), None, traits).await
            }
        }
    }

    async fn keyed(
        &mut self,
        aggregate: &Aggregate,
        input: Lowered,
        lifetime: Lifetime,
        schema: &DFSchemaRef,
        time: Option<&Time>,
        traits: Traits,
    ) -> Result<Lowered> {
        let (partial, last) = self.halves(aggregate, input).await?;
        let operator = KeyedAggregate::new(last, lifetime)?;
        self.operator(Arc::new(operator), vec![partial], schema, time, traits).await
    }

    /// Plans an aggregate in two halves: the first over the input, the second as functions.
    async fn halves(&mut self, aggregate: &Aggregate, input: Lowered) -> Result<(Input, Arc<dyn ExecutionPlan>)> {
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

    /// Over updating input every aggregate becomes sums of weighted values, if it can; else groups are computed again.
    async fn updating(&mut self, plan: &LogicalPlan, aggregate: &Aggregate, input: Lowered) -> Result<Lowered> {
        let schema = aggregate.input.schema();
        let weight = weight(&input.plan)?;
        let linear: Option<Vec<Linear>> =
            aggregate.aggr_expr.iter().map(|e| Linear::of(e, schema, &weight)).collect::<Result<Option<_>>>()?;
        let groups = &aggregate.group_expr;
        let Some(linear) = linear else {
            let output = plan.schema().columns().into_iter().take(groups.len()).map(Expr::Column).collect();
            let partitioning = Partitioning { inputs: vec![groups.clone()], output };
            let key = (0..groups.len()).collect();
            return self.recompute(plan, vec![input], partitioning, vec![key]).await;
        };
        let mut sums: Vec<Expr> = Vec::new();
        for part in &linear {
            for sum in &part.sums {
                if !sums.contains(sum) {
                    sums.push(sum.clone());
                }
            }
        }
        let rows = sum_of(weight.clone(), None).alias(EXISTS);
        let exists = sums.len();
        sums.push(rows);
        let over = Aggregate::try_new(Arc::new(input.plan.clone()), groups.clone(), sums)?;
        let lifetime = Lifetime { exists: (!groups.is_empty()).then_some(exists), ttl: self.ttl, ..Lifetime::default() };
        let key: BTreeSet<usize> = (0..groups.len()).collect();
        let traits =
            Traits { updating: true, keys: vec![key], times: BTreeMap::new(), sources: input.traits.sources.clone(), ..Traits::default() };
        let sums_schema = Arc::clone(&over.schema);
        let lowered = self.keyed(&over, input, lifetime, &sums_schema, None, traits).await?;
        // From the sums to what was asked for.
        let mut exprs: Vec<Expr> = Vec::new();
        let mut out = plan.schema().iter();
        for column in sums_schema.columns().into_iter().take(groups.len()) {
            let (qualifier, field) = out.next().ok_or_else(|| Error::internal("a group without a column"))?;
            exprs.push(Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
        }
        for part in linear {
            let (qualifier, field) = out.next().ok_or_else(|| Error::internal("an aggregate without a column"))?;
            let columns = part.sums.iter().map(|s| Expr::Column(Column::new_unqualified(s.schema_name().to_string()))).collect();
            exprs.push(part.result(columns, field.data_type())?.alias_qualified(qualifier.cloned(), field.name()));
        }
        exprs.push(super::weight(&lowered.plan)?);
        let schema = weighted(plan.schema())?;
        let plan = LogicalPlan::Projection(Projection::try_new_with_schema(exprs, Arc::new(lowered.plan), schema)?);
        Ok(Lowered { plan, ..lowered })
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
            let mut traits = Traits { sources: input.traits.sources.clone(), ..Traits::default() };
            for (group, expr) in &common {
                let time = copied(expr, &schema).and_then(|c| input.traits.times.get(&c)).filter(|t| t.to_end().is_some());
                traits.times.extend(time.map(|t| (*group, t.guarded())));
            }
            return self.closing(plan, vec![schema], vec![input], vec![end], traits, rebuild).await;
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
fn grouped(groups: &[Option<usize>], input: &Traits) -> Traits {
    let mut traits = input.project(groups);
    traits.keys = vec![(0..groups.len()).collect()];
    traits.times.retain(|_, t| !matches!(t.role, Role::Row));
    traits.times.values_mut().for_each(|t| t.guarded = true);
    traits.updating = false;
    traits
}

/// An aggregate as sums of weighted values: a retraction is then a row like any other.
struct Linear {
    kind: LinearKind,
    /// Sums over the weighted input.
    sums: Vec<Expr>,
}

enum LinearKind {
    Count,
    Sum,
    Average,
}

impl Linear {
    /// `None` for what is not linear: floats (subtraction does not undo their addition), DISTINCT, extremes, ordered ones.
    fn of(expr: &Expr, schema: &DFSchemaRef, weight: &Expr) -> Result<Option<Self>> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else { return Ok(None) };
        let AggregateFunctionParams { args, distinct, filter, order_by, .. } = params;
        let [arg] = args.as_slice() else { return Ok(None) };
        if distinct || !order_by.is_empty() {
            return Ok(None);
        }
        let present = |value: &Expr| -> Result<Option<Box<Expr>>> {
            let known = match value {
                Expr::Literal(value, _) if !value.is_null() => None,
                value if !value.nullable(schema)? => None,
                value => Some(value.clone().is_not_null()),
            };
            Ok(match (known, &filter) {
                (None, None) => None,
                (None, Some(filter)) => Some(filter.clone()),
                (Some(known), None) => Some(Box::new(known)),
                (Some(known), Some(filter)) => Some(Box::new(filter.as_ref().clone().and(known))),
            })
        };
        let count = |value: &Expr| -> Result<Expr> { Ok(sum_of(weight.clone(), present(value)?)) };
        Ok(match func.name() {
            "count" => Some(Self { kind: LinearKind::Count, sums: vec![count(arg)?] }),
            "sum" => match weighted_value(arg, schema, weight)? {
                Some(value) => Some(Self { kind: LinearKind::Sum, sums: vec![sum_of(value, filter.clone()), count(arg)?] }),
                None => None,
            },
            "avg" => match exact(arg, schema)? {
                Some(arg) => match weighted_value(&arg, schema, weight)? {
                    Some(value) => Some(Self { kind: LinearKind::Average, sums: vec![sum_of(value, filter.clone()), count(&arg)?] }),
                    None => None,
                },
                None => None,
            },
            _ => None,
        })
    }

    fn result(&self, columns: Vec<Expr>, data_type: &DataType) -> Result<Expr> {
        let zero = || lit(0i64);
        let (Some(first), second) = (columns.first().cloned(), columns.get(1).cloned()) else {
            return Err(Error::internal("an aggregate without sums"));
        };
        let cast = |e: Expr, to: &DataType| Expr::Cast(Cast::new(Box::new(e), to.clone()));
        Ok(match (&self.kind, second) {
            (LinearKind::Count, _) => when(first.clone().is_not_null(), first).otherwise(zero())?,
            (LinearKind::Sum, Some(count)) => when(count.gt(zero()), cast(first, data_type)).end()?,
            (LinearKind::Average, Some(count)) => {
                let float = DataType::Float64;
                let quotient = cast(first, &float) / cast(count.clone(), &float);
                when(count.gt(zero()), cast(quotient, data_type)).end()?
            }
            _ => return Err(Error::internal("an aggregate without a count")),
        })
    }
}

fn sum_of(value: Expr, filter: Option<Box<Expr>>) -> Expr {
    Expr::AggregateFunction(AggregateFunction::new_udf(sum_udaf(), vec![value], false, filter, Vec::new(), None))
}

/// `value * weight` in a type that adds up exactly; `None` if there is none.
fn weighted_value(value: &Expr, schema: &DFSchemaRef, weight: &Expr) -> Result<Option<Expr>> {
    Ok(match value.get_type(schema)? {
        DataType::Int64 => Some(value.clone() * weight.clone()),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Int64)) * weight.clone())
        }
        DataType::Decimal128(_, scale) if (0..=18).contains(&scale) => {
            let wide = |e: Expr, scale| Expr::Cast(Cast::new(Box::new(e), DataType::Decimal128(38 - 19, scale)));
            Some(wide(value.clone(), scale) * wide(weight.clone(), 0))
        }
        _ => None,
    })
}

/// What an average is taken of, before it was made a float: integers add up exactly.
fn exact(value: &Expr, schema: &DFSchemaRef) -> Result<Option<Expr>> {
    Ok(match value {
        Expr::Cast(cast) if cast.field.data_type() == &DataType::Float64 => {
            let integer = cast.expr.get_type(schema)?.is_signed_integer();
            integer.then(|| cast.expr.as_ref().clone())
        }
        Expr::Literal(ScalarValue::Float64(_), _) => None,
        _ => None,
    })
}
