//! The memory budget that all state tables of a job share.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::scratch::Scratch;
use crate::common::{Error, Result, ids};

/// The limit is never lowered below this fraction (as a divisor) of its initial value.
const LEAST_SHARE: usize = 16;

/// A part of a table that can be evicted to disk.
pub(in crate::state) trait Evictable: Send + Sync {
    /// When it was last used, on [`StateMemory::tick`]'s clock.
    fn used(&self) -> u64;
    /// Bytes in memory that it could free.
    fn bytes(&self) -> usize;
    /// Whether that would free most of them: rows that a frozen table shares stay in memory.
    fn is_worth_evicting(&self) -> bool {
        self.bytes() > 0
    }
    /// Writes it to disk. Does nothing while it is in use.
    fn evict(&self) -> Result<()>;
}

/// The memory budget of a job's state: when all tables together hold more than `limit` bytes in memory, the least recently used shards go
/// to disk.
///
/// ```text
///  resident   state, exchanges, changes for the next commit, rows for sinks    goes to disk
///  pinned     rows of the running epoch, rows that only a frozen table holds   leaves memory by itself, soon
/// ```
/// Both together are kept within `limit`, as far as resident rows can be evicted. Plans get the rest of the job's memory (`jobs::memory`).
///
/// Not counted: temporary shards of look-ups on disk, a few megabytes per reading thread, and the result of a call.
pub struct StateMemory {
    limit: AtomicUsize,
    /// The initial limit.
    given: usize,
    folder: Scratch,
    parts: Mutex<Vec<Weak<dyn Evictable>>>,
    resident: AtomicUsize,
    pinned: AtomicUsize,
    disk: AtomicUsize,
    clock: AtomicU64,
    spilled: AtomicU64,
    loaded: AtomicU64,
}

/// Bytes that are counted as pinned until this is dropped.
#[derive(Debug)]
pub struct PinnedBytes {
    memory: Arc<StateMemory>,
    bytes: usize,
}

impl Drop for PinnedBytes {
    fn drop(&mut self) {
        self.memory.pinned.fetch_sub(self.bytes, Relaxed);
    }
}

impl StateMemory {
    /// Holds at most `limit` bytes in memory; the rest goes to a new folder inside `folder`, created on demand and removed with the last
    /// table. Folders left there by killed processes are removed as well.
    pub fn new(limit: usize, folder: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            limit: AtomicUsize::new(limit),
            given: limit,
            folder: Scratch::new(folder),
            parts: Mutex::default(),
            resident: AtomicUsize::new(0),
            pinned: AtomicUsize::new(0),
            disk: AtomicUsize::new(0),
            clock: AtomicU64::new(0),
            spilled: AtomicU64::new(0),
            loaded: AtomicU64::new(0),
        })
    }

    /// A budget without a limit: everything stays in memory.
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX, PathBuf::new())
    }

    /// Bytes that all tables may hold in memory.
    pub fn limit(&self) -> usize {
        self.limit.load(Relaxed)
    }

    /// Halves the limit permanently after an epoch has run out of memory. No table may be in use.
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

    /// Counts bytes that cannot leave memory, until the returned guard is dropped.
    pub fn pin(self: &Arc<Self>, bytes: usize) -> PinnedBytes {
        self.pinned.fetch_add(bytes, Relaxed);
        PinnedBytes { memory: Arc::clone(self), bytes }
    }

    /// All bytes in memory now: those of tables, and pinned ones.
    pub fn in_use(&self) -> usize {
        self.resident() + self.pinned.load(Relaxed)
    }

    /// Bytes of the files on disk.
    pub fn on_disk(&self) -> usize {
        self.disk.load(Relaxed)
    }

    /// The numbers of shards written to disk and loaded so far.
    pub fn moves(&self) -> (u64, u64) {
        (self.spilled.load(Relaxed), self.loaded.load(Relaxed))
    }

    /// Whether this many more bytes fit, with some reserve.
    pub(in crate::state) fn has_room(&self, bytes: usize) -> bool {
        self.in_use().saturating_add(bytes) <= self.limit() - self.limit() / 4
    }

    /// Advances the logical clock of calls.
    pub(in crate::state) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Relaxed) + 1
    }

    /// The logical time of the newest call.
    pub(in crate::state) fn now(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// When the least recently used part in memory was last used.
    pub(in crate::state) fn coldest(&self) -> u64 {
        self.parts.lock().iter().filter_map(Weak::upgrade).filter(|p| p.bytes() > 0).map(|p| p.used()).min().unwrap_or(u64::MAX)
    }

    /// Registers a part for eviction.
    pub(in crate::state) fn register(&self, part: Weak<dyn Evictable>) {
        let mut parts = self.parts.lock();
        if parts.len() == parts.capacity() {
            parts.retain(|part| part.strong_count() > 0);
        }
        parts.push(part);
    }

    /// Accounts a change of a part's bytes in memory.
    pub(in crate::state) fn account(&self, before: usize, after: usize) {
        self.resident.fetch_add(after.wrapping_sub(before), Relaxed); // wraps around for a decrease
    }

    /// Like [`Self::account`], for files.
    pub(in crate::state) fn account_disk(&self, before: usize, after: usize) {
        self.disk.fetch_add(after.wrapping_sub(before), Relaxed);
    }

    /// Counts a shard that was written (or loaded).
    pub(in crate::state) fn count_move(&self, written: bool) {
        if written { &self.spilled } else { &self.loaded }.fetch_add(1, Relaxed);
    }

    /// Evicts down to seven eighths of the limit if it is exceeded, so that not every row evicts. The caller holds no lock of a part.
    pub(in crate::state) fn balance(&self) -> Result<()> {
        let limit = self.limit();
        if self.in_use() <= limit {
            return Ok(());
        }
        let parts: Vec<_> = self.parts.lock().iter().filter_map(Weak::upgrade).collect();
        let mut parts: Vec<_> = parts.into_iter().filter(|part| part.is_worth_evicting()).map(|part| (part.used(), part)).collect();
        parts.sort_by_key(|(used, _)| *used);
        for (_, part) in parts {
            if self.in_use() <= limit - limit / 8 {
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

/// The error of a failed disk.
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
