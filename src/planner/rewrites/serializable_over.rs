//! Rewrites OVER to forms that survive encoding. DataFusion drops FILTER and IGNORE NULLS of window functions when it encodes a plan, so
//! FILTER becomes CASE here, and IGNORE NULLS a part of the function.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::arrow::compute::SortOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowFunctionSimplification, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    Documentation, Expr, LimitEffect, LogicalPlan, PartitionEvaluator, ReversedUDWF, Signature, Window, WindowFunctionDefinition,
    WindowUDF, WindowUDFImpl, when,
};
use datafusion::physical_expr::PhysicalExpr;

use crate::common::{Error, Result};

use crate::planner::functions;

use super::window_functions::replaced;

/// Aggregates that ignore rows whose first argument is NULL.
const SKIP_NULLS: [&str; 23] = [
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "max",
    "median",
    "min",
    "percentile_cont",
    "stddev",
    "stddev_pop",
    "string_agg",
    "sum",
    "var",
    "var_pop",
];

/// The same plan with OVER in these forms.
///
/// # Errors
/// When FILTER is used with a function that counts NULLs or has no argument; other errors are DataFusion's.
pub(in crate::planner) fn sendable(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Window(window) => {
            replaced(window, |expr, _| form(expr), |window, exprs| Ok(LogicalPlan::Window(Window::try_new(exprs, window.input)?)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(plan.data)
}

/// The serializable form of a window function under its original name, if it needs one.
fn form(expr: &Expr) -> DfResult<Option<Expr>> {
    let Expr::WindowFunction(function) = expr.clone().unalias() else { return Ok(None) };
    let WindowFunction { mut fun, mut params } = *function;
    match &fun {
        WindowFunctionDefinition::WindowUDF(udwf) if params.null_treatment == Some(NullTreatment::IgnoreNulls) => {
            fun = WindowFunctionDefinition::WindowUDF(ignoring_nulls(udwf));
        }
        WindowFunctionDefinition::AggregateUDF(udaf) if params.filter.is_some() => {
            let name = udaf.name();
            let (Some(first), true) = (params.args.first_mut(), SKIP_NULLS.contains(&name)) else {
                return Err(Error::sql(format!("FILTER cannot stand with {name}(...) OVER yet"))
                    .hint("put the condition into a subquery's WHERE, or into CASE WHEN")
                    .into());
            };
            if let Some(filter) = params.filter.take() {
                *first = when(*filter, first.clone()).end()?;
            }
        }
        _ => return Ok(None),
    }
    let changed = Expr::WindowFunction(Box::new(WindowFunction { fun, params }));
    Ok(Some(changed.alias(expr.schema_name().to_string())))
}

/// A window function that always ignores NULLs.
#[derive(Debug, PartialEq, Eq, Hash)]
struct IgnoringNulls {
    function: Arc<WindowUDF>,
}

fn ignoring_nulls(function: &Arc<WindowUDF>) -> Arc<WindowUDF> {
    Arc::new(WindowUDF::new_from_impl(IgnoringNulls { function: Arc::clone(function) }))
}

/// The marker that distinguishes such a function from the plain one of its name in an encoded plan.
const MARK: &[u8] = b"ignore nulls";

/// The bytes that follow the name of a function.
pub(in crate::planner) fn encode(function: &WindowUDF, buf: &mut Vec<u8>) {
    if function.inner().is::<IgnoringNulls>() {
        buf.extend_from_slice(MARK);
    }
}

/// Returns a function by its name and these bytes.
///
/// # Errors
/// When there is no such function.
pub(in crate::planner) fn decode(name: &str, buf: &[u8]) -> Result<Arc<WindowUDF>> {
    let function = functions::window_function(name).filter(|_| buf == MARK);
    function.map(|f| ignoring_nulls(&f)).ok_or_else(|| Error::internal(format!("a plan with an unknown window function {name}")))
}

impl WindowUDFImpl for IgnoringNulls {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn expressions(&self, args: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.function.expressions(args)
    }

    fn partition_evaluator(&self, args: PartitionEvaluatorArgs) -> DfResult<Box<dyn PartitionEvaluator>> {
        let args = PartitionEvaluatorArgs::new(args.input_exprs(), args.input_fields(), args.is_reversed(), true);
        self.function.partition_evaluator_factory(args)
    }

    fn simplify(&self) -> Option<WindowFunctionSimplification> {
        self.function.simplify()
    }

    fn field(&self, args: WindowUDFFieldArgs) -> DfResult<FieldRef> {
        self.function.field(args)
    }

    fn sort_options(&self) -> Option<SortOptions> {
        self.function.sort_options()
    }

    fn coerce_types(&self, types: &[DataType]) -> DfResult<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn reverse_expr(&self) -> ReversedUDWF {
        match self.function.reverse_expr() {
            ReversedUDWF::Reversed(reversed) => ReversedUDWF::Reversed(ignoring_nulls(&reversed)),
            other => other,
        }
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn limit_effect(&self, args: &[Arc<dyn PhysicalExpr>]) -> LimitEffect {
        self.function.inner().limit_effect(args)
    }
}
