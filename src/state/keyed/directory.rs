//! Which shard holds a key.

use std::sync::Arc;

use super::cell::ShardSlot;
use super::codec::Encoded;
use super::part::ShardInput;

/// More shards than this are not made.
const MAX_DEPTH: u32 = 16;

/// Extendible hashing: the first `depth` bits of a key's hash choose an entry, several entries may name one cell, and a cell
/// that has become too large is split by its next bit alone.
///
/// ```text
///  depth 2   00 ─▶ cell 0 (depth 1: 0…)     cell 0 splits     00 ─▶ cell 0 (depth 2)
///            01 ─▶ cell 0                 ───────────────▶    01 ─▶ cell 2 (depth 2)
///            10 ─▶ cell 1 (depth 1: 1…)                       10 ─▶ cell 1 (depth 1)
///            11 ─▶ cell 1                                     11 ─▶ cell 1
/// ```
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) cells: Vec<Arc<ShardSlot>>,
    /// By cell: how many bits of the hash all its keys share.
    depths: Vec<u32>,
    index: Vec<u32>,
    depth: u32,
}

impl Directory {
    /// One cell for everything.
    pub(super) fn new(cell: Arc<ShardSlot>) -> Self {
        Self { cells: vec![cell], depths: vec![0], index: vec![0], depth: 0 }
    }

    /// Which cell a hash belongs to.
    pub(super) fn cell(&self, hash: u64) -> usize {
        self.index[hash.checked_shr(64 - self.depth).unwrap_or(0) as usize] as usize
    }

    /// The keys by cell: the number of each cell that has any, and its keys in order.
    pub(super) fn partition(&self, keys: &Encoded, hashes: &[u64]) -> Vec<(usize, ShardInput)> {
        if hashes.is_empty() {
            return Vec::new();
        }
        if self.cells.len() == 1 {
            return vec![(0, ShardInput::all(keys, hashes))];
        }
        let cells: Vec<u32> = hashes.iter().map(|hash| self.cell(*hash) as u32).collect();
        let mut counts = vec![(0, 0); self.cells.len()];
        for (row, cell) in (0..).zip(&cells) {
            let (rows, bytes) = &mut counts[*cell as usize];
            (*rows, *bytes) = (*rows + 1, *bytes + keys.bytes(row).len());
        }
        let mut parts: Vec<ShardInput> = counts.into_iter().map(|(rows, bytes)| ShardInput::with_capacity(rows, bytes)).collect();
        for (row, (cell, hash)) in (0..).zip(cells.iter().zip(hashes)) {
            parts[*cell as usize].push(row, *hash, keys.bytes(row));
        }
        parts.into_iter().enumerate().filter(|(_, part)| part.len() > 0).collect()
    }

    /// How many bits of the hash all keys of a cell share, if it can be split by one more.
    pub(super) fn splittable(&self, cell: usize) -> Option<u32> {
        self.depths.get(cell).copied().filter(|depth| *depth < MAX_DEPTH)
    }

    /// Puts two cells in place of one: the first for keys whose next bit is 0. The second's number is the count of cells before.
    pub(super) fn split(&mut self, cell: usize, [low, high]: [Arc<ShardSlot>; 2]) {
        let depth = self.depths[cell] + 1;
        if depth > self.depth {
            self.index = self.index.iter().flat_map(|cell| [*cell, *cell]).collect();
            self.depth = depth;
        }
        let new = self.cells.len() as u32;
        let bit = self.depth - depth;
        for (_, named) in self.index.iter_mut().enumerate().filter(|(at, named)| **named as usize == cell && at >> bit & 1 == 1) {
            *named = new;
        }
        self.cells[cell] = low;
        self.cells.push(high);
        self.depths[cell] = depth;
        self.depths.push(depth);
    }
}

/// The bit by which a cell of this depth is split.
pub(super) fn bit_below(hash: u64, depth: u32) -> bool {
    hash >> (63 - depth) & 1 == 1
}
