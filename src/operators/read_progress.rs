//! How far a batch query has read, for the line that people see.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the scans of one query have to read, and have read. Counted in positions, gaps included, because the number of rows is not
/// known before they are there; what is read twice counts twice.
#[derive(Debug, Default)]
pub struct ReadProgress {
    planned: AtomicU64,
    passed: AtomicU64,
    rows: AtomicU64,
}

/// The progress of the query that a session runs at the moment.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Arc<ReadProgress>>);

impl Progress {
    /// Begins with a query that reads so many positions.
    pub fn begin(&self, planned: u64) -> Arc<ReadProgress> {
        let new = Arc::new(ReadProgress { planned: AtomicU64::new(planned), ..ReadProgress::default() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        new
    }

    /// The newest query's.
    pub fn newest(&self) -> Arc<ReadProgress> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReadProgress {
    /// Positions that are read in all; 0 if nobody knows.
    pub fn planned(&self) -> u64 {
        self.planned.load(Ordering::Relaxed)
    }

    /// Positions behind which reading stands, never more than [`Self::planned`].
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed).min(self.planned())
    }

    /// Rows that came.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// A split of so many positions begins.
    pub fn split(self: &Arc<Self>, positions: u64) -> SplitProgress {
        SplitProgress { all: Arc::clone(self), left: positions }
    }
}

/// How far one split is read.
///
/// Rows are counted as positions until the split is over: gaps (control records, bad ones, compaction) are passed then at once. A split
/// that is dropped before its end was read far enough, so it is over, too.
#[derive(Debug)]
pub struct SplitProgress {
    all: Arc<ReadProgress>,
    left: u64,
}

impl SplitProgress {
    /// So many rows came.
    pub fn rows(&mut self, rows: usize) {
        let rows = rows as u64;
        self.all.rows.fetch_add(rows, Ordering::Relaxed);
        // One record can be several rows.
        let passed = rows.min(self.left);
        self.left -= passed;
        self.all.passed.fetch_add(passed, Ordering::Relaxed);
    }
}

impl Drop for SplitProgress {
    fn drop(&mut self) {
        self.all.passed.fetch_add(self.left, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_passed_at_the_end() {
        let progress = Progress::default().begin(30);
        let (mut first, mut second) = (progress.split(20), progress.split(10));
        first.rows(5);
        second.rows(15);
        assert_eq!((progress.passed(), progress.rows()), (15, 20));
        drop(first);
        assert_eq!((progress.passed(), progress.planned()), (30, 30));
        drop(second);
        progress.split(10).rows(10);
        assert_eq!((progress.passed(), progress.rows()), (30, 30));
    }
}
