//! The connectors `'mysql'` and `'jdbc'`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::common::{OptionSpec, Result};
use crate::connectors::database::DatabaseSource;
use crate::connectors::{Connector, Inferred, Sink, Source, TableSpec};

use super::client::Client;
use super::config::MySqlTable;
use super::lookup::MySqlLookup;
use super::options;
use super::peek;
use super::remote_table::Access;
use super::scan::MySqlScan;
use super::sink::MySqlSink;
use super::url::Place;

/// A server with its user, and a database.
type Login = (Place, String);

/// The connector of MySQL and MariaDB. Tables with the same login share their idle connections.
#[derive(Debug, Clone)]
pub struct MySqlConnector {
    name: &'static str,
    clients: Arc<Mutex<HashMap<Login, Arc<Client>>>>,
}

impl Default for MySqlConnector {
    fn default() -> Self {
        Self { name: options::NAME, clients: Arc::default() }
    }
}

impl MySqlConnector {
    /// The same connector under Flink's name.
    #[must_use]
    pub fn jdbc(&self) -> Self {
        Self { name: options::JDBC, clients: Arc::clone(&self.clients) }
    }

    fn access(&self, table: Arc<TableSpec>) -> Result<Arc<Access>> {
        crate::connectors::options::check(&table, &self.options())?;
        let table = MySqlTable::read(table)?;
        let login = (table.place.clone(), table.database.clone());
        let client = Arc::clone(self.clients.lock().entry(login).or_insert_with(|| Arc::new(Client::new(&table))));
        Ok(Arc::new(Access::new(table, client)))
    }
}

#[async_trait]
impl Connector for MySqlConnector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self) -> Vec<OptionSpec> {
        options::all()
    }

    fn has_streams(&self) -> bool {
        false
    }

    fn validate(&self, table: &TableSpec) -> Result<()> {
        self.access(Arc::new(table.clone())).map(drop)
    }

    fn source(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Source>> {
        let access = self.access(table)?;
        let (spec, identity) = (&access.table.spec, access.table.identity());
        let (scan, lookup) = (MySqlScan::new(Arc::clone(&access)), MySqlLookup::new(Arc::clone(&access)));
        Ok(Arc::new(DatabaseSource::new(spec, identity, Arc::new(scan), Arc::new(lookup))?))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(MySqlSink::new(self.access(table)?)))
    }

    async fn peek(&self, table: Arc<TableSpec>, rows: usize) -> Result<Option<RecordBatch>> {
        peek::newest(self.access(table)?, rows).await.map(Some)
    }

    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        let access = self.access(Arc::new(table.clone()))?;
        Ok(access.look().await?.inferred(&access.table))
    }
}
