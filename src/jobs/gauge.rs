//! What a running job has cost so far, step by step.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::operators::context::StateTables;
use crate::planner::{Explained, Measured, Program};

use super::pipeline::EpochOutput;
use super::progress::Status;
use super::spec::{Insert, JobSpec};

/// Sums up the epochs of a job, for whoever asks.
///
/// The job adds to it after each epoch, a handful of numbers per stage and state table; who asks reads them at any time, and stops
/// nobody.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    measured: Measured,
    /// When the job began to run.
    since: Option<Instant>,
}

impl Meter {
    /// Counts from here on.
    pub(super) fn begin(&self) {
        *self.0.lock() = Sums { measured: Measured::default(), since: Some(Instant::now()) };
    }

    /// Adds an epoch.
    pub(super) fn epoch(&self, rows: u64, output: &EpochOutput) {
        take_in(&mut self.0.lock().measured, rows, output);
    }

    /// What the state holds now, as [`sizes`] tells it.
    pub(super) fn state(&self, sizes: Sizes) {
        self.0.lock().measured.state = sizes;
    }

    /// What has been measured since the job began to run.
    fn read(&self) -> Measured {
        let sums = self.0.lock();
        Measured { elapsed: sums.since.map_or_else(Default::default, |since| since.elapsed()), ..sums.measured.clone() }
    }
}

/// Adds what an epoch over so many rows has cost.
pub(super) fn take_in(measured: &mut Measured, rows: u64, output: &EpochOutput) {
    measured.epochs += 1;
    measured.rows += rows;
    for (stage, run) in &output.stages {
        let sum = measured.stages.entry(*stage).or_default();
        sum.0 += run.elapsed;
        sum.1 += run.rows;
    }
    for (node, late) in &output.late {
        *measured.late.entry(*node).or_default() += late;
    }
}

/// Rows and bytes by stateful node and table.
type Sizes = BTreeMap<(u32, u32), (u64, u64)>;

/// Rows and bytes of each state table.
pub(super) fn sizes(state: &StateTables) -> Sizes {
    let size = |(rows, bytes): (usize, usize)| (rows as u64, bytes as u64);
    state.iter().map(|(id, table)| ((id.node, id.table), size(table.size()))).collect()
}

/// Looks at a job while it runs, from the same process.
#[derive(Debug)]
pub struct Gauge {
    name: String,
    program: Arc<Program>,
    inserts: Arc<Vec<Insert>>,
    status: watch::Receiver<Status>,
    meter: Arc<Meter>,
}

impl Gauge {
    /// One for a job, which may not run yet.
    pub fn new(job: &JobSpec) -> Self {
        Self {
            name: job.name.clone(),
            program: Arc::clone(&job.program),
            inserts: Arc::clone(&job.inserts),
            status: job.status.subscribe(),
            meter: Arc::clone(&job.meter),
        }
    }

    /// What the job does, as EXPLAIN shows it, with what each step has taken and given since this start, and what its state holds now.
    pub fn explain(&self) -> String {
        let (measured, status) = (self.meter.read(), self.status.borrow().clone());
        let mut text = format!("job {}: {status}\n", self.name);
        if let Some(notice) = &status.notice {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{notice}");
        }
        let outputs: Vec<_> = self.inserts.iter().map(|insert| (format!("INSERT INTO {}", insert.id), &insert.output)).collect();
        let explained = Explained { program: &self.program, outputs: &outputs, measured: Some(&measured) };
        let _ = write!(text, "read {measured} since it was started\n\n{explained}");
        text
    }
}

#[cfg(test)]
#[path = "gauge_tests.rs"]
mod tests;
