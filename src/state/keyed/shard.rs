//! A shard of a keyed table in memory.

use std::sync::Arc;

use arrow::array::Array;
use arrow::record_batch::RecordBatch;

use crate::common::Result;

use super::expiry_queue::ExpiryQueue;
use super::key_index::{KeyIndex, NONE};
use super::multiset_index::MultisetIndex;
use super::row_layout::{Changes, RowLayout};
use super::segments::{Segments, pick};
use super::shard_input::ShardInput;

/// A shard is compacted only above this many dead rows or keys (few in tests, so that small cases reach it).
const FEW: usize = if cfg!(test) { 8 } else { 1024 };
/// Rows that are copied at once by compaction.
const CHUNK: usize = 1 << 20;

/// Rows of the keys whose hashes begin with the same bits: the unit of compaction, splitting and spilling.
///
/// ```text
///  key ─▶ keys: id ─▶ heads[id] ─▶ slot ─▶ segments: batch, row
///                                   │ owner[slot] = id, or NONE when the row is dead
///                                   └─ Upsert: the only one      Multiset: first of a chain (multiset_index.rs)
/// ```
/// # Invariants
/// * Slots and key ids are dense and ascending; slot s is row s of `segments`.
/// * A live row is reached from its key's head, and only live rows are; `live` counts them.
/// * Dead rows and keys without rows stay until they are more than half; then the shard is rebuilt, at a constant cost per
///   dead row.
/// * After [`Self::close`] no live row has a time at or before that.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) row_layout: Arc<RowLayout>,
    pub(super) keys: KeyIndex,
    pub(super) heads: Vec<u32>,
    pub(super) owner: Vec<u32>,
    pub(super) segments: Segments,
    pub(super) multiset: Option<MultisetIndex>,
    pub(super) times: Option<ExpiryQueue>,
    pub(super) live: usize,
    /// Retractions of missing rows, by weight.
    pub(super) unmatched: u64,
    empty_keys: usize,
}

impl Shard {
    /// An empty shard.
    pub(super) fn new(row_layout: Arc<RowLayout>) -> Self {
        Self {
            keys: KeyIndex::default(),
            heads: Vec::new(),
            owner: Vec::new(),
            segments: Segments::new(row_layout.schema().clone(), Arc::clone(&row_layout.memory)),
            multiset: row_layout.full.is_some().then(MultisetIndex::default),
            times: row_layout.layout.time.map(|_| ExpiryQueue::default()),
            live: 0,
            unmatched: 0,
            empty_keys: 0,
            row_layout,
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let parts = self.multiset.as_ref().map_or(0, MultisetIndex::bytes) + self.times.as_ref().map_or(0, ExpiryQueue::bytes);
        self.segments.bytes() + self.keys.bytes() + (self.heads.capacity() + self.owner.capacity()) * 4 + parts
    }

    /// Applies these rows of an epoch, in order. The caller closes rows at or before `closed_to` afterwards.
    pub(super) fn apply(&mut self, changes: &Changes, part: &ShardInput, closed_to: Option<i64>) -> Result<()> {
        match self.multiset.is_some() {
            true => self.apply_multiset(changes, &part.rows, closed_to)?,
            false => self.apply_upsert(changes, part)?,
        }
        self.compact_if_due()
    }

    fn apply_upsert(&mut self, changes: &Changes, part: &ShardInput) -> Result<()> {
        let base = self.segments.len();
        let mut kept: Vec<u32> = Vec::with_capacity(part.len());
        for (at, known) in self.keys.find_all(part).into_iter().enumerate() {
            let (row, hash, key) = (part.rows[at], part.hashes[at], part.key(at));
            let weight = changes.weights.value(row as usize);
            if weight < 0 {
                let id = if known == NONE { self.keys.find(hash, key) } else { Some(known) };
                if let Some(slot) = id.map(|id| self.heads[id as usize]).filter(|slot| *slot != NONE) {
                    self.kill(slot);
                }
            } else if weight > 0 {
                let id = if known == NONE { self.key(hash, key)? } else { known };
                let head = self.heads[id as usize];
                if head != NONE && head as usize >= base {
                    kept[head as usize - base] = row; // put twice in one epoch
                    continue;
                }
                if head != NONE {
                    self.kill(head);
                }
                self.attach(id, (base + kept.len()) as u32);
                kept.push(row);
            }
        }
        self.store(changes, kept, base)
    }

    /// Writes the rows of new slots.
    pub(super) fn store(&mut self, changes: &Changes, kept: Vec<u32>, base: usize) -> Result<()> {
        if kept.is_empty() {
            return Ok(());
        }
        let rows = pick(self.row_layout.schema(), &changes.rows, &kept.into())?;
        if let (Some(times), Some(column)) = (&mut self.times, self.row_layout.times(&rows)) {
            for row in (0..rows.num_rows()).filter(|row| column.is_valid(*row)) {
                times.push(column.value(row), (base + row) as u32);
            }
        }
        self.segments.append(rows)
    }

    /// The id of a key, which is added if it is new.
    pub(super) fn key(&mut self, hash: u64, key: &[u8]) -> Result<u32> {
        let id = self.keys.find_or_insert(hash, key)?;
        if id as usize == self.heads.len() {
            self.heads.push(NONE);
            self.empty_keys += 1;
        }
        Ok(id)
    }

    /// Makes the next slot the head of a key.
    pub(super) fn attach(&mut self, id: u32, slot: u32) {
        debug_assert_eq!(slot as usize, self.owner.len());
        let head = &mut self.heads[id as usize];
        self.empty_keys -= usize::from(*head == NONE);
        *head = slot;
        self.owner.push(id);
        self.live += 1;
    }

    /// Marks a live row as dead.
    pub(super) fn kill(&mut self, slot: u32) {
        let id = std::mem::replace(&mut self.owner[slot as usize], NONE);
        self.live -= 1;
        let head = match &mut self.multiset {
            None => Some(NONE),
            Some(multiset) => multiset.unlink(slot),
        };
        if let Some(head) = head {
            self.heads[id as usize] = head;
            self.empty_keys += usize::from(head == NONE);
        }
    }

    fn is_live(&self, slot: u32) -> bool {
        self.owner[slot as usize] != NONE
    }

    /// Drops the rows whose time is at or before `to`.
    pub(super) fn close(&mut self, to: i64) -> Result<()> {
        while let Some(slot) = self.times.as_mut().and_then(|times| times.pop(to)) {
            if self.is_live(slot) {
                self.kill(slot);
            }
        }
        self.compact_if_due()
    }

    /// The least time of a live row.
    pub(super) fn least(&mut self) -> Option<i64> {
        let owner = &self.owner;
        self.times.as_mut()?.least(|slot| owner[slot as usize] != NONE)
    }

    /// Live rows whose time is at or before `to`.
    pub(super) fn due(&self, to: i64) -> Vec<u32> {
        let due = self.times.as_ref().map_or_else(Vec::new, |times| times.due(to));
        due.into_iter().filter(|slot| self.is_live(*slot)).collect()
    }

    /// All live rows, ascending.
    pub(super) fn slots(&self) -> Vec<u32> {
        (0..self.owner.len() as u32).filter(|slot| self.is_live(*slot)).collect()
    }

    /// The live rows under these keys, each once; for single rows ascending.
    pub(super) fn find(&self, keys: &ShardInput) -> Vec<u32> {
        let mut ids = self.keys.find_all(keys);
        ids.retain(|id| *id != NONE);
        match &self.multiset {
            None => {
                ids.iter_mut().for_each(|id| *id = self.heads[*id as usize]);
                ids.retain(|slot| *slot != NONE);
                distinct(ids, self.owner.len())
            }
            Some(multiset) => distinct(ids, self.keys.len()).into_iter().flat_map(|id| multiset.chain(self.heads[id as usize])).collect(),
        }
    }

    /// The weight of a live row.
    pub(super) fn weight(&self, slot: u32) -> i64 {
        self.multiset.as_ref().map_or(1, |multiset| multiset.weights[slot as usize])
    }

    fn compact_if_due(&mut self) -> Result<()> {
        let dead = self.owner.len() - self.live;
        if dead > FEW.max(self.live) || self.empty_keys > FEW.max(self.keys.len() / 2) {
            let unmatched = self.unmatched;
            let (ids, count) = self.renumbered(|_| true);
            let keys = if self.empty_keys == 0 { std::mem::take(&mut self.keys) } else { self.keys.renumber(&ids, count) };
            *self = self.copy(&ids, keys)?;
            self.unmatched = unmatched;
        }
        Ok(())
    }

    /// A shard of the live rows of keys that pass, without gaps.
    pub(super) fn rebuild(&self, keep: impl Fn(&[u8]) -> bool) -> Result<Self> {
        let (ids, count) = self.renumbered(keep);
        self.copy(&ids, self.keys.renumber(&ids, count))
    }

    /// By key: its new id if it has rows and passes `keep`, else NONE; and the number of new ids.
    fn renumbered(&self, keep: impl Fn(&[u8]) -> bool) -> (Vec<u32>, usize) {
        let mut count = 0;
        let passes = |(id, head): (u32, &u32)| *head != NONE && keep(self.keys.key(id));
        let ids = (0..).zip(&self.heads).map(|key| if passes(key) { next(&mut count) } else { NONE }).collect();
        (ids, count as usize)
    }

    /// A shard of these keys, named by their new ids, and of their live rows.
    fn copy(&self, ids: &[u32], keys: KeyIndex) -> Result<Self> {
        let mut count = 0;
        let owner_of = |slot: usize| ids.get(self.owner[slot] as usize).copied().unwrap_or(NONE);
        let slots: Vec<u32> = (0..self.owner.len()).map(|slot| if owner_of(slot) == NONE { NONE } else { next(&mut count) }).collect();
        let old: Vec<u32> = (0..).zip(&slots).filter(|(_, new)| **new != NONE).map(|(old, _)| old).collect();
        let mut segments = Segments::new(self.row_layout.schema().clone(), Arc::clone(&self.row_layout.memory));
        for chunk in old.chunks(CHUNK) {
            segments.append(self.segments.gather(chunk)?)?;
        }
        let new = |slot: u32| slots.get(slot as usize).copied().unwrap_or(NONE);
        let mut copy = Self {
            keys,
            heads: self.heads.iter().zip(ids).filter(|(_, id)| **id != NONE).map(|(head, _)| new(*head)).collect(),
            owner: old.iter().map(|slot| owner_of(*slot as usize)).collect(),
            segments,
            multiset: self.multiset.as_ref().map(|multiset| multiset.renumber(&slots, old.len())),
            live: old.len(),
            ..Self::new(self.row_layout.clone())
        };
        if copy.times.is_some() {
            let column = |rows: &RecordBatch| self.row_layout.times(rows).cloned();
            let times = copy.segments.batches().filter_map(column).flat_map(|c| c.iter().collect::<Vec<_>>());
            copy.times = Some(times.zip(0..).filter_map(|(time, slot)| Some((time?, slot))).collect());
        }
        Ok(copy)
    }
}

fn next(count: &mut u32) -> u32 {
    *count += 1;
    *count - 1
}

/// Each number once, ascending; all are below `bound`.
fn distinct(mut ids: Vec<u32>, bound: usize) -> Vec<u32> {
    if ids.len() < bound / 64 {
        ids.sort_unstable();
        ids.dedup();
        return ids;
    }
    let mut seen = vec![0u64; bound.div_ceil(64)];
    ids.iter().for_each(|id| seen[*id as usize / 64] |= 1 << (id % 64));
    ids.clear();
    for (word, mut bits) in (0..).zip(seen) {
        while bits != 0 {
            ids.push(word * 64 + bits.trailing_zeros());
            bits &= bits - 1;
        }
    }
    ids
}
