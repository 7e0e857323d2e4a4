//! The sums of a job's metrics.

use std::collections::BTreeMap;
use std::time::Instant;

use parking_lot::Mutex;

use crate::common::clock;
use crate::operators::epoch::context::StateTables;
use crate::planner::Measured;

/// The sums over the epochs of a job.
///
/// The job adds a few numbers per stage and state table after each epoch; readers do not block it for long.
#[derive(Debug, Default)]
pub struct JobMetricsView(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    measured: Measured,
    /// When the job began to run.
    since: Option<Instant>,
}

impl JobMetricsView {
    /// Starts counting.
    pub(super) fn begin(&self) {
        *self.0.lock() = Sums { measured: Measured::default(), since: Some(clock::instant()) };
    }

    /// Adds one measurement.
    pub(super) fn add(&self, measured: impl FnOnce(&mut Measured)) {
        measured(&mut self.0.lock().measured);
    }

    /// The sums since the job began to run.
    pub(super) fn read(&self) -> Measured {
        let sums = self.0.lock();
        Measured { elapsed: sums.since.map_or_else(Default::default, clock::since), ..sums.measured.clone() }
    }
}

/// Rows and bytes by stateful node and table.
pub(super) type Sizes = BTreeMap<(u32, u32), (u64, u64)>;

/// Rows and bytes of each state table, in all of its partitions.
pub fn sizes(state: &StateTables) -> Sizes {
    let mut sizes = Sizes::new();
    for (id, table) in state {
        let ((rows, bytes), size) = (table.size(), sizes.entry((id.node, id.table)).or_default());
        *size = (size.0 + rows as u64, size.1 + bytes as u64);
    }
    sizes
}
