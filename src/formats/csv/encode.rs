//! Encodes Arrow columns as CSV messages.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef};

use crate::common::{Error, Result};
use crate::formats::json::write_plain;
use crate::formats::{Encoder, FormatOptions, Messages};

use super::{CsvOptions, check};

/// Writes one line per row, without a line end.
#[derive(Debug)]
pub struct CsvEncoder {
    schema: SchemaRef,
    options: CsvOptions,
    line: Vec<u8>,
    field: Vec<u8>,
}

impl CsvEncoder {
    /// Creates an encoder of rows with these columns.
    ///
    /// # Errors
    /// For an invalid option, or a type that CSV cannot hold.
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        check(schema)?;
        Ok(Self { schema: Arc::clone(schema), options: CsvOptions::read(options)?, line: Vec::new(), field: Vec::new() })
    }
}

impl Encoder for CsvEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        if batch.num_columns() != self.schema.fields().len() {
            return Err(Error::internal(format!("{} columns for format 'csv'", batch.num_columns())));
        }
        for row in 0..batch.num_rows() {
            self.line.clear();
            for (n, (column, field)) in batch.columns().iter().zip(self.schema.fields()).enumerate() {
                if n > 0 {
                    self.line.push(self.options.delimiter);
                }
                self.field.clear();
                let whole = self.options.text(column, row, &mut self.field);
                let written = whole.and_then(|null| self.options.field(&self.field, null, &mut self.line));
                written.map_err(|e| Error::data(format!("column `{}`: {e}", field.name())))?;
            }
            out.push(&self.line);
        }
        Ok(())
    }
}

impl CsvOptions {
    /// Appends the text of a value. Returns true if it is NULL.
    fn text(&self, array: &ArrayRef, row: usize, out: &mut Vec<u8>) -> std::result::Result<bool, String> {
        if array.is_null(row) {
            out.extend_from_slice(self.null.as_deref().unwrap_or_default().as_bytes());
            return Ok(true);
        }
        match array.data_type() {
            DataType::List(_) => {
                let elements = array.as_list::<i32>().value(row);
                self.joined((0..elements.len()).map(|i| (&elements, i)), out)?;
            }
            DataType::Struct(_) => self.joined(array.as_struct().columns().iter().map(|column| (column, row)), out)?,
            DataType::Utf8 => out.extend_from_slice(array.as_string::<i32>().value(row).as_bytes()),
            _ => write_plain(array, row, out)?,
        }
        Ok(false)
    }

    fn joined<'a>(&self, parts: impl Iterator<Item = (&'a ArrayRef, usize)>, out: &mut Vec<u8>) -> std::result::Result<(), String> {
        for (n, (array, row)) in parts.enumerate() {
            if n > 0 {
                out.extend_from_slice(self.element.as_bytes());
            }
            self.text(array, row, out)?;
        }
        Ok(())
    }

    /// Adds a field to a line, with quotes or escapes where its text is ambiguous.
    pub(super) fn field(&self, text: &[u8], null: bool, line: &mut Vec<u8>) -> std::result::Result<(), String> {
        let special = |b: &u8| *b == self.delimiter || Some(*b) == self.quote || Some(*b) == self.escape || matches!(b, b'\n' | b'\r');
        let comment = line.is_empty() && self.comments && text.starts_with(b"#");
        // The text looks like NULL.
        let empty = !null && (text.is_empty() || self.null.as_deref().is_some_and(|literal| literal.as_bytes() == text));
        let plain = !text.iter().any(special) && !comment && !empty;
        match (self.quote, self.escape) {
            _ if plain || (empty && self.quote.is_none()) => line.extend_from_slice(text),
            (Some(quote), _) => {
                line.push(quote);
                for byte in text {
                    match *byte {
                        b if b == quote => line.push(quote),
                        b if Some(b) == self.escape => line.push(b),
                        _ => {}
                    }
                    line.push(*byte);
                }
                line.push(quote);
            }
            (None, Some(escape)) if !text.iter().any(|b| matches!(b, b'\n' | b'\r')) => {
                for byte in text {
                    if *byte == self.delimiter || *byte == escape {
                        line.push(escape);
                    }
                    line.push(*byte);
                }
            }
            _ => return Err("holds what ends a field, and there are no quotes to put around it".to_string()),
        }
        Ok(())
    }
}
