//! CAST to STRING gives the texts that Flink gives: `TRUE`, `2024-05-01 12:00:00.000`, `1.0E10`.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

use crate::common::Result;

use super::functions::shown::{CAST_TO_TEXT, differs};

/// Puts the function that shows values as Flink does into casts that DataFusion would show in another way.
///
/// # Errors
/// When DataFusion refuses to build a node; that would be a bug.
pub(super) fn flink_texts(plan: LogicalPlan, functions: &dyn FunctionRegistry) -> Result<LogicalPlan> {
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
    // A column of a query around this one has its type with it; what has none is refused elsewhere.
    let to_text = field.data_type().is_string() && of.get_type(schema).is_ok_and(|given| differs(&given));
    if !to_text {
        return Ok(Transformed::no(expr));
    }
    let text = Expr::ScalarFunction(ScalarFunction::new_udf(functions.udf(CAST_TO_TEXT)?, vec![of.as_ref().clone()]));
    Ok(Transformed::yes(Expr::Cast(Cast { expr: Box::new(text), field: field.clone() })))
}
