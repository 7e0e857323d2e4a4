//! The changes of a state table since the newest commit.

use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::keyed::concat;
use super::{PaneDelta, SpillContext, SpillableBatches, StateDelta};

/// The changes of epochs that the next commit covers, in order, in memory as long as they fit.
#[derive(Debug, Clone)]
pub enum PendingChanges {
    /// Changes of panes.
    Panes(PaneDelta),
    /// Changes of keys.
    Keyed {
        /// The rows of each epoch: folding them one after the other gives the table.
        epochs: Vec<SpillableBatches>,
        /// Rows whose time is at or before this (milliseconds since 1970) are dropped.
        close_to: Option<i64>,
    },
}

impl PendingChanges {
    /// Creates the changes of one epoch.
    ///
    /// # Errors
    /// When memory runs out and the disk cannot be written.
    pub fn new(delta: StateDelta, spill: &SpillContext) -> Result<Self> {
        Ok(match delta {
            StateDelta::Panes(delta) => Self::Panes(delta),
            StateDelta::Keyed(delta) => {
                let rows = spill.keep(delta.rows)?;
                Self::Keyed { epochs: Vec::from_iter((!rows.is_empty()).then_some(rows)), close_to: delta.close_to }
            }
        })
    }

    /// Adds the changes of a later epoch.
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

    /// The time up to which rows are dropped, in milliseconds since 1970.
    pub fn close_to(&self) -> Option<i64> {
        match self {
            Self::Panes(delta) => delta.close_to,
            Self::Keyed { close_to, .. } => *close_to,
        }
    }

    /// The rows in batches for a commit, to be restored in order by [`StateTable::restore`](super::StateTable::restore): one batch per
    /// epoch for keyed tables. [`Self::close_to`] is stored in the commit's header.
    pub fn into_rows(self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
        match self {
            Self::Panes(delta) => Box::new(delta.into_rows()),
            Self::Keyed { epochs, .. } => Box::new(epochs.into_iter().map(|epoch| concat(&epoch.read()?))),
        }
    }
}
