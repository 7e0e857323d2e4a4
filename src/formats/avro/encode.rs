//! Encodes Arrow columns as Avro messages.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast, cast_with_options, max, min};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, TimeUnit};
use arrow_avro::schema::SCHEMA_METADATA_KEY;
use arrow_avro::writer::format::AvroBinaryFormat;
use arrow_avro::writer::{Encoder as Writer, WriterBuilder};

use crate::common::floor::floored;
use crate::common::{Error, Result};
use crate::formats::{Encoder, FormatOptions, Messages};

use super::schema::AvroTable;

/// Writes one record per row, with arrow-avro.
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
    /// Creates an encoder of rows with these columns.
    ///
    /// # Errors
    /// For an invalid option, or a column that Avro cannot hold.
    pub fn new(schema: &SchemaRef, options: &FormatOptions) -> Result<Self> {
        let avro = AvroTable::new(schema, super::legacy(options)?)?;
        let metadata = HashMap::from([(SCHEMA_METADATA_KEY.to_string(), avro.json)]);
        let columns = Schema::new_with_metadata(avro.columns.fields().clone(), metadata);
        let writer = WriterBuilder::new(columns).build_encoder::<AvroBinaryFormat>().map_err(arrow::error::ArrowError::from)?;
        Ok(Self { columns: avro.columns, writer })
    }
}

/// The days of the years 1 to 9999, counted from 1970.
const CALENDAR: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;

/// Whether all dates and times of a column are within the years that readers accept.
fn in_calendar(column: &ArrayRef) -> Result<bool> {
    let per_day: i64 = match column.data_type() {
        DataType::Date32 => 1,
        DataType::Timestamp(unit, _) => {
            86_400
                * match unit {
                    TimeUnit::Second => 1,
                    TimeUnit::Millisecond => 1_000,
                    TimeUnit::Microsecond => 1_000_000,
                    TimeUnit::Nanosecond => 1_000_000_000,
                }
        }
        _ => return Ok(true),
    };
    let numbers = match column.data_type() {
        DataType::Date32 => cast(&cast(column, &DataType::Int32)?, &DataType::Int64)?,
        _ => cast(column, &DataType::Int64)?,
    };
    let numbers = numbers.as_primitive::<Int64Type>();
    let fits = |n: Option<i64>| n.is_none_or(|n| CALENDAR.contains(&n.div_euclid(per_day)));
    Ok(fits(min(numbers)) && fits(max(numbers)))
}

impl Encoder for AvroEncoder {
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()> {
        for (column, field) in batch.columns().iter().zip(self.columns.fields()) {
            if !in_calendar(column)? {
                return Err(Error::data(format!("column `{}`: the time is not within the years 1 to 9999", field.name())));
            }
        }
        let exact = CastOptions { safe: false, ..CastOptions::default() };
        let columns = batch.columns().iter().zip(self.columns.fields());
        let columns = columns.map(|(column, field)| cast_with_options(&floored(column, field.data_type()), field.data_type(), &exact));
        let rows = RecordBatch::try_new(Arc::clone(&self.columns), columns.collect::<std::result::Result<_, _>>()?)?;
        self.writer.encode(&rows).map_err(arrow::error::ArrowError::from)?;
        self.writer.flush().iter().for_each(|row| out.push(&row));
        Ok(())
    }
}
