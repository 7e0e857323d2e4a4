//! Statements to a job that runs in the background.

use crate::common::{Error, Result, names};
use crate::jobs::handle::JobHandle;
use crate::jobs::{self, Settings};
use crate::sql::ast::{Parsed, Statement};

use super::connection::Connection;
use super::job_settings::settings;

/// A name that is taken gets a number behind it, up to this one.
const NAMES: usize = 100;

impl Connection {
    /// Starts INSERTs and materialized views as one job of this process, whose name is `pipeline.name`, else that of the first table that
    /// it writes.
    ///
    /// # Errors
    /// When it does not plan, its name is taken, or there is no folder for its commits.
    pub async fn start_job(&self, parts: &[Parsed]) -> Result<JobHandle> {
        let said = self.job_settings()?;
        let Some(checkpoints) = &self.workspace.checkpoints else { return Err(Error::internal("jobs have no folder for their commits")) };
        let mut settings: Settings = settings(&said, checkpoints.remote);
        self.share_memory(&mut settings);
        let wanted = said.pipeline_name.clone().unwrap_or_else(|| target(parts));
        for number in 1..=NAMES {
            let name = if number == 1 { wanted.clone() } else { format!("{wanted}-{number}") };
            let taken = || {
                Error::sql(format!("job `{name}` is running")).hint(format!("STOP JOB '{name}', or SET 'pipeline.name' to another name"))
            };
            if self.workspace.jobs.runs(&name) {
                match said.pipeline_name {
                    Some(_) => return Err(taken()),
                    None => continue,
                }
            }
            let spec = self.plan_job(&name, parts, checkpoints.root.clone(), settings.clone()).await?;
            // A folder of that name may hold the state of something else.
            if said.pipeline_name.is_none() && !jobs::resumes(&spec).await? {
                continue;
            }
            // Another connection may have been quicker.
            match self.workspace.jobs.start(spec) {
                Some(job) => return Ok(job),
                None if said.pipeline_name.is_some() => return Err(taken()),
                None => {}
            }
        }
        Err(Error::sql(format!("there are {NAMES} jobs named `{wanted}` already")).hint("SET 'pipeline.name' = '...' names the next one"))
    }

    /// What a job of this process does and what that has cost so far, step by step.
    ///
    /// # Errors
    /// When it does not run here.
    pub async fn explain_job(&self, name: &str) -> Result<String> {
        if let Some(explained) = self.workspace.jobs.get(name).and_then(|job| job.explain()) {
            return Ok(explained);
        }
        names::check_job(name)?;
        let there = match self.workspace.root() {
            Some(root) => !root.below(name).list("commits").await?.is_empty(),
            None => false,
        };
        if !there {
            return Err(self.no_such_job(name));
        }
        Err(Error::sql(format!("job `{name}` does not run in this session"))
            .hint("what a job has cost is known where it runs: ask in the shell that started it; `millstream run` tells how it goes in its last line"))
    }

    /// The error for a job that does not run here.
    pub fn no_such_job(&self, name: &str) -> Error {
        let error = Error::sql(format!("no job `{name}` was started in this session"));
        let running = self.workspace.jobs.all();
        let names: Vec<&str> = running.iter().filter(|job| !job.is_over()).map(JobHandle::name).collect();
        if names.is_empty() { error } else { error.hint(crate::common::suggest::hint(name, &names)) }
    }
}

/// The name of a job that got none: what it writes.
fn target(parts: &[Parsed]) -> String {
    let name = match parts.first().map(|part| &part.statement) {
        Some(Statement::Insert(insert)) => insert.table.as_str(),
        Some(Statement::CreateView(view)) => view.name.as_str(),
        _ => "job",
    };
    names::job_from(name)
}
