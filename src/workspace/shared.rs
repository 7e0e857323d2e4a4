//! What all connections of a process share.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;

use crate::catalog::{Catalog, Overrides};
use crate::common::Result;
use crate::connectors::Connectors;
use crate::jobs::job_registry::JobRegistry;
use crate::jobs::memory::Memory;
use crate::planner::QueryRuntime;
use crate::state::StateStore;

use super::connection::Connection;
use super::open_sources::OpenSources;

/// The catalog, the connectors, the memory and the jobs of a process.
#[derive(Debug)]
pub struct Workspace {
    /// What each connection's catalog is made from.
    catalog: Catalog,
    pub(super) connectors: Connectors,
    /// `--option`, which holds for all connections; SET is a connection's.
    options: Overrides,
    pub(super) sources: OpenSources,
    /// Where jobs keep their commits, in which the content of materialized views is as well.
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) runtime: Arc<RuntimeEnv>,
    /// The threads of queries that end.
    pub(super) queries: Arc<QueryRuntime>,
    /// The memory that the runtime was made for; `None`: as much as is asked for.
    pub(super) memory: Option<Memory>,
    /// The jobs that run in this process.
    pub(super) jobs: JobRegistry,
}

/// The checkpoint folder of all jobs.
#[derive(Debug, Clone)]
pub(super) struct Checkpoints {
    pub(super) root: Arc<dyn StateStore>,
    /// Writes are slow, so the default checkpoint interval is longer.
    pub(super) remote: bool,
}

impl Workspace {
    /// A workspace over a catalog, whose jobs keep nothing.
    pub fn new(catalog: Catalog, connectors: Connectors, options: Overrides) -> Self {
        Self {
            catalog,
            connectors,
            options,
            sources: OpenSources::default(),
            checkpoints: None,
            runtime: Arc::new(RuntimeEnv::default()),
            queries: Arc::default(),
            memory: None,
            jobs: JobRegistry::default(),
        }
    }

    /// Jobs keep their commits in this folder; `remote`: on an object store.
    #[must_use]
    pub fn with_checkpoints(self, root: Arc<dyn StateStore>, remote: bool) -> Self {
        Self { checkpoints: Some(Checkpoints { root, remote }), ..self }
    }

    /// Plans run within this memory.
    ///
    /// # Errors
    /// When DataFusion refuses it.
    pub fn with_memory(self, memory: &Memory) -> Result<Self> {
        Ok(Self { runtime: memory.runtime()?, memory: Some(memory.clone()), ..self })
    }

    /// Plans run in this many partitions unless a setting says otherwise, and queries that end on as many threads; `None`: as many as
    /// there are cores.
    #[must_use]
    pub fn with_threads(self, threads: Option<usize>) -> Self {
        Self { queries: Arc::new(QueryRuntime::new(threads)), ..self }
    }

    /// A connection, which begins in the default database, with no SET and nothing temporary.
    pub fn connect(self: &Arc<Self>) -> Connection {
        Connection::new(Arc::clone(self), self.catalog.connect(), self.options.connect())
    }

    /// The only connection of a process.
    pub fn into_connection(self) -> Connection {
        Arc::new(self).connect()
    }

    /// Warnings from opening the catalog.
    pub fn warnings(&self) -> Vec<String> {
        self.catalog.warnings()
    }

    /// The checkpoint folder of all jobs, if there is one.
    pub(super) fn root(&self) -> Option<&Arc<dyn StateStore>> {
        self.checkpoints.as_ref().map(|checkpoints| &checkpoints.root)
    }
}
