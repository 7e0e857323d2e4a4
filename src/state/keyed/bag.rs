//! What a shard of a Z-set has beyond one of single rows: weights, chains of rows under a key, and an index by the whole row.

use hashbrown::HashTable;

use super::keys::{HashedId, NONE};

/// Rows with weights under keys. Every distinct row has one slot, found by its hash, so an insertion of the same row and a
/// retraction each take one look-up, however many rows the key has.
///
/// ```text
///  key ─▶ heads[key] ─▶ slot ⇄ slot ⇄ slot      links: all rows of the key, to be read together
///  row ─▶ rows: (tag of the row's hash, slot)   to meet an equal row
/// ```
#[derive(Debug, Default)]
pub(super) struct Bag {
    /// By slot: the weight, above zero while the row lives.
    pub(super) weights: Vec<i64>,
    /// By slot: the neighbours in the key's chain.
    links: Vec<Links>,
    /// By the hash of the whole row. A row that died by its time stays in until the shard is compacted.
    rows: HashTable<HashedId>,
}

#[derive(Debug, Clone, Copy)]
struct Links {
    before: u32,
    after: u32,
}

impl Bag {
    /// Slots whose row has this tag; few, and nearly always the equal row alone.
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

    /// Takes a row out of its chain; the new head if it was the head.
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

    /// Takes a row out of the index.
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

    /// A bag of the slots that have a new number in `renumbered` (ascending); whole chains are kept or not.
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
