//! The delta of a pane table.

use arrow::record_batch::RecordBatch;

use crate::common::Result;
use crate::state::spillable_batches::SpillableBatches;

use super::stored;

/// The changes of one epoch to a [`super::PaneTable`], in order: runs put into panes, then panes dropped.
#[derive(Debug, Clone, Default)]
pub struct PaneDelta {
    pub(super) puts: Vec<Put>,
    /// All panes that end at or before this are dropped.
    pub close_to: Option<i64>,
}

/// Replaces a pane's runs from number `at` on by a run.
#[derive(Debug, Clone)]
pub(super) struct Put {
    pub(super) pane: i64,
    pub(super) at: usize,
    pub(super) run: SpillableBatches,
}

impl PaneDelta {
    /// A delta that only drops the panes that end at or before this.
    pub fn closing(close_to: Option<i64>) -> Self {
        Self { puts: Vec::new(), close_to }
    }

    /// Replaces a pane's runs from number `at` on by a run; if `at` is the number of runs, the run is appended.
    pub fn put(&mut self, pane: i64, at: usize, run: SpillableBatches) {
        self.puts.push(Put { pane, at, run });
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.close_to.is_none()
    }

    /// The number of rows put into panes.
    pub fn rows(&self) -> usize {
        self.puts.iter().map(|put| put.run.rows()).sum()
    }

    /// The panes that get rows.
    pub fn panes(&self) -> impl Iterator<Item = i64> {
        self.puts.iter().map(|put| put.pane)
    }

    /// Appends the delta of a later epoch, so that one commit covers several epochs without rows that were dropped since.
    pub fn merge(&mut self, later: Self) {
        for put in later.puts {
            self.puts.retain(|before| before.pane != put.pane || before.at < put.at);
            self.puts.push(put);
        }
        if let Some(to) = later.close_to {
            self.puts.retain(|put| put.pane > to);
            self.close_to = self.close_to.max(Some(to));
        }
    }

    /// Its rows in batches for a commit, for [`super::PaneTable::restore`]. `close_to` is in the commit's header.
    pub fn into_rows(self) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        stored::encode(self.puts.into_iter().map(|put| (put.pane, put.at, put.run)))
    }
}
