//! The memory of a run: one limit for plans and state, and a folder for what does not fit.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::error::Result as DfResult;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{DiskManager, SpillFile, TempFileFactory};
use parking_lot::Mutex;

use crate::common::{Result, machine};
use crate::state::scratch::{self, Scratch};

use super::spec::Settings;

/// Of the machine's memory (or the cgroup's) what a run takes if nothing is said, in percent.
const SHARE: u64 = 60;
/// Where the machine does not tell how much it has.
const UNKNOWN: u64 = 2 << 30;
/// How many of the largest users an error names.
const NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// How much memory a run may use, and where it puts what does not fit.
///
/// ```text
///  limit ─┬─ half ─▶ state: shards that were not used for longest go to disk (state::StateMemory)
///         └─ rest ─▶ plans: sorts and aggregates that get no more spill (DataFusion's pool)
/// ```
/// The pool is DataFusion's `FairSpillPool`: what can spill gets equal shares of what is left, so that the first operator of an
/// epoch cannot starve the others (with the greedy pool it does, and then one that cannot spill fails). State takes part in it
/// as one user that cannot spill by itself: the pool cannot ask anyone to give back, so [`super::pipeline`] shrinks it when an
/// epoch runs out of memory.
#[derive(Debug, Clone)]
pub struct Memory {
    limit: usize,
    folder: PathBuf,
}

impl Memory {
    /// So many bytes, or if `None` a share of what there is; files go into folders of their own inside `folder`, which is made
    /// when it is needed. What killed processes left there is removed.
    pub fn new(limit: Option<u64>, folder: &Path) -> Self {
        scratch::clean(folder);
        let limit = limit.unwrap_or_else(|| machine::memory().unwrap_or(UNKNOWN) / 100 * SHARE);
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), folder: folder.to_path_buf() }
    }

    /// In bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// What plans run in.
    ///
    /// # Errors
    /// When DataFusion refuses it.
    pub fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let pool = TrackConsumersPool::new(FairSpillPool::new(self.limit), NAMED);
        let files = Arc::new(Files { folder: Scratch::new(self.folder.clone()), manager: Mutex::default() });
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Custom(files));
        Ok(RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(disk).build_arc()?)
    }

    /// Gives a job's state its part.
    pub fn share(&self, settings: &mut Settings) {
        settings.state_memory = self.limit / 2;
        settings.tmp.clone_from(&self.folder);
    }
}

/// DataFusion's own files, in a folder that is made with the first of them: most runs need none.
struct Files {
    folder: Scratch,
    manager: Mutex<Option<Arc<DiskManager>>>,
}

impl TempFileFactory for Files {
    fn create_temp_file(&self, what: &str) -> DfResult<Arc<dyn SpillFile>> {
        let mut manager = self.manager.lock();
        let manager = match &*manager {
            Some(manager) => Arc::clone(manager),
            None => {
                let mode = DiskManagerMode::Directories(vec![self.folder.folder()?]);
                Arc::clone(manager.insert(Arc::new(DiskManagerBuilder::default().with_mode(mode).build()?)))
            }
        };
        manager.create_tmp_file(what)
    }
}
