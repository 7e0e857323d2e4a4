//! Tables in Cassandra as sinks: idempotent puts and deletes by key, and a record of the newest commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::rejects::Rejects;
use crate::connectors::{BulkWriter, OnError, Recorded, Sink, SinkMode, SinkWriter, Writer};

use super::commits::CommitRow;
use super::config::CassandraTable;
use super::failure::Kind;
use super::identifiers::quoted;
use super::remote_table::Access;
use super::target::Target;
use super::types;
use super::writer::{CassandraBulkWriter, CassandraWriter};

/// A table that is written.
#[derive(Debug)]
pub(super) struct CassandraSink {
    access: Arc<Access>,
    rejected: Arc<AtomicU64>,
}

impl CassandraSink {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, rejected: Arc::default() }
    }
}

/// Returns the statement that creates a table as it is declared.
fn ddl(table: &CassandraTable) -> String {
    let names = |names: &[String]| names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ");
    let columns = table.spec.columns.iter().map(|column| format!("{} {}", quoted(&column.name), types::for_create(&column.data_type)));
    let (partition, clustering) = table.declared_key();
    let key = match (partition.len(), clustering) {
        (_, []) => format!("PRIMARY KEY (({}))", names(partition)),
        (_, clustering) => format!("PRIMARY KEY (({}), {})", names(partition), names(clustering)),
    };
    let order =
        table.clustering_order.iter().map(|order| format!("{} {}", quoted(&order.column), if order.descending { "DESC" } else { "ASC" }));
    let order = order.collect::<Vec<_>>().join(", ");
    let order = if order.is_empty() { String::new() } else { format!(" WITH CLUSTERING ORDER BY ({order})") };
    format!("CREATE TABLE IF NOT EXISTS {} ({}, {key}){order}", table.quoted(), columns.collect::<Vec<_>>().join(", "))
}

#[async_trait]
impl Sink for CassandraSink {
    fn schema(&self) -> SchemaRef {
        self.access.table.spec.writable()
    }

    fn identity(&self) -> String {
        self.access.table.identity()
    }

    fn mode(&self) -> SinkMode {
        SinkMode::by_key(&self.access.table.spec.primary_key)
    }

    async fn prepare(&self) -> Result<Option<String>> {
        let (table, client) = (&self.access.table, &self.access.client);
        if self.access.find().await?.is_some() {
            return Ok(None);
        }
        let missing = format!("{}: there is no table {} at {}", table.label(), table.quoted(), table.address());
        if table.spec.primary_key.is_empty() {
            return Err(Error::sql(missing).hint("check `keyspace` and `table`; a table that is created needs a PRIMARY KEY"));
        }
        if !table.create {
            return Err(Error::sql(missing).hint(format!("add 'create.if-missing' = 'true', or run: {}", ddl(table))));
        }
        client.alter(&ddl(table)).await.map_err(|failure| {
            let error = failure.error(&client.what(&table.label()));
            if failure.kind == Kind::Denied { error.hint(format!("ask a user with the privilege to run: {}", ddl(table))) } else { error }
        })?;
        Ok(Some(format!("created table {} at {}", table.quoted(), table.address())))
    }

    fn exactly_once(&self) -> bool {
        true
    }

    fn on_error(&self) -> OnError {
        self.access.table.on_error
    }

    fn dead_letter(&self) -> Option<&str> {
        self.access.table.on_error.table(&self.access.table.spec)
    }

    fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    async fn bulk_writer(&self) -> Result<Option<Box<dyn BulkWriter>>> {
        Ok(Some(Box::new(CassandraBulkWriter::new(Arc::clone(&self.access)))))
    }

    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let table = &self.access.table;
        let target = Target::open(&self.access).await?;
        let row = CommitRow::new(Arc::clone(&self.access.client), table, writer);
        let claimed = row.claim(&table.label(), &self.access.what()).await?;
        let place = format!("{}: a row cannot be written to {}", table.label(), table.quoted());
        let rejects = Rejects::new(place, table.on_error, Arc::clone(&self.rejected));
        Ok((Box::new(CassandraWriter::new(target, row, rejects, claimed.newest)), claimed.recorded))
    }
}
