//! The trait of connectors: systems on which tables can be declared.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::{Error, OptionSpec, Result};
use crate::sql::ast::Options;

use super::{BulkWriter, Inferred, Sink, Source, TableSpec};

/// A system that tables can be declared on: `'connector' = '...'`.
#[async_trait]
pub trait Connector: Debug + Send + Sync {
    /// The value of the `connector` option.
    fn name(&self) -> &'static str;

    /// Every option that the connector knows, for errors, completion and documentation.
    fn options(&self) -> Vec<OptionSpec>;

    /// Metadata columns that a table may declare: key and Arrow type.
    fn metadata(&self) -> Vec<(&'static str, arrow::datatypes::DataType)> {
        Vec::new()
    }

    /// Whether a table may be `PARTITIONED BY` columns.
    fn has_partitions(&self) -> bool {
        false
    }

    /// Whether any of its tables is read as a stream: a query over other tables alone ends.
    fn has_streams(&self) -> bool {
        true
    }

    /// Checks a declaration without connecting to anything.
    fn validate(&self, table: &TableSpec) -> Result<()>;

    /// Returns the source of a table, or an error if the table cannot be read. Asks no server.
    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>>;

    /// Returns the sink of a table, or an error if the table cannot be written. Asks no server.
    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>>;

    /// Returns the options of an undeclared table whose name is its location: `FROM 'data/*.parquet'`.
    fn table_of(&self, _name: &str) -> Option<Options> {
        None
    }

    /// Returns the options of the table that `COPY ... TO` writes with these words (`format`, `header`, ...); `None` if this connector does
    /// not support COPY.
    fn copy_options(&self, _path: &str, _words: &[(String, String)]) -> Option<Result<Options>> {
        None
    }

    /// Opens the target of `COPY ... TO`.
    ///
    /// # Errors
    /// When the target cannot be written.
    async fn copy(&self, table: Arc<TableSpec>) -> Result<Box<dyn BulkWriter>> {
        Err(Error::internal(format!("nothing is copied to connector '{}': {}", self.name(), table.name)))
    }

    /// Returns the newest raw records of a table with their decoded form, the newest one last; `None` if the connector has no raw records.
    ///
    /// # Errors
    /// When the records cannot be reached. A record that cannot be decoded is shown, too.
    async fn peek(&self, _table: Arc<TableSpec>, _rows: usize) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// Infers the columns of a table that declares none, asking the system.
    ///
    /// # Errors
    /// When the connector cannot infer columns, or there is nothing to infer them from.
    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        Err(Error::sql(format!("table `{}`: connector '{}' does not find out columns", table.name, self.name()))
            .hint(format!("declare them: CREATE TABLE {} (column TYPE, ...)", table.name)))
    }
}
