//! The delta of a keyed table.

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;

use crate::common::Result;

/// Change of a [`KeyedTable`](super::KeyedTable): rows of its schema with a trailing Int64 column
/// [`__weight`](crate::common::WEIGHT), then rows that are dropped because their time has passed.
///
/// * `Upsert`: in order, a weight above zero puts the row in place of its key's, one below zero deletes by key (the other columns
///   do not matter).
/// * `Bag`: weights are added up, whatever their order; a row whose weight reaches 0 is gone. A retraction of more than there is
///   is dropped and counted ([`unmatched`](super::KeyedTable::unmatched)).
///
/// # One epoch, several epochs
/// All batches of an epoch are one change: a retraction may come before its insertion. Between epochs the order matters (a
/// retraction that came an epoch too early is dropped), so [`Self::merge`] remembers in `steps` where an epoch ends, and folding
/// the merged delta gives the same table as folding one after the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KeyedDelta {
    /// The changed rows.
    pub rows: Vec<RecordBatch>,
    /// Rows whose time is at or before this (milliseconds since 1970) are dropped, after the rows are applied.
    pub close_to: Option<i64>,
    /// The indices in `rows` at which later epochs begin, ascending; empty if it is of one epoch. [`Self::merge`] fills it.
    pub steps: Vec<usize>,
}

impl KeyedDelta {
    /// The change of one epoch.
    pub fn new(rows: Vec<RecordBatch>, close_to: Option<i64>) -> Self {
        Self { rows, close_to, steps: Vec::new() }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.close_to.is_none() && self.num_rows() == 0
    }

    /// How many rows change.
    pub fn num_rows(&self) -> usize {
        self.rows.iter().map(RecordBatch::num_rows).sum()
    }

    /// Appends the delta of a later epoch.
    pub fn merge(&mut self, later: Self) {
        let start = self.rows.len();
        if start > 0 && !later.rows.is_empty() {
            self.steps.push(start);
        }
        self.steps.extend(later.steps.iter().map(|step| step + start));
        self.rows.extend(later.rows);
        self.close_to = self.close_to.max(later.close_to);
    }

    /// Adds the delta of another partition in the same epoch.
    pub fn join(&mut self, same_epoch: Self) {
        self.rows.extend(same_epoch.rows);
        self.close_to = self.close_to.max(same_epoch.close_to);
    }

    /// The rows of each epoch, in order.
    pub(super) fn epochs(&self) -> impl Iterator<Item = &[RecordBatch]> {
        let starts = std::iter::once(0).chain(self.steps.iter().copied());
        let ends = self.steps.iter().copied().chain(std::iter::once(self.rows.len()));
        starts.zip(ends).filter_map(|(start, end)| self.rows.get(start..end)).filter(|rows| !rows.is_empty())
    }

    /// The rows for a commit: one batch per epoch, each to be given to [`restore`](super::KeyedTable::restore) in order. `close_to`
    /// stands in the commit's header.
    ///
    /// # Errors
    /// When the batches are not of one schema.
    pub fn encode(&self) -> Result<Vec<RecordBatch>> {
        self.epochs().map(concat).filter(|b| !b.as_ref().is_ok_and(|b| b.num_rows() == 0)).collect()
    }
}

/// Concatenates the batches of an epoch.
pub(super) fn concat(rows: &[RecordBatch]) -> Result<RecordBatch> {
    match rows {
        [one] => Ok(one.clone()),
        [first, ..] => Ok(concat_batches(first.schema_ref(), rows)?),
        [] => Ok(RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()))),
    }
}
