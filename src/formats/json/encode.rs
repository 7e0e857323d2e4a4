//! Encodes Arrow columns as JSON messages, byte for byte as Flink writes them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;

use crate::common::type_names::display;
use crate::common::{Error, Result};
use crate::formats::{Encoder, FormatOptions, Messages};

use super::{JsonOptions, NullKey, base64, decimal, text};

/// Writes one JSON object per row: compact, columns in order, NULL as `null`.
#[derive(Debug)]
pub struct JsonEncoder {
    schema: SchemaRef,
    /// `"name":` of every column.
    names: Vec<Vec<u8>>,
    options: JsonOptions,
    buffer: Vec<u8>,
}

impl JsonEncoder {
    /// Creates an encoder of rows with these columns.
    ///
    /// # Errors
    /// For an invalid option, or a type that JSON cannot hold.
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        for field in schema.fields() {
            writable(field.data_type()).map_err(|e| Error::sql(format!("format 'json' cannot write column `{}`: {e}", field.name())))?;
        }
        let names = schema.fields().iter().map(|f| label(f.name())).collect();
        Ok(Self { schema: Arc::clone(schema), names, options: JsonOptions::read(options)?, buffer: Vec::new() })
    }
}

impl Encoder for JsonEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            return Err(Error::internal(format!("{} columns to encode where {} belong", batch.num_columns(), self.names.len())));
        }
        for row in 0..batch.num_rows() {
            self.buffer.clear();
            object(&self.names, batch.columns(), row, &self.options, &mut self.buffer).map_err(Error::data)?;
            out.push(&self.buffer);
        }
        Ok(())
    }
}

pub(super) fn label(name: &str) -> Vec<u8> {
    let mut label = Vec::with_capacity(name.len() + 3);
    text::quote(name, &mut label);
    label.push(b':');
    label
}

fn object(names: &[Vec<u8>], columns: &[ArrayRef], row: usize, options: &JsonOptions, out: &mut Vec<u8>) -> Result<(), String> {
    out.push(b'{');
    let mut first = true;
    for (name, column) in names.iter().zip(columns) {
        if options.ignore_null_fields && column.is_null(row) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        out.extend_from_slice(name);
        value(column, row, options, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Options for values outside of tables.
pub(super) const PLAIN: JsonOptions = JsonOptions {
    ignore_parse_errors: false,
    fail_on_missing_field: false,
    iso: false,
    null_key: NullKey::Fail,
    ignore_null_fields: false,
};

/// Appends one value, as SQL's JSON functions write it: times in ISO format.
///
/// # Errors
/// For a type or a value that JSON cannot hold.
pub fn write_value(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
    value(array, row, &JsonOptions { iso: true, ..PLAIN }, out)
}

/// Appends one value that is neither NULL nor nested, as text for other formats: as in JSON, but without quotes.
///
/// # Errors
/// As [`write_value`].
pub(in crate::formats) fn write_plain(array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> Result<(), String> {
    let from = out.len();
    value(array, row, &PLAIN, out)?;
    if out.get(from) == Some(&b'"') {
        // Numbers, times and base64 have no characters that JSON escapes.
        out.remove(from);
        out.pop();
    }
    Ok(())
}

/// Checks that [`value`] supports a type.
pub(super) fn writable(data_type: &DataType) -> Result<(), String> {
    match data_type {
        DataType::List(f) | DataType::LargeList(f) => writable(f.data_type()),
        DataType::Struct(fields) => fields.iter().try_for_each(|f| writable(f.data_type())),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 && fields[0].data_type().is_string() => writable(fields[1].data_type()),
            _ => Err("a JSON object needs STRING keys".to_string()),
        },
        DataType::Null | DataType::Boolean => Ok(()),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => Ok(()),
        DataType::Decimal128(..) | DataType::Float32 | DataType::Float64 | DataType::Interval(_) | DataType::Duration(_) => Ok(()),
        other if other.is_integer() || other.is_string() || other.is_binary() => Ok(()),
        other => Err(format!("type {} has no form in JSON", display(other))),
    }
}

pub(super) fn value(array: &ArrayRef, row: usize, options: &JsonOptions, out: &mut Vec<u8>) -> Result<(), String> {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    macro_rules! number {
        ($type:ty) => {
            out.extend_from_slice(array.as_primitive::<$type>().value(row).to_string().as_bytes())
        };
    }
    match array.data_type() {
        DataType::Null => out.extend_from_slice(b"null"),
        DataType::Boolean => out.extend_from_slice(if array.as_boolean().value(row) { b"true" } else { b"false" }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float(serde_json::to_string(&value), f64::from(value), out)
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float(serde_json::to_string(&value), value, out)
        }
        DataType::Decimal128(_, scale) => decimal::write(array.as_primitive::<Decimal128Type>().value(row), *scale, out),
        DataType::Utf8 => text::quote(array.as_string::<i32>().value(row), out),
        DataType::LargeUtf8 => text::quote(array.as_string::<i64>().value(row), out),
        DataType::Utf8View => text::quote(array.as_string_view().value(row), out),
        DataType::Binary => binary(array.as_binary::<i32>().value(row), out),
        DataType::LargeBinary => binary(array.as_binary::<i64>().value(row), out),
        DataType::BinaryView => binary(array.as_binary_view().value(row), out),
        DataType::FixedSizeBinary(_) => binary(array.as_fixed_size_binary().value(row), out),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) => {
            out.push(b'"');
            if !temporal(array, row, options.iso, out) {
                return Err(format!("a value of type {} is outside the calendar (years 1 to 9999)", display(array.data_type())));
            }
            out.push(b'"');
        }
        // The same text as in results.
        DataType::Interval(_) | DataType::Duration(_) => text::quote(&array_value_to_string(array, row).map_err(|e| e.to_string())?, out),
        DataType::List(_) => list(&array.as_list::<i32>().value(row), options, out)?,
        DataType::LargeList(_) => list(&array.as_list::<i64>().value(row), options, out)?,
        DataType::Struct(fields) => {
            let names: Vec<_> = fields.iter().map(|f| label(f.name())).collect();
            object(&names, array.as_struct().columns(), row, options, out)?;
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            map(entries.column(0), entries.column(1), options, out)?;
        }
        other => return Err(format!("type {other} has no form in JSON")),
    }
    Ok(())
}

/// Writes a number; NaN and infinities, which JSON does not have, as the text that Java's writer uses.
fn float(number: serde_json::Result<String>, value: f64, out: &mut Vec<u8>) {
    match number {
        Ok(number) if value.is_finite() => out.extend_from_slice(number.as_bytes()),
        _ if value.is_nan() => out.extend_from_slice(b"\"NaN\""),
        _ if value > 0.0 => out.extend_from_slice(b"\"Infinity\""),
        _ => out.extend_from_slice(b"\"-Infinity\""),
    }
}

fn binary(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64::write(value, out);
    out.push(b'"');
}

fn temporal(array: &ArrayRef, row: usize, iso: bool, out: &mut Vec<u8>) -> bool {
    let utc = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
    match array.data_type() {
        DataType::Date32 => text::date(array.as_primitive::<Date32Type>().value(row), out),
        DataType::Date64 => {
            let days = array.as_primitive::<Date64Type>().value(row).div_euclid(86_400_000);
            i32::try_from(days).is_ok_and(|days| text::date(days, out))
        }
        DataType::Time32(TimeUnit::Second) => {
            text::time(i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1_000_000_000, out)
        }
        DataType::Time32(_) => text::time(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)) * 1_000_000, out),
        DataType::Time64(TimeUnit::Microsecond) => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            micros.checked_mul(1_000).is_some_and(|nanos| text::time(nanos, out))
        }
        DataType::Time64(_) => text::time(array.as_primitive::<Time64NanosecondType>().value(row), out),
        DataType::Timestamp(TimeUnit::Second, _) => {
            text::timestamp(array.as_primitive::<TimestampSecondType>().value(row), 1, iso, utc, out)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            text::timestamp(array.as_primitive::<TimestampMillisecondType>().value(row), 1_000, iso, utc, out)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            text::timestamp(array.as_primitive::<TimestampMicrosecondType>().value(row), 1_000_000, iso, utc, out)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            text::timestamp(array.as_primitive::<TimestampNanosecondType>().value(row), 1_000_000_000, iso, utc, out)
        }
        _ => false,
    }
}

fn list(values: &ArrayRef, options: &JsonOptions, out: &mut Vec<u8>) -> Result<(), String> {
    out.push(b'[');
    for i in 0..values.len() {
        if i > 0 {
            out.push(b',');
        }
        value(values, i, options, out)?;
    }
    out.push(b']');
    Ok(())
}

fn map(keys: &ArrayRef, values: &ArrayRef, options: &JsonOptions, out: &mut Vec<u8>) -> Result<(), String> {
    out.push(b'{');
    let mut first = true;
    for i in 0..keys.len() {
        let null_key = keys.is_null(i);
        if null_key && options.null_key == NullKey::Drop {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        match (&options.null_key, null_key) {
            (NullKey::Literal(literal), true) => text::quote(literal, out),
            (_, true) => return Err("a MAP has a NULL key; set json.map-null-key.mode to DROP or LITERAL".to_string()),
            _ => value(keys, i, options, out)?,
        }
        out.push(b':');
        value(values, i, options, out)?;
    }
    out.push(b'}');
    Ok(())
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
