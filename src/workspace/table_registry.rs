//! The tables behind names: found in the catalog, opened once, and handed to the planner.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::catalog::{Catalog, Entry, Hinted, JobSettings, Overrides, Resolver, TableEntry, ViewEntry, table_spec};
use crate::common::{Error, OptionSpec, Result};
use crate::connectors::{Connectors, TableSpec};
use crate::planner::{DeclaredTable, Relation, StreamingSettings, Tables, View};
use crate::sql::ast;
use crate::state::StateStore;

use super::schema_inference;
use crate::jobs::job_registry::JobRegistry;
use crate::jobs::late;
use crate::jobs::stored_view::Stored;

/// What sessions keep a hold of while they plan.
///
/// ```text
///  name ─▶ hinted? ─▶ catalog ─▶ view ──────────────▶ its query, names resolved
///                        │  └──▶ table ─▶ opened? ──▶ the one source of this run
///                        │                   └──────▶ options of WITH, SET and --option ▸ columns found out ▸ Connector::source
///                        └─ nothing ─▶ a name that says where files are ─▶ opened as a table without a declaration
/// ```
/// A table is opened once: all queries of a run read it through the same source. Whoever declares, changes or drops something clears
/// what is open.
#[derive(Debug)]
pub(super) struct TableRegistry {
    pub(super) connectors: Arc<Connectors>,
    /// The checkpoint folder of all jobs, in which the content of materialized views is.
    pub(super) checkpoints: OnceLock<Arc<dyn StateStore>>,
    /// The jobs that run in this process.
    pub(super) started: JobRegistry,
    /// Materialized views that continuous queries read.
    opened: Arc<parking_lot::Mutex<HashMap<String, Arc<DeclaredTable>>>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) catalog: Catalog,
    pub(super) overrides: Overrides,
    /// Tables that were opened, so that one run reads each of them through one source.
    pub(super) open: HashMap<String, Arc<DeclaredTable>>,
    /// Tables that queries use with options of their own.
    hinted: HashMap<String, Hinted>,
}

impl TableRegistry {
    /// Over a catalog, with no table open yet.
    pub(super) fn new(catalog: Catalog, connectors: Connectors, overrides: Overrides) -> Self {
        let inner = Mutex::new(Inner { catalog, overrides, open: HashMap::new(), hinted: HashMap::new() });
        Self {
            connectors: Arc::new(connectors),
            checkpoints: OnceLock::new(),
            started: JobRegistry::default(),
            opened: Arc::default(),
            inner,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets tables whose columns were found out: what is there may be another by now.
    pub(super) fn forget_found_out(&self) {
        let mut inner = self.lock();
        let Inner { catalog, open, .. } = &mut *inner;
        open.retain(|name, _| catalog.get_table(name).is_ok_and(|entry| !entry.definition.columns.is_empty()));
    }

    /// A materialized view that a continuous query reads.
    pub(super) fn opened_view(&self, name: &str) -> Option<Arc<DeclaredTable>> {
        self.opened.lock().get(name).cloned()
    }

    pub(super) fn spec_of(&self, overrides: &Overrides, table: &ast::CreateTable) -> Result<TableSpec> {
        let name = table.options.get("connector").unwrap_or_default();
        let known: Vec<OptionSpec> = self.connectors.get(name).map(|c| c.options()).unwrap_or_default();
        let effective = overrides.effective(table, &|key| known.iter().any(|spec| spec.matches(key)));
        table_spec(table, &effective)
    }

    /// A declared table and what its connector gets to see.
    pub(super) fn table(&self, name: &str) -> Result<(Arc<TableEntry>, TableSpec)> {
        let hinted = self.lock().hinted.get(name).cloned();
        let Some(Hinted { name, table, options }) = hinted else { return self.table_with(name, &ast::Options::default()) };
        let (entry, spec) = self.table_with(&table, &options)?;
        let definition = ast::CreateTable { name: name.clone(), ..entry.definition.clone() };
        Ok((Arc::new(TableEntry { definition, ..entry.as_ref().clone() }), TableSpec { name, ..spec }))
    }

    /// A declared table with other options.
    pub(super) fn table_with(&self, name: &str, options: &ast::Options) -> Result<(Arc<TableEntry>, TableSpec)> {
        let inner = self.lock();
        let open = inner.open.get(name);
        let mut entry = match (open, inner.catalog.get_table(name)) {
            // Its columns were found out, or its name alone says what it is.
            (Some(open), Ok(entry)) if entry.definition.columns.is_empty() => {
                Arc::new(TableEntry { definition: open.definition.clone(), ..entry.as_ref().clone() })
            }
            (Some(open), Err(_)) => Arc::new(schema_inference::unnamed_entry(open.definition.clone())),
            (_, entry) => entry?,
        };
        if !options.is_empty() {
            let mut definition = entry.definition.clone();
            options.iter().for_each(|(key, value)| definition.options.set(key, value));
            entry = Arc::new(TableEntry { definition, ..entry.as_ref().clone() });
        }
        let spec = self.spec_of(&inner.overrides, &entry.definition)?;
        Ok((entry, spec))
    }

    /// A table with the expressions of its columns as the planner can plan them.
    fn resolved(&self, entry: &TableEntry) -> Result<ast::CreateTable> {
        let inner = self.lock();
        let mut table = entry.definition.clone();
        let database = catalog_database(&inner.catalog, &table.name, &inner.hinted);
        for column in &mut table.columns {
            if let ast::ColumnKind::Computed(expr) = &mut column.kind {
                let at = column.pos;
                Resolver::new(&inner.catalog, &database).resolve(expr.as_mut()).map_err(|e| entry.locate(at, e))?;
            }
        }
        if let Some(watermark) = &mut table.watermark {
            let at = watermark.pos;
            Resolver::new(&inner.catalog, &database).resolve(watermark.expr.as_mut()).map_err(|e| entry.locate(at, e))?;
        }
        Ok(table)
    }

    /// A view with the names in it as seen from its own database.
    fn view(&self, view: &ViewEntry) -> Result<View> {
        let mut inner = self.lock();
        let mut query = view.definition.query.clone();
        let entry = Entry::View(Arc::new(view.clone()));
        // Nobody can declare such a one, but a file can be edited.
        inner.catalog.refuse_circle(&entry)?;
        let database = entry.database();
        let resolved = Resolver::new(&inner.catalog, &database).resolve(query.query.as_mut());
        let hinted = resolved.map_err(|error| match error.line_column() {
            Some((line, column)) => error.at(view.source.place(line, column)).context(format!("view `{}`", view.definition.name)),
            None => error,
        })?;
        inner.keep(hinted);
        Ok(View { query, columns: view.definition.columns.clone(), source: view.source.clone() })
    }

    /// A table opened for reading, its columns found out if it declares none.
    async fn opened(&self, mut definition: ast::CreateTable) -> Result<DeclaredTable> {
        let mut spec = self.spec_of(&self.lock().overrides, &definition)?;
        let connector = self.connectors.get(&spec.connector)?;
        if definition.columns.is_empty() {
            definition = schema_inference::declared(definition, connector.infer(&spec).await?);
            spec = self.spec_of(&self.lock().overrides, &definition)?;
        }
        schema_inference::validate(connector.as_ref(), &spec)?;
        let keeps_late = spec.option(late::OPTION).is_some();
        let source = connector.source(Arc::new(spec))?;
        Ok(DeclaredTable { definition, source, keeps_late })
    }

    /// The table that a name alone describes: `FROM 'data/*.parquet'`.
    async fn unnamed(&self, name: &str) -> Result<Option<Relation>> {
        if let Some(open) = self.lock().open.get(name) {
            return Ok(Some(Relation::Table(Arc::clone(open))));
        }
        let Some(options) = self.connectors.table_of(name) else { return Ok(None) };
        let table = Arc::new(self.opened(ast::CreateTable::undeclared(name, options)).await?);
        self.lock().open.insert(name.to_string(), Arc::clone(&table));
        Ok(Some(Relation::Table(table)))
    }
}

impl Inner {
    /// Remembers tables with options of their own, so that they are found under their names.
    fn keep(&mut self, hinted: Vec<Hinted>) {
        self.hinted.extend(hinted.into_iter().map(|h| (h.name.clone(), h)));
    }
}

/// The database of a table, also of one with options of its own.
fn catalog_database(catalog: &Catalog, name: &str, hinted: &HashMap<String, Hinted>) -> String {
    let name = hinted.get(name).map_or(name, |hinted| hinted.table.as_str());
    match catalog.find(name) {
        Ok(Some(entry)) => entry.database(),
        _ => catalog.current().to_string(),
    }
}

#[async_trait]
impl Tables for TableRegistry {
    async fn relation(&self, name: &str) -> Result<Option<Relation>> {
        let hinted = self.lock().hinted.contains_key(name);
        let found = match hinted {
            true => None,
            false => match self.lock().catalog.find(name) {
                // The dots of a path are none between a database and a table.
                Err(_) if self.connectors.table_of(name).is_some() => None,
                found => found?,
            },
        };
        let entry = match found {
            None if hinted => self.table(name)?.0,
            None => return self.unnamed(name).await,
            Some(Entry::Function(_)) => return Ok(None),
            Some(Entry::View(view)) if view.definition.materialized => {
                let root = self.checkpoints.get().cloned();
                let job = self.lock().overrides.job_settings()?;
                let (name, opened) = (view.definition.name.clone(), Arc::clone(&self.opened));
                let kept = Arc::new(Stored { root, view: name, streaming: streaming(&job), opened });
                return Ok(Some(Relation::Materialized(self.view(&view)?, kept)));
            }
            Some(Entry::View(view)) => return Ok(Some(Relation::View(self.view(&view)?))),
            Some(Entry::Table(entry)) => entry,
        };
        let key = entry.definition.name.clone();
        self.opened.lock().remove(&key);
        if let Some(open) = self.lock().open.get(&key) {
            return Ok(Some(Relation::Table(Arc::clone(open))));
        }
        let definition = self.resolved(&entry)?;
        let table = Arc::new(self.opened(definition).await.map_err(|e| locate_entry(&entry, e))?);
        self.lock().open.insert(key, Arc::clone(&table));
        Ok(Some(Relation::Table(table)))
    }

    fn resolve(&self, query: &mut sqlparser::ast::Query) -> Result<()> {
        let mut inner = self.lock();
        let hinted = Resolver::new(&inner.catalog, inner.catalog.current()).resolve(query)?;
        inner.keep(hinted);
        Ok(())
    }

    fn columns(&self, name: &str) -> Vec<String> {
        let Ok((table, _)) = self.table(name) else { return Vec::new() };
        table.definition.columns.iter().map(|c| c.name.clone()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.lock().catalog.names()
    }
}

/// The tables as a job sees them that keeps views itself: those are read as their queries.
#[derive(Debug)]
pub(super) struct Within {
    shared: Arc<TableRegistry>,
    own: BTreeSet<String>,
}

impl Within {
    /// A job that keeps these views.
    pub(super) fn new(shared: Arc<TableRegistry>, own: BTreeSet<String>) -> Self {
        Self { shared, own }
    }
}

#[async_trait]
impl Tables for Within {
    async fn relation(&self, name: &str) -> Result<Option<Relation>> {
        let found = self.shared.relation(name).await?;
        let own = |name: &str| self.shared.lock().catalog.canonical(name).is_ok_and(|name| self.own.contains(&name));
        Ok(match found {
            Some(Relation::Materialized(view, _)) if own(name) => Some(Relation::View(view)),
            found => found,
        })
    }

    fn resolve(&self, query: &mut sqlparser::ast::Query) -> Result<()> {
        self.shared.resolve(query)
    }

    fn columns(&self, name: &str) -> Vec<String> {
        self.shared.columns(name)
    }

    fn names(&self) -> Vec<String> {
        self.shared.names()
    }
}

/// What settings of a job say about how queries run.
pub(super) fn streaming(job: &JobSettings) -> StreamingSettings {
    let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    StreamingSettings { ttl: job.state_ttl.filter(|d| !d.is_zero()).map(millis), lateness: job.allow_lateness.map_or(0, millis) }
}

/// Gives an error the place of the option that it names, if it names one.
pub(super) fn locate_entry(entry: &TableEntry, error: Error) -> Error {
    let named = entry.definition.options.iter().map(|(key, _)| key).find(|key| error.message().contains(&format!("`{key}`")));
    match named {
        Some(key) => entry.locate(entry.definition.options.pos(key), error),
        None => error,
    }
}
