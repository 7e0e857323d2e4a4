//! The memory of a run: one limit for plans and state, and a folder for spill files.

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

/// The default limit in percent of the machine's (or the cgroup's) memory.
const SHARE: u64 = 60;
/// The default limit if the machine's memory is unknown.
const UNKNOWN: u64 = 2 << 30;
/// The rows of an epoch are at most this fraction (as a divisor) of the limit: operators need a multiple of it for their inputs, look-ups,
/// sorts and outputs. With larger epochs a top-N over a million keys runs out of memory; smaller ones read the same state from disk more
/// often.
const EPOCH_PART: usize = 32;
/// The number of the largest memory users that an error names.
const NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// The memory limit of a run, and its folder for spill files.
///
/// ```text
///  limit ─┬─ half ─▶ state: the least recently used shards go to disk (state::StateMemory)
///         └─ rest ─▶ plans: sorts and aggregates spill when they get no more memory (DataFusion's pool)
/// ```
/// The pool is DataFusion's `FairSpillPool`: spillable consumers get equal shares of the rest, so that the first operator of an epoch
/// cannot starve the others (with the greedy pool it does, and an operator that cannot spill fails). The state is one consumer that cannot
/// spill: the pool cannot reclaim its memory, so [`super::pipeline`] shrinks the state when an epoch runs out of memory.
#[derive(Debug, Clone)]
pub struct Memory {
    limit: usize,
    folder: PathBuf,
}

impl Memory {
    /// Sets a limit in bytes, or if `None` a share of the machine's memory; files go into new folders inside `folder`, which is created on
    /// demand. Folders left there by killed processes are removed.
    pub fn new(limit: Option<u64>, folder: &Path) -> Self {
        scratch::clean(folder);
        let limit = limit.unwrap_or_else(|| machine::memory().unwrap_or(UNKNOWN) / 100 * SHARE);
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), folder: folder.to_path_buf() }
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The runtime of plans.
    ///
    /// # Errors
    /// When DataFusion rejects the settings.
    pub fn runtime(&self) -> Result<Arc<RuntimeEnv>> {
        let pool = TrackConsumersPool::new(FairSpillPool::new(self.limit), NAMED);
        let files = Arc::new(Files { folder: Scratch::new(self.folder.clone()), manager: Mutex::default() });
        let disk = DiskManagerBuilder::default().with_mode(DiskManagerMode::Custom(files));
        Ok(RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).with_disk_manager_builder(disk).build_arc()?)
    }

    /// Sets the shares of the state and of an epoch's rows.
    pub fn share(&self, settings: &mut Settings) {
        settings.state_memory = self.limit / 2;
        settings.max_bytes_per_epoch = self.limit / EPOCH_PART;
        settings.tmp.clone_from(&self.folder);
    }
}

/// DataFusion's spill files, in a folder that is created with the first of them: most runs need none.
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
