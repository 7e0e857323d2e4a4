//! Where statements meet: the catalog, the connectors and the options of one run, and the jobs and queries made from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use datafusion::execution::runtime_env::RuntimeEnv;

use crate::catalog::settings::RuntimeMode;
use crate::catalog::{Catalog, JobSettings, Overrides, TableEntry};
use crate::common::{Error, Result, names};
use crate::connectors::{Connectors, Sink};
use crate::operators::changes::coerce::Coercion;
use crate::planner::{ContinuousPlanner, DeclaredTable, Explained, Measured, Mode, Program, Relation, Session, StreamingSettings, Tables};
use crate::sql::ast::{self, Emit, Parsed, Statement};
use crate::sql::types::{display, fewer_digits};
use crate::state::StateStore;

use super::analyze;
use super::batch_insert::{self, insert_columns};
use super::job_sources;
use super::schema_inference;
use super::table_registry::{TableRegistry, Within, locate_entry, streaming};
use crate::jobs::changes;
use crate::jobs::dead_letter;
use crate::jobs::late::{self, LateRoute};
use crate::jobs::memory::Memory;
use crate::jobs::routed_sink::RoutedSink;
use crate::jobs::spec::{DeadLetter, Insert, JobSource, JobSpec, Settings};
use crate::jobs::views;

/// The catalog, connectors and options of one run or one shell.
#[derive(Debug)]
pub struct Workspace {
    pub(super) shared: Arc<TableRegistry>,
    runtime: Arc<RuntimeEnv>,
    /// The memory that the runtime was made for; `None`: as much as is asked for.
    memory: Option<Memory>,
}

/// A table to write, and the one that rows go to which it cannot take.
type Routed = (Arc<dyn Sink>, Option<Arc<DeadLetter>>);

impl Workspace {
    /// A workspace over a catalog.
    pub fn new(catalog: Catalog, connectors: Connectors, overrides: Overrides) -> Self {
        Self {
            shared: Arc::new(TableRegistry::new(catalog, connectors, overrides)),
            runtime: Arc::new(RuntimeEnv::default()),
            memory: None,
        }
    }

    /// Materialized views are read from the commits in this checkpoint folder of all jobs.
    #[must_use]
    pub fn with_checkpoints(self, root: Arc<dyn StateStore>) -> Self {
        let _ = self.shared.checkpoints.set(root);
        self
    }

    /// Plans run within this memory.
    ///
    /// # Errors
    /// When DataFusion refuses it.
    pub fn with_memory(self, memory: &Memory) -> Result<Self> {
        Ok(Self { runtime: memory.runtime()?, memory: Some(memory.clone()), ..self })
    }

    /// Warnings from opening the catalog.
    pub fn warnings(&self) -> Vec<String> {
        self.shared.lock().catalog.warnings()
    }

    /// What SET and `--option` say about jobs.
    ///
    /// # Errors
    /// When a value does not fit.
    pub fn job_settings(&self) -> Result<JobSettings> {
        self.shared.lock().overrides.job_settings()
    }

    /// Whether `execution.runtime-mode` is batch: INSERTs read to the end once.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn reads_batch(&self) -> Result<bool> {
        Ok(self.job_settings()?.runtime_mode == Some(RuntimeMode::Batch))
    }

    /// Whether `execution.runtime-mode` is streaming: queries go on.
    ///
    /// # Errors
    /// When a setting does not fit.
    pub fn streams(&self) -> Result<bool> {
        Ok(self.job_settings()?.runtime_mode == Some(RuntimeMode::Streaming))
    }

    /// Fails for an `--option` that nothing in this run has used.
    ///
    /// # Errors
    /// Names the option and the nearest known one.
    pub fn check_options_used(&self) -> Result<()> {
        let keys = self.shared.connectors.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.shared.lock().overrides.check_used(&keys)
    }

    /// Fails for an `--option` that nothing could ever use, before anything has been.
    ///
    /// # Errors
    /// Names the option and the nearest known one.
    pub fn check_options_known(&self) -> Result<()> {
        let keys = self.shared.connectors.keys();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        self.shared.lock().overrides.check_known(&|key| self.shared.connectors.knows(key), &keys)
    }

    /// A session that plans over this workspace's tables.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub fn session(&self, mode: Mode) -> Result<Session> {
        Session::new(Arc::clone(&self.shared) as Arc<dyn Tables>, mode, Arc::clone(&self.runtime))
    }

    /// A table opened for writing.
    ///
    /// # Errors
    /// When there is no such table, or it cannot be written.
    pub fn sink(&self, name: &str) -> Result<Arc<dyn Sink>> {
        self.sink_with(name, &ast::Options::default()).map(|(sink, _)| sink)
    }

    /// The same with options of an INSERT's hint, and with the table that rows go to which it cannot take.
    pub(super) fn sink_with(&self, name: &str, options: &ast::Options) -> Result<Routed> {
        let (entry, sink) = self.bare_sink(name, options)?;
        let dead = sink.dead_letter().map(|target| self.dead_letter(target)).transpose();
        Ok(match dead.map_err(|e| job_sources::place(&entry, "dead-letter.table", e))?.map(Arc::new) {
            Some(dead) => (Arc::new(RoutedSink::new(name, sink, Arc::clone(&dead))), Some(dead)),
            None => (sink, None),
        })
    }

    /// The same without the table that its rejected rows go to, which has none of its own: else two could name each other.
    fn bare_sink(&self, name: &str, options: &ast::Options) -> Result<(Arc<TableEntry>, Arc<dyn Sink>)> {
        let (entry, spec) = self.shared.table_with(name, options)?;
        if spec.columns.is_empty() {
            return Err(Error::sql(format!("table `{name}` declares no columns, so that nothing can be written to it"))
                .hint(format!("declare them: CREATE TABLE {name} (column TYPE, ...)")));
        }
        let sink = self.shared.connectors.get(&spec.connector)?.sink(Arc::new(spec));
        let sink = sink.map_err(|e| locate_entry(&entry, e))?;
        Ok((entry, sink))
    }

    /// A table opened for reading.
    ///
    /// # Errors
    /// When there is no such table, or it cannot be read.
    pub async fn source(&self, name: &str) -> Result<Arc<DeclaredTable>> {
        match self.shared.relation(name).await? {
            Some(Relation::Table(table)) => Ok(table),
            Some(Relation::Materialized(..)) if let Some(table) = self.shared.opened_view(name) => Ok(table),
            _ => Err(Error::sql(format!("table `{name}` does not exist"))),
        }
    }

    /// Plans the INSERTs of a run as one job.
    ///
    /// # Errors
    /// With the place of the statement that does not plan.
    pub async fn plan_job(&self, name: &str, inserts: &[Parsed], store: Arc<dyn StateStore>, settings: Settings) -> Result<JobSpec> {
        names::check_job(name)?;
        refuse_unsupported(&self.job_settings()?)?;
        let own = self.own_views(inserts)?;
        let tables = Arc::new(Within::new(Arc::clone(&self.shared), own));
        let session = Session::new(tables as Arc<dyn Tables>, Mode::Streaming, Arc::clone(&self.runtime))?;
        let (mut program, mut planned, mut views) = self.plan_parts(&session, inserts, &store, BTreeSet::new()).await?;
        let apart = late::counted_apart(&program)?;
        if !apart.is_empty() {
            (program, planned, views) = self.plan_parts(&session, inserts, &store, apart).await?;
        }
        self.warn_of_keys(inserts, &planned)?;
        let sources = self.job_sources(&program, Some(name)).await?;
        let late = self.late_routes(&program, &planned)?;
        if self.streaming()?.lateness > 0 {
            late::no_lateness(&program).for_each(|text| tracing::warn!("{text}"));
        }
        let store = store.below(name);
        Ok(JobSpec { views, late, ..JobSpec::new(name, program, planned, sources, session, store, settings) })
    }

    /// Plans the parts of a job, in which late rows of some tables are to be `numbered`.
    async fn plan_parts(
        &self,
        session: &Session,
        parts: &[Parsed],
        store: &Arc<dyn StateStore>,
        numbered: BTreeSet<String>,
    ) -> Result<(Program, Vec<Insert>, Vec<views::View>)> {
        let mut planner = ContinuousPlanner::new(session, self.streaming()?).numbering(numbered);
        let mut planned: Vec<Insert> = Vec::new();
        let mut views = Vec::new();
        for parsed in parts {
            let insert = match &parsed.statement {
                Statement::Insert(insert) => insert,
                Statement::CreateView(view) if view.materialized => {
                    let (node, nodes, identity) = planner.keep(&view.query.query, view.query.emit).await.map_err(|e| parsed.locate(e))?;
                    let name = self.with_catalog(|catalog| catalog.canonical(&view.name)).map_err(|e| parsed.locate(e))?;
                    views.push(views::View { name, node, nodes, identity, root: Arc::clone(store) });
                    continue;
                }
                _ => continue,
            };
            let mut id = self.canonical(&insert.table).map_err(|e| parsed.locate(e))?;
            if planned.iter().any(|p| p.id == id) {
                id = format!("{id}-{}", planned.len());
            }
            let insert = self.plan_insert(&mut planner, id, insert).await.map_err(|e| parsed.locate(e))?;
            planned.push(insert);
        }
        Ok((planner.finish(), planned, views))
    }

    /// Warns of INSERTs whose rows may share a key of the sink.
    fn warn_of_keys(&self, parts: &[Parsed], planned: &[Insert]) -> Result<()> {
        let inserts = parts.iter().filter_map(|parsed| match &parsed.statement {
            Statement::Insert(insert) => Some(insert),
            _ => None,
        });
        for (insert, planned) in inserts.zip(planned) {
            let target = insert_columns(&insert.table, &insert.columns, &planned.sink)?;
            if let Some(warning) = changes::unproven_key(&insert.table, &planned.output, &planned.sink.mode(), &target) {
                tracing::warn!("{warning}");
            }
        }
        Ok(())
    }

    /// The materialized views that a job keeps: what reads them in the same job reads their queries, which run once.
    fn own_views(&self, parts: &[Parsed]) -> Result<BTreeSet<String>> {
        let views = parts.iter().filter_map(|parsed| match &parsed.statement {
            Statement::CreateView(view) if view.materialized => Some(view),
            _ => None,
        });
        views.map(|view| self.with_catalog(|catalog| catalog.canonical(&view.name))).collect()
    }

    /// The canonical name of a table.
    fn canonical(&self, table: &str) -> Result<String> {
        Ok(self.shared.lock().catalog.get_table(table)?.definition.name.clone())
    }

    /// What the settings say about how queries run.
    pub(super) fn streaming(&self) -> Result<StreamingSettings> {
        Ok(streaming(&self.job_settings()?))
    }

    pub(super) async fn plan_insert(&self, planner: &mut ContinuousPlanner<'_>, id: String, insert: &ast::Insert) -> Result<Insert> {
        let (sink, dead_letter) = self.sink_with(&insert.table, &insert.options)?;
        let output = planner.add(&insert.query.query, insert.query.emit).await?;
        changes::check(&insert.table, &output, &sink.mode())?;
        let target = insert_columns(&insert.table, &insert.columns, &sink)?;
        let coercion = Coercion::new(&insert.table, &output.schema, target, display)?;
        let coercion = coercion.cutting(self.digits(&insert.table)?).filling(sink.schema())?;
        Ok(Insert { id, table: insert.table.clone(), sink, output, coercion, dead_letter })
    }

    /// How statements would run: the stages of an INSERT or a live query, the plan of a query that ends. With ANALYZE they run, to
    /// the end of what is there now, and nothing is written.
    ///
    /// # Errors
    /// What does not plan, and with ANALYZE what does not run.
    pub async fn explain(&self, explain: &ast::Explain) -> Result<String> {
        let session = self.session(Mode::Streaming)?;
        let mut planner = ContinuousPlanner::new(&session, self.streaming()?);
        let (mut shown, mut outputs) = (Vec::new(), Vec::new());
        for statement in &explain.statements {
            if explain.verbose
                && let Some((query, mode)) = self.explained_query(statement)?
            {
                shown.push(self.session(mode)?.explain_rules(&query.query).await?);
            }
            match statement {
                Statement::Insert(insert) if !insert.values && !self.reads_batch()? => {
                    let planned = self.plan_insert(&mut planner, insert.table.clone(), insert).await?;
                    outputs.push((format!("INSERT INTO {}", insert.table), planned.output));
                }
                Statement::Query(query) if query.emit != Emit::Default => {
                    outputs.push(("SELECT".to_string(), planner.add(&query.query, query.emit).await?));
                }
                Statement::Query(query) | Statement::Insert(ast::Insert { query, .. }) => {
                    shown.push(self.session(Mode::Batch)?.explain(&query.query, explain.analyze).await?);
                }
                _ => return Err(Error::sql("EXPLAIN shows the plan of an INSERT or a SELECT")),
            }
        }
        let program = Arc::new(planner.finish());
        if !program.stages.is_empty() {
            let outputs: Vec<_> = outputs.iter().map(|(name, output)| (name.clone(), output)).collect();
            let measured = if explain.analyze { Some(self.analyze(session, &program).await?) } else { None };
            let cost = measured.as_ref().map_or_else(String::new, |measured| format!("read {measured}; nothing was written\n\n"));
            let plan = Explained { program: &program, outputs: &outputs, measured: measured.as_ref() };
            let text = format!("{cost}{plan}");
            // Behind what led to it, before what is said of other statements.
            if explain.verbose { shown.push(text) } else { shown.insert(0, text) }
        }
        Ok(shown.join("\n"))
    }

    /// The query of a statement, and how it would run.
    fn explained_query<'a>(&self, statement: &'a Statement) -> Result<Option<(&'a ast::Query, Mode)>> {
        Ok(match statement {
            Statement::Insert(insert) if !insert.values && !self.reads_batch()? => Some((&insert.query, Mode::Streaming)),
            Statement::Query(query) if query.emit != Emit::Default => Some((query, Mode::Streaming)),
            Statement::Query(query) | Statement::Insert(ast::Insert { query, .. }) => Some((query, Mode::Batch)),
            _ => None,
        })
    }

    async fn analyze(&self, session: Session, program: &Arc<Program>) -> Result<Measured> {
        let sources = self.job_sources(program, None).await?;
        let mut settings = settings(&self.job_settings()?, false);
        self.share_memory(&mut settings);
        analyze::analyze(session, Arc::clone(program), &sources, &settings).await
    }

    /// Gives the state of a job its part of the workspace's memory.
    pub(super) fn share_memory(&self, settings: &mut Settings) {
        if let Some(memory) = &self.memory {
            memory.share(settings);
        }
    }

    pub(super) async fn job_sources(&self, program: &Program, job: Option<&str>) -> Result<Vec<JobSource>> {
        let mut all = Vec::with_capacity(program.sources.len());
        for table in &program.sources {
            if let Some(view) = self.shared.opened_view(table) {
                all.push(job_sources::of_view(view.as_ref(), job)?);
                continue;
            }
            let source = self.source(table).await?;
            let (entry, spec) = self.shared.table(table)?;
            all.push(job_sources::job_source(source.as_ref(), &entry, &spec, program, job, &|target| self.dead_letter(target))?);
        }
        Ok(all)
    }

    /// From the late filters of a job to the tables that their source tables name.
    fn late_routes(&self, program: &Program, inserts: &[Insert]) -> Result<Vec<LateRoute>> {
        let mut wanted = BTreeMap::new();
        for source in program.sources.iter().filter(|source| self.shared.opened_view(source).is_none()) {
            let (entry, spec) = self.shared.table(source)?;
            let Some(target) = spec.option(late::OPTION) else { continue };
            let columns = entry.definition.columns.iter().map(|c| c.name.clone()).collect();
            wanted.insert(source.clone(), late::Wanted { target: target.to_string(), columns });
        }
        let place = |source: &str, e: Error| match self.shared.table(source) {
            Ok((entry, _)) => job_sources::place(&entry, late::OPTION, e),
            Err(_) => e,
        };
        let routes = late::routes(program, &wanted, &|target| self.sink(target)).map_err(|(source, e)| place(&source, e))?;
        match inserts.iter().find(|i| i.output.updating && routes.iter().any(|r| r.id == i.id)) {
            Some(insert) => {
                Err(Error::sql(format!("table `{}` takes late rows, which never change, and rows of a query that do", insert.id))
                    .hint("name another table in late-rows.table"))
            }
            None => Ok(routes),
        }
    }

    fn dead_letter(&self, target: &str) -> Result<DeadLetter> {
        let (_, sink) = self.bare_sink(target, &ast::Options::default())?;
        let schema = dead_letter::schema(target, &sink.schema())?;
        let coercion = Coercion::new(target, &schema, sink.schema(), display)?;
        Ok(DeadLetter { id: target.to_string(), sink, schema, coercion })
    }

    /// Where an INSERT makes files, which other statements may read by name.
    pub fn files_of(&self, insert: &ast::Insert) -> Option<String> {
        let (_, spec) = self.shared.table(&insert.table).ok()?;
        spec.option("path").filter(|_| spec.connector == "filesystem").map(ToString::to_string)
    }

    /// Runs an INSERT that ends: VALUES, or a query over everything its tables hold now. Returns how many rows were written.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn insert_now(&self, insert: &ast::Insert) -> Result<u64> {
        self.insert_in(&self.session(Mode::Batch)?, insert).await
    }

    /// The same in a session of [`Mode::Batch`], whose progress is shown.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn insert_in(&self, session: &Session, insert: &ast::Insert) -> Result<u64> {
        let sink = self.sink_with(&insert.table, &insert.options)?.0;
        batch_insert::insert(session, sink, insert, self.digits(&insert.table)?).await
    }

    /// How many digits of a second a table's columns have, where their type has more.
    fn digits(&self, table: &str) -> Result<impl Fn(&str) -> Option<u32> + use<>> {
        let (entry, _) = self.shared.table(table)?;
        Ok(move |name: &str| fewer_digits(&entry.definition.columns.iter().find(|column| column.name == name)?.text))
    }

    /// Runs a COPY. Returns how many rows were written.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn copy(&self, copy: &ast::Copy) -> Result<u64> {
        self.copy_in(&self.session(Mode::Batch)?, copy).await
    }

    /// The same in a session of [`Mode::Batch`], whose progress is shown.
    ///
    /// # Errors
    /// Nothing is written then.
    pub async fn copy_in(&self, session: &Session, copy: &ast::Copy) -> Result<u64> {
        let options = self.shared.connectors.copy_options(&copy.path, &copy.options)?;
        let (schema, rows) = session.run(&copy.query.query).await?;
        let table = schema_inference::copied(&copy.path, options, &schema, &copy.partitioned_by)?;
        let spec = self.shared.spec_of(&self.shared.lock().overrides, &table)?;
        let target = self.shared.connectors.get(&spec.connector)?.copy(Arc::new(spec)).await?;
        batch_insert::write_whole(target, rows, |batch| schema_inference::plain(&batch)).await
    }
}

/// Settings that are known but would be silently without effect.
fn refuse_unsupported(job: &JobSettings) -> Result<()> {
    match job.time_zone.as_deref() {
        None | Some("UTC" | "Z" | "GMT" | "+00:00" | "Etc/UTC") => Ok(()),
        Some(zone) => Err(Error::sql(format!("`table.local-time-zone` = '{zone}' is not supported yet")).hint("times are in UTC")),
    }
}

/// A job's name: what was said, else parent and folder of several files, or the stem of one.
pub fn job_name(said: Option<&str>, files: &[PathBuf]) -> String {
    if let Some(name) = said {
        return name.to_string();
    }
    let text = |part: Option<&std::ffi::OsStr>| part.map(|p| p.to_string_lossy().into_owned());
    let absolute = files.first().and_then(|f| std::path::absolute(f).ok());
    let name = match (files, absolute) {
        ([file], _) if file.is_file() => text(file.file_stem()),
        (_, Some(first)) => {
            let folder = if first.is_dir() { Some(first.as_path()) } else { first.parent() };
            let name = folder.and_then(|f| text(f.file_name()));
            let parent = folder.and_then(Path::parent).and_then(|p| text(p.file_name()));
            name.map(|n| parent.map_or(n.clone(), |p| format!("{p}-{n}")))
        }
        _ => None,
    };
    names::job_from(&name.unwrap_or_default())
}

/// Settings of a job from what SET and `--option` say.
pub fn settings(job: &JobSettings, checkpoints_are_remote: bool) -> Settings {
    let default = Settings::default();
    let interval = if checkpoints_are_remote { Duration::from_secs(1) } else { default.checkpoint_interval };
    Settings {
        checkpoint_interval: job.checkpoint_interval.unwrap_or(interval),
        trigger_interval: job.trigger_interval.unwrap_or(default.trigger_interval),
        max_rows_per_epoch: job.max_rows_per_epoch.unwrap_or(default.max_rows_per_epoch).max(1),
        max_pending_commits: job.max_pending_commits.map_or(default.max_pending_commits, |n| n.max(1) as u64),
        ..default
    }
}
