//! Which shard holds a key.

use std::sync::Arc;

use parking_lot::RwLock;

use super::shard::Shard;

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
    pub(super) cells: Vec<Arc<Cell>>,
    index: Vec<u32>,
    depth: u32,
}

/// A shard.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) shard: RwLock<Shard>,
    /// How many bits of the hash all keys of it share.
    pub(super) depth: u32,
}

impl Directory {
    /// One cell for everything.
    pub(super) fn new(shard: Shard) -> Self {
        Self { cells: vec![Arc::new(Cell { shard: RwLock::new(shard), depth: 0 })], index: vec![0], depth: 0 }
    }

    /// Which cell a hash belongs to.
    pub(super) fn cell(&self, hash: u64) -> usize {
        self.index[hash.checked_shr(64 - self.depth).unwrap_or(0) as usize] as usize
    }

    /// The rows with these hashes by cell: for each cell that has any, its number and its rows in order.
    pub(super) fn partition(&self, hashes: &[u64]) -> Vec<(usize, Vec<u32>)> {
        let rows = hashes.len() as u32;
        if self.cells.len() == 1 {
            return if rows == 0 { Vec::new() } else { vec![(0, (0..rows).collect())] };
        }
        let cells: Vec<u32> = hashes.iter().map(|hash| self.cell(*hash) as u32).collect();
        let mut counts = vec![0usize; self.cells.len()];
        cells.iter().for_each(|cell| counts[*cell as usize] += 1);
        let mut parts: Vec<Vec<u32>> = counts.into_iter().map(Vec::with_capacity).collect();
        (0..).zip(cells).for_each(|(row, cell)| parts[cell as usize].push(row));
        parts.into_iter().enumerate().filter(|(_, rows)| !rows.is_empty()).collect()
    }

    /// Whether a cell can be split once more.
    pub(super) fn can_split(&self, cell: usize) -> bool {
        self.cells[cell].depth < MAX_DEPTH
    }

    /// Puts two shards in place of a cell: the first for keys whose next bit is 0.
    pub(super) fn split(&mut self, cell: usize, halves: [Shard; 2]) {
        let depth = self.cells[cell].depth + 1;
        if depth > self.depth {
            self.index = self.index.iter().flat_map(|cell| [*cell, *cell]).collect();
            self.depth = depth;
        }
        let [low, high] = halves.map(|shard| Arc::new(Cell { shard: RwLock::new(shard), depth }));
        let new = self.cells.len() as u32;
        let bit = self.depth - depth;
        for (entry, named) in self.index.iter_mut().enumerate().filter(|(_, named)| **named as usize == cell) {
            if entry >> bit & 1 == 1 {
                *named = new;
            }
        }
        self.cells[cell] = low;
        self.cells.push(high);
    }
}

/// The bit by which a cell of this depth is split.
pub(super) fn bit_below(hash: u64, depth: u32) -> bool {
    hash >> (63 - depth) & 1 == 1
}
