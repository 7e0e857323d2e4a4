//! What has changed in a state table since the newest commit.

use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::keyed::concat;
use super::{PaneDelta, SpillContext, SpillableBatches, StateDelta};

/// The changes of epochs that the next commit covers, in order, in memory as long as there is room.
#[derive(Debug, Clone)]
pub enum PendingChanges {
    /// Of panes.
    Panes(PaneDelta),
    /// Of keys.
    Keyed {
        /// The rows of each epoch: folding them one after the other gives the table.
        epochs: Vec<SpillableBatches>,
        /// Rows whose time is at or before this (milliseconds since 1970) are dropped.
        close_to: Option<i64>,
    },
}

impl PendingChanges {
    /// Those of one epoch.
    ///
    /// # Errors
    /// When there is no room in memory, and the disk cannot be written.
    pub fn new(delta: StateDelta, spill: &SpillContext) -> Result<Self> {
        Ok(match delta {
            StateDelta::Panes(delta) => Self::Panes(delta),
            StateDelta::Keyed(delta) => {
                let rows = spill.keep(delta.rows)?;
                Self::Keyed { epochs: Vec::from_iter((!rows.is_empty()).then_some(rows)), close_to: delta.close_to }
            }
        })
    }

    /// Adds those of a later epoch.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn merge(&mut self, later: StateDelta, spill: &SpillContext) -> Result<()> {
        match (self, Self::new(later, spill)?) {
            (Self::Panes(all), Self::Panes(later)) => all.merge(later),
            (Self::Keyed { epochs, close_to }, Self::Keyed { epochs: later, close_to: to }) => {
                epochs.extend(later);
                *close_to = (*close_to).max(to);
            }
            _ => return Err(Error::internal("changes of another kind than those before")),
        }
        Ok(())
    }

    /// Up to where rows are dropped by time, in milliseconds since 1970.
    pub fn close_to(&self) -> Option<i64> {
        match self {
            Self::Panes(delta) => delta.close_to,
            Self::Keyed { close_to, .. } => *close_to,
        }
    }

    /// The rows in batches for a commit, which [`StateTable::restore`](super::StateTable::restore) takes back one after the other:
    /// of keyed tables a batch for each epoch. What is closed stands in the commit's header.
    pub fn into_rows(self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
        match self {
            Self::Panes(delta) => Box::new(delta.into_rows()),
            Self::Keyed { epochs, .. } => Box::new(epochs.into_iter().map(|epoch| concat(&epoch.read()?))),
        }
    }
}
