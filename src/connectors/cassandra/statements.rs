//! Writes rows with prepared statements, in batches of one partition each.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{FieldRef, Int64Type, SchemaRef};
use scylla::statement::prepared::PreparedStatement;

use crate::common::{Error, Result};

use super::client::{Cell, Cells, Outcome};
use super::encode::encode;
use super::identifiers::quoted;
use super::remote_table::{Access, RemoteTable};
use super::types::CqlType;

/// The approximate size of a batch in bytes: larger ones are not faster.
const BATCH_BYTES: usize = 64 << 10;

/// How rows of a table are written.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) insert: PreparedStatement,
    pub(super) delete: PreparedStatement,
    /// The types of the declared columns at the server.
    types: Vec<CqlType>,
    /// Indices of the partition key among them, and of the clustering columns.
    partition_key: Vec<usize>,
    clustering: Vec<usize>,
    schema: SchemaRef,
    ttl: Option<i32>,
    batch_rows: usize,
}

/// What a statement does with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Put,
    Delete,
}

/// A row of a batch.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its index among the given rows.
    pub(super) place: usize,
    pub(super) action: Action,
    pub(super) cells: Cells,
    bytes: usize,
}

impl Statements {
    /// Prepares statements for the table as it is at the server.
    ///
    /// # Errors
    /// When a column is missing there, or cannot be written, or the declared key differs.
    pub(super) async fn prepare(access: &Access, remote: &RemoteTable, schema: &SchemaRef) -> Result<Self> {
        let (table, label) = (&access.table, access.table.label());
        let columns = remote.columns_of(table, schema)?;
        if remote.is_view {
            return Err(
                Error::sql(format!("{label}: {} is a materialized view, and is not written", table.quoted())).hint("write to its table")
            );
        }
        if let Some(counter) = remote.columns.iter().find(|column| column.cql == CqlType::Counter) {
            return Err(Error::sql(format!("{label}: column `{}` is a counter, which is only read", counter.name))
                .hint("a counter can only be added to, and not twice the same: write totals to a bigint column of another table"));
        }
        for (column, field) in columns.iter().zip(schema.fields()) {
            if !column.cql.reads_as(field.data_type()) {
                use crate::common::type_names::display;
                let (declared, natural) = (display(field.data_type()), display(&column.cql.natural()));
                return Err(Error::sql(format!(
                    "{label}: column `{}` is declared {declared}, and is `{}` in {}",
                    column.name,
                    column.cql,
                    table.quoted()
                ))
                .hint(format!("declare it {natural}")));
            }
        }
        let place = |name: &String| {
            columns.iter().position(|column| column.name == *name).ok_or_else(|| {
                let key = remote.key().join(", ");
                Error::sql(format!("{label}: column `{name}` of the key of {} is not declared", table.quoted()))
                    .hint(format!("declare all of its key: {key}"))
            })
        };
        let partition_key = remote.partition_key.iter().map(place).collect::<Result<Vec<usize>>>()?;
        let clustering = remote.clustering.iter().map(place).collect::<Result<Vec<usize>>>()?;
        let declared = &table.spec.primary_key;
        let is_key = |name: &String| remote.key().iter().any(|key| remote.column(name).is_some_and(|column| column.name == *key));
        if !declared.is_empty() && (declared.len() != remote.key().len() || !declared.iter().all(is_key)) {
            return Err(Error::sql(format!("{label}: the PRIMARY KEY of {} is ({})", table.quoted(), remote.key().join(", ")))
                .hint("declare the same one: Cassandra finds the row to replace by it"));
        }
        let names: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let ttl = if table.ttl.is_some() { " AND TTL ?" } else { "" };
        let insert = format!("INSERT INTO {} ({}) VALUES ({marks}) USING TIMESTAMP ?{ttl}", table.quoted(), names.join(", "));
        let key: Vec<String> = remote.key().iter().map(|name| format!("{} = ?", quoted(name))).collect();
        let delete = format!("DELETE FROM {} USING TIMESTAMP ? WHERE {}", table.quoted(), key.join(" AND "));
        let what = access.what();
        let prepare = async |cql: &str| -> Outcome<PreparedStatement> { access.client.prepare(cql, table.consistency).await };
        Ok(Self {
            insert: prepare(&insert).await.map_err(|failure| failure.error(&what))?,
            delete: prepare(&delete).await.map_err(|failure| failure.error(&what))?,
            types: columns.iter().map(|column| column.cql.clone()).collect(),
            partition_key,
            clustering,
            schema: std::sync::Arc::clone(schema),
            ttl: table.ttl,
            batch_rows: table.batch_rows,
        })
    }

    /// Whether the declared columns still have the types in which values are encoded.
    pub(super) fn still_fit(&self, remote: &RemoteTable) -> bool {
        let same = |(field, of): (&FieldRef, &CqlType)| remote.column(field.name()).is_some_and(|column| column.cql == *of);
        self.schema.fields().iter().zip(&self.types).all(same)
    }

    /// Encodes rows with the types of the table's columns as batches, each of one partition; row i has the write timestamp `begin` + i.
    /// Rows that cannot be written are refused.
    pub(super) fn batches(&self, rows: &RecordBatch, begin: i64, refused: &mut Vec<(usize, String)>) -> Vec<Vec<Row>> {
        let weights = rows.columns().get(self.types.len()).and_then(|w| w.as_primitive_opt::<Int64Type>().cloned());
        let mut batches: Vec<Vec<Row>> = Vec::new();
        // The unfilled batch of each partition, and its bytes.
        let mut open: HashMap<Vec<Cell>, (usize, usize)> = HashMap::new();
        for place in 0..rows.num_rows() {
            let action = if weights.as_ref().is_some_and(|w| w.value(place) < 0) { Action::Delete } else { Action::Put };
            let timestamp = begin.saturating_add(i64::try_from(place).unwrap_or(i64::MAX));
            let (partition, row) = match self.row(action, rows, place, timestamp) {
                Ok(row) => row,
                Err(reason) => {
                    refused.push((place, reason));
                    continue;
                }
            };
            let bytes = row.bytes;
            match open.get_mut(&partition) {
                Some((batch, size)) if batches[*batch].len() < self.batch_rows && *size + bytes <= BATCH_BYTES => {
                    batches[*batch].push(row);
                    *size += bytes;
                }
                _ => {
                    open.insert(partition, (batches.len(), bytes));
                    batches.push(vec![row]);
                }
            }
        }
        batches
    }

    /// Encodes a row, and its partition key.
    fn row(&self, action: Action, rows: &RecordBatch, place: usize, timestamp: i64) -> std::result::Result<(Vec<Cell>, Row), String> {
        let cell = |i: usize| {
            let of_column = |reason: String| format!("column `{}`: {reason}", self.schema.field(i).name());
            let in_key = self.partition_key.contains(&i) || self.clustering.contains(&i);
            let cell = encode(&self.types[i], rows.column(i).as_ref(), place).map_err(of_column)?;
            match &cell {
                None if in_key => Err(of_column("NULL in the key".to_string())),
                None if !self.schema.field(i).is_nullable() => Err(of_column("is NOT NULL, but there is no value".to_string())),
                Some(bytes) if bytes.is_empty() && self.partition_key == [i] => Err(of_column("the partition key is empty".to_string())),
                Some(bytes) if in_key && bytes.len() > usize::from(u16::MAX) => {
                    Err(of_column(format!("{} bytes in the key, which takes 65535", bytes.len())))
                }
                _ => Ok(cell),
            }
        };
        let timestamp = Some(timestamp.to_be_bytes().to_vec());
        let partition = self.partition_key.iter().map(|i| cell(*i)).collect::<std::result::Result<Vec<Cell>, String>>()?;
        let cells: Vec<Cell> = match action {
            Action::Put => {
                let mut cells = (0..self.types.len()).map(cell).collect::<std::result::Result<Vec<Cell>, String>>()?;
                cells.push(timestamp);
                cells.extend(self.ttl.map(|ttl| Some(ttl.to_be_bytes().to_vec())));
                cells
            }
            Action::Delete => {
                let clustering = self.clustering.iter().map(|i| cell(*i)).collect::<std::result::Result<Vec<Cell>, String>>()?;
                [vec![timestamp], partition.clone(), clustering].concat()
            }
        };
        let bytes = cells.iter().flatten().map(|cell| cell.len() + 4).sum();
        Ok((partition, Row { place, action, cells: Cells(cells), bytes }))
    }
}
