//! The expiry queue of a shard.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The times of a shard's rows, the least first. Rows that were deleted stay in it until they reach the top or the shard is
/// compacted.
#[derive(Debug, Default)]
pub(super) struct ExpiryQueue {
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

impl ExpiryQueue {
    /// Adds a row.
    pub(super) fn push(&mut self, time: i64, slot: u32) {
        self.heap.push(Reverse((time, slot)));
    }

    /// The least time, after rows that are not `live` are removed.
    pub(super) fn least(&mut self, live: impl Fn(u32) -> bool) -> Option<i64> {
        while let Some(Reverse((time, slot))) = self.heap.peek() {
            if live(*slot) {
                return Some(*time);
            }
            self.heap.pop();
        }
        None
    }

    /// Removes the next row whose time is at or before `to`, dead or alive.
    pub(super) fn pop(&mut self, to: i64) -> Option<u32> {
        if self.heap.peek()?.0.0 > to {
            return None;
        }
        self.heap.pop().map(|Reverse((_, slot))| slot)
    }

    /// All rows whose time is at or before `to`, dead or alive, in no order.
    pub(super) fn due(&self, to: i64) -> Vec<u32> {
        if self.heap.peek().is_none_or(|row| row.0.0 > to) {
            return Vec::new();
        }
        self.heap.iter().filter(|row| row.0.0 <= to).map(|row| row.0.1).collect()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(i64, u32)>>()
    }
}

impl FromIterator<(i64, u32)> for ExpiryQueue {
    fn from_iter<I: IntoIterator<Item = (i64, u32)>>(rows: I) -> Self {
        Self { heap: rows.into_iter().map(Reverse).collect() }
    }
}
