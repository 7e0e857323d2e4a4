//! Writes commits as rows with write timestamps that grow from commit to commit.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::common::{Result, clock};
use crate::connectors::rejects::{self, RejectedRow, Rejects};
use crate::connectors::{BulkWriter, CommitInfo, SinkWriter};

use super::commits::CommitRow;
use super::remote_table::Access;
use super::target::Target;

/// Writes the commits of one sink.
pub(super) struct CassandraWriter {
    target: Target,
    row: CommitRow,
    rejects: Rejects,
    /// The newest write timestamp of a recorded commit.
    recorded: i64,
    /// The next write timestamp of the commit that is being written.
    next: Option<i64>,
}

impl CassandraWriter {
    pub(super) fn new(target: Target, row: CommitRow, rejects: Rejects, recorded: Option<i64>) -> Self {
        Self { target, row, rejects, recorded: recorded.unwrap_or(i64::MIN), next: None }
    }

    /// Returns the first write timestamp of a commit: its clock, in microseconds, if that exceeds all timestamps before.
    fn begin(&self, commit: &CommitInfo) -> i64 {
        self.recorded.saturating_add(1).max(commit.clock.saturating_mul(1000))
    }
}

#[async_trait]
impl SinkWriter for CassandraWriter {
    async fn write(&mut self, commit: &CommitInfo, rows: &[RecordBatch]) -> Result<()> {
        for rows in rows.iter().filter(|rows| rows.num_rows() > 0) {
            let begin = self.next.unwrap_or_else(|| self.begin(commit));
            let batch = self.target.fit(rows)?;
            let refused = match self.target.put(&batch, begin).await {
                Ok(refused) => refused,
                Err(failure) => return Err(self.target.failed(&failure).await),
            };
            self.rejects.reject_rows(rows, refused)?;
            // Refused rows use timestamps, too: a retry may refuse other rows.
            self.next = Some(begin.saturating_add(i64::try_from(rows.num_rows()).unwrap_or(i64::MAX)));
        }
        Ok(())
    }

    async fn commit(&mut self, commit: &CommitInfo) -> Result<()> {
        let newest = self.next.map_or_else(|| self.begin(commit), |next| next - 1);
        let (label, what) = (self.target.access.table.label(), self.target.access.what());
        self.row.record(commit, newest, &label, &what).await?;
        (self.recorded, self.next) = (newest, None);
        Ok(())
    }

    fn rejected(&mut self) -> Vec<RejectedRow> {
        self.rejects.take()
    }
}

/// Writes the rows of a bounded INSERT, without a recorded commit, because it is never retried.
pub(super) struct CassandraBulkWriter {
    access: Arc<Access>,
    target: Option<Target>,
    next: i64,
}

impl CassandraBulkWriter {
    /// Creates a writer that opens the table with the first rows: it may not exist yet.
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, target: None, next: clock::utc().timestamp_micros() }
    }
}

#[async_trait]
impl BulkWriter for CassandraBulkWriter {
    async fn write(&mut self, rows: RecordBatch) -> Result<()> {
        let target = match &self.target {
            Some(target) => target,
            None => self.target.insert(Target::open(&self.access).await?),
        };
        let batch = target.fit(&rows)?;
        let refused = match target.put(&batch, self.next).await {
            Ok(refused) => refused,
            Err(failure) => return Err(target.failed(&failure).await),
        };
        self.next = self.next.saturating_add(i64::try_from(rows.num_rows()).unwrap_or(i64::MAX));
        rejects::none_refused(&self.access.table.label(), &rows, &refused)
            .map_err(|e| e.hint("rows before it may have been written: Cassandra has no transactions over tables"))
    }

    async fn finish(&mut self) -> Result<()> {
        Ok(())
    }

    async fn abort(&mut self) {}
}
