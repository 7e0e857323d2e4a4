//! `millstream_commits`: a table with the newest commit of each job in a database. Its row is updated in the transaction of the rows.
//!
//! ```text
//!  claim    is a newer incarnation there? ▸ end the older copy's session ▸ put my incarnation into the row
//!  commit   UPDATE ... SET n = ... WHERE incarnation = mine: no row, no commit
//! ```
//! A copy holds a named lock of the server as long as its session lives. So a newer one finds the session of an older one, which may be
//! frozen in the middle of a transaction, and kills it: its writes are rolled back, and its locks are released.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::common::{Error, Result, clock};
use crate::connectors::{CommitInfo, Recorded, Writer};

use super::client::{Outcome, Session};
use super::config::quoted;
use super::failure::{Failure, Kind};
use super::literal::quoted_text;

/// How long the session of an older copy may take to end.
const PATIENCE: Duration = Duration::from_secs(15);

/// The row of one sink of one job.
#[derive(Debug, Clone)]
pub(super) struct CommitRow {
    table: String,
    lock: String,
    writer: Writer,
}

/// The contents of the row.
struct Stored {
    job_uuid: String,
    incarnation: u64,
    recorded: Option<Recorded>,
}

impl CommitRow {
    pub(super) fn new(database: &str, writer: &Writer) -> Self {
        let mut hash = Sha256::new();
        for part in [database, &writer.folder, &writer.sink] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let hex: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self {
            table: format!("{}.`millstream_commits`", quoted(database)),
            lock: quoted_text(&format!("millstream.{hex}")),
            writer: writer.clone(),
        }
    }

    /// The statement that creates the table.
    fn ddl(&self) -> String {
        format!(
            "CREATE TABLE IF NOT EXISTS {} (folder VARCHAR(64) NOT NULL, sink VARCHAR(500) NOT NULL, job VARCHAR(200) NOT NULL, \
             job_uuid VARCHAR(64) NOT NULL, incarnation BIGINT UNSIGNED NOT NULL, n BIGINT UNSIGNED, attempt VARCHAR(200), \
             updated TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), PRIMARY KEY (folder, sink)) \
             ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            self.table
        )
    }

    fn of_sink(&self) -> String {
        format!("folder = {} AND sink = {}", quoted_text(&self.writer.folder), quoted_text(&self.writer.sink))
    }

    /// The condition that the row still belongs to this copy.
    fn ours_condition(&self) -> String {
        let Writer { job_uuid, incarnation, .. } = &self.writer;
        format!("{} AND job_uuid = {} AND incarnation = {incarnation}", self.of_sink(), quoted_text(job_uuid))
    }

    async fn stored(&self, session: &mut Session, lock: &str) -> Outcome<Option<Stored>> {
        let sql = format!("SELECT job_uuid, incarnation, n, attempt FROM {} WHERE {}{lock}", self.table, self.of_sink());
        let rows = session.ask(&sql).await?;
        let Some([Some(job_uuid), Some(incarnation), n, attempt]) = rows.first().map(Vec::as_slice) else { return Ok(None) };
        let recorded = n.as_ref().and_then(|n| n.parse().ok()).map(|n| Recorded { n, attempt: attempt.clone().filter(|a| !a.is_empty()) });
        Ok(Some(Stored { job_uuid: job_uuid.clone(), incarnation: incarnation.parse().unwrap_or(0), recorded }))
    }

    /// Returns the row of a previous start of this job; `None` if it is of another life.
    fn check_ours(&self, stored: Option<Stored>, label: &str) -> Result<Option<Stored>> {
        // A row of another job (or of this one before `--fresh`) is ignored.
        let stored = stored.filter(|stored| stored.job_uuid == self.writer.job_uuid);
        match stored {
            Some(stored) if stored.incarnation > self.writer.incarnation => Err(self.fenced(label, Some(stored.incarnation))),
            stored => Ok(stored),
        }
    }

    fn fenced(&self, label: &str, by: Option<u64>) -> Error {
        let by = by.map_or_else(|| "another life of the job".to_string(), |incarnation| format!("incarnation {incarnation}"));
        Error::fenced(format!("{label}: taken over by {by}")).hint(
            "another copy of this job was started, or these checkpoints are older than what the table holds: restore the right folder, or start anew with --fresh",
        )
    }

    /// Creates the table if it is missing, fences older copies, and returns the commit that the database holds.
    ///
    /// # Errors
    /// [`crate::common::ErrorKind::Fenced`] when a newer copy has taken over already.
    pub(super) async fn claim(&self, session: &mut Session, label: &str, what: &str) -> Result<Option<Recorded>> {
        let failed = |failure: Failure| failure.error(what);
        let stored = match self.stored(session, "").await {
            Err(failure) if failure.kind == Kind::Missing => {
                session.run(self.ddl()).await.map_err(|failure| self.creation_error(&failure, what))?;
                None
            }
            other => other.map_err(failed)?,
        };
        self.check_ours(stored, label)?;
        self.kill_older_session(session, label, what).await?;
        session.run("START TRANSACTION").await.map_err(failed)?;
        let stored = self.check_ours(self.stored(session, " FOR UPDATE").await.map_err(failed)?, label)?;
        let recorded = stored.and_then(|stored| stored.recorded);
        let Writer { job, job_uuid, folder, incarnation, sink } = &self.writer;
        let texts = [folder, sink, job, job_uuid].map(|text| quoted_text(text)).join(", ");
        let number = |n: Option<u64>| n.map_or_else(|| "NULL".to_string(), |n| n.to_string());
        let attempt = recorded.as_ref().and_then(|r| r.attempt.as_deref()).map_or_else(|| "NULL".to_string(), quoted_text);
        let sql = format!(
            "REPLACE INTO {} (folder, sink, job, job_uuid, incarnation, n, attempt) VALUES ({texts}, {incarnation}, {}, {attempt})",
            self.table,
            number(recorded.as_ref().map(|r| r.n)),
        );
        session.run(sql).await.map_err(failed)?;
        session.run("COMMIT").await.map_err(failed)?;
        Ok(recorded)
    }

    /// The error if the commit table cannot be created, with a hint for users who lack the privilege.
    fn creation_error(&self, failure: &Failure, what: &str) -> Error {
        let error = failure.error(&format!("{what}: {} is needed for exactly-once, and cannot be created", self.table));
        if failure.kind == Kind::Denied { error.hint(format!("ask a user with the privilege to run: {}", self.ddl())) } else { error }
    }

    /// Takes the named lock, and kills the session that still holds it.
    async fn kill_older_session(&self, session: &mut Session, label: &str, what: &str) -> Result<()> {
        let failed = |failure: Failure| failure.error(what);
        let begin = clock::instant();
        loop {
            let got = session.ask(&format!("SELECT GET_LOCK({}, 1), IS_USED_LOCK({0})", self.lock)).await.map_err(failed)?;
            let text = |i: usize| got.first().and_then(|row| row.get(i).cloned().flatten());
            if text(0).as_deref() == Some("1") {
                return Ok(());
            }
            if let Some(holder) = text(1).filter(|id| id.bytes().all(|b| b.is_ascii_digit())) {
                // The session may have ended by itself.
                let _ = session.run(format!("KILL {holder}")).await;
            }
            if clock::since(begin) >= PATIENCE {
                return Err(Error::unavailable(format!("{label}: an older copy of this job still has a transaction open")));
            }
        }
    }

    /// The statement that records a commit: it matches no row once a newer incarnation has taken over.
    pub(super) fn record(&self, commit: &CommitInfo) -> String {
        format!("UPDATE {} SET n = {}, attempt = {} WHERE {}", self.table, commit.n, quoted_text(&commit.attempt), self.ours_condition())
    }

    /// Returns the error that says why the row no longer belongs to this copy; `None` if it does.
    pub(super) async fn lost(&self, session: &mut Session, label: &str) -> Option<Error> {
        match self.stored(session, "").await {
            Ok(Some(stored)) if stored.job_uuid != self.writer.job_uuid => Some(self.fenced(label, None)),
            Ok(Some(stored)) if stored.incarnation != self.writer.incarnation => Some(self.fenced(label, Some(stored.incarnation))),
            Ok(Some(_)) => None,
            Ok(None) => Some(gone(label, &self.table)),
            Err(failure) if failure.kind == Kind::Missing => Some(gone(label, &self.table)),
            Err(_) => None,
        }
    }
}

fn gone(label: &str, table: &str) -> Error {
    Error::state(format!("{label}: the record of this job in {table} is gone"))
        .hint("which commits the table holds is not known any more: --fresh starts the job anew, and writes all of its results again")
}
