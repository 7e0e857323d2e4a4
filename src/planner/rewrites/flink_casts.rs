//! CAST as in Flink: to STRING with Flink's text (`TRUE`, `2024-05-01 12:00:00.000`, `1.0E10`), to a TIMESTAMP of fewer digits by rounding
//! down, also before 1970 and within rows and arrays, to a ROW by the positions of its fields.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, lit};

use crate::common::field_names::{as_in, of_other_length};
use crate::common::floor::cuts;
use crate::common::{Error, Result};
use crate::sql::types::display;

use crate::planner::functions::calendar::{FLOOR, cut_for};
use crate::planner::functions::field_names::fields_named;
use crate::planner::functions::to_string::{CAST_TO_TEXT, differs};

/// Adds the functions that format values and cut times as Flink does to casts that DataFusion would evaluate differently.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(in crate::planner) fn flink_casts(plan: LogicalPlan, functions: &dyn FunctionRegistry) -> Result<LogicalPlan> {
    let shown = plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        let node = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| one(expr, &schema, functions))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        if node.transformed { node.map_data(LogicalPlan::recompute_schema) } else { Ok(node) }
    })?;
    Ok(shown.data)
}

fn one(expr: Expr, schema: &DFSchema, functions: &dyn FunctionRegistry) -> DfResult<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr: of, field }) | Expr::TryCast(TryCast { expr: of, field })) = &expr else {
        return Ok(Transformed::no(expr));
    };
    // An outer column carries its type; an expression without a type is rejected elsewhere.
    let Ok(given) = of.get_type(schema) else { return Ok(Transformed::no(expr)) };
    if let Some((from, to)) = of_other_length(&given, field.data_type()) {
        let error = Error::sql(format!("a cast from {} to {} is not possible", display(from), display(to)));
        return Err(error.hint("both need as many fields: they are cast one by one, by their places").into());
    }
    let named = as_in(&given, field.data_type());
    let (of, renamed) = match named != given {
        true => (fields_named(of.as_ref().clone(), &named)?, true),
        false => (of.as_ref().clone(), false),
    };
    let call = |name: &str, args: Vec<Expr>| Ok(Expr::ScalarFunction(ScalarFunction::new_udf(functions.udf(name)?, args)));
    let inner = match field.data_type() {
        text if text.is_string() && differs(&given) => call(CAST_TO_TEXT, vec![of]),
        time @ DataType::Timestamp(..) if cuts(&given, time) => call(FLOOR, vec![lit(unit(time)), of]),
        rows if cuts(&given, rows) => Ok(cut_for(of, rows)?),
        _ if renamed => Ok(of),
        _ => return Ok(Transformed::no(expr)),
    };
    let (inner, field): (DfResult<Expr>, _) = (inner, field.clone());
    let inner = Box::new(inner?);
    Ok(Transformed::yes(match &expr {
        Expr::TryCast(_) => Expr::TryCast(TryCast { expr: inner, field }),
        _ => Expr::Cast(Cast { expr: inner, field }),
    }))
}

/// The unit of a time's digits.
fn unit(time: &DataType) -> &'static str {
    match time {
        DataType::Timestamp(TimeUnit::Second, _) => "SECOND",
        DataType::Timestamp(TimeUnit::Millisecond, _) => "MILLISECOND",
        _ => "MICROSECOND",
    }
}
