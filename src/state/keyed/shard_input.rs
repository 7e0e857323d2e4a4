//! The keys of one call that are in one shard.

use super::row_codec::Encoded;

/// Keys in contiguous memory. The keys of a shard are scattered over the rows of a call; they are copied once, so that a look-up waits
/// only for the shard's memory.
#[derive(Debug, Default)]
pub(super) struct ShardInput {
    /// Their rows in the call.
    pub(super) rows: Vec<u32>,
    /// Their hashes.
    pub(super) hashes: Vec<u64>,
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl ShardInput {
    /// With this capacity.
    pub(super) fn with_capacity(keys: usize, bytes: usize) -> Self {
        let (rows, hashes, ends) = (Vec::with_capacity(keys), Vec::with_capacity(keys), Vec::with_capacity(keys));
        Self { rows, hashes, ends, bytes: Vec::with_capacity(bytes) }
    }

    /// All keys of a call.
    pub(super) fn all(keys: &Encoded, hashes: &[u64]) -> Self {
        let rows = 0..hashes.len() as u32;
        let mut part = Self::with_capacity(hashes.len(), rows.clone().map(|row| keys.bytes(row).len()).sum());
        rows.zip(hashes).for_each(|(row, hash)| part.push(row, *hash, keys.bytes(row)));
        part
    }

    /// Adds a key.
    pub(super) fn push(&mut self, row: u32, hash: u64, key: &[u8]) {
        self.rows.push(row);
        self.hashes.push(hash);
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }

    /// The number of keys.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The key at an index.
    pub(super) fn key(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }
}
