//! The directory of shards by key hash.

use std::sync::Arc;

use super::row_codec::Encoded;
use super::shard_input::ShardInput;
use super::shard_slot::ShardSlot;

/// The most bits of the hash that choose a shard.
const MAX_DEPTH: u32 = 16;

/// Extendible hashing: the first `depth` bits of a key's hash choose an entry, several entries may refer to one shard, and a shard
/// that is too large is split by its next bit.
///
/// ```text
///  depth 2   00 ─▶ shard 0 (depth 1: 0…)     shard 0 splits     00 ─▶ shard 0 (depth 2)
///            01 ─▶ shard 0                 ───────────────▶    01 ─▶ shard 2 (depth 2)
///            10 ─▶ shard 1 (depth 1: 1…)                       10 ─▶ shard 1 (depth 1)
///            11 ─▶ shard 1                                     11 ─▶ shard 1
/// ```
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) shards: Vec<Arc<ShardSlot>>,
    /// By shard: how many bits of the hash all its keys share.
    depths: Vec<u32>,
    index: Vec<u32>,
    depth: u32,
}

impl Directory {
    /// One shard for all keys.
    pub(super) fn new(shard: Arc<ShardSlot>) -> Self {
        Self { shards: vec![shard], depths: vec![0], index: vec![0], depth: 0 }
    }

    /// The index of the shard of a hash.
    pub(super) fn shard_of(&self, hash: u64) -> usize {
        self.index[hash.checked_shr(64 - self.depth).unwrap_or(0) as usize] as usize
    }

    /// The keys by shard: the index of each shard that has any, and its keys in order.
    pub(super) fn partition(&self, keys: &Encoded, hashes: &[u64]) -> Vec<(usize, ShardInput)> {
        if hashes.is_empty() {
            return Vec::new();
        }
        if self.shards.len() == 1 {
            return vec![(0, ShardInput::all(keys, hashes))];
        }
        let shards: Vec<u32> = hashes.iter().map(|hash| self.shard_of(*hash) as u32).collect();
        let mut counts = vec![(0, 0); self.shards.len()];
        for (row, shard) in (0..).zip(&shards) {
            let (rows, bytes) = &mut counts[*shard as usize];
            (*rows, *bytes) = (*rows + 1, *bytes + keys.bytes(row).len());
        }
        let mut parts: Vec<ShardInput> = counts.into_iter().map(|(rows, bytes)| ShardInput::with_capacity(rows, bytes)).collect();
        for (row, (shard, hash)) in (0..).zip(shards.iter().zip(hashes)) {
            parts[*shard as usize].push(row, *hash, keys.bytes(row));
        }
        parts.into_iter().enumerate().filter(|(_, part)| part.len() > 0).collect()
    }

    /// How many bits of the hash all keys of a shard share, if it can be split by one more.
    pub(super) fn splittable(&self, shard: usize) -> Option<u32> {
        self.depths.get(shard).copied().filter(|depth| *depth < MAX_DEPTH)
    }

    /// Replaces a shard by two: the first for keys whose next bit is 0. The second is appended.
    pub(super) fn split(&mut self, shard: usize, [low, high]: [Arc<ShardSlot>; 2]) {
        let depth = self.depths[shard] + 1;
        if depth > self.depth {
            self.index = self.index.iter().flat_map(|shard| [*shard, *shard]).collect();
            self.depth = depth;
        }
        let new = self.shards.len() as u32;
        let bit = self.depth - depth;
        for (_, named) in self.index.iter_mut().enumerate().filter(|(at, named)| **named as usize == shard && at >> bit & 1 == 1) {
            *named = new;
        }
        self.shards[shard] = low;
        self.shards.push(high);
        self.depths[shard] = depth;
        self.depths.push(depth);
    }
}

/// The bit by which a shard of this depth is split.
pub(super) fn bit_below(hash: u64, depth: u32) -> bool {
    hash >> (63 - depth) & 1 == 1
}
