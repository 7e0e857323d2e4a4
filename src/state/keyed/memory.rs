//! The memory that all state tables of a job share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The budget of a job's state and the folder for what does not fit.
#[derive(Debug)]
pub struct StateMemory {
    limit: usize,
    folder: PathBuf,
}

impl StateMemory {
    /// At most `limit` bytes in memory; the rest goes to a folder of its own inside `folder`, made when it is needed and removed
    /// when the last table is gone.
    pub fn new(limit: usize, folder: PathBuf) -> Arc<Self> {
        Arc::new(Self { limit, folder })
    }

    /// Bytes that all tables may hold in memory.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Where the folder for what does not fit is made.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything stays in memory.
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX, PathBuf::new())
    }
}
