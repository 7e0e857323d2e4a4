//! A whole answer, in the format that was asked for.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use arrow::array::{Array, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use clap::ValueEnum;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::common::units::counted;
use crate::common::{Error, Result, clock};
use crate::formats::registry::encoder;
use crate::formats::{FormatOptions, Messages};

use super::cells::{Cells, TIME, ZONED};
use super::look::Look;
use super::presentable::presentable;
use super::table::{Flow, Lines, Table, table, vertical};

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table for people
    Table,
    /// The same with drawn lines
    Box,
    /// A line per column, one row below the other
    Vertical,
    /// A table of Markdown
    Markdown,
    /// Comma-separated, with a header
    Csv,
    /// Separated by tabs, with a header
    Tsv,
    /// One JSON array
    Json,
    /// One JSON object per line
    Ndjson,
}

impl Format {
    /// The format that was asked for, else one that suits who reads stdout.
    pub fn asked(asked: Option<Self>) -> Self {
        asked.unwrap_or(if io::stdout().is_terminal() { Self::Table } else { Self::Csv })
    }

    /// The names of all formats.
    pub fn names() -> Vec<String> {
        Self::value_variants().iter().map(|format| format.name()).collect()
    }

    /// What it is called.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_string())
    }

    /// Whether all rows are needed before the first of them can be printed.
    pub fn is_whole(self) -> bool {
        matches!(self, Self::Table | Self::Box | Self::Vertical | Self::Markdown)
    }
}

/// What became of printing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Printed {
    /// How many rows.
    Rows(u64),
    /// The reader had seen enough (`| head`, a pager that was closed).
    Closed,
}

/// Prints rows as they come; formats for people need all of them first, to know how wide they are.
///
/// # Errors
/// What the rows say, and when they cannot be written.
pub async fn print(
    schema: SchemaRef,
    rows: SendableRecordBatchStream,
    format: Format,
    look: &Look,
    out: &mut impl Write,
) -> Result<Printed> {
    let (schema, rows) = presentable(&schema, rows)?;
    let printed = match format {
        Format::Csv => csv(schema, rows, b',', out).await,
        Format::Tsv => csv(schema, rows, b'\t', out).await,
        Format::Json | Format::Ndjson => json(schema, rows, format == Format::Json, out).await,
        Format::Table | Format::Box | Format::Vertical | Format::Markdown => people(schema, rows, format, look, out).await,
    };
    match printed.and_then(|rows| Ok(out.flush().map(|()| rows)?)) {
        Ok(rows) => Ok(Printed::Rows(rows)),
        Err(Stop::Closed) => Ok(Printed::Closed),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// Rows that are there already, as [`print`] takes them.
pub fn ready(rows: RecordBatch) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(rows.schema(), futures::stream::iter([Ok(rows)])))
}

/// Why printing ended early.
enum Stop {
    Closed,
    Failed(Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(error.into()) }
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

type Count = std::result::Result<u64, Stop>;

async fn people(schema: SchemaRef, mut rows: SendableRecordBatchStream, format: Format, look: &Look, out: &mut impl Write) -> Count {
    let mut cells = Cells::new(&schema);
    while let Some(batch) = rows.next().await {
        cells.add(&batch.map_err(Error::from)?)?;
        if look.most.is_some_and(|most| cells.rows.len() > most) {
            break;
        }
    }
    let read = cells.rows.len();
    let shown = look.most.unwrap_or(read).min(read);
    cells.rows.truncate(shown);
    let drawn = draw(&cells, format, look);
    out.write_all(drawn.text.as_bytes())?;
    if format != Format::Markdown {
        let more = if shown < read { "the first " } else { "" };
        let time = look.begun.map_or(String::new(), |begun| format!(" in {:.3} s", clock::since(begun).as_secs_f64()));
        let rest = if shown < read { ", there are more (\\maxrows 0 shows all, \\o FILE keeps them)" } else { "" };
        writeln!(out, "{more}{}{time}{rest}{}", counted(shown as u64, "row"), drawn.left_out)?;
    }
    Ok(shown as u64)
}

/// Rows in a format for people.
pub struct Drawn {
    /// The lines.
    pub text: String,
    /// What there is to say of columns that did not fit; nothing if all are there.
    pub left_out: String,
}

/// Rows as a table, or one below the other.
pub fn draw(cells: &Cells, format: Format, look: &Look) -> Drawn {
    let lines = match format {
        Format::Box => Lines::Box,
        Format::Markdown => Lines::Markdown,
        _ => Lines::Ascii,
    };
    let one_below_the_other = || Drawn { text: vertical(cells, look), left_out: String::new() };
    if format == Format::Vertical {
        return one_below_the_other();
    }
    let Table { text, shown } = table(cells, lines, look);
    let all = cells.names.len();
    if shown == all {
        Drawn { text, left_out: String::new() }
    } else if look.turns {
        one_below_the_other()
    } else {
        Drawn { text, left_out: format!(", {shown} of {all} columns shown (\\x shows all)") }
    }
}

/// Prints rows as lines of one table while they come; the first of them say how wide its columns are.
///
/// # Errors
/// As [`print`].
pub async fn flow(mut rows: SendableRecordBatchStream, look: &Look, out: &mut impl Write) -> Result<()> {
    let schema = rows.schema();
    let mut flow: Option<Flow> = None;
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let mut cells = Cells::new(&schema);
        cells.add(&batch?)?;
        let text = match &flow {
            None => flow.insert(Flow::new(&cells, look)).head(&cells),
            Some(_) => String::new(),
        };
        let lines = flow.as_ref().map(|flow| flow.rows(&cells)).unwrap_or_default();
        out.write_all(text.as_bytes())?;
        out.write_all(lines.as_bytes())?;
        out.flush()?;
        count += cells.rows.len() as u64;
    }
    if let Some(flow) = flow {
        out.write_all(flow.foot().as_bytes())?;
    }
    Ok(writeln!(out, "{}", counted(count, "row"))?)
}

async fn csv(schema: SchemaRef, mut rows: SendableRecordBatchStream, delimiter: u8, out: &mut impl Write) -> Count {
    let builder =
        arrow_csv::WriterBuilder::new().with_delimiter(delimiter).with_timestamp_format(TIME.into()).with_timestamp_tz_format(ZONED.into());
    // Into memory first: a closed pipe can only be distinguished from other errors by the write itself.
    let mut csv = builder.clone().with_header(true).build(Vec::new());
    csv.write(&flat(&RecordBatch::new_empty(schema))?).map_err(Error::from)?;
    let builder = builder.with_header(false);
    let mut count = 0;
    loop {
        out.write_all(&csv.into_inner())?;
        out.flush()?;
        let Some(batch) = rows.next().await else { return Ok(count) };
        let batch = batch.map_err(Error::from)?;
        count += batch.num_rows() as u64;
        csv = builder.clone().build(Vec::new());
        csv.write(&flat(&batch)?).map_err(Error::from)?;
    }
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
async fn json(schema: SchemaRef, mut rows: SendableRecordBatchStream, array: bool, out: &mut impl Write) -> Count {
    let mut encoder = encoder("json", &schema, &FormatOptions::default())?;
    let mut count = 0;
    if array {
        out.write_all(b"[")?;
    }
    while let Some(batch) = rows.next().await {
        let mut lines = Messages::default();
        encoder.encode(&batch.map_err(Error::from)?, &mut lines)?;
        for i in 0..lines.len() {
            if array {
                out.write_all(if count == 0 { b"\n" } else { b",\n" })?;
            }
            out.write_all(lines.get(i))?;
            if !array {
                out.write_all(b"\n")?;
            }
            count += 1;
        }
        if !array {
            out.flush()?;
        }
    }
    if array {
        out.write_all(b"\n]\n")?;
    }
    Ok(count)
}
