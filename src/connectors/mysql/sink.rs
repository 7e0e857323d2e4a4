//! Tables in MySQL as sinks, exactly once: rows and the number of their commit in one transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::rejects::Rejects;
use crate::connectors::{BulkWriter, OnError, Recorded, Sink, SinkMode, SinkWriter, Writer};

use super::commits::CommitRow;
use super::config::{MySqlTable, quoted};
use super::failure::Kind;
use super::remote_table::Access;
use super::target::Target;
use super::types;
use super::writer::{MySqlBulkWriter, MySqlWriter};

/// A table that is written.
#[derive(Debug)]
pub(super) struct MySqlSink {
    access: Arc<Access>,
    rejected: Arc<AtomicU64>,
}

impl MySqlSink {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, rejected: Arc::default() }
    }
}

/// Returns the statement that creates a table as it is declared.
fn ddl(table: &MySqlTable) -> String {
    let key = &table.spec.primary_key;
    let column = |column: &crate::connectors::TableColumn| {
        let in_key = key.contains(&column.name);
        let not_null = if column.nullable && !in_key { "" } else { " NOT NULL" };
        let data_type = types::for_create(&column.data_type, in_key);
        format!("{} {}{not_null}", quoted(&column.name), data_type.trim_end_matches(if not_null.is_empty() { "" } else { " NULL" }))
    };
    let mut parts: Vec<String> = table.spec.columns.iter().map(column).collect();
    if !key.is_empty() {
        parts.push(format!("PRIMARY KEY ({})", key.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")));
    }
    format!("CREATE TABLE IF NOT EXISTS {} ({}) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4", table.quoted(), parts.join(", "))
}

#[async_trait]
impl Sink for MySqlSink {
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
        if !table.create {
            return Err(Error::sql(format!("{}: there is no table {} at {}", table.label(), table.quoted(), table.address()))
                .hint(format!("add 'create.if-missing' = 'true', or run: {}", ddl(table))));
        }
        let what = client.what(&table.label());
        let mut session = client.session().await.map_err(|failure| failure.error(&what))?;
        session.run(ddl(table)).await.map_err(|failure| {
            let error = failure.error(&what);
            if failure.kind == Kind::Denied { error.hint(format!("ask a user with the privilege to run: {}", ddl(table))) } else { error }
        })?;
        client.give_back(session);
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
        Ok(Some(Box::new(MySqlBulkWriter::new(Arc::clone(&self.access)))))
    }

    async fn open(&self, writer: &Writer) -> Result<(Box<dyn SinkWriter>, Option<Recorded>)> {
        let table = &self.access.table;
        let mut target = Target::open(&self.access).await?;
        let row = CommitRow::new(&table.database, writer);
        let what = self.access.client.what(&table.label());
        let recorded = row.claim(&mut target.session, &table.label(), &what).await?;
        let place = format!("{}: a row cannot be written to {}", table.label(), table.quoted());
        let rejects = Rejects::new(place, table.on_error, Arc::clone(&self.rejected));
        Ok((Box::new(MySqlWriter::new(target, row, rejects)), recorded))
    }
}
