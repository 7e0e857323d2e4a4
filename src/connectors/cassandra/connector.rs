//! The connector `'cassandra'`.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use parking_lot::Mutex;

use crate::common::{OptionSpec, Result};
use crate::connectors::database::DatabaseSource;
use crate::connectors::{Connector, Inferred, Sink, Source, TableSpec};

use super::client::Client;
use super::config::{CassandraTable, Login};
use super::lookup::CassandraLookup;
use super::options;
use super::peek;
use super::remote_table::Access;
use super::scan::CassandraScan;
use super::sink::CassandraSink;

/// The connector of Cassandra. Tables with the same login share their connections.
#[derive(Debug, Clone, Default)]
pub struct CassandraConnector {
    clients: Arc<Mutex<HashMap<Login, Arc<Client>>>>,
}

impl CassandraConnector {
    fn access(&self, table: Arc<TableSpec>) -> Result<Arc<Access>> {
        crate::connectors::options::check(&table, &self.options())?;
        let table = CassandraTable::read(table)?;
        let mut clients = self.clients.lock();
        let client = clients.entry(table.login.clone()).or_insert_with(|| Arc::new(Client::new(table.login.clone())));
        Ok(Arc::new(Access::new(table, Arc::clone(client))))
    }
}

#[async_trait]
impl Connector for CassandraConnector {
    fn name(&self) -> &'static str {
        options::NAME
    }

    fn options(&self) -> Vec<OptionSpec> {
        options::all()
    }

    fn has_partitions(&self) -> bool {
        true
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
        let (scan, lookup) = (CassandraScan::new(Arc::clone(&access)), CassandraLookup::new(Arc::clone(&access)));
        Ok(Arc::new(DatabaseSource::new(spec, identity, Arc::new(scan), Arc::new(lookup))?))
    }

    fn sink(&self, table: Arc<TableSpec>) -> Result<Arc<dyn Sink>> {
        Ok(Arc::new(CassandraSink::new(self.access(table)?)))
    }

    async fn peek(&self, table: Arc<TableSpec>, rows: usize) -> Result<Option<RecordBatch>> {
        peek::some(self.access(table)?, rows).await.map(Some)
    }

    async fn infer(&self, table: &TableSpec) -> Result<Inferred> {
        let access = self.access(Arc::new(table.clone()))?;
        Ok(access.look().await?.inferred(&access.table))
    }
}
