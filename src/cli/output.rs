//! Printing rows.

use std::io::{BufWriter, Write};

use arrow::datatypes::SchemaRef;
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
            csv.write(&RecordBatch::new_empty(schema))?;
            while let Some(batch) = rows.next().await {
                csv.write(&batch?)?;
            }
        }
        Format::Json | Format::Ndjson => json(schema, rows, format == Format::Json, &mut out).await?,
    }
    written(out.flush())
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
