//! Applies the changes of an epoch to a shard of a Z-set.

use arrow::array::Array;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::common::{Error, Result};

use super::key_index::{HashedId, NONE};
use super::row_codec::Encoded;
use super::row_layout::Changes;
use super::shard::Shard;

/// A distinct row of an epoch: its first occurrence, the sum of its weights, and the equal stored row.
struct SummedRow {
    row: u32,
    weight: i64,
    slot: u32,
}

impl Shard {
    /// Adds up the weights of equal rows, finds the stored row of each, and changes, adds or removes that.
    ///
    /// An unmatched retraction is detected at once, because the weight is stored with the row.
    pub(super) fn apply_multiset(&mut self, changes: &Changes, picks: &[u32], closed_to: Option<i64>) -> Result<()> {
        let Some((full, hashes)) = &changes.full else { return Err(Error::internal("a Z-set's rows were not encoded")) };
        let mut sums = add_up(changes, full, hashes, picks);
        sums.retain(|sum| sum.weight != 0);
        self.match_stored(&mut sums, full, hashes)?;
        let times = self.row_layout.times(&changes.rows).cloned();
        let base = self.segments.len();
        let mut kept = Vec::new();
        for SummedRow { row, weight, slot } in sums {
            let (tag, at) = (hashes[row as usize] as u32, row as usize);
            let stored = if slot == NONE { 0 } else { self.weight(slot) };
            let weight = stored.saturating_add(weight);
            let forgotten = || times.as_ref().is_some_and(|t| t.is_valid(at) && closed_to.is_some_and(|to| t.value(at) <= to));
            if weight < 0 && !forgotten() {
                self.unmatched = self.unmatched.saturating_add(weight.unsigned_abs());
            }
            if slot == NONE && weight > 0 {
                let id = self.key(changes.hashes[at], changes.keys.bytes(row))?;
                let head = self.heads[id as usize];
                let Some(multiset) = &mut self.multiset else { continue };
                let slot = multiset.push(tag, weight, head);
                self.attach(id, slot);
                kept.push(row);
            } else if slot != NONE && weight > 0 {
                let Some(multiset) = &mut self.multiset else { continue };
                multiset.weights[slot as usize] = weight;
            } else if slot != NONE {
                self.kill(slot);
                let Some(multiset) = &mut self.multiset else { continue };
                multiset.forget(tag, slot);
            }
        }
        self.store(changes, kept, base)
    }

    /// Finds the stored row that equals each summed row: candidates by hash, then one comparison of all of them.
    fn match_stored(&self, sums: &mut [SummedRow], full: &Encoded, hashes: &[u64]) -> Result<()> {
        let (Some(multiset), Some(codec)) = (&self.multiset, &self.row_layout.full) else { return Ok(()) };
        let (mut which, mut slots) = (Vec::new(), Vec::new());
        for (at, sum) in sums.iter().enumerate() {
            for slot in multiset.candidates(hashes[sum.row as usize] as u32).filter(|slot| self.owner[*slot as usize] != NONE) {
                which.push(at);
                slots.push(slot);
            }
        }
        if slots.is_empty() {
            return Ok(());
        }
        let stored = codec.encode(&self.segments.gather(&slots)?)?;
        for (row, (at, slot)) in (0..).zip(which.into_iter().zip(slots)) {
            if stored.bytes(row) == full.bytes(sums[at].row) {
                sums[at].slot = slot;
            }
        }
        Ok(())
    }
}

/// The distinct rows among `picks`, in the order of their first occurrence.
fn add_up(changes: &Changes, full: &Encoded, hashes: &[u64], picks: &[u32]) -> Vec<SummedRow> {
    let mut sums: Vec<SummedRow> = Vec::with_capacity(picks.len());
    let mut table: HashTable<HashedId> = HashTable::with_capacity(picks.len());
    for row in picks.iter().copied() {
        let (weight, tag) = (changes.weights.value(row as usize), hashes[row as usize] as u32);
        let equal = |e: &HashedId| e.tag == tag && full.bytes(sums[e.id as usize].row) == full.bytes(row);
        match table.entry(HashedId::spread(tag), equal, HashedId::hash) {
            Entry::Occupied(entry) => {
                let sum = &mut sums[entry.get().id as usize];
                sum.weight = sum.weight.saturating_add(weight);
            }
            Entry::Vacant(entry) => {
                entry.insert(HashedId { tag, id: sums.len() as u32 });
                sums.push(SummedRow { row, weight, slot: NONE });
            }
        }
    }
    sums
}
