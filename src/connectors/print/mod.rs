//! `'connector' = 'print'`: shows rows, one line each, as Flink's print sink does: `+I[a, 1, null]`.
//!
//! For a query that updates its rows, `-D[...]` are deleted rows and `+I[...]` inserted ones. With a PRIMARY KEY the two rows of one key
//! are an update, `-U[...]` and `+U[...]`, adjacent.
//!
//! Printed lines cannot be taken back, so after a crash some lines may be repeated.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, OptionSpec, Result};

use super::{CommitInfo, Connector, Recorded, Sink, SinkMode, SinkWriter, Source, TableSpec, Writer};

pub mod kinds;
mod line;

/// Where lines go.
pub type Output = Arc<Mutex<dyn Write + Send>>;

/// The connector of tables that print their rows.
#[derive(Debug, Default, Clone, Copy)]
pub struct PrintConnector;

impl Connector for PrintConnector {
    fn name(&self) -> &'static str {
        "print"
    }

    fn has_partitions(&self) -> bool {
        true // as in Flink; they make no difference
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![
            OptionSpec::text("print-identifier", "what stands before every line"),
            OptionSpec::flag("standard-error", "true: rows are shown on standard error"),
            OptionSpec::text("sink.parallelism", "accepted; one writer shows the rows"),
        ]
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        super::options::check(table, &self.options())
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        Err(Error::sql(format!("table `{}`: connector 'print' can only be written", table.name)))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(PrintSink::new(table, None)?))
    }
}

/// A table that prints its rows.
pub struct PrintSink {
    table: Arc<TableSpec>,
    output: Option<Output>,
}

impl PrintSink {
    /// Creates a sink that writes to standard output or error, as the table says, or to another output.
    ///
    /// # Errors
    /// For an unknown option.
    pub fn new(table: Arc<TableSpec>, output: Option<Output>) -> Result<Self> {
        PrintConnector.validate(&table)?;
        Ok(Self { table, output })
    }
}

impl fmt::Debug for PrintSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrintSink({})", self.table.name)
    }
}

#[async_trait]
impl Sink for PrintSink {
    fn schema(&self) -> SchemaRef {
        self.table.writable()
    }

    /// Every change is shown, key or not, as Flink does.
    fn mode(&self) -> SinkMode {
        SinkMode::Changelog
    }

    async fn prepare(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn open(&self, _writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let identifier = self.table.option("print-identifier").filter(|text| !text.is_empty());
        let prefix = identifier.map(|text| format!("{text}> ")).unwrap_or_default();
        let to_stderr = self.table.option("standard-error").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let key = self.table.primary_key.iter().filter_map(|k| self.schema().index_of(k).ok()).collect();
        let width = self.schema().fields().len();
        Ok((Box::new(PrintWriter { prefix, to_stderr, output: self.output.clone(), width, key }), None))
    }
}

struct PrintWriter {
    prefix: String,
    to_stderr: bool,
    output: Option<Output>,
    /// The number of the table's columns; a weight may follow them.
    width: usize,
    key: Vec<usize>,
}

#[async_trait]
impl SinkWriter for PrintWriter {
    async fn write(&mut self, _commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        let mut text = String::new();
        let key = (!self.key.is_empty()).then_some(self.key.as_slice());
        for batch in rows {
            let columns = &batch.columns()[..self.width.min(batch.num_columns())];
            for (kind, row) in kinds::row_kinds(batch, self.width, key) {
                text.push_str(&self.prefix);
                line::row(kind, columns, row, &mut text);
                text.push('\n');
            }
        }
        let write = |to: &mut dyn Write| to.write_all(text.as_bytes()).and_then(|()| to.flush());
        let written = match &self.output {
            Some(output) => write(&mut *output.lock().unwrap_or_else(PoisonError::into_inner)),
            None if self.to_stderr => write(&mut std::io::stderr().lock()),
            None => write(&mut std::io::stdout().lock()),
        };
        written.map_err(|e| Error::unavailable("the rows of a print table could not be shown").with_source(e))
    }

    async fn commit(&mut self, _commit: &CommitInfo) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
