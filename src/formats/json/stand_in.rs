//! Types that arrow-json reads otherwise than Flink are read as text first and turned into what they are afterwards:
//! BYTES (base64, where arrow-json takes hexadecimal) and DECIMAL (whose digits arrow-json drops or lets overflow).

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, Decimal128Builder, FixedSizeBinaryBuilder, LargeBinaryBuilder, ListArray, MapArray,
    StructArray,
};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{decimal, text};

/// Standard base64 that forgives missing padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_encode_padding(true),
);

/// The type that arrow-json is asked for in place of `data_type`.
pub(super) fn stand_in(data_type: &DataType) -> DataType {
    let field = |f: &FieldRef| Arc::new(Field::new(f.name(), stand_in(f.data_type()), f.is_nullable()));
    match data_type {
        DataType::Decimal128(..) | DataType::Binary | DataType::LargeBinary | DataType::FixedSizeBinary(_) => DataType::Utf8,
        DataType::List(f) => DataType::List(field(f)),
        DataType::Map(f, _) => DataType::Map(field(f), false),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        other => other.clone(),
    }
}

/// Turns an array of [`stand_in`]`(target)` into one of `target`. With `lenient` what does not fit becomes NULL.
pub(super) fn restore(array: &ArrayRef, target: &DataType, lenient: bool) -> Result<ArrayRef, String> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let failed = |e: arrow::error::ArrowError| text::reason(&e.to_string());
    Ok(match target {
        DataType::Decimal128(precision, scale) => {
            let mut builder = Decimal128Builder::with_capacity(array.len()).with_data_type(target.clone());
            for value in array.as_string::<i32>() {
                builder.append_option(fit(value.map(|v| decimal::parse(v, *precision, *scale)), lenient)?);
            }
            Arc::new(builder.finish())
        }
        DataType::Binary => {
            let mut builder = BinaryBuilder::new();
            for value in array.as_string::<i32>() {
                builder.append_option(fit(value.map(bytes), lenient)?);
            }
            Arc::new(builder.finish())
        }
        DataType::LargeBinary => {
            let mut builder = LargeBinaryBuilder::new();
            for value in array.as_string::<i32>() {
                builder.append_option(fit(value.map(bytes), lenient)?);
            }
            Arc::new(builder.finish())
        }
        DataType::FixedSizeBinary(width) => {
            let mut builder = FixedSizeBinaryBuilder::new(*width);
            for value in array.as_string::<i32>() {
                let value = value.map(bytes).map(|v| match v {
                    Ok(v) if i32::try_from(v.len()) != Ok(*width) => Err(format!("{} bytes where {width} belong", v.len())),
                    other => other,
                });
                match fit(value, lenient)? {
                    Some(value) => builder.append_value(value).map_err(failed)?,
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = restore(list.values(), field.data_type(), lenient)?;
            Arc::new(ListArray::try_new(Arc::clone(field), list.offsets().clone(), values, list.nulls().cloned()).map_err(failed)?)
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = restore(&entries, field.data_type(), lenient)?.as_struct().clone();
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted).map_err(failed)?)
        }
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let columns = array
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| restore(column, field.data_type(), lenient).map_err(|e| format!("field '{}': {e}", field.name())))
                .collect::<Result<Vec<_>, _>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len()).map_err(failed)?)
        }
        other => return Err(format!("{other} cannot be read from JSON")),
    })
}

fn fit<T>(value: Option<Result<T, String>>, lenient: bool) -> Result<Option<T>, String> {
    match value {
        Some(Err(_)) if lenient => Ok(None),
        other => other.transpose(),
    }
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text).map_err(|_| format!("`{}` is not base64", text::shorten(text, 60)))
}

/// Appends bytes as base64.
pub(super) fn write_bytes(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BASE64.encode(value).as_bytes());
}
