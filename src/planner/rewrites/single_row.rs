//! A scalar subquery yields at most one row; another row is an error.
//!
//! DataFusion joins a correlated subquery only if it is an aggregate; a join with other subqueries would return each of their rows. So a
//! subquery that is not known to have one row becomes `SELECT __single_row(MIN(x), COUNT(*))`, which fails for a second row, as Flink's
//! SINGLE_VALUE does.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result as DfResult;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::functions_aggregate::expr_fn::{count, min};
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use crate::common::{Error, Result};

/// Registers the function.
///
/// # Errors
/// When DataFusion refuses it.
pub(in crate::planner) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udf(Arc::new(function()))?;
    Ok(())
}

fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(SingleRow { signature: Signature::any(2, Volatility::Immutable) })
}

/// Reduces a subquery of one column to one row; `None` if it has at most one anyway, or its values have no order.
pub(super) fn single(plan: &LogicalPlan) -> DfResult<Option<LogicalPlan>> {
    let [field] = plan.schema().fields().as_ref() else { return Ok(None) };
    if plan.max_rows().is_some_and(|most| most <= 1) || field.data_type().is_nested() {
        return Ok(None);
    }
    let (name, columns) = (field.name().clone(), plan.schema().columns());
    let Some(column) = columns.into_iter().next() else { return Ok(None) };
    let aggregates = vec![min(Expr::Column(column)).alias("__value"), count(lit(1i64)).alias("__rows")];
    let value = function().call(vec![datafusion::logical_expr::ident("__value"), datafusion::logical_expr::ident("__rows")]);
    let aggregated = LogicalPlanBuilder::from(plan.clone()).aggregate(Vec::<Expr>::new(), aggregates)?;
    aggregated.project(vec![value.alias(name)])?.build().map(Some)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SingleRow {
    signature: Signature,
}

impl ScalarUDFImpl for SingleRow {
    fn name(&self) -> &'static str {
        "__single_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let [value, rows] = args.args.as_slice() else { return Err(Error::internal("__single_row takes two arguments").into()) };
        let counts = rows.to_array(args.number_rows)?;
        let counts = counts.as_primitive_opt::<Int64Type>().ok_or_else(|| Error::internal("a count that is no BIGINT"))?;
        if counts.iter().flatten().any(|n| n > 1) {
            let error = Error::data("a subquery as a value gave more than one row");
            return Err(error.hint("say which one is meant: (SELECT MAX(x) FROM ...)").into());
        }
        Ok(value.clone())
    }
}
