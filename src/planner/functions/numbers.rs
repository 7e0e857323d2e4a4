//! Functions over numbers.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::logical_expr::ScalarUDF;

use crate::common::{Error, Result};

use super::scalar::{Param, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::Double;
    [
        // The natural logarithm, or the logarithm to the base of the first argument.
        Scalar::rows("log", &[&[Double], &[Double, Double]], |row| {
            if row.len() == 1 { Some(row.double(0)?.ln()) } else { Some(row.double(1)?.ln() / row.double(0)?.ln()) }
        }),
        Scalar::rows("e", &[&[]], |_| Some(std::f64::consts::E)),
        Scalar::new("sign", &[&[Param::Any]], same, |call| sign(&call.array(0)?)),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// The type of the first argument.
fn same(args: &[DataType]) -> Result<DataType> {
    match args.first() {
        Some(number) if number.is_numeric() => Ok(number.clone()),
        Some(DataType::Null) => Ok(DataType::Int32),
        _ => Err(Error::sql("only a number has a sign")),
    }
}

/// −1, 0 or 1 in the type of the number.
fn sign(numbers: &ArrayRef) -> Result<ArrayRef> {
    let data_type = numbers.data_type();
    Ok(match data_type {
        DataType::Null => Arc::new(Int32Array::new_null(numbers.len())),
        DataType::Decimal128(_, scale) => {
            let one = 10_i128.checked_pow(u32::try_from(*scale).unwrap_or(0)).unwrap_or(1);
            let signs = numbers.as_primitive::<Decimal128Type>().unary::<_, Decimal128Type>(|n| n.signum() * one);
            Arc::new(signs.with_data_type(data_type.clone()))
        }
        whole if whole.is_integer() => {
            let signs: Int64Array = cast(numbers, &DataType::Int64)?.as_primitive::<Int64Type>().unary(i64::signum);
            cast(&signs, data_type)?
        }
        _ => {
            let of = |n: f64| if n == 0.0 || n.is_nan() { n } else { n.signum() };
            let signs: Float64Array = cast(numbers, &DataType::Float64)?.as_primitive::<Float64Type>().unary(of);
            cast(&signs, data_type)?
        }
    })
}
