//! The metadata of a table on the server.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use crate::common::{Error, Result};
use crate::connectors::database::{ColumnName, MetadataCache, column_named, columns_of};
use crate::connectors::{Inferred, InferredColumn};

use super::client::Client;
use super::config::MySqlTable;
use super::literal::quoted_text;
use super::types::{Family, RemoteType};

/// A table's columns, keys, and other properties that decide how it is read and written.
#[derive(Debug, Clone)]
pub(super) struct RemoteTable {
    pub(super) columns: Vec<RemoteColumn>,
    pub(super) primary_key: Vec<String>,
    /// The columns of each unique key, the PRIMARY KEY first.
    pub(super) unique: Vec<Vec<String>>,
    pub(super) is_view: bool,
    pub(super) engine: Option<String>,
    /// The approximate number of rows.
    pub(super) rows: u64,
}

/// A column of the table on the server.
#[derive(Debug, Clone)]
pub(super) struct RemoteColumn {
    pub(super) name: String,
    pub(super) remote: RemoteType,
    pub(super) nullable: bool,
    /// The column is generated, and cannot be written.
    pub(super) generated: bool,
    pub(super) collation: Option<String>,
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
    pub(super) fn columns_of(&self, table: &MySqlTable, schema: &SchemaRef) -> Result<Vec<&RemoteColumn>> {
        columns_of(&self.columns, &table.label(), &table.quoted(), schema)
    }

    /// Whether these columns are a unique key.
    pub(super) fn is_unique(&self, columns: &[String]) -> bool {
        let among = |name: &String| columns.iter().any(|c| c.eq_ignore_ascii_case(name));
        self.unique.iter().any(|key| key.iter().all(among))
    }

    /// The integer column that is the PRIMARY KEY, or its first column.
    pub(super) fn range_column(&self) -> Option<&str> {
        let name = self.unique.first()?.first()?;
        self.column(name).filter(|c| c.remote.family() == Family::Integer).map(|c| c.name.as_str())
    }

    /// The schema of an undeclared table.
    pub(super) fn inferred(&self, table: &MySqlTable) -> Inferred {
        let column = |c: &RemoteColumn| InferredColumn {
            name: c.name.clone(),
            data_type: c.remote.natural(),
            // A zero date becomes NULL.
            nullable: c.nullable || matches!(c.remote.family(), Family::Date | Family::DateTime),
        };
        Inferred {
            columns: self.columns.iter().map(column).collect(),
            partitioned_by: Vec::new(),
            primary_key: self.primary_key.clone(),
            found_in: format!("in {} at {}", table.quoted(), table.address()),
        }
    }
}

/// A declared table and its server.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) table: MySqlTable,
    pub(super) client: Arc<Client>,
    metadata: MetadataCache<RemoteTable>,
}

impl Access {
    pub(super) fn new(table: MySqlTable, client: Arc<Client>) -> Self {
        Self { table, client, metadata: MetadataCache::default() }
    }

    /// Returns the server's metadata of the table, possibly cached.
    ///
    /// # Errors
    /// When the server is unreachable, or there is no such table.
    pub(super) async fn known(&self) -> Result<Arc<RemoteTable>> {
        match self.metadata.get() {
            Some(remote) => Ok(remote),
            None => self.look().await,
        }
    }

    /// Returns the server's current metadata of the table.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub(super) async fn look(&self) -> Result<Arc<RemoteTable>> {
        let remote = self.find().await?.ok_or_else(|| {
            Error::sql(format!("{}: there is no table {} at {}", self.table.label(), self.table.quoted(), self.table.address()))
                .hint("check `table-name`; with 'create.if-missing' = 'true' a job creates the table that it writes to")
        })?;
        Ok(self.metadata.put(remote))
    }

    /// Drops the cached metadata: the table was altered.
    pub(super) fn forget(&self) {
        self.metadata.forget();
    }

    /// Returns the current metadata, if the table exists.
    ///
    /// # Errors
    /// When the server is unreachable.
    pub(super) async fn find(&self) -> Result<Option<RemoteTable>> {
        let label = self.table.label();
        let of = |alias: &str| {
            let (database, name) = (quoted_text(&self.table.database), quoted_text(&self.table.name));
            format!("{alias}.table_schema = {database} AND {alias}.table_name = {name}")
        };
        let tables =
            format!("SELECT t.table_name, t.table_type, t.engine, t.table_rows FROM information_schema.tables t WHERE {}", of("t"));
        let tables = self.client.ask(&tables, &label).await?;
        // Names are compared without case here, and by the server according to its settings.
        let name = |row: &Vec<Option<String>>| row.first().cloned().flatten();
        let exact = tables.iter().find(|row| name(row).as_deref() == Some(&self.table.name));
        let Some(found) = exact.or(tables.first()) else { return Ok(None) };
        let own = |row: &Vec<Option<String>>| name(row) == name(found);
        let columns = format!(
            "SELECT c.table_name, c.column_name, c.data_type, c.column_type, c.is_nullable, c.numeric_precision, c.numeric_scale, \
             c.datetime_precision, c.extra, c.collation_name FROM information_schema.columns c WHERE {} ORDER BY c.ordinal_position",
            of("c")
        );
        let columns = self.client.ask(&columns, &label).await?;
        let keys = format!(
            "SELECT s.table_name, s.index_name, s.column_name, s.sub_part FROM information_schema.statistics s \
             WHERE {} AND s.non_unique = 0 ORDER BY s.index_name <> 'PRIMARY', s.index_name, s.seq_in_index",
            of("s")
        );
        let keys = self.client.ask(&keys, &label).await?;
        let text = |row: &[Option<String>], i: usize| row.get(i).cloned().flatten();
        let mut unique: Vec<(String, Option<Vec<String>>)> = Vec::new();
        for row in keys.iter().filter(|row| own(row)) {
            let index = text(row, 1).unwrap_or_default();
            // An index on a prefix of a column, or on an expression, proves nothing for whole columns.
            let column = text(row, 2).filter(|_| text(row, 3).is_none());
            if unique.last().is_none_or(|(name, _)| *name != index) {
                unique.push((index, Some(Vec::new())));
            }
            if let Some((_, columns)) = unique.last_mut() {
                *columns = columns.take().zip(column).map(|(columns, column)| [columns, vec![column]].concat());
            }
        }
        let primary_key = unique.first().filter(|(name, _)| name == "PRIMARY").and_then(|(_, columns)| columns.clone());
        Ok(Some(RemoteTable {
            primary_key: primary_key.unwrap_or_default(),
            columns: columns.iter().filter(|row| own(row)).map(|row| column(&row[1..])).collect(),
            unique: unique.into_iter().filter_map(|(_, columns)| columns).collect(),
            is_view: text(found, 1).is_some_and(|kind| kind.contains("VIEW")),
            engine: text(found, 2),
            rows: text(found, 3).and_then(|n| n.parse().ok()).unwrap_or(0),
        }))
    }
}

fn column(row: &[Option<String>]) -> RemoteColumn {
    let names = ["name", "type", "full", "nullable", "precision", "scale", "digits", "extra", "collation"];
    let row: BTreeMap<&str, &str> = names.into_iter().zip(row).filter_map(|(name, value)| Some((name, value.as_deref()?))).collect();
    let text = |name: &str| row.get(name).copied().unwrap_or_default().to_string();
    let extra = text("extra").to_ascii_lowercase();
    RemoteColumn {
        name: text("name"),
        remote: RemoteType {
            name: text("type").to_ascii_lowercase(),
            full: text("full").to_ascii_lowercase(),
            precision: text("precision").parse().unwrap_or(0),
            scale: text("scale").parse().unwrap_or(0),
            digits: text("digits").parse().unwrap_or(0),
        },
        nullable: text("nullable") == "YES",
        generated: extra.contains("virtual generated") || extra.contains("stored generated") || extra.contains("persistent"),
        collation: row.get("collation").map(ToString::to_string),
    }
}
