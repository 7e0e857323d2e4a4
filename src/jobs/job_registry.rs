//! The registry of jobs that this process has started.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use super::handle::JobHandle;
use super::spec::JobSpec;

/// Jobs by name. An ended job stays, with its last status, until another one takes its name.
#[derive(Debug, Default)]
pub struct JobRegistry(Mutex<BTreeMap<String, JobHandle>>);

impl JobRegistry {
    /// Starts a job; `None` if a job of its name is running.
    pub fn start(&self, job: JobSpec) -> Option<JobHandle> {
        let mut jobs = self.0.lock();
        if jobs.get(&job.name).is_some_and(|job| !job.is_over()) {
            return None;
        }
        let handle = JobHandle::start(job);
        jobs.insert(handle.name().to_string(), handle.clone());
        Some(handle)
    }

    /// Removes an ended job.
    pub fn remove(&self, name: &str) {
        self.0.lock().remove(name);
    }

    /// The job of a name.
    pub fn get(&self, name: &str) -> Option<JobHandle> {
        self.0.lock().get(name).cloned()
    }

    /// Whether a job of this name runs.
    pub fn runs(&self, name: &str) -> bool {
        self.get(name).is_some_and(|job| !job.is_over())
    }

    /// All jobs, by name.
    pub fn all(&self) -> Vec<JobHandle> {
        self.0.lock().values().cloned().collect()
    }
}
