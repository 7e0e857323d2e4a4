//! Reads the content of a materialized view from the commits of its job, in any process.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;

use crate::common::faults::Faults;
use crate::common::{Error, Result};
use crate::operators::changes::zset;
use crate::operators::epoch::context::StateId;
use crate::planner::{DeclaredTable, StreamingSettings};
use crate::state::{KeyMode, KeyedTable, Layout, StateMemory, StateStore};

use super::commits::{Commit, Commits, snapshot_section, state_section};

/// The section of a view's delta, in a commit with a snapshot of the view.
pub(super) fn change_section(table: &str) -> String {
    format!("changes/{table}")
}

pub(super) fn path(view: &str) -> String {
    format!("_views/{}", crate::common::names::encoded(view))
}

/// The job that maintains a view, if one was started.
///
/// # Errors
/// When the store cannot be read.
pub async fn owning_job(root: &dyn StateStore, view: &str) -> Result<Option<String>> {
    let job = root.get(&path(view)).await?;
    Ok(job.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(ToString::to_string))
}

/// A view's content at the newest commit of its job.
#[derive(Debug, Clone)]
pub struct StoredView {
    /// The checkpoint folder of all jobs, if it is durable.
    pub root: Option<Arc<dyn StateStore>>,
    /// The view's name.
    pub view: String,
    /// The settings under which its rows are computed.
    pub streaming: StreamingSettings,
    /// The views that continuous queries read.
    pub opened: Arc<Mutex<HashMap<String, Arc<DeclaredTable>>>>,
}

impl StoredView {
    /// The folder of the view's job.
    ///
    /// # Errors
    /// When no job maintains it.
    pub(super) async fn store(&self) -> Result<Arc<dyn StateStore>> {
        let view = &self.view;
        let root = self.root.as_ref().ok_or_else(|| Error::sql(format!("the content of materialized view `{view}` is not kept here")))?;
        let job = owning_job(root.as_ref(), view).await?.ok_or_else(|| {
            Error::sql(format!("materialized view `{view}` has no content yet: no job keeps it in {}", root.describe()))
                .hint("CREATE MATERIALIZED VIEW in the shell starts one, and so does `millstream run` with the file that creates it")
        })?;
        Ok(root.below(&job))
    }

    /// The state tables of the view, one per partition, and the commit of each snapshot.
    ///
    /// # Errors
    /// When its job no longer maintains it.
    pub(super) fn tables(&self, commit: &Commit) -> Result<Vec<(String, u64)>> {
        let table = commit.body.views.get(&self.view).ok_or_else(|| {
            Error::sql(format!("materialized view `{}` is not kept by its job any more", self.view))
                .hint("start the file that creates it with `millstream run`")
        })?;
        let of_view: StateId = table.parse()?;
        let is_part = |name: &str| name.parse::<StateId>().is_ok_and(|id| (id.node, id.table) == (of_view.node, of_view.table));
        Ok(commit.body.bases.iter().filter(|(name, _)| is_part(name)).map(|(name, base)| (name.clone(), *base)).collect())
    }

    /// The error for a commit that a reader needs but that was pruned.
    pub(super) fn gone(&self, commit: i64) -> Error {
        Error::state(format!("commit {commit} of materialized view `{}` is gone, and with it changes that were not read", self.view))
            .hint("run with --fresh to drop the state of this job and read the view anew")
    }

    /// The error for a view that was restarted from scratch while it was being read.
    pub(super) fn anew(&self) -> Error {
        Error::state(format!("materialized view `{}` was begun anew, and what was read of it before does not fit its content", self.view))
            .hint("run with --fresh to drop the state of this job and read the view anew")
    }

    /// The error for a retraction in an append-only view.
    pub(super) fn changed_kind(&self) -> Error {
        Error::state(format!("rows of materialized view `{}` change, which they would not do with the settings of this job", self.view))
            .hint("SET 'table.exec.emit.allow-lateness' to what the view was created with")
    }

    /// The content at a commit, inner `None` if it is empty; outer `None` if a commit was pruned in the meantime.
    pub(super) async fn content(&self, commits: &Commits, last: &Commit) -> Result<Option<Option<KeyedTable>>> {
        let tables = self.tables(last)?;
        let (mut content, newest) = (None, &last.body);
        for (table, _) in &tables {
            let Some(carrier) = newest.carrier(table) else { continue };
            let Some(commit) = commits.read(carrier).await? else { return Ok(None) };
            take(&mut content, &commit, &snapshot_section(table), commits).await?;
        }
        let base = tables.iter().map(|(_, base)| *base).min().unwrap_or(newest.n);
        for n in base..=newest.n {
            let read = if n == newest.n { None } else { Some(commits.read(n).await?) };
            let commit = match &read {
                None => last,
                Some(Some(commit)) => commit,
                Some(None) => return Ok(None),
            };
            for (table, _) in tables.iter().filter(|(table, _)| newest.rebuilds_from(table, n)) {
                take(&mut content, commit, &state_section(table), commits).await?;
            }
        }
        Ok(Some(content))
    }
}

/// Folds a section of a commit.
async fn take(content: &mut Option<KeyedTable>, commit: &Commit, section: &str, commits: &Commits) -> Result<()> {
    let take = |batch: RecordBatch| {
        let content = match content {
            Some(content) => content,
            None => {
                let schema = zset::unweighted(&batch.schema());
                let key = (0..schema.fields().len()).collect();
                let layout = Layout { schema, key, time: None, mode: KeyMode::Multiset };
                content.insert(KeyedTable::new(Arc::new(layout), StateMemory::unlimited())?)
            }
        };
        content.restore(&batch)
    };
    commit.each(section, commits.store().as_ref(), take).await.map(drop)
}

impl Commits {
    /// Commits of a job that another process writes: read only.
    pub fn reader(store: Arc<dyn StateStore>) -> Self {
        let incarnation = super::commits::Incarnation { job_uuid: String::new(), folder: None, number: 0, attempt: String::new() };
        Self::open(store, incarnation, Faults::none())
    }
}
