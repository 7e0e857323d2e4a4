//! Steps on the way to a sum that never wrap: DataFusion's `+` and `*` give another number, and its errors do not name the sum.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::kernels::numeric::{add, mul};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::logical_expr::{Expr, ScalarUDF, lit};

use crate::common::digits::fits;
use crate::common::{Error, Result};

use super::scalar::{Call, Param, Scalar, nth};
use super::sums::{beyond, is_checked};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![added(), weighted()]
}

fn added() -> Arc<ScalarUDF> {
    Scalar::new("__add_checked", &[&[Param::Text, Param::Any, Param::Any]], nth::<1>, |call| step(call, false)).udf()
}

fn weighted() -> Arc<ScalarUDF> {
    Scalar::new("__times_checked", &[&[Param::Text, Param::Any, Param::Any]], nth::<1>, |call| step(call, true)).udf()
}

/// Two parts of the sum of this name, of one type.
pub fn sum_of_parts(name: &str, a: Expr, b: Expr, data_type: &DataType) -> Expr {
    if is_checked(data_type) { added().call(vec![lit(name), a, b]) } else { a + b }
}

/// A BIGINT times its weight, as a part of the sum of this name.
pub fn times_weight(name: &str, value: Expr, weight: Expr) -> Expr {
    weighted().call(vec![lit(name), value, weight])
}

fn step(call: &Call, times: bool) -> Result<ArrayRef> {
    let (a, b) = (call.array(1)?, call.array(2)?);
    let data_type = a.data_type().clone();
    let too_long =
        || beyond(call.text(0).ok().and_then(|name| name.get(0).map(ToString::to_string)).unwrap_or_default().as_str(), &data_type);
    let result = if times { mul(&a, &b) } else { add(&a, &b) }.map_err(|_| too_long())?;
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
