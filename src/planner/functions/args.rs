//! Arguments row by row: a literal is read once, a column straight from its Arrow array.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, LargeStringArray, StringArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::{DateTime, NaiveDateTime};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ColumnarValue;

use crate::common::{Error, Result};

/// The range of a row's array or map among the elements of all rows.
pub(super) fn range(offsets: &[i32], row: usize) -> Range<usize> {
    let at = |n: usize| offsets.get(n).and_then(|at| usize::try_from(*at).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

/// A text argument.
pub(super) enum Text {
    /// The same in every row.
    Literal(Option<String>),
    Utf8(StringArray),
    View(StringViewArray),
    Large(LargeStringArray),
}

impl Text {
    pub(super) fn new(arg: &ColumnarValue) -> Result<Self> {
        Ok(match arg {
            ColumnarValue::Scalar(ScalarValue::Utf8(s) | ScalarValue::Utf8View(s) | ScalarValue::LargeUtf8(s)) => Self::Literal(s.clone()),
            ColumnarValue::Scalar(ScalarValue::Null) => Self::Literal(None),
            ColumnarValue::Array(array) if *array.data_type() == DataType::Utf8 => Self::Utf8(array.as_string().clone()),
            ColumnarValue::Array(array) if *array.data_type() == DataType::Utf8View => Self::View(array.as_string_view().clone()),
            ColumnarValue::Array(array) if *array.data_type() == DataType::LargeUtf8 => Self::Large(array.as_string().clone()),
            other => return Err(Error::internal(format!("{} is no text", other.data_type()))),
        })
    }

    /// The text in a row.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        match self {
            Self::Literal(text) => text.as_deref(),
            Self::Utf8(array) => array.is_valid(row).then(|| array.value(row)),
            Self::View(array) => array.is_valid(row).then(|| array.value(row)),
            Self::Large(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// An integer argument.
pub(super) enum Int {
    /// The same in every row.
    Literal(Option<i64>),
    Column(Int64Array),
}

impl Int {
    pub(super) fn new(arg: &ColumnarValue) -> Result<Self> {
        Ok(match arg {
            ColumnarValue::Scalar(ScalarValue::Int64(value)) => Self::Literal(*value),
            ColumnarValue::Array(array) if *array.data_type() == DataType::Int64 => Self::Column(array.as_primitive::<Int64Type>().clone()),
            other => return Err(Error::internal(format!("{} is no BIGINT", other.data_type()))),
        })
    }

    /// The number in a row.
    pub(super) fn get(&self, row: usize) -> Option<i64> {
        match self {
            Self::Literal(value) => *value,
            Self::Column(array) => array.is_valid(row).then(|| array.value(row)),
        }
    }
}

/// The type that times of day are cast to.
const TIME: DataType = DataType::Time64(TimeUnit::Nanosecond);

/// Times in UTC.
pub(super) struct Times {
    values: Int64Array,
    unit: TimeUnit,
}

impl Times {
    /// Dates become midnight, times of day lie on the first day of 1970.
    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        let (times, unit) = match array.data_type() {
            DataType::Timestamp(unit, _) => (Arc::clone(array), *unit),
            DataType::Date32 | DataType::Date64 => (cast(array, &DataType::Timestamp(TimeUnit::Millisecond, None))?, TimeUnit::Millisecond),
            DataType::Time32(_) | DataType::Time64(_) => (cast(array, &TIME)?, TimeUnit::Nanosecond),
            other => return Err(Error::internal(format!("{other} is no time"))),
        };
        Ok(Self { values: cast(&times, &DataType::Int64)?.as_primitive::<Int64Type>().clone(), unit })
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// The time in a row.
    pub(super) fn get(&self, row: usize) -> Option<NaiveDateTime> {
        if self.values.is_null(row) {
            return None;
        }
        let value = self.values.value(row);
        let time = match self.unit {
            TimeUnit::Second => DateTime::from_timestamp(value, 0),
            TimeUnit::Millisecond => DateTime::from_timestamp_millis(value),
            TimeUnit::Microsecond => DateTime::from_timestamp_micros(value),
            TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(value)),
        };
        Some(time?.naive_utc())
    }

    /// Times as an array of such a type; a time outside its range is NULL.
    pub(super) fn array(times: Vec<Option<NaiveDateTime>>, data_type: &DataType) -> Result<ArrayRef> {
        let (unit, through) = match data_type {
            DataType::Timestamp(unit, _) => (*unit, data_type.clone()),
            DataType::Date32 | DataType::Date64 => (TimeUnit::Millisecond, DataType::Timestamp(TimeUnit::Millisecond, None)),
            DataType::Time32(_) | DataType::Time64(_) => (TimeUnit::Nanosecond, TIME),
            other => return Err(Error::internal(format!("{other} is no time"))),
        };
        let values = times.into_iter().map(|time| {
            let time = time?.and_utc();
            match unit {
                TimeUnit::Second => Some(time.timestamp()),
                TimeUnit::Millisecond => Some(time.timestamp_millis()),
                TimeUnit::Microsecond => Some(time.timestamp_micros()),
                // A time of day wraps around at midnight.
                TimeUnit::Nanosecond if through == TIME => Some(time.timestamp_nanos_opt()?.rem_euclid(86_400_000_000_000)),
                TimeUnit::Nanosecond => time.timestamp_nanos_opt(),
            }
        });
        let values: ArrayRef = Arc::new(values.collect::<Int64Array>());
        Ok(cast(&cast(&values, &through)?, data_type)?)
    }
}
