//! The format `raw`: the bytes of a message as one value.
//!
//! The table (or its key, for `key.format`) has exactly one column. Numbers are fixed-width, big-endian unless `raw.endianness` says
//! otherwise.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, BooleanBuilder, PrimitiveBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef};

use crate::common::type_names::display;
use crate::common::{Error, OptionSpec, Projection, Result};

use super::{Decoded, Decoder, Encoder, FormatOptions, Messages};

const CHARSET: &str = "raw.charset";
const ENDIANNESS: &str = "raw.endianness";

/// The options of this format.
pub fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::one_of(CHARSET, &["UTF-8"], "the charset of STRING columns"),
        OptionSpec::one_of(ENDIANNESS, &["big-endian", "little-endian"], "the byte order of numbers"),
    ]
}

/// Checks schema and options for both directions; returns whether numbers are little-endian.
fn check(schema: &SchemaRef, options: &FormatOptions) -> Result<bool> {
    let [field] = schema.fields().as_ref() else {
        let hint = "declare one column for it, or use format 'json'";
        return Err(Error::sql(format!("format 'raw' holds one column, not {}", schema.fields().len())).hint(hint));
    };
    use DataType::{Binary, Boolean, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
    if !matches!(field.data_type(), Utf8 | Binary | Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64) {
        return Err(Error::sql(format!("format 'raw' cannot hold column `{}` of type {}", field.name(), display(field.data_type())))
            .hint("STRING, BYTES, BOOLEAN, integers, FLOAT and DOUBLE can be used"));
    }
    if let Some(charset) = options.get(CHARSET).filter(|c| !c.eq_ignore_ascii_case("utf-8") && !c.eq_ignore_ascii_case("utf8")) {
        return Err(options.wrong(CHARSET, charset, "only UTF-8 is supported; declare the column as BYTES for anything else"));
    }
    match options.get(ENDIANNESS).unwrap_or("big-endian") {
        "big-endian" => Ok(false),
        "little-endian" => Ok(true),
        other => Err(options.wrong(ENDIANNESS, other, "give `big-endian` or `little-endian`")),
    }
}

/// Decodes the only column.
#[derive(Debug)]
pub struct RawDecoder {
    physical: SchemaRef,
    schema: SchemaRef,
    little: bool,
}

impl RawDecoder {
    /// Creates a decoder of the only column of `physical`, if it is projected.
    ///
    /// # Errors
    /// When there are more columns, or its type cannot be stored as bytes.
    pub fn new(physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Self> {
        let little = check(physical, options)?;
        Ok(Self { physical: Arc::clone(physical), schema: Arc::clone(projection.schema()), little })
    }

    fn numbers<T: ArrowPrimitiveType, const N: usize>(
        &self,
        messages: &Messages,
        out: &mut Output,
        from: fn([u8; N]) -> T::Native,
    ) -> ArrayRef {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(messages.len());
        for i in 0..messages.len() {
            match <[u8; N]>::try_from(messages.get(i)) {
                Ok(mut bytes) => {
                    if self.little {
                        bytes.reverse();
                    }
                    builder.append_value(from(bytes));
                    out.row(i);
                }
                Err(_) => out.reject(i, format!("{} bytes where {N} belong", messages.get(i).len())),
            }
        }
        Arc::new(builder.finish())
    }
}

#[derive(Default)]
struct Output {
    origin: Vec<u32>,
    rejected: Vec<(u32, String)>,
}

impl Output {
    fn row(&mut self, message: usize) {
        self.origin.push(u32::try_from(message).unwrap_or(u32::MAX));
    }

    fn reject(&mut self, message: usize, reason: String) {
        self.rejected.push((u32::try_from(message).unwrap_or(u32::MAX), reason));
    }
}

impl Decoder for RawDecoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        let mut out = Output::default();
        let column: ArrayRef = match self.physical.field(0).data_type() {
            DataType::Utf8 => {
                let mut builder = StringBuilder::with_capacity(messages.len(), messages.byte_len());
                for i in 0..messages.len() {
                    match std::str::from_utf8(messages.get(i)) {
                        Ok(text) => {
                            builder.append_value(text);
                            out.row(i);
                        }
                        Err(e) => out.reject(i, format!("not UTF-8 from byte {} on", e.valid_up_to())),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Boolean => {
                let mut builder = BooleanBuilder::with_capacity(messages.len());
                for i in 0..messages.len() {
                    match messages.get(i) {
                        [byte] => {
                            builder.append_value(*byte != 0);
                            out.row(i);
                        }
                        other => out.reject(i, format!("{} bytes where 1 belongs", other.len())),
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Int8 => self.numbers::<Int8Type, 1>(messages, &mut out, i8::from_be_bytes),
            DataType::Int16 => self.numbers::<Int16Type, 2>(messages, &mut out, i16::from_be_bytes),
            DataType::Int32 => self.numbers::<Int32Type, 4>(messages, &mut out, i32::from_be_bytes),
            DataType::Int64 => self.numbers::<Int64Type, 8>(messages, &mut out, i64::from_be_bytes),
            DataType::Float32 => self.numbers::<Float32Type, 4>(messages, &mut out, f32::from_be_bytes),
            DataType::Float64 => self.numbers::<Float64Type, 8>(messages, &mut out, f64::from_be_bytes),
            _ => {
                let mut builder = BinaryBuilder::with_capacity(messages.len(), messages.byte_len());
                for i in 0..messages.len() {
                    builder.append_value(messages.get(i));
                    out.row(i);
                }
                Arc::new(builder.finish())
            }
        };
        let rows = RecordBatchOptions::new().with_row_count(Some(column.len()));
        let columns = if self.schema.fields().is_empty() { Vec::new() } else { vec![column; self.schema.fields().len()] };
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)?;
        let origin = (!out.rejected.is_empty()).then_some(out.origin);
        Ok(Decoded { batch, origin, rejected: out.rejected })
    }
}

/// Encodes the only column. A NULL has no message: see [`Encoder::absent`].
#[derive(Debug)]
pub struct RawEncoder {
    little: bool,
}

impl RawEncoder {
    /// Creates an encoder of the only column of `schema`.
    ///
    /// # Errors
    /// As [`RawDecoder::new`].
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        Ok(Self { little: check(schema, options)? })
    }

    fn numbers<T: ArrowPrimitiveType, const N: usize>(&self, column: &ArrayRef, out: &mut Messages, to: fn(T::Native) -> [u8; N]) {
        for value in column.as_primitive::<T>() {
            let mut bytes = value.map(to).unwrap_or([0; N]);
            if self.little {
                bytes.reverse();
            }
            out.push(if value.is_some() { &bytes } else { &[] });
        }
    }
}

impl Encoder for RawEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        let [column] = batch.columns() else {
            return Err(Error::internal(format!("{} columns for format 'raw'", batch.num_columns())));
        };
        match column.data_type() {
            DataType::Utf8 => column.as_string::<i32>().iter().for_each(|v| out.push(v.unwrap_or_default().as_bytes())),
            DataType::Binary => column.as_binary::<i32>().iter().for_each(|v| out.push(v.unwrap_or_default())),
            DataType::Boolean => column.as_boolean().iter().for_each(|v| match v {
                Some(v) => out.push(&[u8::from(v)]),
                None => out.push(&[]),
            }),
            DataType::Int8 => self.numbers::<Int8Type, 1>(column, out, i8::to_be_bytes),
            DataType::Int16 => self.numbers::<Int16Type, 2>(column, out, i16::to_be_bytes),
            DataType::Int32 => self.numbers::<Int32Type, 4>(column, out, i32::to_be_bytes),
            DataType::Int64 => self.numbers::<Int64Type, 8>(column, out, i64::to_be_bytes),
            DataType::Float32 => self.numbers::<Float32Type, 4>(column, out, f32::to_be_bytes),
            DataType::Float64 => self.numbers::<Float64Type, 8>(column, out, f64::to_be_bytes),
            other => return Err(Error::internal(format!("type {other} in format 'raw'"))),
        }
        Ok(())
    }

    fn absent(&self, batch: &RecordBatch, row: usize) -> bool {
        batch.columns().first().is_some_and(|column| column.is_null(row))
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;
    use arrow::array::{Float64Array, Int64Array, StringArray};
    use arrow::datatypes::{Field, Schema};

    fn one(column: ArrayRef) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("v", column.data_type().clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
    }

    #[test]
    fn keeps_to_the_contract() {
        let long = vec![1_u8; 9];
        conformance::run("raw", &one(Arc::new(Int64Array::from(vec![1, -2, i64::MAX]))), &[b"", b"1", &long]).unwrap();
        conformance::run("raw", &one(Arc::new(StringArray::from(vec!["a", "", "ä"]))), &[b"\xff", b"ok\xc3"]).unwrap();
        conformance::run("raw", &one(Arc::new(Float64Array::from(vec![0.5, f64::MIN]))), &[b"12345"]).unwrap();
    }

    #[test]
    fn byte_order_and_columns_are_checked() {
        let batch = one(Arc::new(Int64Array::from(vec![Some(1), None])));
        let little = FormatOptions::pick("raw", "", [("raw.endianness", "little-endian")].into_iter());
        let mut out = Messages::default();
        let mut encoder = RawEncoder::new(&batch.schema(), &little).unwrap();
        encoder.encode(&batch, &mut out).unwrap();
        assert_eq!(out.get(0), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert!(encoder.absent(&batch, 1) && !encoder.absent(&batch, 0));
        let two = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Utf8, true)]));
        assert!(RawDecoder::new(&two, &Projection::columns(&two, &[0]).unwrap(), &FormatOptions::default()).is_err());
    }
}
