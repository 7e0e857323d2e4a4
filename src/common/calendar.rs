//! SQL's calendar, 0001-01-01 to 9999-12-31, and checks for values beyond it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, OffsetSizeTrait, PrimitiveArray, make_array};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampSecondType,
};

use super::digits::greatest;

/// 0001-01-01, in days since 1970.
const FIRST: i64 = -719_162;
/// 10000-01-01, the first day after the calendar.
const END: i64 = 2_932_897;
const SECONDS: i64 = 86_400;

/// Whether a day, counted from 1970, is in the calendar.
#[inline]
pub fn has_day(days: i64) -> bool {
    (FIRST..END).contains(&days)
}

/// Whether a time, counted from 1970, is in the calendar.
#[inline]
pub fn has_time(value: i64, unit: TimeUnit) -> bool {
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        // 64 bits reach from 1677 to 2262.
        TimeUnit::Nanosecond => return true,
    };
    (FIRST * SECONDS * per_second..END * SECONDS * per_second).contains(&value)
}

/// Returns the rows with a date or time beyond the calendar, or a decimal beyond its precision, also in nested values: they cannot be
/// written or computed with. Empty if all values are valid.
pub fn beyond(array: &ArrayRef) -> Vec<usize> {
    match array.data_type() {
        DataType::Date32 => rows(array, &array.as_primitive::<Date32Type>().values()[..], |days| has_day(i64::from(days))),
        DataType::Date64 => rows(array, &array.as_primitive::<Date64Type>().values()[..], |ms| has_time(ms, TimeUnit::Millisecond)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => Vec::new(),
        DataType::Timestamp(unit, _) => {
            // The cast costs nothing: the values are the same 64 bits.
            let plain = arrow::compute::cast(array, &DataType::Int64).ok();
            let times = plain.as_ref().and_then(|plain| plain.as_primitive_opt::<Int64Type>());
            times.map_or_else(Vec::new, |times| rows(array, &times.values()[..], |value| has_time(value, *unit)))
        }
        DataType::Decimal128(precision, _) => {
            let most = greatest(*precision);
            rows(array, &array.as_primitive::<Decimal128Type>().values()[..], |value| -most <= value && value <= most)
        }
        DataType::Struct(_) => {
            let all = array.as_struct().columns().iter().flat_map(beyond).filter(|row| array.is_valid(*row));
            sorted(all.collect())
        }
        DataType::List(_) => holding(array.as_list::<i32>().value_offsets(), array, array.as_list::<i32>().values()),
        DataType::LargeList(_) => holding(array.as_list::<i64>().value_offsets(), array, array.as_list::<i64>().values()),
        DataType::Map(..) => {
            let map = array.as_map();
            let mut all = holding(map.value_offsets(), array, map.keys());
            all.extend(holding(map.value_offsets(), array, map.values()));
            sorted(all)
        }
        _ => Vec::new(),
    }
}

/// Clamps times beyond the calendar, also in rows, arrays and maps, to just beyond it: a cast to another unit, or to a date, then neither
/// hides them nor fails.
pub fn clamped(array: &ArrayRef) -> ArrayRef {
    fn clamp_values<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef, per_second: i64) -> Option<ArrayRef> {
        let times: &PrimitiveArray<T> = array.as_primitive_opt()?;
        // A whole day, so that a date is beyond the calendar, too.
        let (before, behind) = ((FIRST - 1) * SECONDS * per_second, END * SECONDS * per_second);
        let fits = times.values().iter().fold(true, |all, time| all & (before..=behind).contains(time));
        (!fits).then(|| Arc::new(times.unary::<_, T>(|time| time.clamp(before, behind)).with_data_type(array.data_type().clone())) as _)
    }
    let done = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => clamp_values::<TimestampSecondType>(array, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => clamp_values::<TimestampMillisecondType>(array, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => clamp_values::<TimestampMicrosecondType>(array, 1_000_000),
        DataType::Date64 => clamp_values::<Date64Type>(array, 1_000),
        DataType::Struct(_) | DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) | DataType::Map(..) => {
            let data = array.to_data();
            let children = data.child_data().iter().map(|child| clamped(&make_array(child.clone())).to_data()).collect();
            data.into_builder().child_data(children).build().ok().map(make_array)
        }
        _ => None,
    };
    done.unwrap_or_else(|| Arc::clone(array))
}

fn rows<T: Copy>(array: &ArrayRef, values: &[T], fits: impl Fn(T) -> bool) -> Vec<usize> {
    // Without an early exit the compiler vectorises this loop.
    if values.iter().fold(true, |all, value| all & fits(*value)) {
        return Vec::new();
    }
    values.iter().enumerate().filter(|(row, value)| array.is_valid(*row) && !fits(**value)).map(|(row, _)| row).collect()
}

/// Returns the lists that contain one of these elements.
fn holding<O: OffsetSizeTrait>(offsets: &[O], lists: &ArrayRef, elements: &ArrayRef) -> Vec<usize> {
    let wrong = beyond(elements);
    if wrong.is_empty() {
        return Vec::new();
    }
    let within = |row: &usize| match (offsets.get(*row), offsets.get(row + 1)) {
        (Some(from), Some(to)) => wrong.iter().any(|i| (from.as_usize()..to.as_usize()).contains(i)),
        _ => false,
    };
    (0..lists.len()).filter(|row| lists.is_valid(*row)).filter(within).collect()
}

fn sorted(mut rows: Vec<usize>) -> Vec<usize> {
    rows.sort_unstable();
    rows.dedup();
    rows
}

#[cfg(test)]
mod tests {
    use arrow::array::{Date32Array, Date64Array, Decimal128Array, ListArray, TimestampMicrosecondArray, TimestampSecondArray};
    use arrow::compute::cast;

    use super::*;

    #[test]
    fn the_calendar_has_four_digits() {
        for (text, inside) in [("0000-12-31", false), ("0001-01-01", true), ("9999-12-31", true), ("+10000-01-01", false)] {
            let date: chrono::NaiveDate = text.parse().unwrap();
            let days = i64::from(date.to_epoch_days());
            assert_eq!((has_day(days), has_time(days * SECONDS, TimeUnit::Second)), (inside, inside), "{text}");
            assert_eq!(has_time(days * SECONDS * 1_000_000, TimeUnit::Microsecond), inside, "{text}");
        }
        assert!(has_time(END * SECONDS * 1_000 - 1, TimeUnit::Millisecond));
    }

    #[test]
    fn rows_beyond_it_are_found_inside_of_lists_too() {
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, Some(i32::MAX), Some(-719_163)]));
        assert_eq!(beyond(&dates), [2, 3]);
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX, 0]));
        assert_eq!(beyond(&times), [0]);
        let decimals: ArrayRef = Arc::new(Decimal128Array::from(vec![999, 1000, -1000]).with_precision_and_scale(3, 1).unwrap());
        assert_eq!(beyond(&decimals), [1, 2]);
        let list = ListArray::from_iter_primitive::<Date32Type, _, _>([Some(vec![Some(1)]), None, Some(vec![Some(2), Some(i32::MIN)])]);
        assert_eq!(beyond(&(Arc::new(list) as ArrayRef)), [2]);
    }

    #[test]
    fn times_beyond_it_stay_so_in_every_cast() {
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        let times: [ArrayRef; 3] = [
            Arc::new(TimestampSecondArray::from(vec![Some(0), Some(i64::MAX), Some(i64::MIN), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![Some(0), Some(i64::MAX), Some(i64::MIN), None])),
            Arc::new(Date64Array::from(vec![Some(0), Some(i64::MAX), Some(i64::MIN), None])),
        ];
        for times in times {
            for to in [&millis, &DataType::Date32] {
                assert_eq!(beyond(&cast(&clamped(&times), to).unwrap()), [1, 2], "{} to {to}", times.data_type());
            }
        }
        let list = ListArray::from_iter_primitive::<Date64Type, _, _>([Some(vec![Some(1)]), None, Some(vec![Some(2), Some(i64::MIN)])]);
        let dates = cast(&clamped(&(Arc::new(list) as ArrayRef)), &DataType::new_list(DataType::Date32, true)).unwrap();
        assert_eq!(beyond(&dates), [2]);
    }
}
