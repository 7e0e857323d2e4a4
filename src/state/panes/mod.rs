//! State by window end: the partial aggregates of open windows.

mod delta;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::common::Result;

use super::memory::StateMemory;
use super::spillable_batches::{SpillContext, SpillableBatches};

pub use delta::PaneDelta;
pub(super) use stored::rows;

/// Partial aggregates of open windows: for each pane (a window's end in milliseconds since 1970) runs of batches of one schema, to
/// be merged when the window closes.
///
/// ```text
///  pane 12:03:00   run 0 ▐█████████▌  run 1 ▐███▌  run 2 ▐▌  run 3 ▐▌      an epoch appends a run, or replaces the last ones by
///  pane 12:06:00   run 0 ▐▌  run 1 ▐▌                                      a merged one
/// ```
/// # Invariants
/// * Every pane's end is above [`Self::closed_to`]; closing drops whole panes and never leaves one behind.
/// * The table changes only by [`Self::fold`], after the epoch has succeeded; an operator reads version n−1 and returns a
///   [`PaneDelta`].
/// * Folding the deltas in order results in the same table, whatever was merged or spilled.
#[derive(Debug, Clone)]
pub struct PaneTable {
    panes: BTreeMap<i64, Vec<SpillableBatches>>,
    closed_to: Option<i64>,
    spill: SpillContext,
}

impl PaneTable {
    /// An empty table in this memory.
    pub fn new(memory: &Arc<StateMemory>) -> Self {
        Self { panes: BTreeMap::new(), closed_to: None, spill: SpillContext::new(memory) }
    }

    /// The spill context of the table's rows.
    pub fn spill_context(&self) -> &SpillContext {
        &self.spill
    }

    /// The runs of a pane, oldest first.
    pub fn runs(&self, end: i64) -> &[SpillableBatches] {
        self.panes.get(&end).map_or(&[], Vec::as_slice)
    }

    /// The ends of all panes, in order.
    pub fn panes(&self) -> impl Iterator<Item = i64> {
        self.panes.keys().copied()
    }

    /// The ends of the panes that close when time has reached `watermark`, in order.
    pub fn closing(&self, watermark: i64) -> Vec<i64> {
        self.panes.range(..=watermark).map(|(end, _)| *end).collect()
    }

    /// The end of the pane that closes next.
    pub fn next_close(&self) -> Option<i64> {
        self.panes.keys().next().copied()
    }

    /// Everything that ends at or before this is closed.
    pub fn closed_to(&self) -> Option<i64> {
        self.closed_to
    }

    /// The number of open panes.
    pub fn len(&self) -> usize {
        self.panes.len()
    }

    /// Whether no pane is open.
    pub fn is_empty(&self) -> bool {
        self.panes.is_empty()
    }

    /// The number of rows, and their bytes in memory.
    pub fn size(&self) -> (usize, usize) {
        let runs = || self.panes.values().flatten();
        (runs().map(SpillableBatches::rows).sum(), runs().map(SpillableBatches::in_memory).sum())
    }

    /// The bytes of its rows, in memory and on disk.
    pub fn bytes(&self) -> usize {
        self.panes.values().flatten().map(SpillableBatches::size).sum()
    }

    /// Applies the delta of an epoch.
    pub fn fold(&mut self, delta: &PaneDelta) {
        for put in &delta.puts {
            self.put(put.pane, put.at, put.run.clone());
        }
        if let Some(to) = delta.close_to {
            self.closed_to = self.closed_to.max(Some(to));
            self.panes = self.panes.split_off(&to.saturating_add(1));
        }
    }

    fn put(&mut self, pane: i64, at: usize, run: SpillableBatches) {
        let runs = self.panes.entry(pane).or_default();
        runs.truncate(at);
        runs.push(run);
    }

    /// A snapshot of the table for a commit, in batches, for [`Self::restore`].
    pub fn snapshot(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
        let runs: Vec<_> =
            self.panes.iter().flat_map(|(end, runs)| runs.iter().enumerate().map(|(at, run)| (*end, at, run.clone()))).collect();
        stored::encode(runs.into_iter())
    }

    /// Adds rows of another table's snapshot, as new runs.
    ///
    /// # Errors
    /// When the batch is not a pane snapshot.
    pub fn adopt(&mut self, stored: &RecordBatch) -> Result<()> {
        for piece in stored::decode(stored)? {
            let run = self.spill.keep_copies([piece.rows])?;
            self.panes.entry(piece.pane).or_default().push(run);
        }
        Ok(())
    }

    /// Restores rows written by [`Self::snapshot`] or [`PaneDelta::into_rows`], batch by batch in that order.
    ///
    /// # Errors
    /// When the batch is not a pane snapshot.
    pub fn restore(&mut self, stored: &RecordBatch) -> Result<()> {
        for piece in stored::decode(stored)? {
            match piece.at {
                Some(at) => self.put(piece.pane, at, self.spill.keep_copies([piece.rows])?),
                None => {
                    if let Some(run) = self.panes.entry(piece.pane).or_default().last_mut() {
                        run.extend(self.spill.keep_copies([piece.rows])?);
                    }
                }
            }
        }
        Ok(())
    }
}
