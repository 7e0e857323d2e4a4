//! Writes commits as transactions.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::rejects::{self, RejectedRow, Rejects};
use crate::connectors::{BulkWriter, CommitInfo, SinkWriter};

use super::client::Outcome;
use super::commits::CommitRow;
use super::failure::{Failure, Kind};
use super::remote_table::Access;
use super::target::{Refused, Target};

/// How much of a commit is buffered for a retry; of a larger one the job sends the rows again.
const KEPT: usize = 64 << 20;

/// How long to wait before the first retry after a conflict.
const PAUSE: Duration = Duration::from_millis(50);

/// Writes the commits of one sink.
pub(super) struct MySqlWriter {
    target: Target,
    row: CommitRow,
    rejects: Rejects,
    /// A transaction is open.
    begun: bool,
    /// Rows already written, to be written again after a conflict.
    written: Written,
}

/// One step of a transaction.
enum Work<'a> {
    /// Writes rows.
    Put(&'a RecordBatch),
    /// Records the commit with this statement, and ends the transaction.
    Commit(&'a str),
}

#[derive(Default)]
struct Done {
    refused: Vec<Refused>,
    /// The job's record still belongs to this copy.
    found: bool,
}

/// Batches of the open transaction; `None` once they exceed the buffer.
type Written = Option<Vec<RecordBatch>>;

impl MySqlWriter {
    pub(super) fn new(target: Target, row: CommitRow, rejects: Rejects) -> Self {
        Self { target, row, rejects, begun: false, written: Some(Vec::new()) }
    }

    async fn begin(&mut self) -> Outcome<()> {
        if !self.begun {
            self.target.session.run("START TRANSACTION").await?;
            self.begun = true;
        }
        Ok(())
    }

    /// Runs a step in the open transaction. After a conflict, repeats the transaction from its beginning.
    async fn in_transaction(&mut self, work: &Work<'_>) -> Result<Done> {
        let mut tries = 0;
        loop {
            match self.attempt(work, tries > 0).await {
                Ok(done) => return Ok(done),
                Err(failure) => {
                    let again = failure.kind == Kind::Conflict && tries < self.target.access.table.sink_retries && self.written.is_some();
                    if !again || self.undo().await.is_err() {
                        return Err(self.failed(&failure).await);
                    }
                    tokio::time::sleep(PAUSE * 2_u32.saturating_pow(tries.min(6))).await;
                    tries += 1;
                }
            }
        }
    }

    async fn attempt(&mut self, work: &Work<'_>, again: bool) -> Outcome<Done> {
        self.begin().await?;
        if again {
            self.repeat().await?;
        }
        let mut done = Done::default();
        match work {
            Work::Put(batch) => self.target.put(batch, &mut done.refused).await?,
            Work::Commit(record) => {
                done.found = self.target.session.run(*record).await? > 0;
                if done.found {
                    self.target.session.run("COMMIT").await?;
                }
            }
        }
        Ok(done)
    }

    /// Writes the rows of the previous attempt again. Those that the server rejects are already known.
    async fn repeat(&mut self) -> Outcome<()> {
        for batch in self.written.iter().flatten() {
            self.target.put(batch, &mut Vec::new()).await?;
        }
        Ok(())
    }

    async fn undo(&mut self) -> Outcome<()> {
        self.begun = false;
        self.target.session.run("ROLLBACK").await.map(drop)
    }

    /// Converts a failure to an error; when a newer copy has killed the session, the error says so.
    async fn failed(&self, failure: &Failure) -> Error {
        let (client, label) = (&self.target.access.client, self.target.access.table.label());
        if failure.kind == Kind::Away
            && let Ok(mut session) = client.connect().await
            && let Some(lost) = self.row.lost(&mut session, &label).await
        {
            return lost;
        }
        self.target.access.forget();
        failure.error(&client.what(&label))
    }

    fn keep(&mut self, batch: RecordBatch) {
        if let Some(written) = &mut self.written {
            written.push(batch);
            if written.iter().map(RecordBatch::get_array_memory_size).sum::<usize>() > KEPT {
                self.written = None;
            }
        }
    }
}

#[async_trait]
impl SinkWriter for MySqlWriter {
    async fn write(&mut self, _commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        for rows in rows.iter().filter(|rows| rows.num_rows() > 0) {
            let batch = self.target.fit(rows)?;
            let done = self.in_transaction(&Work::Put(&batch)).await?;
            self.rejects.reject_rows(rows, done.refused)?;
            self.keep(batch);
        }
        Ok(())
    }

    async fn commit(&mut self, commit: &CommitInfo) -> Result<()> {
        let record = self.row.record(commit);
        let done = self.in_transaction(&Work::Commit(&record)).await?;
        self.written = Some(Vec::new());
        self.begun = false;
        if done.found {
            return Ok(());
        }
        let label = self.target.access.table.label();
        let _ = self.undo().await;
        let lost = self.row.lost(&mut self.target.session, &label).await;
        Err(lost.unwrap_or_else(|| Error::unavailable(format!("{label}: the record of a commit was not written"))))
    }

    fn rejected(&mut self) -> Vec<RejectedRow> {
        self.rejects.take()
    }

    async fn abort(&mut self) -> Result<()> {
        self.written = Some(Vec::new());
        if self.begun { self.undo().await.map_err(|failure| failure.error(&self.target.access.table.label())) } else { Ok(()) }
    }
}

/// Writes the rows of a bounded INSERT in one transaction, without a recorded commit, because it is never retried.
pub(super) struct MySqlBulkWriter {
    access: Arc<Access>,
    target: Option<Target>,
}

impl MySqlBulkWriter {
    /// Creates a writer that opens the table with the first rows: it may not exist yet.
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, target: None }
    }

    fn failed(&self, failure: &Failure) -> Error {
        failure.error(&self.access.client.what(&self.access.table.label()))
    }
}

#[async_trait]
impl BulkWriter for MySqlBulkWriter {
    async fn write(&mut self, rows: RecordBatch) -> Result<()> {
        if self.target.is_none() {
            let mut target = Target::open(&self.access).await?;
            target.session.run("START TRANSACTION").await.map_err(|failure| self.failed(&failure))?;
            self.target = Some(target);
        }
        let Some(target) = &mut self.target else { return Ok(()) };
        let mut refused = Vec::new();
        let batch = target.fit(&rows)?;
        let written = target.put(&batch, &mut refused).await;
        written.map_err(|failure| self.failed(&failure))?;
        rejects::none_refused(&self.access.table.label(), &rows, &refused).map_err(|e| e.hint("nothing was written"))
    }

    async fn finish(&mut self) -> Result<()> {
        let Some(target) = &mut self.target else { return Ok(()) };
        let done = target.session.run("COMMIT").await;
        done.map(drop).map_err(|failure| self.failed(&failure))
    }

    async fn abort(&mut self) {
        if let Some(target) = &mut self.target {
            // Closing the connection does the same, a little later.
            let _ = target.session.run("ROLLBACK").await;
        }
    }
}
