//! The index of a Z-set shard: weights, chains of rows with one key, and a hash index of whole rows.

use hashbrown::HashTable;

use super::key_index::{HashedId, NONE};

/// Rows with weights by key. Every distinct row has one slot, which its hash finds, so inserting an equal row and retracting it
/// take one look-up each, whatever the number of rows of the key.
///
/// ```text
///  key ─▶ heads[key] ─▶ slot ⇄ slot ⇄ slot      links: all rows of the key
///  row ─▶ rows: (tag of the row's hash, slot)   to find an equal row
/// ```
#[derive(Debug, Default)]
pub(super) struct MultisetIndex {
    /// By slot: the weight, above zero while the row lives.
    pub(super) weights: Vec<i64>,
    /// By slot: the neighbours in the key's chain.
    links: Vec<Links>,
    /// By the hash of the whole row. An expired row stays in it until the shard is compacted.
    rows: HashTable<HashedId>,
}

#[derive(Debug, Clone, Copy)]
struct Links {
    before: u32,
    after: u32,
}

impl MultisetIndex {
    /// Slots whose row has this tag; nearly always only that of the equal row.
    pub(super) fn candidates(&self, tag: u32) -> impl Iterator<Item = u32> {
        self.rows.iter_hash(HashedId::spread(tag)).filter(move |e| e.tag == tag).map(|e| e.id)
    }

    /// Adds a row at the next slot, in front of the chain that begins at `head`.
    pub(super) fn push(&mut self, tag: u32, weight: i64, head: u32) -> u32 {
        let slot = self.weights.len() as u32;
        self.weights.push(weight);
        self.links.push(Links { before: NONE, after: head });
        if let Some(links) = self.links.get_mut(head as usize) {
            links.before = slot;
        }
        self.rows.insert_unique(HashedId::spread(tag), HashedId { tag, id: slot }, HashedId::hash);
        slot
    }

    /// Removes a row from its chain; returns the new head if it was the head.
    pub(super) fn unlink(&mut self, slot: u32) -> Option<u32> {
        let Links { before, after } = self.links[slot as usize];
        self.weights[slot as usize] = 0;
        if let Some(links) = self.links.get_mut(after as usize) {
            links.before = before;
        }
        match self.links.get_mut(before as usize) {
            Some(links) => {
                links.after = after;
                None
            }
            None => Some(after),
        }
    }

    /// Removes a row from the index.
    pub(super) fn forget(&mut self, tag: u32, slot: u32) {
        if let Ok(entry) = self.rows.find_entry(HashedId::spread(tag), |e| e.id == slot) {
            entry.remove();
        }
    }

    /// The rows of a chain.
    pub(super) fn chain(&self, head: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(head).filter(|h| *h != NONE), |slot| {
            self.links.get(*slot as usize).map(|l| l.after).filter(|s| *s != NONE)
        })
    }

    /// The index of the slots that have a new number in `renumbered` (ascending); chains are kept or dropped as a whole.
    pub(super) fn renumber(&self, renumbered: &[u32], slots: usize) -> Self {
        let new = |slot: u32| renumbered.get(slot as usize).copied().unwrap_or(NONE);
        let (mut weights, mut links) = (Vec::with_capacity(slots), Vec::with_capacity(slots));
        for ((weight, link), _) in self.weights.iter().zip(&self.links).zip(renumbered).filter(|(_, new)| **new != NONE) {
            weights.push(*weight);
            links.push(Links { before: new(link.before), after: new(link.after) });
        }
        let mut rows = HashTable::with_capacity(slots);
        for entry in self.rows.iter().filter(|e| new(e.id) != NONE) {
            rows.insert_unique(entry.hash(), HashedId { tag: entry.tag, id: new(entry.id) }, HashedId::hash);
        }
        Self { weights, links, rows }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.weights.capacity() * 8 + self.links.capacity() * size_of::<Links>() + self.rows.allocation_size()
    }
}
