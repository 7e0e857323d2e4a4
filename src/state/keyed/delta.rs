//! The delta of a keyed table.

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;

use crate::common::Result;

/// What one epoch changes in a [`KeyedTable`](super::KeyedTable): rows of its schema with a trailing Int64 column
/// [`__weight`](crate::common::WEIGHT), then rows that are dropped because their time has passed.
///
/// * `Upsert`: in order, a weight above zero puts the row in place of its key's, one below zero deletes by key (the other columns
///   do not matter).
/// * `Multiset`: weights are added up, whatever their order; a row whose weight reaches 0 is gone. A retraction of more than there is
///   is dropped and counted ([`unmatched`](super::KeyedTable::unmatched)).
///
/// All batches are one change: a retraction may come before its insertion. Between epochs the order matters, because a retraction
/// that comes an epoch too early is dropped; so the changes of several epochs stay apart ([`PendingChanges`](crate::state::PendingChanges)).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyedDelta {
    /// The changed rows.
    pub rows: Vec<RecordBatch>,
    /// Rows whose time is at or before this (milliseconds since 1970) are dropped, after the rows are applied.
    pub close_to: Option<i64>,
}

impl KeyedDelta {
    /// The change of one epoch.
    pub fn new(rows: Vec<RecordBatch>, close_to: Option<i64>) -> Self {
        Self { rows, close_to }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.close_to.is_none() && self.num_rows() == 0
    }

    /// How many rows change.
    pub fn num_rows(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }

    /// Adds the delta of another partition in the same epoch.
    pub fn join(&mut self, same_epoch: Self) {
        self.rows.extend(same_epoch.rows);
        self.close_to = self.close_to.max(same_epoch.close_to);
    }
}

/// Concatenates the batches of an epoch.
pub(in crate::state) fn concat(rows: &[RecordBatch]) -> Result<RecordBatch> {
    match rows {
        [one] => Ok(one.clone()),
        [first, ..] => Ok(concat_batches(first.schema_ref(), rows)?),
        [] => Ok(RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()))),
    }
}
