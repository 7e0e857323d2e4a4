//! Looks rows up by key: concurrent prepared reads, for all keys of an epoch.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, TimeUnit};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;

use crate::common::projection::narrow;
use crate::common::{Error, Projection, Result};
use crate::connectors::Lookup;
use crate::connectors::database::retried;

use super::client::Cells;
use super::decode::Selection;
use super::encode::encode;
use super::identifiers::quoted;
use super::remote_table::{Access, RemoteTable};
use super::scan::{batches, prepared};

/// Concurrent reads in each of the tasks.
const AT_ONCE: usize = 64;

/// Tasks that decode answers concurrently.
const TASKS: usize = 4;

/// A table whose rows are found by key.
#[derive(Debug)]
pub(super) struct CassandraLookup {
    access: Arc<Access>,
    /// A warning was logged that all rows are read.
    warned: AtomicBool,
}

impl CassandraLookup {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, warned: AtomicBool::default() }
    }

    /// Returns the condition and its values for each key; `None` if the keys' columns cannot find rows: they lack a part of the partition
    /// key, or have types that compare differently here.
    fn reads(remote: &RemoteTable, keys: &RecordBatch) -> Option<(String, Vec<Cells>)> {
        let schema = keys.schema();
        let mut columns = Vec::new();
        for (i, name) in remote.key().iter().enumerate() {
            let found = schema.fields().iter().position(|f| remote.column(f.name()).is_some_and(|column| column.name == *name));
            let found = found.and_then(|at| {
                let column = remote.column(name)?;
                column.cql.finds(schema.field(at).data_type()).then_some((at, column))
            });
            match found {
                Some(found) => columns.push(found),
                None if i < remote.partition_key.len() => return None,
                // Clustering columns can be used only from the first one on.
                None => break,
            }
        }
        let parts: Vec<String> = columns.iter().map(|(_, column)| format!("{} = ?", quoted(&column.name))).collect();
        let mut seen = HashSet::new();
        let mut reads = Vec::with_capacity(keys.num_rows());
        for row in 0..keys.num_rows() {
            let cells = columns.iter().map(|(at, column)| encode(&column.cql, keys.column(*at).as_ref(), row).ok().flatten().map(Some));
            // Cassandra cannot hold the value, so no row has it; nor is a partition key ever empty.
            let Some(cells) = cells.collect::<Option<Vec<_>>>().map(Cells) else { continue };
            let too_long = cells.0.iter().flatten().any(|cell| cell.len() > usize::from(u16::MAX));
            let is_empty = remote.partition_key.len() == 1 && cells.0.first().is_some_and(|cell| cell.as_ref().is_some_and(Vec::is_empty));
            if !too_long && !is_empty && seen.insert(cells.clone()) {
                reads.push(cells);
            }
        }
        Some((parts.join(" AND "), reads))
    }

    async fn found(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let (access, remote) = (&self.access, self.access.known().await?);
        let table = access.table.spec.schema();
        // Whole columns: the fields of a tuple have no names, only positions.
        let indices: Vec<usize> = projection.iter().map(|(i, _)| i).collect();
        let selection = Selection::new(&access.table, &remote, &Arc::new(table.project(&indices)?))?;
        let from = format!("SELECT {} FROM {}", selection.list(&remote), access.table.quoted());
        let found: Vec<RecordBatch> = match Self::reads(&remote, keys) {
            Some((condition, reads)) => self.by_key(&selection, &format!("{from} WHERE {condition}"), reads).await?,
            None => {
                if !self.warned.swap(true, Ordering::Relaxed) {
                    let key: Vec<String> = remote.partition_key.iter().map(|name| quoted(name)).collect();
                    let (label, key) = (access.table.label(), key.join(", "));
                    tracing::warn!("{label}: all rows are read for each epoch: the join does not equal all of the partition key ({key})");
                }
                batches(Arc::clone(access), selection.clone(), from, vec![Cells::default()], None).try_collect().await?
            }
        };
        let narrowed = |batch: RecordBatch| {
            let columns: Result<Vec<ArrayRef>> =
                batch.columns().iter().zip(projection.schema().fields()).map(|(c, f)| narrow(c, f.data_type())).collect();
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(projection.schema()), columns?, &options)?)
        };
        found.into_iter().map(narrowed).collect()
    }

    async fn by_key(&self, selection: &Selection, select: &str, reads: Vec<Cells>) -> Result<Vec<RecordBatch>> {
        let what = self.access.what();
        let mut statement = prepared(&self.access, select).await.map_err(|failure| failure.error(&what))?;
        statement.set_page_size(self.access.table.page_rows);
        let chunk = reads.len().div_ceil(TASKS).max(AT_ONCE);
        // The tasks are aborted with the epoch.
        let mut tasks = JoinSet::new();
        for reads in reads.chunks(chunk) {
            let (client, statement, selection, reads) =
                (Arc::clone(&self.access.client), statement.clone(), selection.clone(), reads.to_vec());
            tasks.spawn(async move {
                let one = |cells: Cells| {
                    let (client, statement, selection) = (&client, &statement, &selection);
                    async move { client.decoded(statement, &cells, selection).await }
                };
                let found: Vec<Result<Vec<RecordBatch>>> = stream::iter(reads).map(one).buffer_unordered(AT_ONCE).try_collect().await?;
                let found = found.into_iter().collect::<Result<Vec<_>>>();
                // One batch costs less than many small ones.
                Ok::<_, super::failure::Failure>(found.and_then(|found| Ok(concat_batches(&selection.schema, found.iter().flatten())?)))
            });
        }
        let mut all = Vec::new();
        while let Some(task) = tasks.join_next().await {
            let found = task.map_err(|_| Error::internal("a lookup was cut off"))?;
            all.push(found.map_err(|failure| failure.error(&what))?.map_err(|e| e.context(self.access.table.label()))?);
        }
        Ok(all)
    }
}

#[async_trait]
impl Lookup for CassandraLookup {
    /// A prefix of the PRIMARY KEY that the join compares, with at least the partition key. Inexact numbers, and times with other digits
    /// than Cassandra's, cannot be keys.
    fn key(&self, columns: &[&str]) -> Option<Vec<String>> {
        let spec = &self.access.table.spec;
        let finds = |name: &String| {
            let declared = spec.columns.iter().find(|c| c.name == *name).map(|c| &c.data_type);
            columns.contains(&name.as_str())
                && declared.is_some_and(|of| match of {
                    DataType::Utf8 | DataType::Binary | DataType::Boolean | DataType::Date32 | DataType::Decimal128(_, 0) => true,
                    DataType::Timestamp(unit, _) => *unit != TimeUnit::Second,
                    other => other.is_integer(),
                })
        };
        let (partition, clustering) = match self.access.table.declared_key() {
            ([], _) => (spec.partitioned_by.as_slice(), &[][..]),
            key => key,
        };
        if partition.is_empty() || !partition.iter().all(finds) {
            return None;
        }
        Some(partition.iter().chain(clustering.iter().take_while(|name| finds(name))).cloned().collect())
    }

    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>> {
        let found = retried(self.access.table.lookup_retries, || self.found(keys, projection).boxed()).await;
        if found.is_err() {
            // The table may have been altered.
            self.access.forget().await;
        }
        found
    }
}
