//! Keeps lossy casts, such as `CAST(d AS INT)` of a DECIMAL, in comparisons.
//!
//! DataFusion moves a cast from a column to the literal: `CAST(d AS INT) = 1` becomes `d = 1.00`, which differs, because 1.25 casts to 1 as
//! well. While expressions are simplified, such casts are arguments of an opaque function.

use std::any::type_name;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, internal_err};
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::common::casts::keeps;

/// DataFusion's rule, which cannot see through such casts.
#[derive(Debug, Default)]
pub(in crate::planner) struct KeepLossyCasts(SimplifyExpressions);

impl OptimizerRule for KeepLossyCasts {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> DfResult<Transformed<LogicalPlan>> {
        let schema = match &plan {
            LogicalPlan::TableScan(scan) => DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?,
            other => merge_schema(&other.inputs()),
        };
        let opaque = plan.map_expressions(|expr| expr.transform_up(|expr| hide(expr, &schema)))?;
        if !opaque.transformed {
            return self.0.rewrite(opaque.data, config);
        }
        let simple = self.0.rewrite(opaque.data, config)?;
        let changed = simple.transformed;
        let shown = simple.data.map_expressions(|expr| expr.transform_up(show))?;
        Ok(Transformed::new_transformed(shown.data, changed))
    }
}

fn hide(expr: Expr, schema: &DFSchema) -> DfResult<Transformed<Expr>> {
    let (Expr::Cast(Cast { expr: of, field }) | Expr::TryCast(TryCast { expr: of, field })) = &expr else {
        return Ok(Transformed::no(expr));
    };
    if matches!(of.as_ref(), Expr::Literal(..)) || of.get_type(schema).is_ok_and(|from| keeps(&from, field.data_type())) {
        return Ok(Transformed::no(expr));
    }
    static HIDDEN: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(Hidden::default())));
    Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&HIDDEN), vec![expr]))))
}

fn show(expr: Expr) -> DfResult<Transformed<Expr>> {
    match expr {
        Expr::ScalarFunction(mut call) if call.func.inner().is::<Hidden>() => match call.args.pop() {
            Some(cast) => Ok(Transformed::yes(cast)),
            None => internal_err!("a hidden cast is gone"),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// An identity function that keeps the name of its argument.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Hidden {
    signature: Signature,
}

impl Default for Hidden {
    fn default() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Hidden {
    fn name(&self) -> &str {
        "__hidden_cast"
    }

    fn schema_name(&self, args: &[Expr]) -> DfResult<String> {
        Ok(args.first().map(|cast| cast.schema_name().to_string()).unwrap_or_default())
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> DfResult<DataType> {
        Ok(types.first().cloned().unwrap_or(DataType::Null))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> DfResult<FieldRef> {
        match args.arg_fields {
            [field] => Ok(Arc::clone(field)),
            _ => internal_err!("{} takes one argument", type_name::<Self>()),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        match args.args.into_iter().next() {
            Some(value) => Ok(value),
            None => internal_err!("{} takes one argument", type_name::<Self>()),
        }
    }
}
