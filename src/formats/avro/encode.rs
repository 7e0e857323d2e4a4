//! Columns to Avro messages.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Schema, SchemaRef};
use arrow_avro::schema::SCHEMA_METADATA_KEY;
use arrow_avro::writer::format::AvroBinaryFormat;
use arrow_avro::writer::{Encoder as Writer, WriterBuilder};

use crate::common::Result;
use crate::common::floor::floored;
use crate::formats::{Encoder, FormatOptions, Messages};

use super::schema::AvroTable;

/// Writes the bytes of one record per row, with arrow-avro.
pub struct AvroEncoder {
    columns: SchemaRef,
    writer: Writer,
}

impl fmt::Debug for AvroEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AvroEncoder").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl AvroEncoder {
    /// An encoder of rows with these columns.
    ///
    /// # Errors
    /// For a wrong option, or a column that Avro cannot hold.
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        let avro = AvroTable::of(schema, super::legacy(options)?)?;
        let metadata = HashMap::from([(SCHEMA_METADATA_KEY.to_string(), avro.json)]);
        let columns = Schema::new_with_metadata(avro.columns.fields().clone(), metadata);
        let writer = WriterBuilder::new(columns).build_encoder::<AvroBinaryFormat>().map_err(arrow::error::ArrowError::from)?;
        Ok(Self { columns: avro.columns, writer })
    }
}

impl Encoder for AvroEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let columns = batch.columns().iter().zip(self.columns.fields());
        let columns = columns.map(|(column, field)| cast_with_options(&floored(column, field.data_type()), field.data_type(), &exact));
        let rows = RecordBatch::try_new(Arc::clone(&self.columns), columns.collect::<std::result::Result<_, _>>()?)?;
        self.writer.encode(&rows).map_err(arrow::error::ArrowError::from)?;
        self.writer.flush().iter().for_each(|row| out.push(&row));
        Ok(())
    }
}
