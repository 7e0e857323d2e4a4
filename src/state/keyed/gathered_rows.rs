//! Gathers rows from several shards.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::common::Result;

use super::row_layout::RowLayout;
use super::segments::gather;
use super::shard::Shard;

/// Positions of rows in the batches of shards. It shares the batches, so that rows are copied at once, after the shards' locks are
/// released.
#[derive(Debug, Default)]
pub(super) struct GatheredRows {
    batches: Vec<RecordBatch>,
    at: Vec<(usize, usize)>,
    weights: Vec<i64>,
}

impl GatheredRows {
    /// Adds live rows of a shard.
    pub(super) fn add(&mut self, shard: &Shard, slots: &[u32]) {
        if slots.is_empty() {
            return;
        }
        let first = self.batches.len();
        self.batches.extend(shard.segments.batches().cloned());
        for slot in slots {
            let (batch, row) = shard.segments.locate(*slot);
            self.at.push((first + batch, row));
            self.weights.push(shard.weight(*slot));
        }
    }

    /// The rows with their weights.
    pub(super) fn finish(self, row_layout: &Arc<RowLayout>) -> Result<RecordBatch> {
        let rows = gather(row_layout.schema(), &self.batches.iter().collect::<Vec<_>>(), &self.at)?;
        row_layout.weighted(&rows, self.weights)
    }
}
