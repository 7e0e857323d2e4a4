//! The connector of tables on files: `'connector' = 'filesystem'`.

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::s3::Buckets;
use crate::common::{Error, OptionSpec, Result};
use crate::connectors::{BulkWriter, Connector, Inferred, Sink, Source, TableSpec, lookup};
use crate::sql::ast::Options;

use super::read::peek;
use super::read::schema_inference;
use super::read::source::FilesSource;
use super::table::config::Config;
use super::table::copy_options;
use super::table::format::{Header, extension};
use super::table::metadata::Metadata;
use super::table::options::{self, NAME};
use super::write::bulk_writer::{FilesTarget, Naming};
use super::write::sink::FilesSink;

/// Tables on files, local and on S3.
#[derive(Debug, Default)]
pub struct FilesConnector {
    buckets: Arc<Buckets>,
}

impl FilesConnector {
    /// A connector whose S3 tables are in these buckets.
    pub fn new(buckets: Arc<Buckets>) -> Self {
        Self { buckets }
    }
}

#[async_trait]
impl Connector for FilesConnector {
    fn name(&self) -> &'static str {
        NAME
    }

    fn options(&self) -> Vec<OptionSpec> {
        options::all()
    }

    fn metadata(&self) -> Vec<(&'static str, DataType)> {
        Metadata::ALL.into_iter().map(|m| (m.key(), m.data_type())).collect()
    }

    fn has_partitions(&self) -> bool {
        true
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        crate::connectors::options::check(table, &self.options())?;
        if !table.primary_key.is_empty() {
            return Err(Error::sql(format!("table `{}`: files have no PRIMARY KEY: each row is one of its own", table.name)));
        }
        lookup::kept(table)?;
        Config::read(table, &self.buckets).map(drop)
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        self.validate(&table)?;
        Ok(Arc::new(FilesSource::new(&table, &self.buckets)?))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        self.validate(&table)?;
        Ok(Arc::new(FilesSink::new(&table, &self.buckets)?))
    }

    fn table_of(&self, name: &str) -> Option<Options> {
        // A name that is a path, but an incomplete one, is refused with a reason, instead of as an unknown table.
        if !name.contains('/') && extension(name).is_none() {
            return None;
        }
        let mut options = Options::default();
        options.set("connector", NAME);
        options.set("path", name);
        Some(options)
    }

    fn copy_options(&self, path: &str, words: &[(String, String)]) -> Option<Result<Options>> {
        Some(copy_options::copy_options(path, words))
    }

    async fn copy(&self, table: Arc<TableSpec>) -> Result<Box<dyn BulkWriter>> {
        let config = Config::read(&table, &self.buckets)?;
        if config.location.pattern.is_some() {
            return Err(Error::sql(format!("'{}' is a pattern, which tells no place to write to", config.location.shown)));
        }
        let header = config.format.header != Header::None;
        Ok(Box::new(FilesTarget::new(Arc::new(config), Naming::Path, header)))
    }

    async fn peek(&self, table: Arc<TableSpec>, rows: usize) -> Result<Option<RecordBatch>> {
        self.validate(&table)?;
        peek::newest(&table, rows, &self.buckets).await.map(Some).map_err(|e| named(&table, e))
    }

    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        crate::connectors::options::check(table, &self.options())?;
        schema_inference::infer(table, &self.buckets).await.map_err(|e| named(table, e))
    }
}

/// Adds the table to an error, unless the table is named by its path, which errors name anyway.
fn named(table: &TableSpec, error: Error) -> Error {
    if table.option("path") == Some(&table.name) { error } else { error.context(format!("table `{}`", table.name)) }
}
