//! A system that tables can be declared on.

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

    /// Every option it knows, for errors, completion and documentation.
    fn options(&self) -> Vec<OptionSpec>;

    /// Metadata columns that a table may declare: key and Arrow type.
    fn metadata(&self) -> Vec<(&'static str, arrow::datatypes::DataType)> {
        Vec::new()
    }

    /// Whether a table may be `PARTITIONED BY` columns.
    fn has_partitions(&self) -> bool {
        false
    }

    /// Whether any of its tables is read as rows come: a query over others alone ends.
    fn has_streams(&self) -> bool {
        true
    }

    /// Checks a declaration without connecting to anything.
    fn validate(&self, table: &TableSpec) -> Result<()>;

    /// The table as something to read, or an error if it cannot be read. No server is asked.
    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>>;

    /// The table as something to write, or an error if it cannot be written. No server is asked.
    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>>;

    /// The options of an undeclared table whose name is its location: `FROM 'data/*.parquet'`.
    fn table_of(&self, _name: &str) -> Option<Options> {
        None
    }

    /// The options of the table that `COPY ... TO` writes with these words (`format`, `header`, ...); `None` if this connector is not
    /// one to copy to.
    fn copy_options(&self, _path: &str, _words: &[(String, String)]) -> Option<Result<Options>> {
        None
    }

    /// Opens what `COPY ... TO` writes.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn copy(&self, table: Arc<TableSpec>) -> Result<Box<dyn BulkWriter>> {
        Err(Error::internal(format!("nothing is copied to connector '{}': {}", self.name(), table.name)))
    }

    /// The newest records of a table as people look at them, the newest one last: what stands there beside what it is read as; `None`
    /// if it has nothing of that kind.
    ///
    /// # Errors
    /// When they cannot be reached. A record that cannot be read is shown, too.
    async fn peek(&self, _table: Arc<TableSpec>, _rows: usize) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// Finds out the columns of a table that declares none, asking the system.
    ///
    /// # Errors
    /// When the connector cannot do that, or there is nothing to find them in.
    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        Err(Error::sql(format!("table `{}`: connector '{}' does not find out columns", table.name, self.name()))
            .hint(format!("declare them: CREATE TABLE {} (column TYPE, ...)", table.name)))
    }
}
