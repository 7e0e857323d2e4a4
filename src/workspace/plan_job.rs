//! INSERTs and materialized views to a job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::JobSettings;
use crate::common::{Error, Result, names};
use crate::operators::changes::coerce::Coercion;
use crate::planner::{ContinuousPlanner, Mode, Program, Session, Tables};
use crate::sql::ast::{self, Parsed, Statement};
use crate::state::StateStore;

use super::batch_insert::insert_columns;
use super::connection::Connection;
use super::job_sources;
use super::tables::Within;
use crate::jobs::changes;
use crate::jobs::late::{self, LateRoute};
use crate::jobs::spec::{Insert, JobSource, JobSpec, Settings};
use crate::jobs::views;

impl Connection {
    /// Plans the INSERTs of a run as one job.
    ///
    /// # Errors
    /// With the place of the statement that does not plan.
    pub async fn plan_job(&self, name: &str, inserts: &[Parsed], store: Arc<dyn StateStore>, settings: Settings) -> Result<JobSpec> {
        names::check_job(name)?;
        refuse_unsupported(&self.job_settings()?)?;
        let own = self.own_views(inserts)?;
        let tables = Arc::new(Within::new(Arc::clone(&self.tables), own));
        let workspace = &self.workspace;
        let (runtime, queries) = (Arc::clone(&workspace.runtime), Arc::clone(&workspace.queries));
        let session = Session::new(tables as Arc<dyn Tables>, Mode::Streaming, runtime, queries)?;
        let (mut program, mut planned, mut views) = self.plan_parts(&session, inserts, &store, BTreeSet::new()).await?;
        let apart = late::counted_by_number(&program)?;
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
    ) -> Result<(Program, Vec<Insert>, Vec<views::JobView>)> {
        let mut planner = ContinuousPlanner::new(session, self.streaming()?).numbering(numbered);
        let mut planned: Vec<Insert> = Vec::new();
        let mut views = Vec::new();
        for parsed in parts {
            let insert = match &parsed.statement {
                Statement::Insert(insert) => insert,
                Statement::CreateView(view) if view.materialized => {
                    let (node, nodes, identity) = planner.keep(&view.query).await.map_err(|e| parsed.locate(e))?;
                    let name = self.with_catalog(|catalog| catalog.canonical(&view.name)).map_err(|e| parsed.locate(e))?;
                    views.push(views::JobView { name, node, nodes, identity, root: Arc::clone(store) });
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

    pub(super) async fn plan_insert(&self, planner: &mut ContinuousPlanner<'_>, id: String, insert: &ast::Insert) -> Result<Insert> {
        let (sink, dead_letter) = self.sink_of(&self.canonical(&insert.table)?, &insert.options)?;
        let output = planner.add(&insert.query).await?;
        changes::check(&insert.table, &output, &sink.mode())?;
        let target = insert_columns(&insert.table, &insert.columns, &sink)?;
        let coercion = Coercion::new(&insert.table, &output.schema, target, insert.query.dialect)?;
        let coercion = coercion.cutting(self.digits(&insert.table)?).filling(sink.schema())?;
        Ok(Insert { id, table: insert.table.clone(), sink, output, coercion, dead_letter })
    }

    /// Gives the state of a job its part of the workspace's memory.
    pub(super) fn share_memory(&self, settings: &mut Settings) {
        if let Some(memory) = &self.workspace.memory {
            memory.share(settings);
        }
    }

    pub(super) async fn job_sources(&self, program: &Program, job: Option<&str>) -> Result<Vec<JobSource>> {
        let mut all = Vec::with_capacity(program.sources.len());
        for table in &program.sources {
            if let Some(view) = self.tables.opened_view(table) {
                all.push(job_sources::of_view(view.as_ref(), job)?);
                continue;
            }
            let source = self.tables.open(&self.tables.written(table)).await?;
            let (entry, spec) = self.tables.table(table)?;
            let dead_letter = |target: &str| self.dead_letter(&self.named_by(&entry, target)?);
            all.push(job_sources::job_source(source.as_ref(), &entry, &spec, program, job, &dead_letter)?);
        }
        Ok(all)
    }

    /// From the late filters of a job to the tables that their source tables name.
    fn late_routes(&self, program: &Program, inserts: &[Insert]) -> Result<Vec<LateRoute>> {
        let mut wanted = BTreeMap::new();
        for source in program.sources.iter().filter(|source| self.tables.opened_view(source).is_none()) {
            let (entry, spec) = self.tables.table(source)?;
            let Some(target) = spec.option(late::OPTION) else { continue };
            let target = self.named_by(&entry, target).map_err(|e| job_sources::place(&entry, late::OPTION, e))?;
            let columns = entry.definition.columns.iter().map(|c| c.name.clone()).collect();
            wanted.insert(source.clone(), late::LateTarget { target, columns });
        }
        let place = |source: &str, e: Error| match self.tables.table(source) {
            Ok((entry, _)) => job_sources::place(&entry, late::OPTION, e),
            Err(_) => e,
        };
        let routes = late::routes(program, &wanted, &|target| self.sink_of(target, &ast::Options::default()).map(|(sink, _)| sink))
            .map_err(|(source, e)| place(&source, e))?;
        match inserts.iter().find(|i| i.output.updating && routes.iter().any(|r| r.id == i.id)) {
            Some(insert) => {
                Err(Error::sql(format!("table `{}` takes late rows, which never change, and rows of a query that do", insert.id))
                    .hint("name another table in late-rows.table"))
            }
            None => Ok(routes),
        }
    }
}

/// Settings that are known but would be silently without effect.
fn refuse_unsupported(job: &JobSettings) -> Result<()> {
    match job.time_zone.as_deref() {
        None | Some("UTC" | "Z" | "GMT" | "+00:00" | "Etc/UTC") => Ok(()),
        Some(zone) => Err(Error::sql(format!("`table.local-time-zone` = '{zone}' is not supported yet")).hint("times are in UTC")),
    }
}
