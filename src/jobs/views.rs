//! Materialized views: where their content is found again, from any process.
//!
//! A view is kept by the job that was started with it, as one of its state tables. The checkpoint folder says which job:
//! `_views/<view>` holds the job's name, and every commit of that job which of its tables the view is.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;

use crate::common::faults::Faults;
use crate::common::{Error, Result};
use crate::operators::zset;
use crate::planner::Kept;
use crate::state::{KeyMode, KeyedTable, Layout, StateMemory, StateStore};

use super::commits::{Commit, Commits, state_section};

/// A materialized view of a job.
#[derive(Debug, Clone)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The stateful node that keeps its content, in table 0.
    pub node: u32,
    /// All stateful nodes below, and it.
    pub nodes: BTreeSet<u32>,
    /// The query in a canonical form.
    pub identity: String,
}

fn path(view: &str) -> String {
    format!("_views/{}", crate::common::names::encoded(view))
}

/// Writes down which job keeps a view.
///
/// # Errors
/// When the store cannot be written.
pub async fn announce(root: &dyn StateStore, view: &str, job: &str) -> Result<()> {
    root.replace(&path(view), Bytes::from(job.to_string())).await
}

/// A view's content at the newest commit of its job.
#[derive(Debug)]
pub struct Stored {
    /// The checkpoint folder of all jobs, if there is one that lasts.
    pub root: Option<Arc<dyn StateStore>>,
    /// The view's name.
    pub view: String,
}

#[async_trait]
impl Kept for Stored {
    async fn rows(&self) -> Result<Vec<RecordBatch>> {
        let view = &self.view;
        let root = self.root.as_ref().ok_or_else(|| Error::sql(format!("the content of materialized view `{view}` is not kept here")))?;
        let job = root.get(&path(view)).await?;
        let job = job.as_deref().and_then(|b| std::str::from_utf8(b).ok()).map(ToString::to_string).ok_or_else(|| {
            Error::sql(format!("materialized view `{view}` has no content yet: no job keeps it in {}", root.describe()))
                .hint("start the file that creates it with `millstream run`")
        })?;
        let store = root.below(&job);
        // A running job may prune what is being read; then there is a newer base.
        for _ in 0..5 {
            if let Some(rows) = self.read(&Commits::reader(Arc::clone(&store))).await? {
                return Ok(rows);
            }
        }
        Err(Error::unavailable(format!("the commits of job `{job}` go by faster than they can be read")))
    }
}

impl Stored {
    /// `None` if a commit went away in the meantime.
    async fn read(&self, commits: &Commits) -> Result<Option<Vec<RecordBatch>>> {
        let Some(last) = commits.last().await? else { return Ok(Some(Vec::new())) };
        let missing = || {
            Error::sql(format!("materialized view `{}` is not kept by its job any more", self.view))
                .hint("start the file that creates it with `millstream run`")
        };
        let table = last.body.views.get(&self.view).cloned().ok_or_else(missing)?;
        let mut content: Option<KeyedTable> = None;
        let newest = last.body.n;
        let base = last.body.bases.get(&table).copied().unwrap_or(newest);
        for n in base..=newest {
            let Some(commit) = commits.read(n).await? else { return Ok(None) };
            fold(&mut content, &commit, &table, commits).await?;
        }
        let Some(content) = content else { return Ok(Some(Vec::new())) };
        content.scan()?.map(|batch| zset::expand(&batch?)).collect::<Result<_>>().map(Some)
    }
}

async fn fold(content: &mut Option<KeyedTable>, commit: &Commit, table: &str, commits: &Commits) -> Result<()> {
    let take = |batch: RecordBatch| {
        let content = match content {
            Some(content) => content,
            None => {
                let schema = zset::unweighted(&batch.schema());
                let key = (0..schema.fields().len()).collect();
                let layout = Layout { schema, key, time: None, mode: KeyMode::Bag };
                content.insert(KeyedTable::new(Arc::new(layout), StateMemory::unlimited())?)
            }
        };
        content.restore(&batch)
    };
    commit.each(&state_section(table), commits.store().as_ref(), take).await.map(drop)
}

impl Commits {
    /// Commits of a job that somebody else writes; nothing can be put.
    pub(super) fn reader(store: Arc<dyn StateStore>) -> Self {
        let me = super::commits::Incarnation { job_uuid: String::new(), folder: None, incarnation: 0, attempt: String::new() };
        Self::over(store, me, Faults::none())
    }
}
