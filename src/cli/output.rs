//! Printing rows.

use std::io::{BufWriter, IsTerminal, Write};
use std::sync::Arc;

use arrow::array::{Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::util::display::FormatOptions as Display;
use arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::common::units::counted;
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
            written(writeln!(out, "{}", counted(count as u64, "row")))?;
        }
        Format::Csv => {
            let builder = arrow_csv::WriterBuilder::new().with_timestamp_format(TIME.into()).with_timestamp_tz_format(ZONED.into());
            // Into memory first: a reader that has gone away is only told apart from an error when we write ourselves.
            let mut csv = builder.clone().with_header(true).build(Vec::new());
            csv.write(&flat(&RecordBatch::new_empty(schema))?)?;
            let builder = builder.with_header(false);
            loop {
                written(out.write_all(&csv.into_inner()))?;
                let Some(batch) = rows.next().await else { break };
                csv = builder.clone().build(Vec::new());
                csv.write(&flat(&batch?)?)?;
            }
        }
        Format::Json | Format::Ndjson => json(schema, rows, format == Format::Json, &mut out).await?,
    }
    written(out.flush())
}

/// Prints rows that are there already.
pub(super) async fn print_batch(schema: SchemaRef, rows: RecordBatch, format: Format) -> Result<()> {
    let stream = RecordBatchStreamAdapter::new(Arc::clone(&schema), futures::stream::iter([Ok(rows)]));
    print(schema, Box::pin(stream), format).await
}

/// The format that was asked for, else one that suits who reads it.
pub(super) fn format(asked: Option<Format>) -> Format {
    asked.unwrap_or(if std::io::stdout().is_terminal() { Format::Table } else { Format::Csv })
}

/// CSV has no nesting: such columns become JSON text.
fn flat(batch: &RecordBatch) -> Result<RecordBatch> {
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(field.as_ref().clone());
            columns.push(Arc::clone(column));
            continue;
        }
        // `{"v":...}` for every row.
        let schema = Arc::new(Schema::new(vec![field.as_ref().clone().with_name("v")]));
        let mut objects = Messages::default();
        encoder("json", &schema, &FormatOptions::default())?
            .encode(&RecordBatch::try_new(schema, vec![Arc::clone(column)])?, &mut objects)?;
        let text = |i: usize| {
            let object = objects.get(i);
            column.is_valid(i).then(|| String::from_utf8_lossy(&object[r#"{"v":"#.len()..object.len() - 1]).into_owned())
        };
        let texts: StringArray = (0..objects.len()).map(text).collect();
        fields.push(Field::new(field.name(), DataType::Utf8, true));
        columns.push(Arc::new(texts));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
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
