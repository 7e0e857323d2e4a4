//! Encodes Arrow values for the protocol.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::client::Cell;
use super::text::{Reason, bytes_of, date_bytes, shortest};
use super::types::CqlType;

/// Returns the bytes of a row's value; `None` for NULL.
///
/// # Errors
/// Says why Cassandra cannot hold the value.
pub(super) fn encode(of: &CqlType, array: &dyn Array, row: usize) -> Result<Cell, Reason> {
    if array.is_null(row) {
        return Ok(None);
    }
    let bytes = match array.data_type() {
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            bytes_of(of, text).map_err(|reason| format!("`{}` {reason}", crate::common::excerpt::excerpt(text)))?
        }
        DataType::Boolean if *of == CqlType::Boolean => vec![u8::from(array.as_boolean().value(row))],
        DataType::Binary => match of {
            CqlType::Blob | CqlType::Other(_) => array.as_binary::<i32>().value(row).to_vec(),
            _ => return Err(no(of)),
        },
        DataType::Int8 => whole(of, i128::from(array.as_primitive::<Int8Type>().value(row)), 0)?,
        DataType::Int16 => whole(of, i128::from(array.as_primitive::<Int16Type>().value(row)), 0)?,
        DataType::Int32 => whole(of, i128::from(array.as_primitive::<Int32Type>().value(row)), 0)?,
        DataType::Int64 => whole(of, i128::from(array.as_primitive::<Int64Type>().value(row)), 0)?,
        DataType::Decimal128(_, scale) => whole(of, array.as_primitive::<Decimal128Type>().value(row), *scale)?,
        DataType::Float32 => float(of, f64::from(array.as_primitive::<Float32Type>().value(row)))?,
        DataType::Float64 => float(of, array.as_primitive::<Float64Type>().value(row))?,
        DataType::Date32 if *of == CqlType::Date => date_bytes(array.as_primitive::<Date32Type>().value(row)),
        DataType::Time32(unit) if *of == CqlType::Time => {
            let nanos = match unit {
                TimeUnit::Second => i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1_000_000_000,
                _ => i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000_000,
            };
            nanos.to_be_bytes().to_vec()
        }
        DataType::Timestamp(unit, _) if *of == CqlType::Timestamp => millis(array, *unit, row)?.to_be_bytes().to_vec(),
        DataType::List(_) => list(of, array.as_list::<i32>().value(row).as_ref())?,
        DataType::Map(..) => {
            let (CqlType::Map(key, value), entries) = (of, array.as_map().value(row)) else { return Err(no(of)) };
            let mut bytes = count(entries.len())?;
            for entry in 0..entries.len() {
                for (of, column) in [(key, entries.column(0)), (value, entries.column(1))] {
                    let part = encode(of, column.as_ref(), entry)?;
                    put(Some(part.ok_or("has a NULL in a map, which Cassandra has not")?), &mut bytes)?;
                }
            }
            bytes
        }
        DataType::Struct(fields) => {
            let row_array = array.as_struct();
            let mut bytes = Vec::new();
            match of {
                CqlType::Tuple(parts) if parts.len() == fields.len() => {
                    for (part, column) in parts.iter().zip(row_array.columns()) {
                        put(encode(part, column.as_ref(), row)?, &mut bytes)?;
                    }
                }
                CqlType::Udt(_, own) => {
                    for (name, part) in own {
                        let cell = match row_array.column_by_name(name) {
                            Some(column) => encode(part, column.as_ref(), row)?,
                            None => None,
                        };
                        put(cell, &mut bytes)?;
                    }
                }
                _ => return Err(no(of)),
            }
            bytes
        }
        _ => return Err(no(of)),
    };
    Ok(Some(bytes))
}

fn no(of: &CqlType) -> Reason {
    format!("is no `{of}`")
}

fn list(of: &CqlType, items: &dyn Array) -> Result<Vec<u8>, Reason> {
    let element =
        |part: &CqlType, i: usize| encode(part, items, i)?.ok_or_else(|| "has a NULL in an array, which Cassandra has not".to_string());
    match of {
        CqlType::Vector(part, n) => {
            if items.len() != *n {
                return Err(format!("has {} elements, and a `{of}` has {n}", items.len()));
            }
            let parts = (0..items.len()).map(|i| element(part, i)).collect::<Result<Vec<_>, _>>()?;
            Ok(parts.concat())
        }
        CqlType::List(part) | CqlType::Set(part) => {
            let mut bytes = count(items.len())?;
            for i in 0..items.len() {
                put(Some(element(part, i)?), &mut bytes)?;
            }
            Ok(bytes)
        }
        _ => Err(no(of)),
    }
}

fn count(n: usize) -> Result<Vec<u8>, Reason> {
    Ok(i32::try_from(n).map_err(|_| "has too many elements")?.to_be_bytes().to_vec())
}

/// Appends a value with its size.
fn put(cell: Cell, bytes: &mut Vec<u8>) -> Result<(), Reason> {
    match cell {
        None => bytes.extend((-1_i32).to_be_bytes()),
        Some(value) => {
            bytes.extend(i32::try_from(value.len()).map_err(|_| "is too large")?.to_be_bytes());
            bytes.extend(value);
        }
    }
    Ok(())
}

fn whole(of: &CqlType, value: i128, scale: i8) -> Result<Vec<u8>, Reason> {
    if *of == CqlType::Decimal {
        let mut bytes = i32::from(scale).to_be_bytes().to_vec();
        bytes.extend(shortest(value));
        return Ok(bytes);
    }
    let power = 10_i128.checked_pow(u32::from(scale.unsigned_abs())).ok_or("is out of range")?;
    let value = match scale {
        0 => Some(value),
        1.. => (value % power == 0).then_some(value / power),
        _ => value.checked_mul(power),
    };
    let shown = || value.map_or_else(|| "a number with a fraction".to_string(), |value| value.to_string());
    let out = || format!("`{}` is out of the range of `{of}`", shown());
    let value = value.ok_or_else(out)?;
    Ok(match of {
        CqlType::TinyInt => i8::try_from(value).map_err(|_| out())?.to_be_bytes().to_vec(),
        CqlType::SmallInt => i16::try_from(value).map_err(|_| out())?.to_be_bytes().to_vec(),
        CqlType::Int => i32::try_from(value).map_err(|_| out())?.to_be_bytes().to_vec(),
        CqlType::BigInt => i64::try_from(value).map_err(|_| out())?.to_be_bytes().to_vec(),
        CqlType::Varint => shortest(value),
        _ => return Err(no(of)),
    })
}

fn float(of: &CqlType, value: f64) -> Result<Vec<u8>, Reason> {
    match of {
        CqlType::Double => Ok(value.to_be_bytes().to_vec()),
        #[allow(clippy::cast_possible_truncation)]
        CqlType::Float if f64::from(value as f32) == value || value.is_nan() => Ok((value as f32).to_be_bytes().to_vec()),
        CqlType::Float => Err(format!("`{value}` has more digits than a `float`")),
        _ => Err(no(of)),
    }
}

fn millis(array: &dyn Array, unit: TimeUnit, row: usize) -> Result<i64, Reason> {
    Ok(match unit {
        TimeUnit::Second => array.as_primitive::<TimestampSecondType>().value(row).checked_mul(1000).ok_or("is out of range")?,
        TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().value(row),
        TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().value(row).div_euclid(1000),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row).div_euclid(1_000_000),
    })
}
