//! Lowers COUNT(DISTINCT x), SUM(DISTINCT x) and AVG(DISTINCT x) over keyed state: each value is a row of state, not an entry of a list.
//!
//! A list in the group's state would be read and written for each row of the group. So a separate aggregate below keeps the
//! values, and the distinct aggregate becomes a sum over *its* changes:
//!
//! ```text
//!   SELECT g, COUNT(*), COUNT(DISTINCT x), COUNT(DISTINCT x) FILTER (WHERE f), COUNT(DISTINCT y) FROM input GROUP BY g
//!
//!   input ─┬─────────────────────────────────────────────────────┐ raw rows
//!          ├─▶ GROUP BY g, x: BOOL_OR(f) ─▶ (g, x, f, ±1) ────────┤ a value came, or passes the filter now
//!          └─▶ GROUP BY g, y             ─▶ (g, y, +1) ───────────┤
//!                                                                 ▼ UNION ALL; columns that an input lacks are NULL
//!                       GROUP BY g: COUNT(*) FILTER (raw), SUM(±1) FILTER (x IS NOT NULL),
//!                                   SUM(±1) FILTER (f AND x IS NOT NULL), SUM(±1) FILTER (y IS NOT NULL)
//! ```
//! The cost of an epoch is then proportional to its new values. A group has values while it has rows (NULL counts as a value
//! here), so without other aggregates the raw rows are not needed.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ScalarValue};
use datafusion::functions_aggregate::bool_and_or::bool_or_udaf;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Aggregate, Cast, Expr, ExprSchemable, LogicalPlan, Projection, Union, lit};

use crate::common::{Error, Result};
use crate::operators::aggregates::keyed_aggregate::Lifetime;
use crate::sql::rewrites::duplicates::untaken;

use super::retractable_aggregate::AggregateSpec;
use super::sums::{RetractableAggregate, exact};
use super::{Lowered, Lowering, weight, weight_one};
use crate::planner::properties::{StreamProperties, Time};

/// The column that is true for raw rows, and false for changes of values.
const RAW: &str = "__raw";

/// The distinct aggregates of a query that can be computed from the changes of their values, and the others.
struct Distinct {
    aggregates: Vec<DistinctPart>,
    /// The arguments: `x` and `y` above.
    values: Vec<Values>,
    /// The distinct filters of aggregates: `f` above.
    filters: Vec<Filter>,
}

enum DistinctPart {
    /// Not distinct.
    Other(Expr),
    /// The function, the index of its values, and of its filter.
    Distinct { function: AggregateFunction, values: usize, filter: Option<usize> },
}

/// The values of one argument.
struct Values {
    argument: Expr,
    /// The column of the values.
    name: String,
    data_type: DataType,
    /// The indices of their filters.
    filters: Vec<usize>,
}

struct Filter {
    predicate: Expr,
    /// The column of its result.
    name: String,
}

impl Distinct {
    /// Collects the distinct aggregates; `None` if none of them benefits.
    fn from_aggregate(aggregate: &Aggregate) -> Result<Option<Self>> {
        let schema = aggregate.input.schema();
        let mut all = Self { aggregates: Vec::new(), values: Vec::new(), filters: Vec::new() };
        for expr in &aggregate.aggr_expr {
            let asked = match expr.clone().unalias() {
                Expr::AggregateFunction(function) if function.params.distinct => all.distinct(function, schema)?,
                other => DistinctPart::Other(other),
            };
            all.aggregates.push(asked);
        }
        Ok((!all.values.is_empty()).then_some(all))
    }

    fn distinct(&mut self, mut function: AggregateFunction, schema: &DFSchemaRef) -> Result<DistinctPart> {
        if matches!(function.func.name(), "min" | "max") {
            function.params.distinct = false;
            return Ok(DistinctPart::Other(Expr::AggregateFunction(function)));
        }
        let mut plain = function.clone();
        plain.params.distinct = false;
        let linear = RetractableAggregate::sums(&Expr::AggregateFunction(plain), schema, &lit(1i64))?.is_some();
        let argument = match function.params.args.as_slice() {
            // Distinct large integers may be equal as floats.
            [arg] if linear && function.func.name() == "avg" => {
                let small = |e: &Expr| Ok::<_, Error>(matches!(e.get_type(schema)?, DataType::Int8 | DataType::Int16 | DataType::Int32));
                match exact(arg, schema)? {
                    Some(arg) if small(&arg)? => Some(arg),
                    _ => None,
                }
            }
            [arg] if linear => Some(arg.clone()),
            _ => None,
        };
        let Some(argument) = argument else { return Ok(DistinctPart::Other(Expr::AggregateFunction(function))) };
        let filter = function.params.filter.take().map(|f| self.filter(*f));
        let values = self.values_of(argument, schema)?;
        if let (Some(Values { filters, .. }), Some(filter)) = (self.values.get_mut(values), filter)
            && !filters.contains(&filter)
        {
            filters.push(filter);
        }
        Ok(DistinctPart::Distinct { function, values, filter })
    }

    fn values_of(&mut self, argument: Expr, schema: &DFSchema) -> Result<usize> {
        if let Some(known) = self.values.iter().position(|v| v.argument == argument) {
            return Ok(known);
        }
        let name = self.unnamed(format!("DISTINCT {}", argument.schema_name()));
        self.values.push(Values { data_type: argument.get_type(schema)?, argument, name, filters: Vec::new() });
        Ok(self.values.len() - 1)
    }

    fn filter(&mut self, predicate: Expr) -> usize {
        if let Some(known) = self.filters.iter().position(|f| f.predicate == predicate) {
            return known;
        }
        let name = self.unnamed(format!("any({})", predicate.schema_name()));
        self.filters.push(Filter { predicate, name });
        self.filters.len() - 1
    }

    /// A unique column name: expressions that differ only in a cast have the same name.
    fn unnamed(&self, name: String) -> String {
        let mut taken = self.values.iter().map(|v| v.name.clone()).chain(self.filters.iter().map(|f| f.name.clone())).collect();
        untaken(name, &mut taken)
    }

    /// The columns of raw rows that other aggregates read, except those that rows are grouped by.
    fn read(&self, groups: &[Expr], schema: &DFSchema) -> Vec<usize> {
        let others = self.aggregates.iter().filter_map(|a| if let DistinctPart::Other(e) = a { Some(e) } else { None });
        let mut read: Vec<usize> = others.flat_map(Expr::column_refs).filter_map(|c| schema.maybe_index_of_column(c)).collect();
        read.sort_unstable();
        read.dedup();
        read.retain(|c| !groups.contains(&Expr::Column(Column::from(schema.qualified_field(*c)))));
        read
    }
}

/// How many operators [`Lowering::distinct`] adds below the one that computes the groups.
pub(super) fn values_below(aggregate: &Aggregate) -> Result<u32> {
    let values = Distinct::from_aggregate(aggregate)?.map_or(0, |distinct| distinct.values.len());
    Ok(u32::try_from(values).unwrap_or(u32::MAX))
}

impl Lowering {
    /// A keyed aggregate with DISTINCT functions; `None` if it has none, or they are stored as lists. `lifetime` and
    /// `time` are those of a group, `properties` those of the result.
    pub(super) async fn distinct(
        &mut self,
        plan: &LogicalPlan,
        aggregate: &Aggregate,
        input: &Lowered,
        lifetime: Lifetime,
        time: Option<&Time>,
        properties: &StreamProperties,
    ) -> Result<Option<Lowered>> {
        let Some(distinct) = Distinct::from_aggregate(aggregate)? else { return Ok(None) };
        let updating = input.properties.updating;
        let others = || distinct.aggregates.iter().filter_map(|a| if let DistinctPart::Other(e) = a { Some(e) } else { None });
        if updating {
            let weight = weight(&input.plan)?;
            for other in others() {
                if RetractableAggregate::sums(other, aggregate.input.schema(), &weight)?.is_none() {
                    return Ok(None);
                }
            }
        }
        // With a TTL each row has to renew that of its group.
        let raw = others().next().is_some() || lifetime.ttl.is_some();
        let input = if raw || distinct.values.len() > 1 { self.cut_stage_once(input.clone()).await? } else { input.clone() };
        let mut pieces = Vec::new();
        let mut nodes = input.nodes.clone();
        if raw {
            pieces.push(raw_rows(plan, aggregate, &distinct, &input)?);
        }
        for which in 0..distinct.values.len() {
            let changes = self.values(aggregate, &distinct, which, &input, lifetime, time).await?;
            nodes.extend(changes.nodes.iter().copied());
            pieces.push(changed_values(plan, aggregate, &distinct, which, changes)?);
        }
        let all = Lowered { plan: union(pieces)?, properties: StreamProperties { updating: true, ..input.properties.clone() }, nodes };
        let schema = Arc::clone(all.plan.schema());
        let weight = weight(&all.plan)?;
        let kept =
            distinct.aggregates.iter().map(|a| retractable_of(a, &distinct, &schema, &weight, updating)).collect::<Result<Vec<_>>>()?;
        let groups = schema.columns().into_iter().take(aggregate.group_expr.len()).map(Expr::Column).collect();
        let wanted = AggregateSpec { groups, aggregates: kept, counted: updating.then_some(weight), extremes: Vec::new() };
        Ok(Some(self.retractable(plan, wanted, all, lifetime, time, properties.clone()).await?))
    }

    /// The values of one argument per group, and for each filter whether a row with the value passes it (over changes: how many do).
    async fn values(
        &mut self,
        aggregate: &Aggregate,
        distinct: &Distinct,
        which: usize,
        input: &Lowered,
        lifetime: Lifetime,
        time: Option<&Time>,
    ) -> Result<Lowered> {
        let values = distinct.values.get(which).ok_or_else(|| Error::internal("DISTINCT without an argument"))?;
        let updating = input.properties.updating;
        let passes = |Filter { predicate, name }: &Filter| {
            let function = if updating {
                AggregateFunction::new_udf(count_udaf(), vec![lit(1i64)], false, Some(Box::new(predicate.clone())), Vec::new(), None)
            } else {
                AggregateFunction::new_udf(bool_or_udaf(), vec![predicate.clone().is_true()], false, None, Vec::new(), None)
            };
            Expr::AggregateFunction(function).alias(name)
        };
        let filters = values.filters.iter().filter_map(|f| distinct.filters.get(*f)).map(passes).collect();
        let mut groups = aggregate.group_expr.clone();
        groups.push(values.argument.clone().alias(&values.name));
        let over = Aggregate::try_new(Arc::clone(&aggregate.input), groups, filters)?;
        let plan = LogicalPlan::Aggregate(over.clone());
        // Over append-only rows, values are never deleted; only the filters that they have passed may change.
        let changing = updating || !values.filters.is_empty();
        let key = (0..over.group_expr.len()).collect();
        let properties = StreamProperties {
            updating: changing,
            keys: vec![key],
            sources: input.properties.sources.clone(),
            ..StreamProperties::default()
        };
        if updating {
            return self.changing(&plan, &over, input.clone(), lifetime, properties).await;
        }
        let lifetime = Lifetime { distinct: !changing, ..lifetime };
        self.keyed(&over, input.clone(), lifetime, plan.schema(), time, properties).await
    }
}

/// The columns of the union in order: those of other aggregates, values, filters. NULL in this input, unless `given` has them.
fn columns(
    aggregate: &Aggregate,
    distinct: &Distinct,
    read: impl Fn(Column) -> Option<Expr>,
    given: impl Fn(&str) -> Option<Expr>,
) -> Result<Vec<Expr>> {
    let null = |data_type: &DataType| Ok::<_, Error>(Expr::Literal(ScalarValue::try_from(data_type)?, None));
    let schema = aggregate.input.schema();
    let mut exprs = Vec::new();
    for index in distinct.read(&aggregate.group_expr, schema) {
        let (qualifier, field) = schema.qualified_field(index);
        let column = read(Column::from((qualifier, field)));
        exprs.push(column.map_or_else(|| null(field.data_type()), Ok)?.alias_qualified(qualifier.cloned(), field.name()));
    }
    let values = distinct.values.iter().map(|v| (&v.name, &v.data_type));
    let filters = distinct.filters.iter().map(|f| (&f.name, &DataType::Boolean));
    for (name, data_type) in values.chain(filters) {
        exprs.push(given(name).map_or_else(|| null(data_type), Ok)?.alias(name));
    }
    Ok(exprs)
}

/// The rows themselves, for the other aggregates.
fn raw_rows(plan: &LogicalPlan, aggregate: &Aggregate, distinct: &Distinct, input: &Lowered) -> Result<LogicalPlan> {
    let named = |(expr, (qualifier, field)): (&Expr, (Option<&_>, &Arc<Field>))| match expr {
        Expr::Column(_) => expr.clone(),
        other => other.clone().alias_qualified(qualifier.cloned(), field.name()),
    };
    let mut exprs: Vec<Expr> = aggregate.group_expr.iter().zip(plan.schema().iter()).map(named).collect();
    exprs.extend(columns(aggregate, distinct, |column| Some(Expr::Column(column)), |_| None)?);
    exprs.push(lit(true).alias(RAW));
    exprs.push(if input.properties.updating { weight(&input.plan)? } else { weight_one() });
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.plan.clone()))?))
}

/// The changes of one argument's values, in the columns of the union.
fn changed_values(plan: &LogicalPlan, aggregate: &Aggregate, distinct: &Distinct, which: usize, changes: Lowered) -> Result<LogicalPlan> {
    let schema = Arc::clone(changes.plan.schema());
    let mut own = schema.columns().into_iter().zip(schema.fields());
    let groups = own.by_ref().take(aggregate.group_expr.len()).zip(plan.schema().iter());
    let mut exprs: Vec<Expr> =
        groups.map(|((column, _), (qualifier, field))| Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())).collect();
    let name = distinct.values.get(which).map(|v| v.name.as_str());
    let own: Vec<(Column, &Arc<Field>)> = own.collect();
    let given = |wanted: &str| {
        let (column, field) = own.iter().find(|(c, _)| c.name == wanted)?;
        let column = Expr::Column(column.clone());
        // Over changes a filter's column counts rows.
        let counted = field.data_type() == &DataType::Int64 && name != Some(wanted);
        Some(if counted { column.gt(lit(0i64)) } else { column })
    };
    exprs.extend(columns(aggregate, distinct, |_| None, given)?);
    exprs.push(lit(false).alias(RAW));
    exprs.push(if changes.properties.updating { weight(&changes.plan)? } else { weight_one() });
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(changes.plan))?))
}

/// The union of all inputs, in which columns keep their names.
fn union(mut pieces: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    let first = pieces.first().ok_or_else(|| Error::internal("DISTINCT without an argument"))?;
    if pieces.len() == 1 {
        return pieces.pop().ok_or_else(|| Error::internal("DISTINCT without an argument"));
    }
    let nullable = |column: usize| pieces.iter().any(|p| p.schema().fields().get(column).is_none_or(|f| f.is_nullable()));
    let field = |(i, (qualifier, field)): (usize, (Option<&datafusion::common::TableReference>, &Arc<Field>))| {
        (qualifier.cloned(), Arc::new(Field::new(field.name(), field.data_type().clone(), nullable(i))))
    };
    let fields = first.schema().iter().enumerate().map(field).collect();
    let schema = Arc::new(DFSchema::new_with_metadata(fields, first.schema().metadata().clone())?);
    Ok(LogicalPlan::Union(Union { inputs: pieces.into_iter().map(Arc::new).collect(), schema }))
}

/// An aggregate over the union.
fn retractable_of(
    asked: &DistinctPart,
    distinct: &Distinct,
    schema: &DFSchemaRef,
    weight: &Expr,
    updating: bool,
) -> Result<RetractableAggregate> {
    let not_linear = || Error::internal("a distinct aggregate that is not linear");
    let expr = match asked {
        DistinctPart::Other(Expr::AggregateFunction(function)) => {
            let raw = Expr::Column(Column::new_unqualified(RAW));
            let filter = function.params.filter.as_ref().map_or(raw.clone(), |f| raw.and(f.as_ref().clone()));
            let params = AggregateFunctionParams { filter: Some(Box::new(filter)), ..function.params.clone() };
            let expr = Expr::AggregateFunction(AggregateFunction { params, ..function.clone() });
            if !updating {
                return Ok(RetractableAggregate::unchanged(expr));
            }
            expr
        }
        DistinctPart::Other(_) => return Err(Error::internal("an aggregate that is none")),
        DistinctPart::Distinct { function, values, filter } => {
            let column = |name: &String| Expr::Column(Column::new_unqualified(name));
            let value = column(&distinct.values.get(*values).ok_or_else(not_linear)?.name);
            let average = function.func.name() == "avg";
            let value = if average { Expr::Cast(Cast::new(Box::new(value), DataType::Float64)) } else { value };
            let filter = filter.and_then(|f| distinct.filters.get(f)).map(|f| Box::new(column(&f.name)));
            Expr::AggregateFunction(AggregateFunction::new_udf(Arc::clone(&function.func), vec![value], false, filter, Vec::new(), None))
        }
    };
    RetractableAggregate::sums(&expr, schema, weight)?.ok_or_else(not_linear)
}
