//! The metadata of a table on the servers.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use scylla::statement::Consistency;

use crate::common::{Error, Result};
use crate::connectors::database::{ColumnName, MetadataCache, column_named, columns_of};
use crate::connectors::{Inferred, InferredColumn};

use super::client::{Cells, Client, Outcome};
use super::config::CassandraTable;
use super::failure::Failure;
use super::types::{CqlType, Udts};

/// A table's columns and keys.
#[derive(Debug, Clone)]
pub(super) struct RemoteTable {
    pub(super) columns: Vec<RemoteColumn>,
    pub(super) partition_key: Vec<String>,
    pub(super) clustering: Vec<String>,
    /// The table is a materialized view, or a system table.
    pub(super) is_view: bool,
}

/// A column of the table on the servers.
#[derive(Debug, Clone)]
pub(super) struct RemoteColumn {
    pub(super) name: String,
    pub(super) cql: CqlType,
    /// The kind of column: `partition_key`, `clustering`, `static`, `regular`.
    kind: String,
    position: i32,
}

#[cfg(test)]
impl RemoteColumn {
    /// A column for tests.
    pub(super) fn new(name: &str, cql: CqlType, kind: &str) -> Self {
        Self { name: name.to_string(), cql, kind: kind.to_string(), position: 0 }
    }
}

impl ColumnName for RemoteColumn {
    fn name(&self) -> &str {
        &self.name
    }
}

impl RemoteTable {
    /// Finds a column by name.
    pub(super) fn column(&self, name: &str) -> Option<&RemoteColumn> {
        column_named(&self.columns, name)
    }

    /// Finds the columns of a schema.
    ///
    /// # Errors
    /// Names the column that is missing, and suggests one.
    pub(super) fn columns_of(&self, table: &CassandraTable, schema: &SchemaRef) -> Result<Vec<&RemoteColumn>> {
        columns_of(&self.columns, &table.label(), &table.quoted(), schema)
    }

    /// The partition key, then the clustering columns.
    pub(super) fn key(&self) -> Vec<String> {
        self.partition_key.iter().chain(&self.clustering).cloned().collect()
    }

    /// The schema of an undeclared table.
    pub(super) fn inferred(&self, table: &CassandraTable) -> Inferred {
        let has_static = self.columns.iter().any(|c| c.kind == "static");
        let column = |c: &RemoteColumn| InferredColumn {
            name: c.name.clone(),
            data_type: c.cql.natural(),
            // A partition with only static columns is a row without clustering columns.
            nullable: !(c.kind == "partition_key" || c.kind == "clustering" && !has_static),
        };
        Inferred {
            columns: self.columns.iter().map(column).collect(),
            partitioned_by: self.partition_key.clone(),
            primary_key: if has_static && !self.clustering.is_empty() { Vec::new() } else { self.key() },
            found_in: format!("in {} at {}", table.quoted(), table.address()),
        }
    }
}

/// A declared table and its cluster.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) table: CassandraTable,
    pub(super) client: Arc<Client>,
    metadata: MetadataCache<RemoteTable>,
}

impl Access {
    pub(super) fn new(table: CassandraTable, client: Arc<Client>) -> Self {
        Self { table, client, metadata: MetadataCache::default() }
    }

    /// The connection in messages.
    pub(super) fn what(&self) -> String {
        self.client.what(&self.table.label())
    }

    /// Returns the servers' metadata of the table, possibly cached.
    ///
    /// # Errors
    /// When the servers are unreachable, or there is no such table.
    pub(super) async fn known(&self) -> Result<Arc<RemoteTable>> {
        match self.metadata.get() {
            Some(remote) => Ok(remote),
            None => self.look().await,
        }
    }

    /// Returns the servers' current metadata of the table.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub(super) async fn look(&self) -> Result<Arc<RemoteTable>> {
        let remote = self.find().await?.ok_or_else(|| {
            Error::sql(format!("{}: there is no table {} at {}", self.table.label(), self.table.quoted(), self.table.address()))
                .hint("check `keyspace` and `table`; with 'create.if-missing' = 'true' a job creates the table that it writes to")
        })?;
        Ok(self.metadata.put(remote))
    }

    /// Drops the cached metadata: the table was altered.
    pub(super) async fn forget(&self) {
        self.metadata.forget();
        self.client.forget().await;
    }

    /// Returns the current metadata, if the table exists.
    ///
    /// # Errors
    /// When the servers are unreachable.
    pub(super) async fn find(&self) -> Result<Option<RemoteTable>> {
        self.found().await.map_err(|failure| failure.error(&self.what()))
    }

    async fn found(&self) -> Outcome<Option<RemoteTable>> {
        let names = Cells([&self.table.keyspace, &self.table.name].map(|name| Some(name.as_bytes().to_vec())).to_vec());
        let of_table = "WHERE keyspace_name = ? AND table_name = ?";
        type Row = (String, String, String, i32);
        let columns = format!("SELECT column_name, type, kind, position FROM system_schema.columns {of_table}");
        let columns: Vec<Row> = self.asked(&columns, &names).await?;
        if columns.is_empty() {
            return Ok(None);
        }
        let udts = "SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = ?";
        let udts: Vec<(String, Vec<String>, Vec<String>)> = self.asked(udts, &Cells(names.0[..1].to_vec())).await?;
        let udts: Udts = udts.into_iter().map(|(name, fields, types)| (name, fields.into_iter().zip(types).collect())).collect();
        let views = "SELECT view_name FROM system_schema.views WHERE keyspace_name = ? AND view_name = ?";
        let views: Vec<(String,)> = self.asked(views, &names).await?;
        let mut columns: Vec<RemoteColumn> = columns
            .into_iter()
            .map(|(name, of, kind, position)| RemoteColumn { name, cql: CqlType::parse(&of, &udts), kind, position })
            .collect();
        // The order of CQL: the key, then the other columns by name.
        let rank = |c: &RemoteColumn| ["partition_key", "clustering", "static"].iter().position(|kind| *kind == c.kind).unwrap_or(3);
        columns.sort_by_key(|c| (rank(c), c.position, c.name.clone()));
        let of_kind = |kind: &str| columns.iter().filter(|c| c.kind == kind).map(|c| c.name.clone()).collect();
        Ok(Some(RemoteTable {
            partition_key: of_kind("partition_key"),
            clustering: of_kind("clustering"),
            is_view: !views.is_empty() || self.table.keyspace == "system" || self.table.keyspace.starts_with("system_"),
            columns,
        }))
    }

    /// Queries the system tables, once more when the connection was broken.
    async fn asked<R>(&self, cql: &str, cells: &Cells) -> Outcome<Vec<R>>
    where
        R: for<'a, 'b> scylla::deserialize::row::DeserializeRow<'a, 'b>,
    {
        let statement = self.client.prepare(cql, Consistency::LocalOne).await?;
        let mut found = self.client.run(&statement, cells).await;
        if found.as_ref().is_err_and(|failure| failure.kind == super::failure::Kind::Away) {
            found = self.client.run(&statement, cells).await;
        }
        let unreadable = || Failure::away("the server's answer cannot be read");
        let Some(page) = found? else { return Err(unreadable()) };
        let rows = page.rows::<R>().map_err(|_| unreadable())?;
        rows.collect::<std::result::Result<_, _>>().map_err(|_| unreadable())
    }
}
