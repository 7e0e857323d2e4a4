//! Materialized views of jobs, and the record of which job maintains which view.
//!
//! The job that was started with a view maintains it, as one of its state tables. In the checkpoint folder,
//! `_views/<view>` holds the job's name, and every commit of that job the name of the state table.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use bytes::Bytes;

use crate::common::{Error, Result};
use crate::operators::changes::zset;
use crate::planner::{Content, DeclaredTable, MaterializedContent, StreamingSettings};
use crate::sql::ast::{Column, CreateTable, Options};
use crate::state::StateStore;

use super::commits::Commits;
use super::readers;
use super::stored_view::{StoredView, path};
use super::view_source::ViewSource;

/// A materialized view of a job.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// The stateful node of its content, in table 0.
    pub node: u32,
    /// All stateful nodes below, and that node.
    pub nodes: BTreeSet<u32>,
    /// The query in a canonical form.
    pub identity: String,
    /// The checkpoint folder of all jobs.
    pub root: Arc<dyn StateStore>,
}

impl JobView {
    /// The state table of its content, in all of its partitions.
    pub fn table(&self) -> String {
        format!("{}/0", self.node)
    }
}

/// Records which job maintains a view.
///
/// # Errors
/// When the store cannot be written.
pub async fn announce(root: &dyn StateStore, view: &str, job: &str) -> Result<()> {
    root.replace(&path(view), Bytes::from(job.to_string())).await
}

/// Removes the records of the job and the readers of a view.
///
/// # Errors
/// When the store cannot be changed.
pub async fn forget(root: &dyn StateStore, view: &str) -> Result<()> {
    root.delete(&path(view)).await?;
    for reader in root.list(&readers::folder(view)).await? {
        root.delete(&reader).await?;
    }
    Ok(())
}

#[async_trait]
impl MaterializedContent for StoredView {
    async fn rows(&self) -> Result<Vec<RecordBatch>> {
        let commits = Commits::reader(self.store().await?);
        // A running job may prune commits while they are read; then there is a newer snapshot.
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
        let definition = CreateTable { name: self.view.clone(), columns, ..CreateTable::undeclared(&self.view, Options::default()) };
        let table = Arc::new(DeclaredTable { definition, source: Arc::new(ViewSource::new(self.clone(), content)), keeps_late: false });
        self.opened.lock().insert(self.view.clone(), Arc::clone(&table));
        Some(table)
    }

    fn streaming(&self) -> StreamingSettings {
        self.streaming
    }
}
