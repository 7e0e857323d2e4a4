//! The AVG of integers is an integer in Flink: the sum divided by the count, truncated; that of DECIMALs is such a quotient as well. Sums
//! of BIGINTs are held as DECIMALs, so that only the result has to be in range, not the intermediate sums.
//!
//! ```text
//!   Aggregate: a, avg(n), sum(b)   ─▶   Projection: a, CAST(sum(n) / count(n) AS INT) AS avg(n), __sum_in_type(sum(b)) AS sum(b)
//!                                         Aggregate: a, sum(n), count(n), sum(CAST(b AS DECIMAL(28, 0)))
//! ```
//! A continuous query stores sums and counts anyway, and shares them with other aggregates.

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

use crate::planner::functions::checked::{in_type, integer_average};
use crate::planner::functions::{checked_sum, decimals};

/// Rewrites all averages, also those OVER windows.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn integer_averages(plan: LogicalPlan) -> Result<LogicalPlan> {
    // The nodes above a rewritten one get other types.
    let mut changed = false;
    let whole = plan.transform_up_with_subqueries(|node| {
        let node = if changed { retyped(node)? } else { node };
        let node = quotients(node)?;
        changed |= node.transformed;
        Ok(node)
    })?;
    Ok(whole.data)
}

/// A node with the current types of its inputs.
pub(super) fn retyped(node: LogicalPlan) -> DfResult<LogicalPlan> {
    match node {
        LogicalPlan::Extension(_) => {
            let inputs = node.inputs().into_iter().cloned().collect();
            node.with_new_exprs(node.expressions(), inputs)
        }
        // A union would keep its old types.
        LogicalPlan::Union(union) => Ok(LogicalPlan::Union(Union::try_new_with_loose_types(union.inputs)?)),
        other => other.recompute_schema(),
    }
}

fn quotients(node: LogicalPlan) -> DfResult<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Aggregate(aggregate) => {
            let Some(parts) = Parts::decompose(&aggregate.aggr_expr, aggregate.input.schema())? else {
                return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
            };
            let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
            let over = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr, parts.exprs.clone())?;
            parts.quotients(LogicalPlan::Aggregate(over), groups, &aggregate.schema)
        }
        LogicalPlan::Window(window) => {
            let Some(parts) = Parts::decompose(&window.window_expr, window.input.schema())? else {
                return Ok(Transformed::no(LogicalPlan::Window(window)));
            };
            let before = window.input.schema().fields().len();
            let over = Window::try_new(parts.exprs.clone(), Arc::clone(&window.input))?;
            parts.quotients(LogicalPlan::Window(over), before, &window.schema)
        }
        other => Ok(Transformed::no(other)),
    }
}

/// A function, given by the indices of its parts.
enum Made {
    /// Unchanged.
    Itself(usize),
    /// A sum of BIGINTs, held as a DECIMAL.
    Sum(usize),
    /// A sum, a count and the type of the quotient.
    Average(usize, usize, DataType),
}

/// The parts of the functions of a node.
struct Parts {
    /// The expressions to be computed instead, each once.
    exprs: Vec<Expr>,
    /// The replacement of each function.
    made: Vec<Made>,
    /// The index of each of `exprs`, and their names: there may be thousands.
    places: HashMap<Expr, usize>,
    names: HashSet<String>,
}

impl Parts {
    /// `None` if no function changes.
    fn decompose(functions: &[Expr], schema: &DFSchema) -> DfResult<Option<Self>> {
        let rewritten = functions.iter().map(|function| rewritten(function, schema)).collect::<DfResult<Vec<_>>>()?;
        if rewritten.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut parts = Self { exprs: Vec::new(), made: Vec::new(), places: HashMap::new(), names: HashSet::new() };
        for (function, rewritten) in functions.iter().zip(rewritten) {
            let made = match rewritten {
                Some(Rewritten::Average(sum, count, data_type)) => Made::Average(parts.place(sum), parts.place(count), data_type),
                Some(Rewritten::Sum(sum)) => Made::Sum(parts.place(sum)),
                None => Made::Itself(parts.place(function.clone())),
            };
            parts.made.push(made);
        }
        Ok(Some(parts))
    }

    /// The index of an expression. Expressions that differ only in a CAST have the same name, so a name that is taken gets a number.
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

    /// The original columns, from `over`: the first ones, and the results of the rewritten functions.
    fn quotients(&self, over: LogicalPlan, first: usize, schema: &DFSchema) -> DfResult<Transformed<LogicalPlan>> {
        let column = |n: usize| Expr::Column(Column::from(over.schema().qualified_field(n)));
        // GROUPING is computed from the number of the set below; the column is not passed on.
        let shown = |n: &usize| over.schema().field(*n).name() != Aggregate::INTERNAL_GROUPING_ID;
        let mut exprs: Vec<Expr> = (0..first).filter(shown).map(column).collect();
        for (made, n) in self.made.iter().zip(first..) {
            let (qualifier, field) = schema.qualified_field(n);
            let of = |place: &usize| column(first + place);
            let value = match made {
                Made::Average(sum, count, DataType::Int64) => integer_average(of(sum), of(count)),
                Made::Average(sum, count, to @ DataType::Decimal128(..)) => cast(decimals::average(of(sum), of(count)), to.clone()),
                Made::Average(sum, count, to) => cast(of(sum) / of(count), to.clone()),
                Made::Sum(sum) => in_type(field.name(), of(sum), &DataType::Int64)?,
                Made::Itself(place) if over.schema().field(first + place).name() == field.name() => {
                    exprs.push(of(place));
                    continue;
                }
                Made::Itself(place) => of(place),
            };
            exprs.push(value.alias_qualified(qualifier.cloned(), field.name()));
        }
        Ok(Transformed::yes(LogicalPlanBuilder::from(over).project(exprs)?.build()?))
    }
}

/// The replacement of a function.
enum Rewritten {
    Sum(Expr),
    Average(Expr, Expr, DataType),
}

/// The sum and the count of an average of integers or DECIMALs, and its type; the sum of BIGINTs.
fn rewritten(expr: &Expr, schema: &DFSchema) -> DfResult<Option<Rewritten>> {
    let expr = expr.clone().unalias();
    let (name, args, distinct) = match &expr {
        Expr::AggregateFunction(function) => (function.func.name(), &function.params.args, function.params.distinct),
        Expr::WindowFunction(function) => (function.fun.name(), &function.params.args, function.params.distinct),
        _ => return Ok(None),
    };
    let Some(arg) = args.first().filter(|_| name == "avg" || name == "sum" && !distinct) else { return Ok(None) };
    let given = arg.get_type(schema)?;
    let data_type = match given {
        DataType::Decimal128(precision, scale) => DataType::Decimal128((precision + 4).min(38), (scale + 4).min(38)),
        other => other,
    };
    let with = |of: Arc<AggregateUDF>, wide: bool| {
        let mut expr = expr.clone();
        let args = match &mut expr {
            Expr::AggregateFunction(function) => {
                function.func = of;
                &mut function.params.args
            }
            Expr::WindowFunction(function) => {
                function.fun = WindowFunctionDefinition::AggregateUDF(of);
                &mut function.params.args
            }
            _ => return expr,
        };
        for arg in args.iter_mut().filter(|_| wide) {
            *arg = cast(std::mem::take(arg), DataType::Decimal128(28, 0));
        }
        expr
    };
    let wide = data_type == DataType::Int64;
    Ok(match name {
        "sum" => wide.then(|| Rewritten::Sum(with(checked_sum(), true))),
        _ if data_type.is_signed_integer() || matches!(data_type, DataType::Decimal128(..)) => {
            Some(Rewritten::Average(with(checked_sum(), wide), with(count_udaf(), false), data_type))
        }
        _ => None,
    })
}
