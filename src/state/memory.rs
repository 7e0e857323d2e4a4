//! The memory that all state tables of a job share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::scratch::Scratch;
use crate::common::{Error, Result, ids};

/// The limit is never lowered below this part of what it was.
const LEAST_SHARE: usize = 16;

/// A part of a table that can leave memory.
pub(in crate::state) trait Evict: Send + Sync {
    /// When it was last used, on [`StateMemory::tick`]'s clock.
    fn used(&self) -> u64;
    /// Bytes in memory that it could free.
    fn bytes(&self) -> usize;
    /// Writes them to disk. Does nothing while they are in use.
    fn evict(&self) -> Result<()>;
}

/// The budget of a job's state: when all tables together hold more than `limit` bytes in memory, the shards that were not used for
/// longest go to disk.
///
/// Beyond the limit come what one call reads back for its own use, a few megabytes for each thread that reads from disk, and what
/// one call hands out.
pub struct StateMemory {
    limit: AtomicUsize,
    /// What the limit was at first.
    given: usize,
    folder: Scratch,
    parts: Mutex<Vec<Weak<dyn Evict>>>,
    resident: AtomicUsize,
    disk: AtomicUsize,
    clock: AtomicU64,
    spilled: AtomicU64,
    loaded: AtomicU64,
}

impl StateMemory {
    /// At most `limit` bytes in memory; the rest goes to a folder of its own inside `folder`, made when it is needed and removed
    /// with the last table. Folders that a killed process left there are removed then, too.
    pub fn new(limit: usize, folder: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicUsize::new(limit),
            given: limit,
            folder: Scratch::new(folder),
            parts: Mutex::default(),
            resident: AtomicUsize::new(0),
            disk: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            spilled: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
        })
    }

    /// Everything stays in memory.
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX, PathBuf::new())
    }

    /// Bytes that all tables may hold in memory.
    pub fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Gives half of what is held in memory to others, for good: an epoch has found too little. No table may be in use.
    ///
    /// # Errors
    /// When the disk cannot be written.
    pub fn halve(&self) -> Result<()> {
        let limit = self.resident().min(self.limit()) / 2;
        self.limit.store(limit.max(self.given / LEAST_SHARE), Relaxed);
        self.balance()
    }

    /// Bytes that all tables hold in memory now.
    pub fn resident(&self) -> usize {
        self.resident.load(Relaxed)
    }

    /// Bytes of the files on disk.
    pub fn on_disk(&self) -> usize {
        self.disk.load(Relaxed)
    }

    /// How many shards were written to disk so far, and how often one was read back whole.
    pub fn moves(&self) -> (u64, u64) {
        (self.spilled.load(Relaxed), self.loaded.load(Relaxed))
    }

    /// Whether this many more bytes fit, with some air.
    pub(in crate::state) fn has_room(&self, bytes: usize) -> bool {
        self.resident().saturating_add(bytes) <= self.limit() - self.limit() / 4
    }

    /// The time of a new call.
    pub(in crate::state) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Relaxed) + 1
    }

    /// The time of the newest call.
    pub(in crate::state) fn now(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// When the part in memory that was not used for longest was last used.
    pub(in crate::state) fn coldest(&self) -> u64 {
        self.parts.lock().iter().filter_map(Weak::upgrade).filter(|p| p.bytes() > 0).map(|p| p.used()).min().unwrap_or(u64::MAX)
    }

    /// Lets a part be evicted.
    pub(in crate::state) fn register(&self, part: Weak<dyn Evict>) {
        let mut parts = self.parts.lock();
        if parts.len() == parts.capacity() {
            parts.retain(|part| part.strong_count() > 0);
        }
        parts.push(part);
    }

    /// A part's bytes in memory have changed.
    pub(in crate::state) fn account(&self, before: usize, after: usize) {
        self.resident.fetch_add(after.wrapping_sub(before), Relaxed); // wraps around for a decrease
    }

    /// As [`Self::account`], of files.
    pub(in crate::state) fn account_disk(&self, before: usize, after: usize) {
        self.disk.fetch_add(after.wrapping_sub(before), Relaxed);
    }

    /// Counts a shard that was written (or read back).
    pub(in crate::state) fn count_move(&self, written: bool) {
        if written { &self.spilled } else { &self.loaded }.fetch_add(1, Relaxed);
    }

    /// Evicts until it fits again, and an eighth more, so that it need not be done for every row. The caller holds no lock of a part.
    pub(in crate::state) fn balance(&self) -> Result<()> {
        let limit = self.limit();
        if self.resident() <= limit {
            return Ok(());
        }
        let parts: Vec<_> = self.parts.lock().iter().filter_map(Weak::upgrade).collect();
        let mut parts: Vec<_> = parts.into_iter().filter(|part| part.bytes() > 0).map(|part| (part.used(), part)).collect();
        parts.sort_by_key(|(used, _)| *used);
        for (_, part) in parts {
            if self.resident() <= limit - limit / 8 {
                break;
            }
            part.evict()?;
        }
        Ok(())
    }

    /// The name of a new file.
    pub(in crate::state) fn new_file(&self) -> Result<PathBuf> {
        let folder = self.folder.folder().map_err(|e| cannot_use(self.folder.parent(), e))?;
        Ok(folder.join(ids::ordered().simple().to_string()))
    }
}

/// A disk has failed.
pub(in crate::state) fn cannot_use(path: &Path, e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::state(format!("state that does not fit into memory cannot be kept in {}", path.display()))
        .with_source(e)
        .hint("make room there, or raise --memory-limit")
}

impl std::fmt::Debug for StateMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (limit, resident, disk) = (self.limit(), self.resident(), self.on_disk());
        f.debug_struct("StateMemory").field("limit", &limit).field("resident", &resident).field("on_disk", &disk).finish()
    }
}
