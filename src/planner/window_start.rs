//! The start of the tumbling window that holds a time, as a vectorised function that keeps the time's type.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit};

use crate::common::Error;

/// `window_start(time, size, offset)`: size and offset in milliseconds.
///
/// DataFusion's `date_bin` does the same, but turns every time into nanoseconds first.
static WINDOW_START: LazyLock<Arc<ScalarUDF>> =
    LazyLock::new(|| Arc::new(ScalarUDF::new_from_impl(WindowStart { signature: Signature::any(3, Volatility::Immutable) })));

/// The function, to be registered by sessions that decode plans.
pub fn udf() -> Arc<ScalarUDF> {
    Arc::clone(&WINDOW_START)
}

/// The call `window_start(time, size, offset)`.
pub fn call(time: Expr, size: i64, offset: i64) -> Expr {
    WINDOW_START.call(vec![time, lit(size), lit(offset)])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct WindowStart {
    signature: Signature,
}

impl ScalarUDFImpl for WindowStart {
    fn name(&self) -> &'static str {
        "__window_start"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, args: &[DataType]) -> DfResult<DataType> {
        args.first().cloned().ok_or_else(|| Error::internal("window_start takes three arguments").into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DfResult<ColumnarValue> {
        let literal = |i: usize| match args.args.get(i) {
            Some(ColumnarValue::Scalar(ScalarValue::Int64(Some(value)))) => Ok(*value),
            _ => Err(Error::internal("window_start takes literals for size and offset")),
        };
        let (size, offset) = (literal(1)?, literal(2)?);
        let times = args.args[0].to_array(args.number_rows)?;
        let starts: ArrayRef = match times.data_type() {
            DataType::Timestamp(TimeUnit::Second, _) => floor::<TimestampSecondType>(&times, size / 1000, offset / 1000),
            DataType::Timestamp(TimeUnit::Millisecond, _) => floor::<TimestampMillisecondType>(&times, size, offset),
            DataType::Timestamp(TimeUnit::Microsecond, _) => floor::<TimestampMicrosecondType>(&times, size * 1_000, offset * 1_000),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => floor::<TimestampNanosecondType>(&times, size * 1_000_000, offset * 1_000_000),
            other => return Err(Error::internal(format!("window_start of {other}")).into()),
        };
        Ok(ColumnarValue::Array(starts))
    }
}

fn floor<T: ArrowPrimitiveType<Native = i64>>(times: &ArrayRef, size: i64, offset: i64) -> ArrayRef {
    let size = size.max(1);
    let starts = times.as_primitive::<T>().unary::<_, T>(|t| t - (t - offset).rem_euclid(size));
    Arc::new(starts.with_data_type(times.data_type().clone()))
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMillisecondArray;
    use arrow::datatypes::Int64Type;

    use super::*;

    #[test]
    fn windows_are_aligned_also_before_1970() {
        let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![0, 2_999, 3_000, -1, -3_000, -3_001]));
        let starts = floor::<TimestampMillisecondType>(&times, 3_000, 0);
        let values: Vec<i64> = starts.as_primitive::<TimestampMillisecondType>().reinterpret_cast::<Int64Type>().values().to_vec();
        assert_eq!(values, [0, 0, 3_000, -3_000, -3_000, -6_000]);
        let moved = floor::<TimestampMillisecondType>(&times, 3_000, 1_000);
        assert_eq!(moved.as_primitive::<TimestampMillisecondType>().value(0), -2_000);
    }
}
