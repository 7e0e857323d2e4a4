//! A connection to a workspace: who carries out statements, with what SET and USE say there.

use std::sync::Arc;

use crate::catalog::settings::RuntimeMode;
use crate::catalog::{Catalog, JobSettings, Overrides};
use crate::common::{Error, Result};
use crate::planner::{DeclaredTable, Mode, Relation, Session, StreamingSettings, Tables};
use crate::sql::{Dialect, InForce};

use super::shared::Workspace;
use super::tables::{ConnectionTables, streaming};

/// A shell, a script, or a client of a server: it owns its settings (SET), its database (USE) and its temporary tables, and shares the rest
/// with all others of its [`Workspace`].
///
/// Statements go through [`Self::execute`]; what they ask for beyond declarations (an answer, a job, rows to write) comes back as an
/// [`Outcome`](super::Outcome), which the caller hands to [`Self::session`], [`Self::live`], [`Self::start_job`] or [`Self::insert_now`].
#[derive(Debug)]
pub struct Connection {
    pub(super) workspace: Arc<Workspace>,
    pub(super) tables: Arc<ConnectionTables>,
}

impl Connection {
    pub(super) fn new(workspace: Arc<Workspace>, catalog: Catalog, overrides: Overrides) -> Self {
        let tables = Arc::new(ConnectionTables::new(Arc::clone(&workspace), catalog, overrides));
        Self { workspace, tables }
    }

    /// What all connections share.
    pub fn workspace(&self) -> &Arc<Workspace> {
        &self.workspace
    }

    /// What SET and `--option` say about jobs.
    ///
    /// # Errors
    /// When a value does not fit.
    pub fn job_settings(&self) -> Result<JobSettings> {
        self.tables.lock().overrides.job_settings()
    }

    /// The dialect in force.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn dialect(&self) -> Result<Dialect> {
        Ok(self.job_settings()?.dialect.unwrap_or_default())
    }

    /// The same, for statements that may change it.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn dialect_in_force(&self) -> Result<InForce> {
        self.tables.lock().overrides.dialect()
    }

    /// Whether `execution.runtime-mode` is batch: INSERTs read to the end once.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn reads_batch(&self) -> Result<bool> {
        Ok(self.job_settings()?.runtime_mode == Some(RuntimeMode::Batch))
    }

    /// Whether `execution.runtime-mode` is streaming: queries go on.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn streams(&self) -> Result<bool> {
        Ok(self.job_settings()?.runtime_mode == Some(RuntimeMode::Streaming))
    }

    /// Fails for an `--option` that nothing in this run has used.
    ///
    /// # Errors
    /// Names the option and the nearest known one.
    pub fn check_options_used(&self) -> Result<()> {
        let keys = self.workspace.connectors.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.tables.lock().overrides.check_used(&keys)
    }

    /// Fails for an `--option` that nothing could ever use, before anything has been.
    ///
    /// # Errors
    /// Names the option and the nearest known one.
    pub fn check_options_known(&self) -> Result<()> {
        let keys = self.workspace.connectors.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.tables.lock().overrides.check_known(&|key| self.workspace.connectors.knows(key), &keys)
    }

    /// What the settings say about how queries run.
    pub(super) fn streaming(&self) -> Result<StreamingSettings> {
        Ok(streaming(&self.job_settings()?))
    }

    /// A session that plans over this workspace's tables.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub fn session(&self, mode: Mode) -> Result<Session> {
        Session::new(
            Arc::clone(&self.tables) as Arc<dyn Tables>,
            mode,
            Arc::clone(&self.workspace.runtime),
            Arc::clone(&self.workspace.queries),
        )
    }

    /// A table opened for reading.
    ///
    /// # Errors
    /// When there is no such table, or it cannot be read.
    pub async fn source(&self, name: &str) -> Result<Arc<DeclaredTable>> {
        match self.tables.relation(name).await? {
            Some(Relation::Table) => self.tables.open(name).await,
            Some(Relation::Materialized(..)) if let Some(table) = self.tables.opened_view(name) => Ok(table),
            _ => Err(Error::missing_table(name)),
        }
    }

    /// The canonical name of a table.
    pub(super) fn canonical(&self, table: &str) -> Result<String> {
        Ok(self.tables.lock().catalog.get_table(table)?.definition.name.clone())
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
