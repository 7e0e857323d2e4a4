//! Rounds times down to a coarser unit, also before 1970.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, make_array};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int64Type, Time32MillisecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

/// Returns how many units a second has.
pub fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Whether a type contains times, also within rows, arrays and maps.
pub fn has_times(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(..) => true,
        DataType::List(field) | DataType::Map(field, _) => has_times(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_times(field.data_type())),
        _ => false,
    }
}

/// Whether a cast between these types truncates times, also within rows, arrays and maps.
pub fn cuts(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => per_second(*from) > per_second(*to),
        (DataType::List(from), DataType::List(to)) | (DataType::Map(from, _), DataType::Map(to, _)) => {
            cuts(from.data_type(), to.data_type())
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            from.len() == to.len() && from.iter().zip(to).any(|(from, to)| cuts(from.data_type(), to.data_type()))
        }
        _ => false,
    }
}

/// Rounds the times of a column down to the unit of `to`, so that a cast to it is exact; other columns are unchanged. Arrow's own cast
/// truncates towards 1970: half a millisecond before 1970 would become 1970-01-01.
pub fn floored(column: &ArrayRef, to: &DataType) -> ArrayRef {
    if !cuts(column.data_type(), to) {
        return Arc::clone(column);
    }
    match (column.data_type(), to) {
        (DataType::Timestamp(from, _), DataType::Timestamp(unit, _)) => floored_to(column, per_second(*from) / per_second(*unit)),
        _ => within(column, to).unwrap_or_else(|| Arc::clone(column)),
    }
}

/// The same for the values inside rows, arrays and maps.
fn within(column: &ArrayRef, to: &DataType) -> Option<ArrayRef> {
    let types: Vec<&DataType> = match to {
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        DataType::List(field) | DataType::Map(field, _) => vec![field.data_type()],
        _ => return None,
    };
    let data = column.to_data();
    let children = data.child_data().iter().zip(types).map(|(child, to)| floored(&make_array(child.clone()), to).to_data()).collect();
    Some(make_array(data.into_builder().child_data(children).build().ok()?))
}

/// Rounds the times of a column down to this many fractional digits; a row, an array or a map has one entry for each of its times, in the
/// order of its type.
pub fn with_digits(column: &ArrayRef, digits: &[Option<u32>]) -> ArrayRef {
    digits_of(column, &mut digits.iter().copied()).unwrap_or_else(|| Arc::clone(column))
}

/// Returns such digits as a text, in which `None` is empty: `0,,4`.
pub fn digits_text(digits: &[Option<u32>]) -> String {
    digits.iter().map(|digits| digits.map(|digits| digits.to_string()).unwrap_or_default()).collect::<Vec<_>>().join(",")
}

/// [`with_digits`]; `None` if nothing is truncated.
fn digits_of(column: &ArrayRef, digits: &mut dyn Iterator<Item = Option<u32>>) -> Option<ArrayRef> {
    match column.data_type() {
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => {
            let kept = 10_i64.checked_pow(digits.next()??)?;
            Some(floored_to(column, per_second(*unit) / kept))
        }
        DataType::Struct(_) | DataType::List(_) | DataType::Map(..) => {
            let data = column.to_data();
            let children: Vec<ArrayRef> = data.child_data().iter().map(|child| make_array(child.clone())).collect();
            let cut: Vec<Option<ArrayRef>> = children.iter().map(|child| digits_of(child, digits)).collect();
            if cut.iter().all(Option::is_none) {
                return None;
            }
            let children = cut.into_iter().zip(children).map(|(cut, child)| cut.unwrap_or(child).to_data()).collect();
            Some(make_array(data.into_builder().child_data(children).build().ok()?))
        }
        _ => None,
    }
}

/// Rounds the times of a column down to multiples of `units`.
pub fn floored_to(column: &ArrayRef, units: i64) -> ArrayRef {
    fn floor_values<T: ArrowPrimitiveType<Native = i64>>(column: &ArrayRef, units: i64) -> Option<ArrayRef> {
        let times: &PrimitiveArray<T> = column.as_primitive_opt()?;
        let numbers: PrimitiveArray<Int64Type> = times.reinterpret_cast();
        let floored = numbers.unary::<_, Int64Type>(|t| t.saturating_sub(t.rem_euclid(units)));
        Some(Arc::new(floored.reinterpret_cast::<T>().with_data_type(column.data_type().clone())))
    }
    let done = match column.data_type() {
        _ if units <= 1 => None,
        DataType::Timestamp(TimeUnit::Second, _) => floor_values::<TimestampSecondType>(column, units),
        DataType::Timestamp(TimeUnit::Millisecond, _) => floor_values::<TimestampMillisecondType>(column, units),
        DataType::Timestamp(TimeUnit::Microsecond, _) => floor_values::<TimestampMicrosecondType>(column, units),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => floor_values::<TimestampNanosecondType>(column, units),
        DataType::Time32(TimeUnit::Millisecond) => {
            let units = i32::try_from(units).unwrap_or(i32::MAX);
            let times = column.as_primitive_opt::<Time32MillisecondType>();
            times.map(|times| Arc::new(times.unary::<_, Time32MillisecondType>(|t| t - t.rem_euclid(units))) as _)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            let times = column.as_primitive_opt::<Time64NanosecondType>();
            times.map(|times| Arc::new(times.unary::<_, Time64NanosecondType>(|t| t - t.rem_euclid(units))) as _)
        }
        _ => None,
    };
    done.unwrap_or_else(|| Arc::clone(column))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ListArray, StructArray, TimestampMicrosecondArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::compute::cast;
    use arrow::datatypes::Field;

    #[test]
    fn times_within_rows_and_arrays_are_cut_downwards() {
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![Some(-1), None, Some(1_999)]));
        let millis = DataType::Timestamp(TimeUnit::Millisecond, None);
        let row = |of: &DataType| DataType::Struct(vec![Field::new("t", of.clone(), true)].into());
        let (item, to_item) = (Field::new_list_field(row(times.data_type()), true), Field::new_list_field(row(&millis), true));
        let rows: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(Field::new("t", times.data_type().clone(), true)), times)]));
        let lists: ArrayRef = Arc::new(ListArray::new(Arc::new(item), OffsetBuffer::from_lengths([1, 2]), rows, None));
        let to = DataType::List(Arc::new(to_item));
        let cut = cast(&floored(&lists.slice(0, 2), &to), &to).unwrap();
        let cut = Arc::clone(cut.as_list::<i32>().values().as_struct().column(0));
        let numbers = cut.as_primitive::<arrow::datatypes::TimestampMillisecondType>();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(-1), None, Some(1)]);

        let digits = Arc::clone(with_digits(&lists, &[Some(4)]).as_list::<i32>().values().as_struct().column(0));
        let numbers = digits.as_primitive::<TimestampMicrosecondType>();
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [Some(-100), None, Some(1_900)]);
    }
}
