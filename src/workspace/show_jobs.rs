//! SHOW JOBS: the jobs that run here, and those that have a checkpoint folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray};

use crate::common::Result;

use super::connection::Connection;
use super::dependents;
use super::show::{ShownRows, batch};
use crate::jobs::commits::Commits;
use crate::jobs::progress::{Phase, Status};

/// What SHOW JOBS knows of a job.
#[derive(Debug, Default)]
struct Listed {
    /// `None` for a job that this process does not run.
    phase: Option<String>,
    commit: Option<u64>,
    status: Option<Status>,
    /// Rows and time of each partition.
    partitions: Option<String>,
    /// Keys that most rows have.
    skew: Option<String>,
}

impl Listed {
    /// A job of this process.
    fn new(status: Status) -> Self {
        Self { phase: Some(status.phase.to_string()), commit: Some(status.commit), status: Some(status), ..Self::default() }
    }
}

impl Connection {
    /// Answers SHOW JOBS: those whose names are `wanted`.
    pub(super) async fn jobs(&self, wanted: impl Fn(&str) -> bool) -> Result<ShownRows> {
        let mut all: BTreeMap<String, Listed> = BTreeMap::new();
        if let Some(root) = self.workspace.root() {
            for name in dependents::jobs(root.as_ref()).await?.into_iter().filter(|name| wanted(name)) {
                let last = Commits::reader(root.below(&name)).last().await?;
                let finished = last.as_ref().is_some_and(|commit| commit.body.finished);
                let phase = finished.then(|| Phase::Finished.to_string());
                all.insert(name, Listed { phase, commit: last.map(|commit| commit.body.n), ..Listed::default() });
            }
        }
        for job in self.workspace.jobs.all().into_iter().filter(|job| wanted(job.name())) {
            let (partitions, skew) = job.partitions();
            all.insert(job.name().to_string(), Listed { partitions, skew, ..Listed::new(job.status()) });
        }
        rows(&all)
    }
}

fn rows(jobs: &BTreeMap<String, Listed>) -> Result<ShownRows> {
    let number = |of: fn(&Status) -> Option<u64>| -> ArrayRef {
        let value = |job: &Listed| job.status.as_ref().and_then(of).and_then(|n| i64::try_from(n).ok());
        Arc::new(jobs.values().map(value).collect::<Int64Array>())
    };
    let of_all = |of: fn(&Listed) -> Option<&str>| -> ArrayRef { Arc::new(jobs.values().map(of).collect::<StringArray>()) };
    let watermarks = jobs.values().map(|job| job.status.as_ref()?.watermark.filter(|millis| *millis != i64::MAX));
    let commits = jobs.values().map(|job| i64::try_from(job.commit?).ok());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a speed of whole rows")]
    let speed = number(|status| Some(status.rows_per_second as u64));
    batch(vec![
        ("job name", Arc::new(StringArray::from_iter_values(jobs.keys()))),
        ("status", of_all(|job| job.phase.as_deref())),
        ("rows/s", speed),
        ("lag", number(|status| status.lag)),
        ("watermark", Arc::new(watermarks.collect::<TimestampMillisecondArray>())),
        ("rows in", number(|status| Some(status.rows))),
        ("rows out", number(|status| Some(status.rows_out))),
        ("late", number(|status| Some(status.late))),
        ("state", number(|status| Some(status.state_bytes + status.state_disk))),
        ("partitions", of_all(|job| job.partitions.as_deref())),
        ("skew", of_all(|job| job.skew.as_deref())),
        ("commit", Arc::new(commits.collect::<Int64Array>())),
        ("notice", of_all(|job| job.status.as_ref()?.message())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_has_failed_is_listed_with_what_it_did() {
        let running = Status { phase: Phase::Running, rows: 7, ..Status::default() };
        let failed = Status { phase: Phase::Failed, notice: Some("why".into()), ..Status::default() };
        let jobs = BTreeMap::from([("a".to_string(), Listed::new(running)), ("b".to_string(), Listed::new(failed))]);
        let (_, rows) = rows(&jobs).unwrap();
        let text = arrow::util::pretty::pretty_format_batches(&[rows.project(&[0, 1, 5, 12]).unwrap()]).unwrap().to_string();
        assert!(text.contains("| a        | RUNNING | 7       |        |"), "{text}");
        assert!(text.contains("| b        | FAILED  | 0       | why    |"), "{text}");
    }
}
