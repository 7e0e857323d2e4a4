//! Times in a coarser unit: cut downwards, also before 1970.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};

/// How many of a unit a second has.
pub fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Whether a cast between these types cuts digits of a time off.
pub fn cuts(from: &DataType, to: &DataType) -> bool {
    matches!((from, to), (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) if per_second(*from) > per_second(*to))
}

/// A column whose times are whole numbers of the unit of `to`, so that a cast to it is exact; other columns as they are. Arrow's own
/// cast cuts towards 1970: half a millisecond before it would become a time of the next day.
pub fn floored(column: &ArrayRef, to: &DataType) -> ArrayRef {
    match (column.data_type(), to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(unit, _)) if cuts(column.data_type(), to) => {
            floored_to(column, per_second(*from) / per_second(*unit))
        }
        _ => Arc::clone(column),
    }
}

/// The times of a column at or before its own that are whole multiples of so many of its units.
pub fn floored_to(column: &ArrayRef, units: i64) -> ArrayRef {
    fn of<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, units: i64) -> Option<ArrayRef> {
        let times: &PrimitiveArray<T> = column.as_primitive_opt()?;
        let numbers: PrimitiveArray<Int64Type> = times.reinterpret_cast();
        let floored = numbers.unary::<_, Int64Type>(|t| t.saturating_sub(t.rem_euclid(units)));
        Some(Arc::new(floored.reinterpret_cast::<T>().with_data_type(column.data_type().clone())))
    }
    let done = match column.data_type() {
        _ if units <= 1 => None,
        DataType::Timestamp(TimeUnit::Second, _) => of::<TimestampSecondType>(column, units),
        DataType::Timestamp(TimeUnit::Millisecond, _) => of::<TimestampMillisecondType>(column, units),
        DataType::Timestamp(TimeUnit::Microsecond, _) => of::<TimestampMicrosecondType>(column, units),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => of::<TimestampNanosecondType>(column, units),
        _ => None,
    };
    done.unwrap_or_else(|| Arc::clone(column))
}
