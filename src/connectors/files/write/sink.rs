//! Files as sinks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, Result, ids};
use crate::connectors::on_error::OnError;
use crate::connectors::{BulkWriter, Recorded, Sink, SinkMode, SinkWriter, TableSpec, Writer};

use super::bulk_writer::{FilesTarget, Naming};
use super::rolling::Rolling;
use super::writer::FilesWriter;
use crate::common::s3::Buckets;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::format::{Header, extension};

/// Adds rows to a folder, in new files.
#[derive(Debug)]
pub struct FilesSink {
    config: Arc<Config>,
    schema: SchemaRef,
    rolling: Rolling,
    dead_letter: Option<String>,
    rejected: Arc<AtomicU64>,
}

impl FilesSink {
    /// Creates a sink to the folder that a table declares.
    ///
    /// # Errors
    /// When the path is a pattern or a file, or a column cannot be written.
    pub fn new(table: &TableSpec, buckets: &Buckets) -> Result<Self> {
        let config = Config::read(table, buckets)?;
        let shown = &config.location.shown;
        if config.location.pattern.is_some() {
            return Err(Error::sql(format!("table `{}`: '{shown}' is a pattern, which tells no place to write to", table.name))
                .hint("declare another table on the folder"));
        }
        if extension(shown).is_some() {
            return Err(Error::sql(format!("table `{}`: INSERT adds files to a folder, and '{shown}' is one file", table.name))
                .hint("give `path` a folder and add 'format'; COPY (query) TO 'file' writes one file"));
        }
        if let Some(column) = table.columns.iter().find(|c| c.metadata.is_some() && !c.is_virtual) {
            return Err(Error::sql(format!("table `{}`: metadata column `{}` cannot be written", table.name, column.name))
                .hint("declare it VIRTUAL"));
        }
        Ok(Self {
            schema: table.writable(),
            rolling: Rolling::read(table)?,
            dead_letter: config.on_error.table(table).map(str::to_string),
            config: Arc::new(config),
            rejected: Arc::default(),
        })
    }
}

impl FilesSink {
    /// As in Flink, CSV has no header unless an option asks for it.
    fn header(&self) -> bool {
        self.config.format.header == Header::Names
    }
}

#[async_trait]
impl Sink for FilesSink {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn identity(&self) -> String {
        self.config.location.shown.clone()
    }

    fn mode(&self) -> SinkMode {
        SinkMode::Append
    }

    async fn prepare(&self) -> Result<Option<String>> {
        Ok(None)
    }

    async fn bulk_writer(&self) -> Result<Option<Box<dyn BulkWriter>>> {
        let name = format!("part-{}", ids::ordered().simple());
        Ok(Some(Box::new(FilesTarget::new(Arc::clone(&self.config), Naming::Folder(name), self.header()))))
    }

    fn on_error(&self) -> OnError {
        self.config.on_error
    }

    fn dead_letter(&self) -> Option<&str> {
        self.dead_letter.as_deref()
    }

    fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    fn exactly_once(&self) -> bool {
        true
    }

    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let (config, rejected) = (Arc::clone(&self.config), Arc::clone(&self.rejected));
        let (writer, last) = FilesWriter::open(config, self.rolling.clone(), self.header(), writer, rejected).await?;
        Ok((Box::new(writer), last))
    }
}
