//! A shard that is in memory or on disk.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::RwLock;

use crate::common::Result;
use crate::state::memory::{Evictable, StateMemory};

use super::frozen::{FrozenRows, FrozenShard};
use super::log::{HashFilter, Log};
use super::row_layout::Changes;
use super::shard::Shard;
use super::shard_input::ShardInput;

/// A shard above this many bytes is split (small in tests, so that small cases come to it).
const SPLIT_BYTES: usize = if cfg!(test) { 8 << 10 } else { 4 << 20 };
/// A shard of fewer keys is not split: its size comes from single keys.
const SPLIT_KEYS: usize = if cfg!(test) { 4 } else { 64 };

/// A shard in memory or on disk. It moves under its lock even while the table is only read: a reader loads it when there is room, and
/// [`StateMemory`] evicts it when another table needs room.
#[derive(Debug)]
pub(super) struct ShardSlot {
    memory: Arc<StateMemory>,
    body: RwLock<Body>,
    used: AtomicU64,
    /// Bytes in memory, as accounted.
    bytes: AtomicUsize,
}

#[derive(Debug)]
enum Body {
    Memory(Box<Shard>),
    Disk(Box<Log>),
}

/// The maintenance that a shard needs after an epoch was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maintenance {
    Nothing,
    /// It is in memory and too large.
    Split,
    /// Its log has become longer than its content.
    Compact,
}

impl ShardSlot {
    /// A shard in memory.
    pub(super) fn new(shard: Shard, memory: &Arc<StateMemory>) -> Arc<Self> {
        let bytes = shard.bytes();
        memory.account(0, bytes);
        let slot = Arc::new(Self {
            memory: memory.clone(),
            body: RwLock::new(Body::Memory(Box::new(shard))),
            used: AtomicU64::new(memory.now()),
            bytes: AtomicUsize::new(bytes),
        });
        let part: Weak<Self> = Arc::downgrade(&slot);
        memory.register(part);
        slot
    }

    /// Calls `read` with a shard that holds all rows of these keys, or all rows.
    ///
    /// A shard on disk is loaded when there is room, or when it was read several times since the coldest shard in memory was used
    /// (`coldest` is that time): then they are swapped. When all are used equally often, none moves.
    pub(super) fn read<T>(
        &self,
        keys: Option<&ShardInput>,
        closed_to: Option<i64>,
        coldest: u64,
        read: impl FnOnce(&Shard) -> T,
    ) -> Result<T> {
        self.used.store(self.memory.now(), Relaxed);
        let body = self.body.read();
        let log = match &*body {
            Body::Memory(shard) => return Ok(read(shard)),
            Body::Disk(log) => log,
        };
        let comes_back = keys.is_some() && (coldest < log.note_read() || self.memory.has_room(2 * log.bytes_on_disk()));
        if !comes_back {
            return Ok(read(&log.load(keys.map(|keys| HashFilter::new(&keys.hashes)).as_ref(), closed_to)?));
        }
        drop(body);
        let mut body = self.body.write();
        self.load_back(&mut body, closed_to)?;
        match &*body {
            Body::Memory(shard) => Ok(read(shard)),
            Body::Disk(log) => Ok(read(&log.load(None, closed_to)?)),
        }
    }

    fn load_back(&self, body: &mut Body, closed_to: Option<i64>) -> Result<()> {
        if let Body::Disk(log) = body {
            *body = Body::Memory(Box::new(log.load(None, closed_to)?));
            self.account(body);
        }
        Ok(())
    }

    /// The shard as it is now.
    pub(super) fn freeze(&self) -> FrozenShard {
        match &*self.body.read() {
            Body::Memory(shard) => FrozenShard::Memory(FrozenRows::new(shard)),
            Body::Disk(log) => FrozenShard::Disk(Box::new(log.freeze())),
        }
    }

    /// Applies these rows of an epoch.
    pub(super) fn apply(&self, changes: &Changes, part: &ShardInput, closed_to: Option<i64>) -> Result<Maintenance> {
        self.used.store(self.memory.now(), Relaxed);
        let mut body = self.body.write();
        let need = match &mut *body {
            Body::Memory(shard) => {
                shard.apply(changes, part, closed_to)?;
                if is_large(shard) { Maintenance::Split } else { Maintenance::Nothing }
            }
            Body::Disk(log) => {
                if log.apply(changes, &part.rows)? {
                    Maintenance::Compact
                } else {
                    Maintenance::Nothing
                }
            }
        };
        self.account(&body);
        Ok(need)
    }

    /// Loads the shard from its log; returns whether it is to be split.
    pub(super) fn compact(&self, closed_to: Option<i64>) -> Result<bool> {
        let mut body = self.body.write();
        self.load_back(&mut body, closed_to)?;
        Ok(matches!(&*body, Body::Memory(shard) if is_large(shard)))
    }

    /// The two halves of a large shard in memory, by a property of its keys.
    pub(super) fn halves(&self, high: impl Fn(&[u8]) -> bool) -> Result<Option<[Shard; 2]>> {
        let body = self.body.read();
        let Body::Memory(shard) = &*body else { return Ok(None) };
        if !is_large(shard) {
            return Ok(None);
        }
        let mut low = shard.rebuild(|key| !high(key))?;
        low.unmatched = shard.unmatched;
        Ok(Some([low, shard.rebuild(high)?]))
    }

    /// Drops rows whose time is at or before `to`; the least time of the rest.
    pub(super) fn close(&self, to: Option<i64>) -> Result<Option<i64>> {
        let mut body = self.body.write();
        let least = match &mut *body {
            Body::Memory(shard) => {
                if let Some(to) = to {
                    shard.close(to)?;
                }
                shard.least()
            }
            Body::Disk(log) => {
                if to.is_some_and(|to| log.time_ranges.close(to)) {
                    let mut none = Shard::new(log.row_layout().clone());
                    none.unmatched = log.unmatched;
                    *body = Body::Memory(Box::new(none));
                    None
                } else {
                    log.time_ranges.least(to)
                }
            }
        };
        self.account(&body);
        Ok(least)
    }

    /// Whether any row may have a time at or before `to`.
    pub(super) fn may_be_due(&self, to: i64, closed_to: Option<i64>) -> bool {
        match &*self.body.read() {
            Body::Memory(_) => true,
            Body::Disk(log) => log.time_ranges.least(closed_to).is_some_and(|least| least <= to),
        }
    }

    /// Rows that live (or may live, on disk), bytes in memory, bytes on disk, unmatched retractions.
    pub(super) fn size(&self) -> (usize, usize, usize, u64) {
        match &*self.body.read() {
            Body::Memory(shard) => (shard.live, shard.bytes(), 0, shard.unmatched),
            Body::Disk(log) => (log.rows, log.bytes(), log.bytes_on_disk(), log.unmatched),
        }
    }

    fn account(&self, body: &Body) {
        let bytes = match body {
            Body::Memory(shard) => shard.bytes(),
            Body::Disk(log) => log.bytes(),
        };
        self.memory.account(self.bytes.swap(bytes, Relaxed), bytes);
    }
}

fn is_large(shard: &Shard) -> bool {
    shard.bytes() > SPLIT_BYTES && shard.keys.len() > SPLIT_KEYS
}

impl Evictable for ShardSlot {
    fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn is_worth_evicting(&self) -> bool {
        let bytes = self.bytes();
        let shared = match self.body.try_read().as_deref() {
            Some(Body::Memory(shard)) => shard.segments.shared_bytes(),
            _ => 0,
        };
        bytes > 0 && 2 * shared <= bytes
    }

    fn evict(&self) -> Result<()> {
        let Some(mut body) = self.body.try_write() else { return Ok(()) };
        match &mut *body {
            Body::Memory(shard) if shard.live == 0 => {}
            Body::Memory(shard) => *body = Body::Disk(Box::new(Log::write(shard, &self.memory)?)),
            Body::Disk(log) => log.flush()?,
        }
        self.account(&body);
        Ok(())
    }
}

impl Drop for ShardSlot {
    fn drop(&mut self) {
        self.memory.account(self.bytes.load(Relaxed), 0);
    }
}
