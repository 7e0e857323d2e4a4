//! The tables behind names, as one connection sees them: found in its catalog, opened when a plan reads them.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};

use crate::catalog::{Catalog, Entry, Hinted, JobSettings, Overrides, Resolver, TableEntry, ViewEntry, database_of, table_spec};
use crate::common::blocking::blocking;
use crate::common::{Error, OptionSpec, Result};
use crate::connectors::TableSpec;
use crate::planner::{DeclaredTable, Relation, StreamingSettings, Tables, ViewDefinition};
use crate::sql::ast;

use super::schema_inference;
use super::shared::Workspace;
use crate::jobs::late;
use crate::jobs::stored_view::StoredView;

/// What a connection's sessions plan over, and what its statements change.
///
/// ```text
///  name ─▶ hinted? ─▶ catalog ─▶ view ───▶ its query, names resolved
///                        │  └──▶ table ──▶ the word that it is one
///                        └─ nothing ─▶ a name that says where files are: a table without a declaration
///
///  open ─▶ options of WITH, SET and --option ▸ columns found out ▸ the source, which all connections share
/// ```
#[derive(Debug)]
pub(super) struct ConnectionTables {
    pub(super) workspace: Arc<Workspace>,
    state: Mutex<ConnectionState>,
    /// Materialized views that continuous queries read.
    views: Arc<Mutex<HashMap<String, Arc<DeclaredTable>>>>,
}

/// What statements of a connection change.
#[derive(Debug)]
pub(super) struct ConnectionState {
    /// The declarations of all connections, this one's temporary ones, and its database.
    pub(super) catalog: Catalog,
    /// SET and `--option`.
    pub(super) overrides: Overrides,
    /// Tables whose columns were found out in this statement.
    inferred: HashMap<String, Arc<DeclaredTable>>,
    /// Tables with the options of a hint.
    hinted: HashMap<String, Hinted>,
}

impl ConnectionTables {
    pub(super) fn new(workspace: Arc<Workspace>, catalog: Catalog, overrides: Overrides) -> Self {
        let state = ConnectionState { catalog, overrides, inferred: HashMap::new(), hinted: HashMap::new() };
        Self { workspace, state: Mutex::new(state), views: Arc::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, ConnectionState> {
        self.state.lock()
    }

    /// Begins a statement: what other connections have declared is seen, and columns that were found out are forgotten, because what is
    /// there may be another by now.
    pub(super) async fn begin_statement(self: &Arc<Self>) -> Result<()> {
        let tables = Arc::clone(self);
        blocking(move || {
            let mut state = tables.lock();
            tables.forget_inferred(&mut state);
            state.catalog.refresh()
        })
        .await
    }

    /// Forgets columns that were found out.
    fn forget_inferred(&self, state: &mut ConnectionState) {
        state.inferred.drain().for_each(|(name, _)| self.workspace.sources.forget(&name));
    }

    /// Forgets what is open: a declaration has changed.
    pub(super) fn forget_opened(&self, state: &mut ConnectionState) {
        state.inferred.clear();
        self.workspace.sources.clear();
    }

    /// A materialized view that a continuous query reads.
    pub(super) fn opened_view(&self, name: &str) -> Option<Arc<DeclaredTable>> {
        self.views.lock().get(name).cloned()
    }

    pub(super) fn spec_of(&self, overrides: &Overrides, table: &ast::CreateTable) -> Result<TableSpec> {
        let name = table.options.get("connector").unwrap_or_default();
        let known: Vec<OptionSpec> = self.workspace.connectors.get(name).map(|c| c.options()).unwrap_or_default();
        let effective = overrides.effective(table, &|key| known.iter().any(|spec| spec.matches(key)));
        table_spec(table, &effective)
    }

    /// The canonical name of a table; that which was written, if none is declared under it.
    pub(super) fn canonical(&self, written: &str) -> String {
        let found = self.lock().catalog.find(written);
        found.ok().flatten().map_or_else(|| written.to_string(), |entry| entry.name().to_string())
    }

    /// A canonical name as it has to be written here.
    pub(super) fn written(&self, canonical: &str) -> String {
        let catalog = &self.lock().catalog;
        if catalog.get_canonical_table(canonical).is_ok() { catalog.written(canonical) } else { canonical.to_string() }
    }

    /// A declared table by its canonical name, and what its connector gets to see.
    pub(super) fn table(&self, name: &str) -> Result<(Arc<TableEntry>, TableSpec)> {
        let hinted = self.lock().hinted.get(name).cloned();
        let Some(Hinted { name, table, options }) = hinted else { return self.table_with(name, &ast::Options::default()) };
        let (entry, spec) = self.table_with(&table, &options)?;
        let definition = ast::CreateTable { name: name.clone(), ..entry.definition.clone() };
        Ok((Arc::new(TableEntry { definition, ..entry.as_ref().clone() }), TableSpec { name, ..spec }))
    }

    /// The same with other options.
    pub(super) fn table_with(&self, name: &str, options: &ast::Options) -> Result<(Arc<TableEntry>, TableSpec)> {
        let inner = self.lock();
        let open = inner.inferred.get(name);
        let mut entry = match (open, inner.catalog.get_canonical_table(name)) {
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

    /// The declaration of a table; none of one whose name alone says what it is.
    fn declared(&self, name: &str) -> Result<Option<Arc<TableEntry>>> {
        if self.lock().hinted.contains_key(name) {
            return Ok(Some(self.table(name)?.0));
        }
        match self.lock().catalog.find(name) {
            Ok(Some(Entry::Table(entry))) => Ok(Some(entry)),
            Ok(None) => Ok(None),
            Err(_) if self.workspace.connectors.table_of(name).is_some() => Ok(None),
            Ok(Some(other)) => Err(Error::sql(format!("`{name}` is a {}, not a table", other.what()))),
            Err(error) => Err(error),
        }
    }

    /// A table with the expressions of its columns as the planner can plan them.
    fn resolved(&self, entry: &TableEntry) -> Result<ast::CreateTable> {
        let inner = self.lock();
        let mut table = entry.definition.clone();
        let database = database_of(inner.hinted.get(&table.name).map_or(&table.name, |hinted| &hinted.table));
        for column in &mut table.columns {
            if let ast::ColumnKind::Computed(expr) = &mut column.kind {
                let at = column.pos;
                Resolver::new(&inner.catalog, &database, entry.definition.dialect)
                    .resolve(expr.as_mut())
                    .map_err(|e| entry.locate(at, e))?;
            }
        }
        if let Some(watermark) = &mut table.watermark {
            let at = watermark.pos;
            Resolver::new(&inner.catalog, &database, entry.definition.dialect)
                .resolve(watermark.expr.as_mut())
                .map_err(|e| entry.locate(at, e))?;
        }
        Ok(table)
    }

    /// A view with the names in it as seen from its own database.
    fn view(&self, view: &ViewEntry) -> Result<ViewDefinition> {
        let mut inner = self.lock();
        let mut query = view.definition.query.clone();
        let entry = Entry::View(Arc::new(view.clone()));
        // A statement cannot declare a circle, but an edited catalog file can.
        inner.catalog.refuse_circle(&entry)?;
        let database = entry.database();
        let resolved = Resolver::new(&inner.catalog, &database, query.dialect).resolve(query.query.as_mut());
        let hinted = resolved.map_err(|error| match error.line_column() {
            Some((line, column)) => error.at(view.source.place(line, column)).context(format!("view `{}`", view.definition.name)),
            None => error,
        })?;
        inner.keep(hinted);
        Ok(ViewDefinition { query, columns: view.definition.columns.clone(), source: view.source.clone() })
    }

    /// A table opened for reading, its columns found out if it declares none.
    async fn opened(&self, mut definition: ast::CreateTable) -> Result<Arc<DeclaredTable>> {
        let name = definition.name.clone();
        if let Some(open) = self.lock().inferred.get(&name) {
            return Ok(Arc::clone(open));
        }
        let mut spec = self.spec_of(&self.lock().overrides, &definition)?;
        let connector = self.workspace.connectors.get(&spec.connector)?;
        let infers = definition.columns.is_empty();
        if infers {
            definition = schema_inference::declared(definition, connector.infer(&spec).await?);
            spec = self.spec_of(&self.lock().overrides, &definition)?;
        }
        schema_inference::validate(connector.as_ref(), &spec)?;
        let keeps_late = spec.option(late::OPTION).is_some();
        let source = self.workspace.sources.get(connector.as_ref(), spec)?;
        let table = Arc::new(DeclaredTable { definition, source, keeps_late });
        if infers {
            self.lock().inferred.insert(name, Arc::clone(&table));
        }
        Ok(table)
    }
}

impl ConnectionState {
    /// Records tables with the options of a hint, so that they are found under their names.
    fn keep(&mut self, hinted: Vec<Hinted>) {
        self.hinted.extend(hinted.into_iter().map(|h| (h.name.clone(), h)));
    }
}

#[async_trait]
impl Tables for ConnectionTables {
    async fn relation(&self, name: &str) -> Result<Option<Relation>> {
        let state = self.lock();
        if state.hinted.contains_key(name) {
            return Ok(Some(Relation::Table));
        }
        let by_name = || self.workspace.connectors.table_of(name).map(|_| Relation::Table);
        let found = match state.catalog.find(name) {
            // The dots of a path are none between a database and a table.
            Err(error) => return by_name().map(Some).ok_or(error),
            Ok(found) => found,
        };
        let job = state.overrides.job_settings()?;
        drop(state);
        Ok(match found {
            None => by_name(),
            Some(Entry::Function(_)) => None,
            Some(Entry::View(view)) if view.definition.materialized => {
                let root = self.workspace.root().cloned();
                let (name, opened) = (view.definition.name.clone(), Arc::clone(&self.views));
                let kept = Arc::new(StoredView { root, view: name, streaming: streaming(&job), opened });
                Some(Relation::Materialized(self.view(&view)?, kept))
            }
            Some(Entry::View(view)) => Some(Relation::View(self.view(&view)?)),
            Some(Entry::Table(_)) => Some(Relation::Table),
        })
    }

    async fn open(&self, name: &str) -> Result<Arc<DeclaredTable>> {
        let declared = self.declared(name)?;
        let Some(entry) = declared else {
            let Some(options) = self.workspace.connectors.table_of(name) else {
                return Err(Error::missing_table(name));
            };
            return self.opened(ast::CreateTable::undeclared(name, options)).await;
        };
        self.views.lock().remove(&entry.definition.name);
        let definition = self.resolved(&entry)?;
        self.opened(definition).await.map_err(|e| locate_entry(&entry, e))
    }

    fn resolve(&self, query: &mut ast::Query) -> Result<()> {
        let mut inner = self.lock();
        let hinted = Resolver::new(&inner.catalog, inner.catalog.current(), query.dialect).resolve(query.query.as_mut())?;
        inner.keep(hinted);
        Ok(())
    }

    fn columns(&self, name: &str) -> Vec<String> {
        let Ok((table, _)) = self.table(&self.canonical(name)) else { return Vec::new() };
        table.definition.columns.iter().map(|c| c.name.clone()).collect()
    }

    fn names(&self) -> Vec<String> {
        self.lock().catalog.names()
    }
}

/// The tables as a job sees them that keeps views itself: those are read as their queries.
#[derive(Debug)]
pub(super) struct Within {
    shared: Arc<ConnectionTables>,
    own: BTreeSet<String>,
}

impl Within {
    /// A job that keeps these views.
    pub(super) fn new(shared: Arc<ConnectionTables>, own: BTreeSet<String>) -> Self {
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

    async fn open(&self, name: &str) -> Result<Arc<DeclaredTable>> {
        self.shared.open(name).await
    }

    fn resolve(&self, query: &mut ast::Query) -> Result<()> {
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
    StreamingSettings {
        ttl: job.state_ttl.filter(|d| !d.is_zero()).map(millis),
        lateness: job.allow_lateness.map_or(0, millis),
        parallelism: job.parallelism,
        max_parallelism: job.max_parallelism,
    }
}

/// Gives an error the place of the option that it names, if it names one.
pub(super) fn locate_entry(entry: &TableEntry, error: Error) -> Error {
    match error.option_key().map(|key| entry.definition.options.pos(key)) {
        Some(pos) => entry.locate(pos, error),
        None => error,
    }
}
