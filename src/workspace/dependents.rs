//! Which running jobs use a table: nothing is dropped under them.

use std::collections::BTreeSet;

use crate::catalog::Entry;
use crate::common::{Error, Result};
use crate::sql::ast::{Drop, DropKind};
use crate::state::StateStore;

use super::connection::Connection;
use crate::jobs::commits::{Commits, Header};

/// The jobs that have a checkpoint folder.
pub(super) async fn jobs(root: &dyn StateStore) -> Result<BTreeSet<String>> {
    let paths = root.list("").await?;
    let folders = paths.iter().filter_map(|path| path.split('/').next());
    Ok(folders.filter(|name| !name.starts_with('_')).map(str::to_string).collect())
}

impl Connection {
    /// Refuses to drop a table or a materialized view of a job that runs on this machine, as far as its newest commit names it: what
    /// stands in a view is not named there. On an object store, which has no locks, running jobs cannot be detected.
    pub(super) async fn refuse_running(&self, drop: &Drop) -> Result<()> {
        let Some(root) = self.workspace.root().filter(|_| matches!(drop.kind, DropKind::Table | DropKind::MaterializedView)) else {
            return Ok(());
        };
        let Ok(Some(entry)) = self.tables.lock().catalog.find(&drop.name) else { return Ok(()) };
        if matches!(&entry, Entry::Table(table) if table.definition.temporary) {
            return Ok(());
        }
        for job in jobs(root.as_ref()).await? {
            let store = root.below(&job);
            // What cannot be read runs no more.
            let Ok(Some(last)) = Commits::reader(store.clone()).last().await else { continue };
            // Held for a moment only, and never of a job that has nothing to do with the table.
            if uses(&last.body, entry.name()) && store.lock().is_err() {
                let what = format!("{} `{}` is used by job `{job}`, which runs", entry.what(), entry.name());
                return Err(Error::sql(what).hint("stop the job first"));
            }
        }
        Ok(())
    }
}

/// Whether a job reads, writes or keeps something of this name.
fn uses(commit: &Header, name: &str) -> bool {
    // A table with the options of a hint has a longer name, and so has a sink of several INSERTs.
    let read = commit.sources.keys().any(|table| table.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(" /*+")));
    let number = |rest: &str| rest.strip_prefix('-').is_some_and(|n| n.parse::<usize>().is_ok());
    let written = commit.confirmed.keys().any(|sink| sink.strip_prefix(name).is_some_and(|rest| rest.is_empty() || number(rest)));
    read || written || commit.views.contains_key(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::catalog::{Catalog, Overrides};
    use crate::connectors::Connectors;
    use crate::connectors::kafka::EmbeddedBroker;
    use crate::jobs::{Settings, run};
    use crate::sql::ast::Source;
    use crate::sql::parse;
    use crate::state::local::LocalStore;
    use crate::workspace::Workspace;

    #[tokio::test]
    async fn nothing_is_dropped_under_a_running_job() {
        let folder = tempfile::tempdir().unwrap();
        let root: Arc<dyn StateStore> = Arc::new(LocalStore::new(folder.path()));
        let connectors = Connectors::embedded(Arc::new(EmbeddedBroker::new()));
        let connection = Workspace::new(Catalog::in_memory(), connectors, Overrides::default())
            .with_checkpoints(Arc::clone(&root), false)
            .into_connection();
        let statements = |text: &str| parse(&Source::new("a.sql", text)).unwrap();
        let mut inserts = Vec::new();
        for parsed in statements(
            "CREATE TABLE source (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '3');
             CREATE TABLE sink (a INT) WITH ('connector' = 'blackhole');
             CREATE TABLE other (a INT) WITH ('connector' = 'blackhole');
             INSERT INTO sink SELECT a FROM source",
        ) {
            if connection.declare(&parsed).await.unwrap().is_none() {
                inserts.push(parsed);
            }
        }
        let job = connection.plan_job("j", &inserts, Arc::clone(&root), Settings::default()).await.unwrap();
        run(&job, &CancellationToken::new()).await.unwrap();

        let runs = root.below("j").lock().unwrap();
        for name in ["source", "SINK"] {
            let error = connection.declare(&statements(&format!("DROP TABLE {name}"))[0]).await.unwrap_err();
            assert!(error.message().contains("is used by job `j`, which runs"), "{error}");
        }
        connection.declare(&statements("DROP TABLE IF EXISTS other")[0]).await.unwrap();
        drop(runs);
        connection.declare(&statements("DROP TABLE source")[0]).await.unwrap();
    }
}
