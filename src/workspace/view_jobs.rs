//! Which job keeps a materialized view, and what becomes of it when the view is declared again or dropped.

use crate::catalog::Entry;
use crate::common::{Error, Result};
use crate::sql::ast::{Drop, DropKind, Parsed, Statement};

use super::connection::Connection;
use crate::jobs::commits::Commits;
use crate::jobs::{readers, stored_view, views};

/// The job that keeps a materialized view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// The view.
    pub view: String,
    /// The job.
    pub job: String,
    /// Whether it runs: on an object store, known only for jobs of this process.
    pub runs: bool,
}

impl Connection {
    /// The job that keeps the view that a CREATE or DROP MATERIALIZED VIEW names, if one was started.
    ///
    /// # Errors
    /// When the checkpoint folder cannot be read.
    pub async fn keeper(&self, parsed: &Parsed) -> Result<Option<Keeper>> {
        let name = match &parsed.statement {
            Statement::CreateView(view) if view.materialized => &view.name,
            Statement::Drop(Drop { kind: DropKind::MaterializedView, name, .. }) => name,
            _ => return Ok(None),
        };
        let found = self.with_catalog(|catalog| catalog.find(name))?;
        let Some(Entry::View(view)) = found.filter(|found| found.what() == DropKind::MaterializedView.what()) else { return Ok(None) };
        self.kept(&view.definition.name).await
    }

    async fn kept(&self, view: &str) -> Result<Option<Keeper>> {
        let Some(root) = self.workspace.root() else { return Ok(None) };
        let Some(job) = stored_view::owning_job(root.as_ref(), view).await? else { return Ok(None) };
        let store = root.below(&job);
        if store.list("incarnations").await?.is_empty() {
            return Ok(None);
        }
        let here = self.workspace.jobs.runs(&job);
        Ok(Some(Keeper { view: view.to_string(), runs: here || store.lock().is_err(), job }))
    }

    /// Whether a CREATE says again what is declared already.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn declares_again(&self, parsed: &Parsed) -> Result<bool> {
        self.with_catalog(|catalog| catalog.declares_again(parsed))
    }

    /// Refuses to drop or replace a view that something reads.
    ///
    /// # Errors
    /// Names who reads it.
    pub async fn refuse_read(&self, view: &str) -> Result<()> {
        let Some(root) = self.workspace.root() else { return Ok(()) };
        let readers = readers::jobs(root.as_ref(), view).await?;
        if readers.is_empty() {
            return Ok(());
        }
        let shown: Vec<String> = readers.iter().map(|job| format!("`{job}`")).collect();
        Err(Error::sql(format!("materialized view `{view}` is read by {}", shown.join(", "))).hint(
            "what it read would fit the view no more; stop the job and remove its folder of checkpoints, or give the new view another name",
        ))
    }

    /// Refuses to drop what cannot be dropped, before anything is stopped for it.
    ///
    /// # Errors
    /// As DROP itself.
    pub fn refuse_drop(&self, drop: &Drop) -> Result<()> {
        self.with_catalog(|catalog| catalog.refuse_drop(drop))
    }

    /// Removes the state of the job that keeps a view, unless it does other things as well; what to say of it.
    ///
    /// # Errors
    /// When the store cannot be changed.
    pub async fn forget_view(&self, keeper: &Keeper) -> Result<String> {
        let Keeper { view, job, .. } = keeper;
        let Some(root) = self.workspace.root() else { return Ok(String::new()) };
        let store = root.below(job);
        let last = Commits::reader(store.clone()).last().await?;
        let alone = last.is_none_or(|last| last.body.confirmed.is_empty() && last.body.views.len() <= 1);
        views::forget(root.as_ref(), view).await?;
        if !alone {
            return Ok(format!("job {job} stays, because it does more than to keep `{view}`"));
        }
        store.remove().await?;
        self.workspace.jobs.remove(job);
        Ok(format!("job {job} and the content of `{view}` are removed"))
    }
}
