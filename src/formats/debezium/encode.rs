//! Encodes rows with weights as Debezium envelopes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields, Int64Type, SchemaRef};

use crate::common::{Error, Result};
use crate::formats::{Encoder, FormatOptions, Messages, registry};

use super::{INNER, NAME, SCHEMA_INCLUDE, envelope, nullable};

/// Writes changes: `{"before":null,"after":{...},"op":"c"}` for an inserted row (or one without a weight),
/// `{"before":{...},"after":null,"op":"d"}` for a deleted one.
pub struct DebeziumEncoder {
    inner: Box<dyn Encoder>,
    row: Fields,
    envelope: SchemaRef,
}

impl DebeziumEncoder {
    /// Creates an encoder of rows with the columns `schema`.
    ///
    /// # Errors
    /// For an invalid option, or a type that JSON cannot hold.
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        if options.flag(SCHEMA_INCLUDE)?.unwrap_or(false) {
            return Err(Error::option(SCHEMA_INCLUDE, "= true is for reading: messages are written without their schema")
                .hint("take the option out of the table that is written"));
        }
        let row = nullable(schema);
        let envelope = envelope(&row);
        let inner = registry::encoder(INNER, &envelope, &options.wrapped(NAME, INNER))?;
        Ok(Self { inner, row, envelope })
    }
}

impl Encoder for DebeziumEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        let (columns, weight) = batch.columns().split_at(self.row.len().min(batch.num_columns()));
        let comes: BooleanArray = match weight.first().map(|w| w.as_primitive_opt::<Int64Type>()) {
            None => BooleanArray::from(vec![true; batch.num_rows()]),
            Some(Some(weight)) => weight.iter().map(|w| Some(w.unwrap_or(1) > 0)).collect(),
            Some(None) => return Err(Error::internal("changes without a weight")),
        };
        let image = |there: NullBuffer| -> Result<ArrayRef> {
            let columns = columns.iter().zip(&self.row);
            let columns = columns.map(|(c, f)| if c.data_type() == f.data_type() { Ok(Arc::clone(c)) } else { Err(other(f.data_type())) });
            Ok(Arc::new(StructArray::try_new(self.row.clone(), columns.collect::<Result<_>>()?, Some(there))?))
        };
        let before = image(NullBuffer::new(!comes.values()))?;
        let after = image(NullBuffer::new(comes.values().clone()))?;
        let op: StringArray = comes.iter().map(|comes| Some(if comes == Some(true) { "c" } else { "d" })).collect();
        let envelopes = RecordBatch::try_new(Arc::clone(&self.envelope), vec![before, after, Arc::new(op)])?;
        self.inner.encode(&envelopes, out)
    }
}

fn other(expected: &DataType) -> Error {
    Error::internal(format!("a column that is no {expected}"))
}
