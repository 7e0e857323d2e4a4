//! Keyed aggregates whose results follow from retractable state: sums, counts, MIN and MAX.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan, Projection};

use crate::common::{Error, Result};
use crate::operators::KeyedAggregate;
use crate::operators::aggregates::keyed_aggregate::Lifetime;
use crate::operators::aggregates::min_max::Extreme;
use crate::sql::rewrites::duplicates::untaken;

use super::super::columns::with_columns;
use super::sums::{RetractableAggregate, sum_of};
use super::{Input, Lowered, Lowering, weighted};
use crate::planner::properties::{StreamProperties, Time};

/// The name of the hidden aggregate that counts a group's rows.
const EXISTS: &str = "__rows";

/// The specification of a keyed aggregate.
#[derive(Default)]
pub(super) struct AggregateSpec {
    pub groups: Vec<Expr>,
    pub aggregates: Vec<RetractableAggregate>,
    /// A row's weight, over changes: a group is removed when the sum of its weights is 0.
    pub counted: Option<Expr>,
    /// MIN and MAX over changes, in the order of the aggregates, and the changes of their values.
    pub extremes: Vec<(Extreme, Lowered)>,
}

impl Lowering {
    /// Lowers the aggregates of `plan` by their retractable parts over `input`.
    pub(super) async fn retractable(
        &mut self,
        plan: &LogicalPlan,
        wanted: AggregateSpec,
        input: Lowered,
        lifetime: Lifetime,
        time: Option<&Time>,
        properties: StreamProperties,
    ) -> Result<Lowered> {
        let AggregateSpec { groups, aggregates, counted, extremes } = wanted;
        let mut parts: Vec<&Expr> = Vec::new();
        for part in aggregates.iter().flat_map(|a| &a.parts) {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let exists = counted.is_some() && !groups.is_empty();
        let lifetime = Lifetime { exists: exists.then_some(parts.len()), ..lifetime };
        let mut named = named(&parts);
        named.extend(counted.map(|weight| sum_of(weight, None).alias(EXISTS)));
        let count = groups.len();
        let over = Aggregate::try_new(Arc::new(input.plan.clone()), groups, named)?;
        let (extremes, values): (Vec<Extreme>, Vec<Lowered>) = extremes.into_iter().unzip();
        let mut apart = over.schema.fields().len()..;
        let kept = extremes.iter().map(Extreme::field).collect::<std::result::Result<Vec<_>, _>>()?;
        let schema = Arc::new(with_columns(&over.schema, kept)?);
        let (partial, last) = self.halves(&over, input).await?;
        let operator = KeyedAggregate::with_extremes(last, lifetime, extremes)?;
        let inputs = std::iter::once(partial).chain(values.into_iter().map(|v| Input::Piece(Box::new(v)))).collect();
        let lowered = self.operator(Arc::new(operator), inputs, &schema, time, properties).await?;
        // Computes the requested aggregates from the stored ones.
        let mut exprs: Vec<Expr> = Vec::new();
        let mut out = plan.schema().iter();
        for column in schema.columns().into_iter().take(count) {
            let (qualifier, field) = out.next().ok_or_else(|| Error::internal("a group without a column"))?;
            exprs.push(Expr::Column(column).alias_qualified(qualifier.cloned(), field.name()));
        }
        for aggregate in &aggregates {
            let (qualifier, field) = out.next().ok_or_else(|| Error::internal("an aggregate without a column"))?;
            let places = aggregate.parts.iter().filter_map(|part| parts.iter().position(|p| *p == part)).map(|place| count + place);
            let places: Vec<usize> = if aggregate.is_extreme() { apart.by_ref().take(1).collect() } else { places.collect() };
            let columns = places.into_iter().map(|place| Expr::Column(Column::from(schema.qualified_field(place)))).collect();
            exprs.push(aggregate.result(columns, field.data_type())?.alias_qualified(qualifier.cloned(), field.name()));
        }
        exprs.push(super::weight(&lowered.plan)?);
        let schema = weighted(plan.schema())?;
        let plan = LogicalPlan::Projection(Projection::try_new_with_schema(exprs, Arc::new(lowered.plan), schema)?);
        Ok(Lowered { plan, ..lowered })
    }
}

/// Aggregates under unique names: those that differ only in a cast have the same name.
fn named(aggregates: &[&Expr]) -> Vec<Expr> {
    let mut taken = HashSet::new();
    let name = |expr: &&Expr| {
        let name = expr.schema_name().to_string();
        let own = untaken(name.clone(), &mut taken);
        if own == name { (*expr).clone() } else { (*expr).clone().alias(own) }
    };
    aggregates.iter().map(name).collect()
}
