//! MIN and MAX over changes: computed from the values of each group, which a separate aggregate below keeps.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, when};

use crate::common::{Error, Result};
use crate::operators::aggregates::keyed_aggregate::Lifetime;
use crate::operators::aggregates::min_max::Extreme;
use crate::operators::changes::zset;

use super::retractable_aggregate::AggregateSpec;
use super::{Lowered, Lowering, weight};
use crate::planner::properties::StreamProperties;

/// A MIN or MAX of a query.
pub(super) struct RetractableMinMax {
    /// Whether it is MAX.
    largest: bool,
    /// Its argument; NULL for rows that its FILTER drops.
    pub argument: Expr,
    name: String,
}

/// A MIN or MAX over a type with one total order; `None` for floats, where the order of NaN is not defined.
pub(super) fn retractable_min_max(expr: &Expr, aggregate: &Aggregate) -> Result<Option<RetractableMinMax>> {
    let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else { return Ok(None) };
    let largest = match func.name() {
        "max" => true,
        "min" => false,
        _ => return Ok(None),
    };
    let [argument] = params.args.as_slice() else { return Ok(None) };
    let data_type = argument.get_type(aggregate.input.schema())?;
    if !params.order_by.is_empty() || data_type.is_floating() || data_type.is_nested() || data_type.is_null() {
        return Ok(None);
    }
    // Rows that do not pass contribute NULL, so that their group has a value.
    let argument = match params.filter {
        Some(filter) => when(*filter, argument.clone()).end()?,
        None => argument.clone(),
    };
    Ok(Some(RetractableMinMax { largest, argument, name: expr.schema_name().to_string() }))
}

impl Lowering {
    /// The changes of the distinct values of an argument per group of `aggregate`: a value is inserted with its first row, and deleted with
    /// its last.
    pub(super) async fn values_of(&mut self, aggregate: &Aggregate, argument: Expr, input: &Lowered) -> Result<Lowered> {
        let mut groups = aggregate.group_expr.clone();
        let name = format!("VALUE {}", argument.schema_name());
        groups.push(argument.alias(name));
        let over = Aggregate::try_new(Arc::clone(&aggregate.input), groups, Vec::new())?;
        let key = (0..over.group_expr.len()).collect();
        let properties =
            StreamProperties { updating: true, keys: vec![key], sources: input.properties.sources.clone(), ..StreamProperties::default() };
        let plan = LogicalPlan::Aggregate(over.clone());
        let wanted = AggregateSpec { groups: over.group_expr, counted: Some(weight(&input.plan)?), ..AggregateSpec::default() };
        self.retractable(&plan, wanted, input.clone(), Lifetime::default(), None, properties).await
    }
}

impl RetractableMinMax {
    /// The extreme over the values whose changes are `values`.
    pub(super) fn extreme_over(&self, values: &Lowered) -> Result<Extreme> {
        let mut fields: Vec<_> = zset::unweighted(values.plan.schema().inner()).fields().iter().cloned().collect();
        // A group that was just removed has no value.
        let value = fields.pop().ok_or_else(|| Error::internal("an extreme of nothing"))?;
        fields.push(Arc::new(Field::new(&self.name, value.data_type().clone(), true)));
        Ok(Extreme { schema: Arc::new(Schema::new(fields)), largest: self.largest })
    }
}
