//! Finds the type that holds the values of two types.

use std::sync::Arc;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Field, FieldRef, Fields, TimeUnit};

/// Returns the narrowest SQL type that holds the values of both unchanged; `None` if only text would. `Null` is a type without values.
pub fn widen(a: &DataType, b: &DataType) -> Option<DataType> {
    use DataType::{Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, List, Map, Null, Struct, Time32, Time64, Timestamp};
    Some(match (a, b) {
        (a, b) if a == b => a.clone(),
        (Null, other) | (other, Null) => other.clone(),
        (Int8 | Int16 | Int32 | Int64, Int8 | Int16 | Int32 | Int64) => {
            if digits(a) > digits(b) {
                a.clone()
            } else {
                b.clone()
            }
        }
        (Float32 | Float64 | Int8 | Int16 | Int32 | Int64, Float32 | Float64 | Int8 | Int16 | Int32 | Int64) => Float64,
        (Decimal128(precision, _), Float32 | Float64) | (Float32 | Float64, Decimal128(precision, _)) if *precision <= 15 => Float64,
        (Decimal128(..), Decimal128(..) | Int8 | Int16 | Int32 | Int64) | (Int8 | Int16 | Int32 | Int64, Decimal128(..)) => {
            let ((whole_a, scale_a), (whole_b, scale_b)) = (digits(a)?, digits(b)?);
            let scale = scale_a.max(scale_b);
            let precision = u8::try_from(whole_a.max(whole_b) + scale).ok().filter(|p| *p <= DECIMAL128_MAX_PRECISION)?;
            Decimal128(precision, i8::try_from(scale).ok()?)
        }
        (Date32, Timestamp(..)) => b.clone(),
        (Timestamp(..), Date32) => a.clone(),
        (Timestamp(a, zone), Timestamp(b, other)) if zone == other => Timestamp(finer(*a, *b), zone.clone()),
        (Time32(_) | Time64(_), Time32(_) | Time64(_)) => Time64(TimeUnit::Nanosecond),
        (List(a), List(b)) => List(Arc::new(Field::new(a.name(), widen(a.data_type(), b.data_type())?, true))),
        (Struct(a), Struct(b)) => Struct(columns(a, b).ok()?),
        (Map(a, sorted), Map(b, _)) => {
            let (Struct(pair), Struct(other)) = (a.data_type(), b.data_type()) else { return None };
            let (key, value) = (pair.first()?, pair.get(1)?);
            let wide = widen(value.data_type(), other.get(1)?.data_type())?;
            if key.data_type() != other.first()?.data_type() {
                return None;
            }
            let pair: Fields = vec![Arc::clone(key), Arc::new(Field::new(value.name(), wide, true))].into();
            Map(Arc::new(Field::new(a.name(), Struct(pair), false)), *sorted)
        }
        _ => return None,
    })
}

/// Merges the columns of both: those of `a`, then those that only `b` has.
///
/// # Errors
/// Names the column that no type can hold.
pub fn columns(a: &Fields, b: &Fields) -> Result<Fields, String> {
    merged(a, b, widen)
}

/// The same for text formats, where STRING holds everything.
pub fn texts(a: &Fields, b: &Fields) -> Fields {
    merged(a, b, |a, b| Some(text(a, b))).unwrap_or_else(|_| a.clone())
}

/// Returns the type that holds two values written as text.
pub fn text(a: &DataType, b: &DataType) -> DataType {
    match (a, b) {
        (DataType::Struct(a), DataType::Struct(b)) => DataType::Struct(texts(a, b)),
        (DataType::List(a), DataType::List(b)) => DataType::List(Arc::new(Field::new(a.name(), text(a.data_type(), b.data_type()), true))),
        _ => widen(a, b).unwrap_or(DataType::Utf8),
    }
}

fn merged(a: &Fields, b: &Fields, wide: impl Fn(&DataType, &DataType) -> Option<DataType>) -> Result<Fields, String> {
    let both = |field: &FieldRef| {
        let Some((_, other)) = b.find(field.name()) else { return Ok(Arc::clone(field)) };
        let data_type = wide(field.data_type(), other.data_type()).ok_or_else(|| field.name().clone())?;
        Ok(Arc::new(Field::new(field.name(), data_type, true)))
    };
    let mut all = a.iter().map(both).collect::<Result<Vec<_>, String>>()?;
    all.extend(b.iter().filter(|field| a.find(field.name()).is_none()).cloned());
    Ok(all.into())
}

/// Returns how many digits a number has before and after its point.
fn digits(number: &DataType) -> Option<(i16, i16)> {
    Some(match number {
        DataType::Int8 => (3, 0),
        DataType::Int16 => (5, 0),
        DataType::Int32 => (10, 0),
        DataType::Int64 => (19, 0),
        DataType::Decimal128(precision, scale) => (i16::from(*precision) - i16::from(*scale), i16::from(*scale)),
        _ => return None,
    })
}

fn finer(a: TimeUnit, b: TimeUnit) -> TimeUnit {
    let rank = |unit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 1,
        TimeUnit::Microsecond => 2,
        TimeUnit::Nanosecond => 3,
    };
    if rank(a) > rank(b) { a } else { b }
}
