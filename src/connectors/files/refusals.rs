//! Rows that have no form in a job's files: bad records of the sink, of which `on-error` says what becomes of them.

use crate::common::{Error, Result};
use crate::connectors::on_error::OnError;

use super::config::Config;

/// Counts them, and speaks of the 1st, 10th, 100th, ...
#[derive(Debug)]
pub struct Refusals {
    table: String,
    on_error: OnError,
    count: u64,
}

impl Refusals {
    /// None yet.
    pub fn of(config: &Config) -> Self {
        Self { table: config.table.clone(), on_error: config.on_error, count: 0 }
    }

    /// Takes note of one.
    ///
    /// # Errors
    /// When bad records end the job.
    pub fn note(&mut self, error: Error) -> Result<()> {
        let error = error.context(format!("table `{}`: a row cannot be written", self.table));
        if self.on_error == OnError::Fail {
            return Err(error.hint("'on-error' = 'skip' counts such rows and goes on"));
        }
        self.count += 1;
        if self.count == 10_u64.saturating_pow(self.count.ilog10()) {
            tracing::warn!("{error}; it is left out ({} so far)", self.count);
        }
        Ok(())
    }
}
