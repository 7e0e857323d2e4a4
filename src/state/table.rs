//! A state table of either kind, its snapshot and its delta.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::keyed::{FrozenTable, KeyedDelta, KeyedTable};
use super::panes::{self, PaneDelta, PaneTable};

/// A state table at one version.
#[derive(Debug, Clone)]
pub enum StateTable {
    /// Rows by pane, dropped pane by pane.
    Panes(Arc<PaneTable>),
    /// Rows by key.
    Keyed(Arc<KeyedTable>),
}

/// An immutable copy of a state table at one version.
#[derive(Debug)]
pub enum Frozen {
    /// Rows by pane. Runs are shared; the table copies its list of runs on write.
    Panes(Arc<PaneTable>),
    /// Rows by key.
    Keyed(FrozenTable),
}

impl Frozen {
    /// The rows in batches, for [`StateTable::restore`]; [`Self::closed_to`] has to be stored with them. The iterator fails
    /// when spilled rows cannot be read.
    pub fn into_rows(self) -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
        match self {
            Self::Panes(panes) => Box::new(panes.snapshot()),
            Self::Keyed(keyed) => Box::new(keyed.into_rows()),
        }
    }

    /// Everything whose time is at or before this was dropped, in milliseconds since 1970.
    pub fn closed_to(&self) -> Option<i64> {
        match self {
            Self::Panes(panes) => panes.closed_to(),
            Self::Keyed(keyed) => keyed.closed_to(),
        }
    }
}

/// The changes of one epoch to a state table.
#[derive(Debug, Clone)]
pub enum StateDelta {
    /// Changes of panes.
    Panes(PaneDelta),
    /// Changes of keys.
    Keyed(KeyedDelta),
}

impl From<PaneDelta> for StateDelta {
    fn from(delta: PaneDelta) -> Self {
        Self::Panes(delta)
    }
}

impl From<KeyedDelta> for StateDelta {
    fn from(delta: KeyedDelta) -> Self {
        Self::Keyed(delta)
    }
}

impl StateDelta {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Panes(delta) => delta.is_empty(),
            Self::Keyed(delta) => delta.is_empty(),
        }
    }

    /// The number of rows it changes.
    pub fn rows(&self) -> usize {
        match self {
            Self::Panes(delta) => delta.rows(),
            Self::Keyed(delta) => delta.num_rows(),
        }
    }

    /// Adds the delta of another partition in the same epoch.
    ///
    /// # Errors
    /// When it is of another kind; that would be a bug.
    pub fn join(&mut self, same_epoch: Self) -> Result<()> {
        match (self, same_epoch) {
            (Self::Panes(delta), Self::Panes(other)) => delta.merge(other),
            (Self::Keyed(delta), Self::Keyed(other)) => delta.join(other),
            _ => return Err(mixed()),
        }
        Ok(())
    }

    /// Rows whose time is at or before this are dropped, in milliseconds since 1970.
    pub fn close_to(&self) -> Option<i64> {
        match self {
            Self::Panes(delta) => delta.close_to,
            Self::Keyed(delta) => delta.close_to,
        }
    }
}

impl StateTable {
    /// Applies the delta of an epoch.
    ///
    /// # Errors
    /// When the delta is of another kind, or spilled rows cannot be read.
    pub fn fold(&mut self, delta: &StateDelta) -> Result<()> {
        match (self, delta) {
            (Self::Panes(panes), StateDelta::Panes(delta)) => Arc::make_mut(panes).fold(delta),
            (Self::Keyed(keyed), StateDelta::Keyed(delta)) => {
                Arc::get_mut(keyed).ok_or_else(|| Error::internal("a state table is still being read"))?.fold(delta)?;
            }
            _ => return Err(mixed()),
        }
        Ok(())
    }

    /// Drops all rows up to a time, as the epoch of a restored commit did.
    ///
    /// # Errors
    /// When spilled rows cannot be read.
    pub fn close(&mut self, to: i64) -> Result<()> {
        let delta = match self {
            Self::Panes(_) => StateDelta::Panes(PaneDelta::closing(Some(to))),
            Self::Keyed(_) => StateDelta::Keyed(KeyedDelta { close_to: Some(to), ..KeyedDelta::default() }),
        };
        self.fold(&delta)
    }

    /// The least time of a row, at which the next timer is due.
    pub fn next_time(&self) -> Option<i64> {
        match self {
            Self::Panes(panes) => panes.next_close(),
            Self::Keyed(keyed) => keyed.next_time(),
        }
    }

    /// Rows and bytes in memory.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Panes(panes) => panes.size(),
            Self::Keyed(keyed) => {
                let (rows, memory, _) = keyed.size();
                (rows, memory)
            }
        }
    }

    /// The approximate bytes of its rows, in memory and on disk.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Panes(panes) => panes.bytes(),
            Self::Keyed(keyed) => {
                let (_, memory, disk) = keyed.size();
                memory + disk
            }
        }
    }

    /// An immutable copy of this version, for a commit.
    pub fn freeze(&self) -> Frozen {
        match self {
            Self::Panes(panes) => Frozen::Panes(Arc::clone(panes)),
            Self::Keyed(keyed) => Frozen::Keyed(keyed.freeze()),
        }
    }

    /// Everything whose time is at or before this was dropped, in milliseconds since 1970.
    pub fn closed_to(&self) -> Option<i64> {
        match self {
            Self::Panes(panes) => panes.closed_to(),
            Self::Keyed(keyed) => keyed.closed_to(),
        }
    }

    /// Decodes a batch of [`Frozen::into_rows`] to the rows that operators stored.
    ///
    /// # Errors
    /// When the batch is not of such a table.
    pub fn stored_rows(&self, stored: &RecordBatch) -> Result<RecordBatch> {
        match self {
            Self::Panes(_) => panes::rows(stored),
            Self::Keyed(_) => Ok(stored.clone()),
        }
    }

    /// Adds a part of a batch of another table's [`Frozen::into_rows`], whose rows are now in this partition.
    ///
    /// # Errors
    /// When the batch is not of such a table.
    pub fn adopt(&mut self, stored: &RecordBatch) -> Result<()> {
        match self {
            Self::Panes(panes) => Arc::make_mut(panes).adopt(stored),
            Self::Keyed(_) => self.restore(stored),
        }
    }

    /// Restores what [`Frozen::into_rows`] or [`PendingChanges::into_rows`](super::PendingChanges::into_rows) wrote.
    ///
    /// # Errors
    /// When the batch is not of such a table.
    pub fn restore(&mut self, stored: &RecordBatch) -> Result<()> {
        match self {
            Self::Panes(panes) => Arc::make_mut(panes).restore(stored),
            Self::Keyed(keyed) => Arc::get_mut(keyed).ok_or_else(|| Error::internal("a state table is still being read"))?.restore(stored),
        }
    }
}

fn mixed() -> Error {
    Error::internal("a delta of another kind than its state table")
}
