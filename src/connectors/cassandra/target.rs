//! Writes rows to a table: many batches concurrently, each until the server accepts or refuses it.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt, stream};
use scylla::statement::batch::{Batch, BatchType};

use crate::common::Result;
use crate::connectors::database::cast_to;

use super::client::{Cells, Outcome};
use super::failure::{Failure, Kind};
use super::remote_table::Access;
use super::statements::{Action, Row, Statements};

/// How long to wait before the first retry of a write after a timeout.
const PAUSE: Duration = Duration::from_millis(100);

/// A table to write to.
pub(super) struct Target {
    pub(super) access: Arc<Access>,
    statements: Statements,
    schema: SchemaRef,
}

/// A row that the server rejects, and why.
pub(super) type Refused = (usize, String);

impl Target {
    /// Checks the table, and prepares its statements.
    ///
    /// # Errors
    /// When the servers are unreachable, or the table does not match the declaration.
    pub(super) async fn open(access: &Arc<Access>) -> Result<Self> {
        let remote = access.look().await?;
        let schema = access.table.spec.writable();
        let statements = Statements::prepare(access, &remote, &schema).await?;
        Ok(Self { access: Arc::clone(access), statements, schema })
    }

    /// Casts rows to the types of the table's columns; changes keep their weight as the last column.
    ///
    /// # Errors
    /// When a value does not fit.
    pub(super) fn fit(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        cast_to(&self.schema, rows)
    }

    /// Writes rows that [fit](Self::fit), the first one with the write timestamp `begin`, each next one with the next.
    pub(super) async fn put(&self, rows: &RecordBatch, begin: i64) -> Outcome<Vec<Refused>> {
        let mut refused = Vec::new();
        let batches = self.statements.batches(rows, begin, &mut refused);
        let at_once = self.access.table.in_flight;
        let by_server: Vec<Vec<Refused>> =
            stream::iter(batches).map(|rows| self.write(rows)).buffer_unordered(at_once).try_collect().await?;
        if by_server.iter().any(|refused| !refused.is_empty()) {
            self.check_types().await?;
        }
        refused.extend(by_server.into_iter().flatten());
        refused.sort_unstable();
        Ok(refused)
    }

    /// Checks that the table was not created again with other types, which would refuse rows that are not bad.
    async fn check_types(&self) -> Outcome<()> {
        let remote = self.access.look().await.map_err(|error| Failure::away(error.message()))?;
        match self.statements.still_fit(&remote) {
            true => Ok(()),
            false => Err(Failure::away("the table was altered meanwhile")),
        }
    }

    /// Writes the rows of one partition; if the server refuses them, one by one.
    async fn write(&self, rows: Vec<Row>) -> Outcome<Vec<Refused>> {
        match self.persist(&rows).await {
            Ok(()) => Ok(Vec::new()),
            Err(failure) if failure.kind != Kind::Row => Err(failure),
            Err(failure) if rows.len() == 1 => Ok(vec![(rows[0].place, failure.message)]),
            Err(_) => {
                let mut refused = Vec::new();
                for row in rows {
                    match self.persist(std::slice::from_ref(&row)).await {
                        Ok(()) => {}
                        Err(failure) if failure.kind == Kind::Row => refused.push((row.place, failure.message)),
                        Err(failure) => return Err(failure),
                    }
                }
                Ok(refused)
            }
        }
    }

    /// Sends rows, with retries while nodes are unreachable or overloaded: writing them twice changes nothing.
    async fn persist(&self, rows: &[Row]) -> Outcome<()> {
        let mut tries = 0;
        loop {
            match self.send(rows).await {
                Err(failure) if failure.kind == Kind::Away && tries < self.access.table.sink_retries => {
                    tokio::time::sleep(PAUSE * 2_u32.saturating_pow(tries.min(6))).await;
                    tries += 1;
                }
                sent => return sent,
            }
        }
    }

    async fn send(&self, rows: &[Row]) -> Outcome<()> {
        let statement = |row: &Row| match row.action {
            Action::Put => &self.statements.insert,
            Action::Delete => &self.statements.delete,
        };
        if let [row] = rows {
            return self.access.client.run(statement(row), &row.cells).await.map(drop);
        }
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_consistency(self.access.table.consistency);
        batch.set_is_idempotent(true);
        rows.iter().for_each(|row| batch.append_statement(statement(row).clone()));
        let cells: Vec<Cells> = rows.iter().map(|row| row.cells.clone()).collect();
        self.access.client.write(&batch, &cells).await
    }

    /// Converts a failure to an error, and drops cached metadata: the table may have been altered.
    pub(super) async fn failed(&self, failure: &Failure) -> crate::common::Error {
        self.access.forget().await;
        failure.error(&self.access.what())
    }
}
