//! Batches of rows with their offsets, which can be cut between two records.

use arrow::record_batch::RecordBatch;

use super::Rejected;

/// Consecutive rows of one partition, with the offsets of their records.
///
/// ```text
///   records   10   11   12   13   14          12 could not be read, 13 holds two rows
///   rows      a    b         c d  e           offsets 10 11 13 13 14, next 15
/// ```
/// It can be cut only between two records, because a position says which record is the next one.
#[derive(Debug)]
pub struct OffsetBatch {
    /// The partition.
    pub partition: i32,
    /// The rows.
    pub batch: RecordBatch,
    /// The offset of the record that each row comes from.
    pub offsets: Vec<i64>,
    /// Bad records for the dead-letter table, by position.
    pub rejected: Vec<Rejected>,
    /// The position after the last record that was looked at.
    pub next: i64,
}

impl OffsetBatch {
    /// Bytes held in memory. A slice keeps all buffers of its array alive, so it is counted by its share of them.
    pub fn bytes(&self) -> usize {
        let columns: usize = self.batch.columns().iter().map(|c| c.to_data().get_slice_memory_size().unwrap_or(0)).sum();
        columns + self.offsets.len() * 8 + self.rejected.iter().map(|r| 64 + r.value.as_ref().map_or(0, Vec::len)).sum::<usize>()
    }

    /// Cuts off at most `rows` rows, between two records. If not even the first record's rows fit, the cut holds all of them when
    /// `at_least_one` is set (a JSON array can hold more rows than requested), else none.
    pub fn cut(mut self, rows: usize, at_least_one: bool) -> (Option<Self>, Option<Self>) {
        let count = self.offsets.len();
        if count <= rows {
            return (Some(self), None);
        }
        let mut at = rows;
        while at > 0 && self.offsets[at] == self.offsets[at - 1] {
            at -= 1;
        }
        if at == 0 {
            if !at_least_one {
                return (None, Some(self));
            }
            at = self.offsets.iter().take_while(|offset| **offset == self.offsets[0]).count();
            if at == count {
                return (Some(self), None);
            }
        }
        let rest = self.offsets.split_off(at);
        let next = rest.first().copied().unwrap_or(self.next);
        let later = self.rejected.partition_point(|r| r.position < next);
        let tail = Self {
            partition: self.partition,
            batch: self.batch.slice(at, count - at),
            offsets: rest,
            rejected: self.rejected.split_off(later),
            next: self.next,
        };
        let head = Self { batch: self.batch.slice(0, at), next, ..self };
        (Some(head), Some(tail))
    }
}
