//! NULL is the lowest value of an ORDER BY, as in Flink, unless NULLS FIRST or NULLS LAST is written; with one exception.
//!
//! OVER in order of an event time puts rows without a time *last* by default. Such a row can come at any moment, and if it were sorted
//! first it would change results that were already emitted; Flink ends the job there. Batch does the same, so that the results agree.
//!
//! DataFusion's plans do not tell an explicit NULLS FIRST from the default, so it is marked in the SQL tree of an OVER.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::{
    ColumnarValue, Distinct, Expr, JoinType, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use sqlparser::ast::{self, NamedWindowDefinition, NamedWindowExpr, Query, Select, VisitMut, VisitorMut, WindowSpec, WindowType};

use crate::common::Result;
use crate::sql::ast_builder;

use crate::planner::columns::copied;
use crate::planner::provider::TableSource;

use super::window_functions::{reordered, replaced};

const WRITTEN: &str = "__nulls_first_written";

/// Registers the mark.
///
/// # Errors
/// When DataFusion refuses it.
pub(in crate::planner) fn register(registry: &mut dyn FunctionRegistry) -> Result<()> {
    registry.register_udf(Arc::new(ScalarUDF::new_from_impl(Written { signature: Signature::any(1, Volatility::Immutable) })))?;
    Ok(())
}

/// Marks explicit NULLS FIRST.
pub(in crate::planner) fn mark(query: &mut Query) {
    let _ = query.visit(&mut Marks);
}

struct Marks;

impl VisitorMut for Marks {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for NamedWindowDefinition(_, window) in &mut select.named_window {
            if let NamedWindowExpr::WindowSpec(spec) = window {
                marked(spec);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
        if let ast::Expr::Function(ast::Function { over: Some(WindowType::WindowSpec(spec)), .. }) = expr {
            marked(spec);
        }
        ControlFlow::Continue(())
    }
}

fn marked(spec: &mut WindowSpec) {
    if let Some(first) = spec.order_by.first_mut()
        && first.options.asc != Some(false)
        && first.options.nulls_first == Some(true)
        && matches!(first.expr, ast::Expr::Identifier(_) | ast::Expr::CompoundIdentifier(_))
    {
        first.expr = ast_builder::call(WRITTEN, vec![first.expr.clone()]);
    }
}

/// Removes the marks, and lets OVER in order of an event time put rows without a time last unless the query says otherwise.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn times_last(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) => replaced(window, |expr, input| Ok(ordered(expr, input)), reordered),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// A function with the right order, if its order changes.
fn ordered(expr: &Expr, input: &LogicalPlan) -> Option<Expr> {
    let Expr::WindowFunction(mut function) = expr.clone().unalias() else { return None };
    let first = function.params.order_by.first_mut()?;
    if let Expr::ScalarFunction(mark) = &first.expr
        && mark.func.inner().is::<Written>()
    {
        first.expr = mark.args.first()?.clone();
    } else if first.asc && first.nulls_first && copied(&first.expr, input.schema()).is_some_and(|column| is_time(input, column)) {
        first.nulls_first = false;
    } else {
        return None;
    }
    Some(Expr::WindowFunction(function))
}

/// Whether a column holds the event time of a declared table.
fn is_time(plan: &LogicalPlan, index: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let time = TableSource::from_scan(scan).and_then(|table| table.event_time().map(ToString::to_string));
            time.as_deref() == plan.schema().fields().get(index).map(|field| field.name().as_str()) && time.is_some()
        }
        LogicalPlan::Projection(projection) => copies(&projection.expr, &projection.input, index),
        LogicalPlan::Aggregate(aggregate) => copies(&aggregate.group_expr, &aggregate.input, index),
        LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) => below(plan, index),
        LogicalPlan::Distinct(Distinct::All(_)) | LogicalPlan::Window(_) => below(plan, index),
        LogicalPlan::Extension(_) => plan.inputs().len() == 1 && below(plan, index),
        LogicalPlan::Union(union) => union.inputs.iter().all(|input| is_time(input, index)),
        LogicalPlan::Join(join) => match (join.join_type, index.checked_sub(join.left.schema().fields().len())) {
            (JoinType::RightSemi | JoinType::RightAnti | JoinType::RightMark, _) => is_time(&join.right, index),
            (_, Some(right)) => is_time(&join.right, right),
            (_, None) => is_time(&join.left, index),
        },
        _ => false,
    }
}

fn copies(exprs: &[Expr], input: &LogicalPlan, index: usize) -> bool {
    exprs.get(index).and_then(|expr| copied(expr, input.schema())).is_some_and(|column| is_time(input, column))
}

/// The same for the node below, where the column has the same index.
fn below(plan: &LogicalPlan, index: usize) -> bool {
    let name = |plan: &LogicalPlan| plan.schema().fields().get(index).map(|field| field.name().clone());
    plan.inputs().first().is_some_and(|input| name(plan).is_some() && name(plan) == name(input) && is_time(input, index))
}

/// The mark: an identity function that keeps the name of its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Written {
    signature: Signature,
}

impl ScalarUDFImpl for Written {
    fn name(&self) -> &str {
        WRITTEN
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        Ok(args.first().map(|arg| arg.schema_name().to_string()).unwrap_or_default())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        internal_err!("a mark of the SQL tree in a plan")
    }
}
