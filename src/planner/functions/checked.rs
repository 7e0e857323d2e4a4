//! Parts of sums that never wrap: DataFusion's `+` and `*` return a wrong number on overflow, and its errors do not name the sum.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::kernels::numeric::add;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::logical_expr::{Expr, ScalarUDF, lit};
use datafusion::scalar::ScalarValue;

use crate::common::digits::fits;
use crate::common::{Error, Result};

use super::rows::returns;
use super::scalar::{Call, Param, Scalar, nth};
use super::sums::{beyond, is_checked};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![added(), in_range(), quotient()]
}

fn added() -> Arc<ScalarUDF> {
    Scalar::new("__add_checked", &[&[Param::Text, Param::Any, Param::Any]], nth::<1>, step).udf()
}

fn in_range() -> Arc<ScalarUDF> {
    Scalar::new("__sum_in_type", &[&[Param::Text, Param::Any, Param::Any]], nth::<2>, |call| {
        let (sums, data_type) = (call.array(1)?, call.array(2)?.data_type().clone());
        let fitted = cast_with_options(&sums, &data_type, &CastOptions::default())?;
        if fitted.null_count() > sums.null_count() { Err(too_long(call, &data_type)) } else { Ok(fitted) }
    })
    .udf()
}

fn quotient() -> Arc<ScalarUDF> {
    Scalar::new("__integer_average", &[&[Param::Any, Param::Int]], returns::<i64>, |call| {
        let (sums, counts) = (call.array(0)?, call.int(1)?);
        let sums = sums.as_primitive::<Decimal128Type>();
        let of = |row: usize| {
            let (sum, count) = (sums.is_valid(row).then(|| sums.value(row))?, counts.get(row).filter(|count| *count != 0)?);
            // The quotient lies between the least and the greatest value.
            i64::try_from(sum / i128::from(count)).ok()
        };
        Ok(Arc::new((0..sums.len()).map(of).collect::<Int64Array>()))
    })
    .udf()
}

/// Converts the sum of this name from a wider type to its own.
///
/// # Errors
/// When there is no NULL of that type.
pub fn in_type(name: &str, sum: Expr, data_type: &DataType) -> Result<Expr> {
    Ok(in_range().call(vec![lit(name), sum, lit(ScalarValue::try_from(data_type)?)]))
}

/// The quotient of a sum of BIGINTs, held as a DECIMAL, and their count, truncated.
pub fn integer_average(sum: Expr, count: Expr) -> Expr {
    quotient().call(vec![sum, count])
}

/// Adds two parts of the sum of this name; both have its type.
pub fn sum_of_parts(name: &str, a: Expr, b: Expr, data_type: &DataType) -> Expr {
    if is_checked(data_type) { added().call(vec![lit(name), a, b]) } else { a + b }
}

fn too_long(call: &Call, data_type: &DataType) -> Error {
    beyond(call.text(0).ok().and_then(|name| name.get(0).map(ToString::to_string)).unwrap_or_default().as_str(), data_type)
}

fn step(call: &Call) -> Result<ArrayRef> {
    let (a, b) = (call.array(1)?, call.array(2)?);
    let data_type = a.data_type().clone();
    let too_long = || too_long(call, &data_type);
    let result = add(&a, &b).map_err(|_| too_long())?;
    match &data_type {
        DataType::Decimal128(precision, scale) => {
            let sums = result.as_primitive::<Decimal128Type>();
            if sums.iter().flatten().any(|sum| !fits(sum, *precision)) {
                return Err(too_long());
            }
            Ok(Arc::new(sums.clone().with_precision_and_scale(*precision, *scale)?))
        }
        other if result.data_type() == other => Ok(result),
        other => Err(Error::internal(format!("a part of a sum of {other}"))),
    }
}
