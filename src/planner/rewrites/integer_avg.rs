//! The AVG of integers is an integer in Flink: the sum divided by the count, cut off; that of DECIMALs is such a quotient, too, so that no sum
//! on the way wraps.
//!
//! ```text
//!   Aggregate: a, avg(n)   ─▶   Projection: a, CAST(sum(n) / count(n) AS INT) AS avg(n)
//!                                 Aggregate: a, sum(n), count(n)
//! ```
//! Sums and counts are what is kept of a continuous query anyway; others that it has are shared.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::{Aggregate, AggregateUDF, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Union, Window, cast};

use crate::common::Result;

use crate::planner::functions::{checked_sum, decimals};

/// Rewrites all of them, also those OVER windows.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn integer_averages(plan: LogicalPlan) -> Result<LogicalPlan> {
    // What is above one has other types then.
    let mut changed = false;
    let whole = plan.transform_up_with_subqueries(|node| {
        let node = if changed { retyped(node)? } else { node };
        let node = quotients(node)?;
        changed |= node.transformed;
        Ok(node)
    })?;
    Ok(whole.data)
}

/// A node with the types that its inputs have now.
pub(super) fn retyped(node: LogicalPlan) -> DfResult<LogicalPlan> {
    match node {
        LogicalPlan::Extension(_) => {
            let inputs = node.inputs().into_iter().cloned().collect();
            node.with_new_exprs(node.expressions(), inputs)
        }
        // It would keep the types that it had.
        LogicalPlan::Union(union) => Ok(LogicalPlan::Union(Union::try_new_with_loose_types(union.inputs)?)),
        other => other.recompute_schema(),
    }
}

fn quotients(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Aggregate(aggregate) => {
            let Some(parts) = Parts::of(&aggregate.aggr_expr, aggregate.input.schema())? else {
                return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
            };
            let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
            let over = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr, parts.exprs.clone())?;
            parts.quotients(LogicalPlan::Aggregate(over), groups, &aggregate.schema)
        }
        LogicalPlan::Window(window) => {
            let Some(parts) = Parts::of(&window.window_expr, window.input.schema())? else {
                return Ok(Transformed::no(LogicalPlan::Window(window)));
            };
            let before = window.input.schema().fields().len();
            let over = Window::try_new(parts.exprs.clone(), Arc::clone(&window.input))?;
            parts.quotients(LogicalPlan::Window(over), before, &window.schema)
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What functions are made of.
struct Parts {
    /// What is to be computed instead, each once.
    exprs: Vec<Expr>,
    /// For each function the place of what it is now; for averages those of sum and count, and the type.
    made: Vec<(usize, Option<(usize, DataType)>)>,
    /// Where each of `exprs` stands, and their names: there may be thousands.
    places: HashMap<Expr, usize>,
    names: HashSet<String>,
}

impl Parts {
    /// `None` when there is no such average.
    fn of(functions: &[Expr], schema: &DFSchema) -> DfResult<Option<Self>> {
        let averages = functions.iter().map(|function| average(function, schema)).collect::<DfResult<Vec<_>>>()?;
        if averages.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut parts = Self { exprs: Vec::new(), made: Vec::new(), places: HashMap::new(), names: HashSet::new() };
        for (function, average) in functions.iter().zip(averages) {
            let made = match average {
                Some((sum, count, data_type)) => (parts.place(sum), Some((parts.place(count), data_type))),
                None => (parts.place(function.clone()), None),
            };
            parts.made.push(made);
        }
        Ok(Some(parts))
    }

    /// The place of an expression. Those that differ by a CAST alone have one name, so a name that is taken gets a number.
    fn place(&mut self, expr: Expr) -> usize {
        let bare = expr.clone().unalias();
        if let Some(place) = self.places.get(&bare) {
            return *place;
        }
        let name = expr.schema_name().to_string();
        let expr = if self.names.insert(name.clone()) {
            expr
        } else {
            let free = (1..).map(|n| format!("{name}:{n}")).find(|name| !self.names.contains(name)).unwrap_or_default();
            self.names.insert(free.clone());
            expr.alias(free)
        };
        self.exprs.push(expr);
        self.places.insert(bare, self.exprs.len() - 1);
        self.exprs.len() - 1
    }

    /// The columns that there were, from `over`: the first ones, and what is made of the others.
    fn quotients(&self, over: LogicalPlan, first: usize, schema: &DFSchema) -> DfResult<Transformed<LogicalPlan>> {
        let column = |n: usize| Expr::Column(Column::from(over.schema().qualified_field(n)));
        // GROUPING is computed from the number of the set further down, where that column ends.
        let shown = |n: &usize| over.schema().field(*n).name() != Aggregate::INTERNAL_GROUPING_ID;
        let mut exprs: Vec<Expr> = (0..first).filter(shown).map(column).collect();
        for ((place, average), n) in self.made.iter().zip(first..) {
            let value = column(first + place);
            exprs.push(match average {
                Some((count, data_type)) => {
                    let (qualifier, field) = schema.qualified_field(n);
                    let quotient = match data_type {
                        DataType::Decimal128(..) => decimals::average(value, column(first + count)),
                        _ => value / column(first + count),
                    };
                    cast(quotient, data_type.clone()).alias_qualified(qualifier.cloned(), field.name())
                }
                None => {
                    let (qualifier, field) = schema.qualified_field(n);
                    let (_, now) = over.schema().qualified_field(first + place);
                    if now.name() == field.name() { value } else { value.alias_qualified(qualifier.cloned(), field.name()) }
                }
            });
        }
        Ok(Transformed::yes(LogicalPlanBuilder::from(over).project(exprs)?.build()?))
    }
}

/// The sum and the count of an average of integers or DECIMALs, and its type.
fn average(expr: &Expr, schema: &DFSchema) -> DfResult<Option<(Expr, Expr, DataType)>> {
    let expr = expr.clone().unalias();
    let (name, arg) = match &expr {
        Expr::AggregateFunction(function) => (function.func.name(), function.params.args.first()),
        Expr::WindowFunction(function) => (function.fun.name(), function.params.args.first()),
        _ => return Ok(None),
    };
    let (true, Some(arg)) = (name == "avg", arg) else { return Ok(None) };
    let data_type = match arg.get_type(schema)? {
        DataType::Decimal128(precision, scale) => DataType::Decimal128((precision + 4).min(38), (scale + 4).min(38)),
        other => other,
    };
    let exact = data_type.is_signed_integer() || matches!(data_type, DataType::Decimal128(..));
    let with = |of: Arc<AggregateUDF>| {
        let mut expr = expr.clone();
        match &mut expr {
            Expr::AggregateFunction(function) => function.func = of,
            Expr::WindowFunction(function) => function.fun = WindowFunctionDefinition::AggregateUDF(of),
            _ => {}
        }
        expr
    };
    Ok(exact.then(|| (with(checked_sum()), with(count_udaf()), data_type)))
}
