//! Counts the records that a query has skipped.

use parking_lot::Mutex;

use crate::common::Result;
use crate::connectors::on_error::{self, OnError};

/// Logs on drop how many records were skipped, with the first of them.
#[derive(Debug, Default)]
pub(super) struct SkippedRecords(Mutex<Option<(usize, String)>>);

impl SkippedRecords {
    /// Counts records that were skipped; `first` describes one of them.
    ///
    /// # Errors
    /// With [`OnError::Fail`].
    pub(super) fn note(&self, on_error: OnError, count: usize, first: &str) -> Result<()> {
        if on_error == OnError::Fail {
            return Err(on_error::failure(first));
        }
        self.0.lock().get_or_insert_with(|| (0, first.to_string())).0 += count;
        Ok(())
    }
}

impl Drop for SkippedRecords {
    fn drop(&mut self) {
        if let Some((count, first)) = self.0.get_mut() {
            tracing::warn!("{count} bad record(s) skipped; the first: {first}");
        }
    }
}
