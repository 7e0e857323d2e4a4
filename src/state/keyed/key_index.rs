//! The index from a key's bytes to its id.

use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::common::{Error, Result};

use super::shard_input::ShardInput;

/// The slot or id of nothing.
pub(super) const NONE: u32 = u32::MAX;

/// An entry of a hash table: an id with a part of its hash, so that growing and most mismatches need not read the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashedId {
    /// The lower half of the stable hash; the upper half chooses the shard.
    pub(super) tag: u32,
    /// A key's id, or a slot.
    pub(super) id: u32,
}

impl HashedId {
    /// The hash for `hashbrown`, which takes the bucket from the lowest bits and seven more to compare from the highest.
    pub(super) fn spread(tag: u32) -> u64 {
        u64::from(tag) << 32 | u64::from(tag)
    }

    /// As [`Self::spread`], of an entry.
    pub(super) fn hash(&self) -> u64 {
        Self::spread(self.tag)
    }
}

/// Keys with ids in the order of insertion; each is stored once, whatever the number of its rows.
///
/// ```text
///  hash ─▶ table: (tag, id) ─▶ ends[id−1]..ends[id] of bytes
/// ```
#[derive(Debug, Default)]
pub(super) struct KeyIndex {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    table: HashTable<HashedId>,
}

impl KeyIndex {
    /// An index with room for this many keys.
    pub(super) fn with_capacity(keys: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: Vec::with_capacity(keys), table: HashTable::with_capacity(keys) }
    }

    /// How many keys.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a key.
    pub(super) fn key(&self, id: u32) -> &[u8] {
        key(&self.bytes, &self.ends, id)
    }

    /// The number of a key.
    pub(super) fn find(&self, hash: u64, bytes: &[u8]) -> Option<u32> {
        let tag = hash as u32;
        self.table.find(HashedId::spread(tag), |e| e.tag == tag && self.key(e.id) == bytes).map(|e| e.id)
    }

    /// The numbers of many keys, NONE for one that is not there.
    ///
    /// In several passes, each over one array: if the index is larger than the caches, a pass has many memory accesses in flight,
    /// where looking up key after key would wait for each.
    pub(super) fn find_all(&self, part: &ShardInput) -> Vec<u32> {
        let by_tag = |hash: &u64| self.table.find(HashedId::spread(*hash as u32), |e| e.tag == *hash as u32).map_or(NONE, |e| e.id);
        let mut ids: Vec<u32> = part.hashes.iter().map(by_tag).collect();
        let places: Vec<_> = ids.iter().map(|id| if *id == NONE { 0..0 } else { place(&self.ends, *id) }).collect();
        for (at, (id, place)) in ids.iter_mut().zip(places).enumerate() {
            if *id != NONE && self.bytes[place] != *part.key(at) {
                *id = self.find(part.hashes[at], part.key(at)).unwrap_or(NONE); // another key has the same tag
            }
        }
        ids
    }

    /// The number of a key, which is new if it is [`Self::len`] before the call.
    ///
    /// # Errors
    /// When the keys of this shard exceed 4 GiB.
    pub(super) fn find_or_insert(&mut self, hash: u64, bytes: &[u8]) -> Result<u32> {
        let tag = hash as u32;
        let (stored, ends) = (&self.bytes, &self.ends);
        match self.table.entry(HashedId::spread(tag), |e| e.tag == tag && key(stored, ends, e.id) == bytes, HashedId::hash) {
            Entry::Occupied(entry) => Ok(entry.get().id),
            Entry::Vacant(entry) => {
                let id = self.ends.len() as u32;
                let end = u32::try_from(self.bytes.len() + bytes.len()).ok().filter(|_| id < NONE);
                self.ends.push(end.ok_or_else(|| Error::state("a part of a state table has more than 4 GiB of keys"))?);
                self.bytes.extend_from_slice(bytes);
                entry.insert(HashedId { tag, id });
                Ok(id)
            }
        }
    }

    /// An index of the keys that have a new number in `renumbered`, which must ascend.
    pub(super) fn renumber(&self, renumbered: &[u32], keys: usize) -> Self {
        let mut kept = Self::with_capacity(keys, if keys == self.len() { self.bytes.len() } else { 0 });
        for id in (0..).zip(renumbered).filter(|(_, new)| **new != NONE).map(|(id, _)| id) {
            kept.bytes.extend_from_slice(self.key(id));
            kept.ends.push(kept.bytes.len() as u32);
        }
        kept.bytes.shrink_to_fit();
        for entry in &self.table {
            let id = renumbered.get(entry.id as usize).copied().unwrap_or(NONE);
            if id != NONE {
                kept.table.insert_unique(entry.hash(), HashedId { tag: entry.tag, id }, HashedId::hash);
            }
        }
        kept
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + self.table.allocation_size()
    }
}

fn key<'a>(bytes: &'a [u8], ends: &[u32], id: u32) -> &'a [u8] {
    &bytes[place(ends, id)]
}

fn place(ends: &[u32], id: u32) -> Range<usize> {
    let id = id as usize;
    let start = if id == 0 { 0 } else { ends[id - 1] as usize };
    start..ends[id] as usize
}
