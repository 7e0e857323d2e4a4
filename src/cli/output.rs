//! Printing rows.

use std::io::{BufWriter, Write};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions as Display;
use arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;

use crate::common::{Error, Result};
use crate::formats::registry::encoder;
use crate::formats::{FormatOptions, Messages};

use super::args::Format;

const TIME: &str = "%Y-%m-%d %H:%M:%S%.f";
const ZONED: &str = "%Y-%m-%d %H:%M:%S%.fZ";

/// Prints rows as they come; a table needs all of them first, to know how wide it is.
pub(super) async fn print(schema: SchemaRef, mut rows: SendableRecordBatchStream, format: Format) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    match format {
        Format::Table => {
            let mut all = Vec::new();
            while let Some(batch) = rows.next().await {
                all.push(batch?);
            }
            let count: usize = all.iter().map(RecordBatch::num_rows).sum();
            all.insert(0, RecordBatch::new_empty(schema));
            let options = Display::new().with_null("NULL").with_timestamp_format(Some(TIME)).with_timestamp_tz_format(Some(ZONED));
            written(writeln!(out, "{}", pretty_format_batches_with_options(&all, &options)?))?;
            written(writeln!(out, "{count} row{}", if count == 1 { "" } else { "s" }))?;
        }
        Format::Csv => {
            let builder = arrow_csv::WriterBuilder::new().with_timestamp_format(TIME.into()).with_timestamp_tz_format(ZONED.into());
            let mut csv = builder.with_header(true).build(&mut out);
            csv.write(&flat(&RecordBatch::new_empty(schema))?)?;
            while let Some(batch) = rows.next().await {
                csv.write(&flat(&batch?)?)?;
            }
        }
        Format::Json | Format::Ndjson => json(schema, rows, format == Format::Json, &mut out).await?,
    }
    written(out.flush())
}

/// CSV has no nested values: rows, arrays and maps are written as JSON text.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
            continue;
        }
        // A message is `{"":<value>}`.
        let alone: SchemaRef = Arc::new(Schema::new(vec![field.as_ref().clone().with_name("")]));
        let mut messages = Messages::default();
        encoder("json", &alone, &FormatOptions::default())?
            .encode(&RecordBatch::try_new(alone, vec![Arc::clone(column)])?, &mut messages)?;
        let value = |i: usize| String::from_utf8_lossy(messages.get(i)).get(4..).and_then(|t| t.strip_suffix('}')).map(ToString::to_string);
        let texts: StringArray = (0..column.len()).map(|i| if column.is_null(i) { None } else { value(i) }).collect();
        fields.push(Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)));
        columns.push(Arc::new(texts) as ArrayRef);
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// The same JSON that a Kafka table of format 'json' gets.
async fn json(schema: SchemaRef, mut rows: SendableRecordBatchStream, array: bool, out: &mut impl Write) -> Result<()> {
    let mut encoder = encoder("json", &schema, &FormatOptions::default())?;
    let mut first = true;
    if array {
        written(out.write_all(b"["))?;
    }
    while let Some(batch) = rows.next().await {
        let mut lines = Messages::default();
        encoder.encode(&batch?, &mut lines)?;
        for i in 0..lines.len() {
            if array {
                written(out.write_all(if first { b"\n" } else { b",\n" }))?;
            }
            written(out.write_all(lines.get(i)))?;
            if !array {
                written(out.write_all(b"\n"))?;
            }
            first = false;
        }
    }
    if array {
        written(out.write_all(b"\n]\n"))?;
    }
    Ok(())
}

/// A reader that has seen enough (`| head`) is no error.
fn written(done: std::io::Result<()>) -> Result<()> {
    match done {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(e) => Err(Error::from(e)),
        Ok(()) => Ok(()),
    }
}
