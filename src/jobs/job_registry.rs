//! The jobs that this process has started.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::progress::Status;

/// What jobs tell of themselves, by name. One that is over keeps its last status.
#[derive(Debug, Default)]
pub struct JobRegistry(Mutex<BTreeMap<String, watch::Receiver<Status>>>);

impl JobRegistry {
    /// Adds a job, in place of an earlier one of its name.
    pub fn add(&self, name: &str, status: watch::Receiver<Status>) {
        self.0.lock().insert(name.to_string(), status);
    }

    /// Forgets a job that is over.
    pub fn remove(&self, name: &str) {
        self.0.lock().remove(name);
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<String, watch::Receiver<Status>> {
        self.0.lock().clone()
    }
}
