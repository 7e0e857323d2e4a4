//! A table on files as something to read.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;

use crate::common::{Error, Projection, Result};
use crate::connectors::{Follow, PartitionRange, Prefetch, ReadMode, Source, SourceCounters, Split, TableSpec};

use super::config::Config;
use super::scan::FilesTable;

/// The files of a table.
#[derive(Debug)]
pub struct FilesSource {
    config: Arc<Config>,
    schema: SchemaRef,
    counters: Arc<SourceCounters>,
}

impl FilesSource {
    /// A source of the files that a table declares.
    ///
    /// # Errors
    /// Names the option that is wrong.
    pub fn new(table: &TableSpec) -> Result<Self> {
        Ok(Self { config: Arc::new(Config::read(table)?), schema: table.schema(), counters: Arc::default() })
    }

    fn only_batch(&self) -> Error {
        Error::sql(format!("table `{}`: files cannot be read by a continuous job yet", self.config.table))
            .hint("SET 'execution.runtime-mode' = 'batch' reads them once")
    }
}

#[async_trait]
impl Source for FilesSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn identity(&self) -> String {
        self.config.location.shown.clone()
    }

    fn bounded(&self) -> bool {
        true
    }

    fn table_provider(&self) -> Option<Arc<dyn TableProvider>> {
        Some(Arc::new(FilesTable::new(Arc::clone(&self.config), Arc::clone(&self.schema))))
    }

    async fn plan(&self, _: ReadMode) -> Result<Vec<PartitionRange>> {
        Err(self.only_batch())
    }

    async fn resume(&self, _: &[PartitionRange]) -> Result<Vec<PartitionRange>> {
        Err(self.only_batch())
    }

    fn read(&self, _: &Split, _: &Projection) -> Result<SendableRecordBatchStream> {
        Err(self.only_batch())
    }

    fn follow(&self, _: Vec<PartitionRange>, _: Projection, _: Prefetch) -> Result<Box<dyn Follow>> {
        Err(self.only_batch())
    }

    async fn report(&self, _: &[(i32, i64)]) {}

    fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }
}
