//! Materialized views: where their content is found again, from any process.
//!
//! A view is kept by the job that was started with it, as one of its state tables. The checkpoint folder says which job:
//! `_views/<view>` holds the job's name, and every commit of that job which of its tables the view is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use crate::common::faults::Faults;
use crate::common::{Error, Result};
use crate::operators::context::StateId;
use crate::operators::zset;
use crate::planner::{Content, DeclaredTable, Kept, Streaming};
use crate::sql::ast::{Column, CreateTable, Options};
use crate::state::{KeyMode, KeyedTable, Layout, PieceWriter, Section, StateDelta, StateMemory, StateStore, Written};

use super::commits::{Commit, Commits, state_section};
use super::view_source::ViewSource;
use super::{inferred, readers};

/// About so many bytes of changes make a piece of a commit.
const PIECE: usize = 8 << 20;

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
    /// The checkpoint folder of all jobs.
    pub root: Arc<dyn StateStore>,
}

impl View {
    /// The state table that keeps its content.
    pub fn table(&self) -> StateId {
        StateId { node: self.node, table: 0 }
    }
}

/// The section of what a commit changes in a view that it holds whole.
pub(super) fn change_section(table: &str) -> String {
    format!("changes/{table}")
}

/// Adds to a commit what changes in views that it holds `whole`: their readers read changes alone.
///
/// # Errors
/// When the store cannot be written.
pub(super) async fn changes(
    views: &[View],
    whole: impl Fn(&str) -> bool,
    deltas: &BTreeMap<StateId, StateDelta>,
    store: &Arc<dyn StateStore>,
    stem: &str,
    (sections, written): (&mut Vec<Section>, &mut Vec<Written>),
) -> Result<()> {
    for view in views {
        let table = view.table().to_string();
        let Some(delta) = deltas.get(&view.table()).filter(|_| whole(&table)) else { continue };
        let mut writer = PieceWriter::new(Arc::clone(store), change_section(&table), format!("{stem}-v{}", view.node), PIECE);
        for batch in delta.encode()? {
            writer.push(batch?).await?;
        }
        writer.finish_into(sections, written).await?;
    }
    Ok(())
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

/// The job that keeps a view, if one was started.
///
/// # Errors
/// When the store cannot be read.
pub async fn kept_by(root: &dyn StateStore, view: &str) -> Result<Option<String>> {
    let job = root.get(&path(view)).await?;
    Ok(job.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(ToString::to_string))
}

/// Forgets which job keeps a view, and who reads it.
///
/// # Errors
/// When the store cannot be changed.
pub(super) async fn forget(root: &dyn StateStore, view: &str) -> Result<()> {
    root.delete(&path(view)).await?;
    for reader in root.list(&readers::folder(view)).await? {
        root.delete(&reader).await?;
    }
    Ok(())
}

/// A view's content at the newest commit of its job.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The checkpoint folder of all jobs, if there is one that lasts.
    pub root: Option<Arc<dyn StateStore>>,
    /// The view's name.
    pub view: String,
    /// Settings that change what the rows of queries say.
    pub streaming: Streaming,
    /// The views that continuous queries read.
    pub opened: Arc<Mutex<HashMap<String, Arc<DeclaredTable>>>>,
}

#[async_trait]
impl Kept for Stored {
    async fn rows(&self) -> Result<Vec<RecordBatch>> {
        let commits = Commits::reader(self.store().await?);
        // A running job may prune what is being read; then there is a newer base.
        for _ in 0..5 {
            let Some(last) = commits.last().await? else { return Ok(Vec::new()) };
            if let Some(content) = self.content(&commits, &last).await? {
                return match content {
                    Some(content) => content.scan()?.map(|batch| zset::expand(&batch?)).collect(),
                    None => Ok(Vec::new()),
                };
            }
        }
        Err(Error::unavailable(format!("the commits of materialized view `{}` go by faster than they can be read", self.view)))
    }

    fn table(&self, content: Content) -> Option<Arc<DeclaredTable>> {
        self.root.as_ref()?;
        let columns = content.schema.fields().iter().map(|f| Column::physical(f.name(), f.data_type(), f.is_nullable())).collect();
        let definition = CreateTable { name: self.view.clone(), columns, ..inferred::unnamed(&self.view, Options::default()) };
        let table =
            Arc::new(DeclaredTable { definition, source: Arc::new(ViewSource::new(self.clone(), content, None)), keeps_late: false });
        self.opened.lock().insert(self.view.clone(), Arc::clone(&table));
        Some(table)
    }

    fn streaming(&self) -> Streaming {
        self.streaming
    }
}

impl Stored {
    /// The folder of the view's job.
    ///
    /// # Errors
    /// When no job keeps it.
    pub(super) async fn store(&self) -> Result<Arc<dyn StateStore>> {
        let view = &self.view;
        let root = self.root.as_ref().ok_or_else(|| Error::sql(format!("the content of materialized view `{view}` is not kept here")))?;
        let job = kept_by(root.as_ref(), view).await?.ok_or_else(|| {
            Error::sql(format!("materialized view `{view}` has no content yet: no job keeps it in {}", root.describe()))
                .hint("CREATE MATERIALIZED VIEW in the shell starts one, and so does `millstream run` with the file that creates it")
        })?;
        Ok(root.below(&job))
    }

    /// The state table that holds the view.
    ///
    /// # Errors
    /// When its job keeps it no more.
    pub(super) fn table(&self, commit: &Commit) -> Result<String> {
        commit.body.views.get(&self.view).cloned().ok_or_else(|| {
            Error::sql(format!("materialized view `{}` is not kept by its job any more", self.view))
                .hint("start the file that creates it with `millstream run`")
        })
    }

    /// The error for a commit that a reader needs and that was pruned.
    pub(super) fn gone(&self, commit: i64) -> Error {
        Error::state(format!("commit {commit} of materialized view `{}` is gone, and with it changes that were not read", self.view))
            .hint("run with --fresh to drop the state of this job and read the view anew")
    }

    /// The error for a view that was begun anew while something was reading it.
    pub(super) fn anew(&self) -> Error {
        Error::state(format!("materialized view `{}` was begun anew, and what was read of it before does not fit its content", self.view))
            .hint("run with --fresh to drop the state of this job and read the view anew")
    }

    /// The error for rows that go in a view whose rows only come.
    pub(super) fn changed_kind(&self) -> Error {
        Error::state(format!("rows of materialized view `{}` change, which they would not do with the settings of this job", self.view))
            .hint("SET 'table.exec.emit.allow-lateness' to what the view was created with")
    }

    /// The content at a commit, `None` inside if it is empty; `None` if a commit went away in the meantime.
    pub(super) async fn content(&self, commits: &Commits, last: &Commit) -> Result<Option<Option<KeyedTable>>> {
        let table = self.table(last)?;
        let mut content: Option<KeyedTable> = None;
        let newest = last.body.n;
        let base = last.body.bases.get(&table).copied().unwrap_or(newest);
        for n in base..newest {
            let Some(commit) = commits.read(n).await? else { return Ok(None) };
            fold(&mut content, &commit, &table, commits).await?;
        }
        fold(&mut content, last, &table, commits).await?;
        Ok(Some(content))
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
