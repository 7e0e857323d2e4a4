//! Renames the fields of rows, as a CAST does by position.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ScalarUDF, lit};
use datafusion::scalar::ScalarValue;

use crate::common::{Result, field_names};

use super::scalar::{Param, Scalar, nth};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![named()]
}

fn named() -> Arc<ScalarUDF> {
    Scalar::new("__fields_named", &[&[Param::Any, Param::Any]], nth::<1>, |call| {
        Ok(field_names::renamed_as(&call.array(0)?, call.array(1)?.data_type()))
    })
    .udf()
}

/// A value in a type that differs from its own only in the names of fields.
///
/// # Errors
/// When there is no NULL of that type.
pub fn fields_named(value: Expr, as_type: &DataType) -> Result<Expr> {
    Ok(named().call(vec![value, lit(ScalarValue::try_from(as_type)?)]))
}
