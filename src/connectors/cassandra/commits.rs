//! `millstream_commits`: a table with the newest commit of each job in a keyspace, the incarnation that may write the next one, and the
//! write timestamps of rows.
//!
//! ```text
//!  claim    put my incarnation into the row, if it is unchanged since I read it (a lightweight transaction)
//!  rows     with write timestamps above the last one in the row: begin, begin + 1, ...
//!  commit   put n and the newest timestamp into the row, if it is still mine
//! ```
//! Rows and their commit do not appear atomically. But a commit's rows have the same write timestamps whenever, and by whichever copy of
//! the job, they are written, so writing them again changes nothing; and those of a later commit are greater, so a late write of an older
//! commit loses.

use std::sync::Arc;

use scylla::statement::Consistency;
use scylla::statement::prepared::PreparedStatement;

use crate::common::{Error, Result};
use crate::connectors::{CommitInfo, Recorded, Writer};

use super::client::{Cell, Cells, Client, Outcome};
use super::config::CassandraTable;
use super::failure::{Failure, Kind};
use super::identifiers::quoted;

/// The row of one sink of one job.
#[derive(Debug, Clone)]
pub(super) struct CommitRow {
    client: Arc<Client>,
    table: String,
    consistency: Consistency,
    writer: Writer,
}

/// The contents of the row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    job_uuid: String,
    incarnation: i64,
    n: Option<i64>,
    attempt: Option<String>,
    newest: Option<i64>,
}

/// The result of a claim.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claimed {
    /// The newest complete commit.
    pub(super) recorded: Option<Recorded>,
    /// The newest write timestamp of its rows, and of those before.
    pub(super) newest: Option<i64>,
}

fn text(text: &str) -> Cell {
    Some(text.as_bytes().to_vec())
}

fn number(number: u64) -> Cell {
    Some(i64::try_from(number).unwrap_or(i64::MAX).to_be_bytes().to_vec())
}

fn signed(number: Option<i64>) -> Cell {
    number.map(|number| number.to_be_bytes().to_vec())
}

impl CommitRow {
    pub(super) fn new(client: Arc<Client>, table: &CassandraTable, writer: &Writer) -> Self {
        // The next copy must see what this one writes.
        let is_local = matches!(table.consistency, Consistency::LocalOne | Consistency::LocalQuorum);
        Self {
            client,
            table: format!("{}.millstream_commits", quoted(&table.keyspace)),
            consistency: if is_local { Consistency::LocalQuorum } else { Consistency::Quorum },
            writer: writer.clone(),
        }
    }

    /// The statement that creates the table.
    fn ddl(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (folder text, sink text, job text, job_uuid text, incarnation bigint, n bigint, attempt text, \
             newest_timestamp bigint, PRIMARY KEY ((folder, sink)))",
            self.table
        )
    }

    async fn prepared(&self, cql: &str) -> Outcome<PreparedStatement> {
        let mut statement = self.client.prepare(cql, self.consistency).await?;
        let serial = match self.consistency {
            Consistency::LocalQuorum => scylla::statement::SerialConsistency::LocalSerial,
            _ => scylla::statement::SerialConsistency::Serial,
        };
        statement.set_serial_consistency(Some(serial));
        Ok(statement)
    }

    async fn stored(&self) -> Outcome<Option<Stored>> {
        let cql = format!("SELECT job_uuid, incarnation, n, attempt, newest_timestamp FROM {} WHERE folder = ? AND sink = ?", self.table);
        let mut statement = self.client.prepare(&cql, self.consistency).await?;
        // Sees a transaction that has begun but not ended.
        statement.set_consistency(if self.consistency == Consistency::LocalQuorum {
            Consistency::LocalSerial
        } else {
            Consistency::Serial
        });
        let page = self.client.run(&statement, &Cells(vec![text(&self.writer.folder), text(&self.writer.sink)])).await?;
        type Row = (Option<String>, Option<i64>, Option<i64>, Option<String>, Option<i64>);
        let row: Option<Row> = match &page {
            Some(page) => page.maybe_first_row::<Row>().map_err(|_| Failure::away("the server's answer cannot be read"))?,
            None => None,
        };
        Ok(row.and_then(|(job_uuid, incarnation, n, attempt, newest)| {
            Some(Stored { job_uuid: job_uuid?, incarnation: incarnation?, n, attempt: attempt.filter(|a| !a.is_empty()), newest })
        }))
    }

    /// Runs a lightweight transaction; returns whether its condition was true.
    async fn applied(&self, cql: &str, cells: Vec<Cell>) -> Outcome<bool> {
        let statement = self.prepared(cql).await?;
        let page = self.client.run(&statement, &Cells(cells)).await?;
        let first = |page: &scylla::response::query_result::QueryRowsResult| {
            let mut rows = page.rows::<scylla::deserialize::row::ColumnIterator>().ok()?;
            let column = rows.next()?.ok()?.next()?.ok()?;
            column.slice.map(|slice| slice.as_slice() == [1])
        };
        page.as_ref().and_then(first).ok_or_else(|| Failure::away("the server's answer cannot be read"))
    }

    fn fenced(&self, label: &str, stored: &Stored) -> Error {
        let by = match stored.job_uuid == self.writer.job_uuid {
            true => format!("incarnation {}", stored.incarnation),
            false => "another life of the job".to_string(),
        };
        Error::fenced(format!("{label}: taken over by {by}")).hint(
            "another copy of this job was started, or these checkpoints are older than what the table holds: restore the right folder, or start anew with --fresh",
        )
    }

    /// Creates the table if it is missing, fences older copies, and returns the commit that the keyspace holds.
    ///
    /// # Errors
    /// [`crate::common::ErrorKind::Fenced`] when a newer copy has taken over already.
    pub(super) async fn claim(&self, label: &str, what: &str) -> Result<Claimed> {
        let failed = |failure: Failure| failure.error(what);
        loop {
            let stored = match self.stored().await {
                Err(failure) if failure.kind == Kind::Missing => {
                    self.client.alter(&self.ddl()).await.map_err(|failure| self.creation_error(&failure, what))?;
                    self.client.forget().await;
                    None
                }
                other => other.map_err(failed)?,
            };
            // The row of another life of the job is ignored, except for the write timestamps of its rows.
            let ours = stored.clone().filter(|stored| stored.job_uuid == self.writer.job_uuid);
            if let Some(ours) = ours.as_ref().filter(|ours| u64::try_from(ours.incarnation).unwrap_or(0) > self.writer.incarnation) {
                return Err(self.fenced(label, ours));
            }
            let newest = stored.as_ref().and_then(|stored| stored.newest);
            if self.put(stored.as_ref(), ours.as_ref()).await.map_err(failed)? {
                let recorded = ours.and_then(|ours| Some(Recorded { n: u64::try_from(ours.n?).ok()?, attempt: ours.attempt }));
                return Ok(Claimed { recorded, newest });
            }
        }
    }

    /// Writes this incarnation, if the row is unchanged since it was read.
    async fn put(&self, stored: Option<&Stored>, ours: Option<&Stored>) -> Outcome<bool> {
        let Writer { job, job_uuid, folder, incarnation, sink } = &self.writer;
        match stored {
            None => {
                let cql =
                    format!("INSERT INTO {} (folder, sink, job, job_uuid, incarnation) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS", self.table);
                self.applied(&cql, vec![text(folder), text(sink), text(job), text(job_uuid), number(*incarnation)]).await
            }
            Some(stored) => {
                let cql = format!(
                    "UPDATE {} SET job = ?, job_uuid = ?, incarnation = ?, n = ?, attempt = ? WHERE folder = ? AND sink = ? \
                     IF job_uuid = ? AND incarnation = ? AND n = ?",
                    self.table
                );
                let (n, attempt) = ours.map_or((None, None), |ours| (ours.n, ours.attempt.clone()));
                let before = [text(&stored.job_uuid), signed(Some(stored.incarnation)), signed(stored.n)];
                let cells = [
                    text(job),
                    text(job_uuid),
                    number(*incarnation),
                    signed(n),
                    attempt.as_deref().and_then(text),
                    text(folder),
                    text(sink),
                ];
                self.applied(&cql, cells.into_iter().chain(before).collect()).await
            }
        }
    }

    /// The error if the commit table cannot be created, with a hint for users who lack the privilege.
    fn creation_error(&self, failure: &Failure, what: &str) -> Error {
        let error = failure.error(&format!("{what}: {} is needed for exactly-once, and cannot be created", self.table));
        if failure.kind == Kind::Denied { error.hint(format!("ask a user with the privilege to run: {}", self.ddl())) } else { error }
    }

    /// Records a commit, and the newest write timestamp of its rows.
    ///
    /// # Errors
    /// [`crate::common::ErrorKind::Fenced`] when a newer copy has taken over.
    pub(super) async fn record(&self, commit: &CommitInfo, newest: i64, label: &str, what: &str) -> Result<()> {
        let Writer { job_uuid, folder, incarnation, sink, .. } = &self.writer;
        let cql = format!(
            "UPDATE {} SET n = ?, attempt = ?, newest_timestamp = ? WHERE folder = ? AND sink = ? IF job_uuid = ? AND incarnation = ?",
            self.table
        );
        let cells = vec![
            number(commit.n),
            text(&commit.attempt),
            signed(Some(newest)),
            text(folder),
            text(sink),
            text(job_uuid),
            number(*incarnation),
        ];
        let gone = || {
            Error::state(format!("{label}: the record of this job in {} is gone", self.table)).hint(
                "which commits the table holds is not known any more: --fresh starts the job anew, and writes all of its results again",
            )
        };
        match self.applied(&cql, cells).await {
            Ok(true) => Ok(()),
            Ok(false) => match self.stored().await.map_err(|failure| failure.error(what))? {
                None => Err(gone()),
                Some(stored) => Err(self.fenced(label, &stored)),
            },
            Err(failure) if failure.kind == Kind::Missing => Err(gone()),
            Err(failure) => Err(failure.error(what)),
        }
    }
}
