//! The progress of a batch query, for the progress line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::{ExecutionPlan, StatisticsArgs, StatisticsContext};

use crate::operators::SourceScanExec;

/// How much the scans of one query have to read, and have read. Counted in positions, gaps included, because the number of rows is not
/// known in advance; ranges that are read twice count twice.
///
/// DataFusion's scans (files) count their rows themselves; the total is known only if the files' statistics have it.
#[derive(Debug, Default)]
pub struct ReadProgress {
    planned: Option<u64>,
    passed: AtomicU64,
    rows: AtomicU64,
    others: Vec<Arc<dyn ExecutionPlan>>,
}

/// The progress of the current query of a session.
#[derive(Debug, Default)]
pub struct Progress(Mutex<Arc<ReadProgress>>);

impl Progress {
    /// Starts the progress of a query with this plan.
    pub fn begin(&self, plan: &Arc<dyn ExecutionPlan>) -> Arc<ReadProgress> {
        let (mut planned, mut others) = (Some(0), Vec::new());
        leaves(plan, &mut planned, &mut others);
        let new = Arc::new(ReadProgress { planned, others, ..ReadProgress::default() });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&new);
        new
    }

    /// The progress of the newest query.
    pub fn newest(&self) -> Arc<ReadProgress> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Collects the positions that the scans of a plan read, if known, and the leaves that are not a [`SourceScanExec`].
fn leaves(plan: &Arc<dyn ExecutionPlan>, planned: &mut Option<u64>, others: &mut Vec<Arc<dyn ExecutionPlan>>) {
    let children = plan.children();
    children.iter().for_each(|child| leaves(child, planned, others));
    if !children.is_empty() {
        return;
    }
    let here = match plan.downcast_ref::<SourceScanExec>() {
        Some(scan) => Some(scan.positions()),
        None => {
            others.push(Arc::clone(plan));
            let all = StatisticsContext::new().compute(plan.as_ref(), &StatisticsArgs::new()).ok();
            let rows = all.and_then(|all| all.num_rows.get_value().copied());
            rows.and_then(|rows| u64::try_from(rows).ok())
        }
    };
    *planned = planned.zip(here).map(|(planned, here)| planned.saturating_add(here));
}

impl ReadProgress {
    /// The total number of positions, if known.
    pub fn planned(&self) -> Option<u64> {
        self.planned.filter(|planned| *planned > 0)
    }

    /// The number of positions that were read.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed).saturating_add(self.elsewhere())
    }

    /// The number of rows that were read.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed).saturating_add(self.elsewhere())
    }

    fn elsewhere(&self) -> u64 {
        let rows = |scan: &Arc<dyn ExecutionPlan>| scan.metrics().and_then(|metrics| metrics.output_rows()).unwrap_or(0) as u64;
        self.others.iter().map(rows).sum()
    }

    /// Starts a split of this many positions.
    pub fn split(self: &Arc<Self>, positions: u64) -> SplitProgress {
        SplitProgress { all: Arc::clone(self), left: positions }
    }
}

/// How far one split is read.
///
/// Rows are counted as positions until the split ends; then gaps (control records, bad ones, compaction) are added at once. A split
/// that is dropped early (LIMIT) counts as read to its end.
#[derive(Debug)]
pub struct SplitProgress {
    all: Arc<ReadProgress>,
    left: u64,
}

impl SplitProgress {
    /// Counts rows.
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
        let progress = Arc::new(ReadProgress { planned: Some(30), ..ReadProgress::default() });
        let (mut first, mut second) = (progress.split(20), progress.split(10));
        first.rows(5);
        second.rows(15);
        assert_eq!((progress.passed(), progress.rows()), (15, 20));
        drop(first);
        assert_eq!((progress.passed(), progress.planned()), (30, Some(30)));
        drop(second);
        progress.split(10).rows(10);
        assert_eq!((progress.passed(), progress.rows()), (40, 30));
    }
}
