//! The metrics of a running job, by stage, for EXPLAIN ANALYZE.

use std::fmt::Write;
use std::sync::Arc;

use tokio::sync::watch;

use crate::planner::{Explained, Measured, Program};

use super::metrics_view::JobMetricsView;
use super::pipeline::EpochOutput;
use super::progress::Status;
use super::spec::{Insert, JobSpec};

/// Adds the metrics of an epoch over `rows` rows.
pub fn add_epoch(measured: &mut Measured, rows: u64, output: &EpochOutput) {
    measured.epochs += 1;
    measured.rows += rows;
    for (stage, run) in &output.stages {
        let sum = measured.stages.entry(*stage).or_default();
        sum.elapsed += run.elapsed;
        sum.rows += run.rows;
        sum.partitions.resize(run.partitions.len().max(sum.partitions.len()), Default::default());
        for (sum, partition) in sum.partitions.iter_mut().zip(&run.partitions) {
            *sum = (sum.0 + partition.elapsed, sum.1 + partition.rows);
        }
        for (exchange, run) in &run.exchanged {
            let sum = sum.exchanged.entry(*exchange).or_default();
            sum.rows.resize(run.rows.len(), 0);
            sum.rows.iter_mut().zip(&run.rows).for_each(|(sum, rows)| *sum += rows);
            sum.heavy.merge(&run.heavy);
        }
    }
    for (node, late) in &output.late {
        *measured.late.entry(*node).or_default() += late;
    }
}

/// Reads the metrics of a running job, in the same process.
#[derive(Debug)]
pub struct JobMetrics {
    name: String,
    program: Arc<Program>,
    inserts: Arc<Vec<Insert>>,
    status: watch::Receiver<Status>,
    meter: Arc<JobMetricsView>,
}

impl JobMetrics {
    /// Creates the metrics of a job, which may not run yet.
    pub fn new(job: &JobSpec) -> Self {
        Self {
            name: job.name.clone(),
            program: Arc::clone(&job.program),
            inserts: Arc::clone(&job.inserts),
            status: job.status.subscribe(),
            meter: Arc::clone(&job.meter),
        }
    }

    /// Rows and time of each partition since this start, and skewed keys; `None` with one partition, or without skew.
    pub fn partitions(&self) -> (Option<String>, Option<String>) {
        let measured = self.meter.read();
        (measured.partitions(), measured.skew(&self.program))
    }

    /// The EXPLAIN of the job, with the rows and time of each stage since this start, and the current size of its state.
    pub fn explain(&self) -> String {
        let (measured, status) = (self.meter.read(), self.status.borrow().clone());
        let mut text = format!("job {}: {status}\n", self.name);
        if let Some(notice) = status.message() {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{notice}");
        }
        let outputs: Vec<_> = self.inserts.iter().map(|insert| (format!("INSERT INTO {}", insert.id), &insert.output)).collect();
        let explained = Explained { program: &self.program, outputs: &outputs, measured: Some(&measured) };
        let _ = write!(text, "read {measured} since it was started\n\n{explained}");
        text
    }
}
