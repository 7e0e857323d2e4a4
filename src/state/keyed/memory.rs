//! The memory that all state tables of a job share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use uuid::Uuid;

use crate::common::{Error, Result};

/// Folders of files that did not fit into memory have names that begin with this.
const PREFIX: &str = "spill-";

/// A part of a table that can leave memory.
pub(super) trait Evict: Send + Sync {
    /// When it was last used, on [`StateMemory::tick`]'s clock.
    fn used(&self) -> u64;
    /// Bytes in memory that it could free.
    fn bytes(&self) -> usize;
    /// Writes them to disk. Does nothing if somebody is using them.
    fn evict(&self) -> Result<()>;
}

/// The budget of a job's state: when all tables together hold more than `limit` bytes in memory, the shards that were not used for
/// longest go to disk.
///
/// Beyond the limit come what one call reads back for its own use, a few megabytes for each thread that reads from disk, and what
/// one call hands out.
pub struct StateMemory {
    limit: usize,
    parent: PathBuf,
    /// The folder and its lock, once it is needed.
    folder: Mutex<Option<(PathBuf, File)>>,
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
            limit,
            parent: folder,
            folder: Mutex::default(),
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
        self.limit
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
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.resident().saturating_add(bytes) <= self.limit - self.limit / 4
    }

    /// The time of a new call.
    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Relaxed) + 1
    }

    /// The time of the newest call.
    pub(super) fn now(&self) -> u64 {
        self.clock.load(Relaxed)
    }

    /// When the part in memory that was not used for longest was last used.
    pub(super) fn coldest(&self) -> u64 {
        self.parts.lock().iter().filter_map(Weak::upgrade).filter(|p| p.bytes() > 0).map(|p| p.used()).min().unwrap_or(u64::MAX)
    }

    /// Lets a part be evicted.
    pub(super) fn register(&self, part: Weak<dyn Evict>) {
        let mut parts = self.parts.lock();
        if parts.len() == parts.capacity() {
            parts.retain(|part| part.strong_count() > 0);
        }
        parts.push(part);
    }

    /// A part's bytes in memory have changed.
    pub(super) fn account(&self, before: usize, after: usize) {
        self.resident.fetch_add(after.wrapping_sub(before), Relaxed); // wraps around for a decrease
    }

    /// As [`Self::account`], of files.
    pub(super) fn account_disk(&self, before: usize, after: usize) {
        self.disk.fetch_add(after.wrapping_sub(before), Relaxed);
    }

    /// Counts a shard that was written (or read back).
    pub(super) fn count_move(&self, written: bool) {
        if written { &self.spilled } else { &self.loaded }.fetch_add(1, Relaxed);
    }

    /// Evicts until it fits again, and an eighth more, so that it need not be done for every row. The caller holds no lock of a part.
    pub(super) fn balance(&self) -> Result<()> {
        if self.resident() <= self.limit {
            return Ok(());
        }
        let parts: Vec<_> = self.parts.lock().iter().filter_map(Weak::upgrade).collect();
        let mut parts: Vec<_> = parts.into_iter().filter(|part| part.bytes() > 0).map(|part| (part.used(), part)).collect();
        parts.sort_by_key(|(used, _)| *used);
        for (_, part) in parts {
            if self.resident() <= self.limit - self.limit / 8 {
                break;
            }
            part.evict()?;
        }
        Ok(())
    }

    /// The name of a new file.
    pub(super) fn new_file(&self) -> Result<PathBuf> {
        let mut folder = self.folder.lock();
        if folder.is_none() {
            *folder = Some(open_folder(&self.parent).map_err(|e| cannot_use(&self.parent, e))?);
        }
        let folder = folder.as_ref().map(|(path, _)| path.as_path()).unwrap_or(&self.parent);
        Ok(folder.join(Uuid::now_v7().simple().to_string()))
    }
}

/// A disk has failed.
pub(super) fn cannot_use(path: &Path, e: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::state(format!("state that does not fit into memory cannot be kept in {}", path.display()))
        .because(e)
        .hint("make room there, or raise --memory-limit")
}

/// Makes a folder of our own with a lock in it, and removes those whose owner is gone.
fn open_folder(parent: &Path) -> std::io::Result<(PathBuf, File)> {
    fs::create_dir_all(parent)?;
    for entry in fs::read_dir(parent)?.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(PREFIX)) {
        let abandoned = File::open(entry.path().join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            fs::remove_dir_all(entry.path()).ok(); // another process may be doing the same
        }
    }
    let path = parent.join(format!("{PREFIX}{}", Uuid::now_v7().simple()));
    fs::create_dir(&path)?;
    let lock = File::create_new(path.join("lock"))?;
    lock.try_lock()?;
    Ok((path, lock))
}

impl std::fmt::Debug for StateMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (limit, resident, disk) = (self.limit, self.resident(), self.on_disk());
        f.debug_struct("StateMemory").field("limit", &limit).field("resident", &resident).field("on_disk", &disk).finish()
    }
}

impl Drop for StateMemory {
    fn drop(&mut self) {
        if let Some((path, _)) = self.folder.lock().take() {
            fs::remove_dir_all(path).ok(); // nobody is there to be told; the next start removes it
        }
    }
}
