//! DataFusion sessions: how SQL trees become logical and physical plans, with our names, windows and nodes.

use std::fmt;
use std::sync::{Arc, Weak};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::config::ConfigOptions;
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::Result as DfResult;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::functions::datetime::{to_timestamp_micros, to_timestamp_millis, to_timestamp_nanos, to_timestamp_seconds};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::combine_partial_final_agg::CombinePartialFinalAggregate;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;
use parking_lot::RwLock;
use sqlparser::ast;

use crate::common::{Error, Result, suggest};
use crate::operators::{Progress, SourceSet};
use crate::sql::size;

use super::as_of;
use super::clock::{self, KeepClockFilters};
use super::current_watermark;
use super::filter_pushdown::physical_rules;
use super::functions;
use super::functions::decimals::DecimalPlanner;
use super::functions::intervals::IntervalPlanner;
use super::limits;
use super::lower::content::content;
use super::mode::Mode;
use super::physical::StreamingQueryPlanner;
use super::planned_query::planned;
use super::provider::{Relation, TableSource, Tables, View};
use super::query_runtime::execute_on_query_runtime;
use super::rewrites::cast_types::CastTypes;
use super::rewrites::lossy_casts::KeepLossyCasts;
use super::rewrites::null_order;
use super::rewrites::row_field_names;
use super::rewrites::single_row;
use super::rewrites::subqueries::joined;
use super::rewrites::tuples;
use super::row_fields::RowFieldPlanner;
use super::rules::{self, RuleContext};
use super::session_windows::ExpandSessions;
use super::unnest::UnnestPlanner;
use super::using::joins_on;
use super::window_call::{self, WindowTvfPlanner};

/// Plans queries over declared tables.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    tables: Arc<dyn Tables>,
    mode: Mode,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Session {
    /// A session over these tables; memory and disk limits are the runtime's.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub fn new(tables: Arc<dyn Tables>, mode: Mode, runtime: Arc<RuntimeEnv>) -> Result<Self> {
        let mut config = SessionConfig::new()
            // Names keep their case, and are looked up by our own rule.
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
            // An error about a column says where it stands.
            .set_bool("datafusion.sql_parser.collect_spans", true)
            // NULL is the lowest value.
            .set_str("datafusion.sql_parser.default_null_ordering", "nulls_min")
            .set_str("datafusion.execution.time_zone", "+00:00")
            .with_extension(Arc::new(SourceSet::default()))
            .with_extension(Arc::new(Progress::default()));
        if mode == Mode::Streaming {
            config = config
                // A plan that is bound again and again must keep nothing from the run before.
                .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", false)
                .set_bool("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", false)
                .set_bool("datafusion.optimizer.enable_round_robin_repartition", false);
        }
        // In front of DataFusion's own planners, which look fields up exactly.
        let fields: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(RowFieldPlanner)];
        let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_expr_planners(fields);
        let mut builder = builder.with_default_features();
        let simplify = KeepLossyCasts::default();
        let careful = |r: Arc<dyn OptimizerRule + Send + Sync>| -> Arc<dyn OptimizerRule + Send + Sync> {
            if r.name() == simplify.name() { Arc::new(KeepLossyCasts::default()) } else { r }
        };
        let rules = Optimizer::new().rules.into_iter().map(careful);
        if mode == Mode::Streaming {
            // It would turn one window aggregate into two.
            let rules = rules.filter(|r| r.name() != SingleDistinctToGroupBy::new().name());
            let push_down = KeepClockFilters::default();
            let rules = rules.map(|r| if r.name() == push_down.name() { Arc::new(KeepClockFilters::default()) } else { r }).collect();
            // Aggregates run in two halves, of which the first must not swallow the second.
            let whole = CombinePartialFinalAggregate::new().name().to_string();
            let physical = physical_rules().into_iter().filter(|r| r.name() != whole).collect();
            builder = builder.with_optimizer_rules(rules).with_physical_optimizer_rules(physical);
        } else {
            let bounded = limits::BoundedPushDown::default();
            let rules = rules.map(|r| if r.name() == bounded.name() { Arc::new(limits::BoundedPushDown::default()) } else { r });
            builder = builder.with_optimizer_rules(rules.collect());
            builder = builder.with_analyzer_rule(Arc::new(ExpandSessions)).with_physical_optimizer_rules(physical_rules());
        }
        let mut state = builder.with_type_planner(Arc::new(CastTypes)).with_query_planner(Arc::new(StreamingQueryPlanner)).build();
        state.register_relation_planner(Arc::new(WindowTvfPlanner))?;
        state.register_relation_planner(Arc::new(UnnestPlanner))?;
        clock::register(&mut state, mode)?;
        as_of::register(&mut state)?;
        single_row::register(&mut state)?;
        current_watermark::register(&mut state, mode)?;
        for function in zoneless_functions() {
            state.register_udf(function)?;
        }
        functions::register(&mut state)?;
        null_order::register(&mut state)?;
        state.register_expr_planner(Arc::new(IntervalPlanner))?;
        state.register_expr_planner(Arc::new(DecimalPlanner))?;
        let context = SessionContext::new_with_state(state);
        let schema = Names { tables: Arc::clone(&tables), mode, state: context.state_weak_ref() };
        let options = context.state().config_options().catalog.clone();
        let catalog = context.catalog(&options.default_catalog).ok_or_else(|| Error::internal("DataFusion has no default catalog"))?;
        catalog.register_schema(&options.default_schema, Arc::new(schema))?;
        Ok(Self { context, tables, mode })
    }

    /// What it plans.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// DataFusion's state as of now.
    pub fn state(&self) -> SessionState {
        self.context.state()
    }

    /// A context to run a plan in.
    pub fn task_context(&self) -> Arc<TaskContext> {
        self.context.task_ctx()
    }

    /// Plans a query, without optimising it.
    ///
    /// # Errors
    /// What does not resolve or type.
    pub async fn logical(&self, query: &ast::Query) -> Result<LogicalPlan> {
        let mut query = query.clone();
        self.tables.resolve(&mut query)?;
        statement(&self.context.state(), self.tables.as_ref(), query, self.mode).await
    }

    /// The columns of a query's answer, with their final types.
    ///
    /// # Errors
    /// As [`Self::logical`].
    pub async fn schema(&self, query: &ast::Query) -> Result<SchemaRef> {
        let (plan, state) = (self.logical(query).await?, self.context.state());
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        Ok(Arc::clone(plan.schema().inner()))
    }

    /// The names of all functions, sorted.
    pub fn functions(&self) -> Vec<String> {
        let state = self.context.state();
        let (scalar, aggregate, window) = (state.scalar_functions(), state.aggregate_functions(), state.window_functions());
        let names = scalar.keys().chain(aggregate.keys()).chain(window.keys()).filter(|name| !name.starts_with("__"));
        names.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// What becomes of a query's plan before it is physical: as it is written, after each rule that changes it, and after DataFusion's
    /// analyzer and optimizer.
    ///
    /// # Errors
    /// As [`Self::logical`].
    pub async fn explain_rules(&self, query: &ast::Query) -> Result<String> {
        let mut query = query.clone();
        self.tables.resolve(&mut query)?;
        let (state, mut shown, mut last) = (self.context.state(), String::new(), String::new());
        let mut show = |name: &str, plan: &LogicalPlan| {
            let text = plan.display_indent().to_string();
            if text != last {
                shown.push_str(&format!("== {name} ==\n{text}\n\n"));
                last = text;
            }
        };
        let plan = traced(&state, self.tables.as_ref(), query, self.mode, &mut |name, plan| show(name, plan)).await?;
        show("after DataFusion's analyzer and optimizer", &state.optimize(&plan)?);
        shown.push_str("== how it runs ==");
        Ok(shown)
    }

    /// The physical plan of a query that ends, as text; with `analyze` it runs, and each node says what it cost.
    ///
    /// # Errors
    /// What does not plan, and servers that are away: how many partitions there are is part of the plan.
    pub async fn explain(&self, query: &ast::Query, analyze: bool) -> Result<String> {
        let logical = self.logical(query).await?;
        let plan = self.physical(&logical).await?;
        if !analyze {
            return Ok(displayable(plan.as_ref()).indent(false).to_string());
        }
        let mut rows = execute_stream(Arc::clone(&plan), self.context.task_ctx())?;
        while rows.next().await.transpose()?.is_some() {}
        Ok(DisplayableExecutionPlan::with_metrics(plan.as_ref()).indent(false).to_string())
    }

    /// Runs a query that ends, over everything its tables hold now.
    ///
    /// # Errors
    /// What does not plan, and servers that are away.
    pub async fn run(&self, query: &ast::Query) -> Result<(SchemaRef, SendableRecordBatchStream)> {
        let logical = self.logical(query).await?;
        let plan = self.physical(&logical).await?;
        let context = self.context.task_ctx();
        if let Some(progress) = context.session_config().get_extension::<Progress>() {
            progress.begin(&plan);
        }
        let rows = execute_on_query_runtime(plan, context)?;
        Ok((rows.schema(), rows))
    }

    async fn physical(&self, logical: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.context.state();
        let optimized = state.optimize(logical)?;
        joined(&optimized)?;
        Ok(state.query_planner().create_physical_plan(&optimized, &state).await?)
    }

    /// How far the query that [`Self::run`] began last has read.
    pub fn progress(&self) -> Arc<Progress> {
        self.context.task_ctx().session_config().get_extension::<Progress>().unwrap_or_default()
    }
}

/// `to_timestamp_millis` and its kin give a TIMESTAMP without a zone. Those that DataFusion makes for a session with a
/// time zone promise one with a zone, and then fail on every column of text.
fn zoneless_functions() -> Vec<Arc<ScalarUDF>> {
    let without_zone = ConfigOptions::default();
    let makers = [to_timestamp_seconds, to_timestamp_millis, to_timestamp_micros, to_timestamp_nanos];
    makers.map(|make| make(&without_zone)).into()
}

/// The catalog as a DataFusion schema: tables are opened when a query first names them.
#[derive(Debug)]
struct Names {
    tables: Arc<dyn Tables>,
    mode: Mode,
    /// Weak, because the session owns this schema.
    state: Weak<RwLock<SessionState>>,
}

#[async_trait]
impl SchemaProvider for Names {
    fn table_names(&self) -> Vec<String> {
        self.tables.names()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        let state = self.state.upgrade().ok_or_else(|| Error::internal("the session is gone"))?.read().clone();
        match self.tables.relation(name).await? {
            Some(Relation::Table) => Ok(Some(Arc::new(TableSource::new(self.tables.open(name).await?, self.mode, &state)?))),
            Some(Relation::View(found)) => {
                Ok(Some(Arc::new(ViewTable::new(view(&state, self.tables.as_ref(), name, found, self.mode).await?, None))))
            }
            Some(Relation::Materialized(found, kept)) => {
                let emit = found.query.emit;
                let plan = view(&state, self.tables.as_ref(), name, found, self.mode).await?;
                if self.mode == Mode::Streaming {
                    let content = content(&state, &plan, emit, kept.streaming()).await?;
                    return Ok(Some(match kept.table(content) {
                        Some(table) => Arc::new(TableSource::new(table, self.mode, &state)?),
                        None => Arc::new(ViewTable::new(plan, None)),
                    }));
                }
                // Its rows have the types that the query was given when it was made to type.
                let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
                let schema = Arc::clone(plan.schema().inner());
                let rows = kept.rows().await?;
                let rows = rows.iter().map(|b| Ok(RecordBatch::try_new(Arc::clone(&schema), b.columns().to_vec())?));
                Ok(Some(Arc::new(MemTable::try_new(Arc::clone(&schema), vec![rows.collect::<DfResult<_>>()?])?)))
            }
            // DataFusion asks for what is called in FROM, too.
            None if window_call::is_window_function(name) || state.table_functions().contains_key(name) => Ok(None),
            None => {
                let names = self.tables.names();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Err(Error::sql(format!("table `{name}` does not exist")).hint(suggest::hint(name, &names)).into())
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.names().iter().any(|n| n == name)
    }
}

/// Plans a query: its text is rewritten where DataFusion's planner reads it in another way, then its plan by all [`rules`].
pub(super) async fn statement(state: &SessionState, tables: &dyn Tables, query: ast::Query, mode: Mode) -> Result<LogicalPlan> {
    traced(state, tables, query, mode, &mut |_, _| {}).await
}

/// The same; `seen` is shown the plan as it is written, and after each rule.
async fn traced(
    state: &SessionState,
    tables: &dyn Tables,
    mut query: ast::Query,
    mode: Mode,
    seen: &mut (dyn FnMut(&'static str, &LogicalPlan) + Send),
) -> Result<LogicalPlan> {
    let aggregate = |name: &str| state.aggregate_functions().contains_key(name.to_ascii_lowercase().as_str());
    size::check(&query, &|name| tables.columns(name).len(), &aggregate)?;
    row_field_names::name(&mut query);
    null_order::mark(&mut query);
    tuples::compared(&mut query)?;
    joins_on(&mut query, state, tables).await?;
    let plan = planned(state, tables, query).await?;
    limits::check(&plan)?;
    seen("as written", &plan);
    rules::apply(plan, &RuleContext { mode, functions: state }, seen)
}

/// Plans a view's query. What is wrong in it is shown there, not where the view is used.
async fn view(state: &SessionState, tables: &dyn Tables, name: &str, view: View, mode: Mode) -> Result<LogicalPlan> {
    let plan = statement(state, tables, *view.query.query, mode).await.map_err(|error| match error.line_column() {
        Some((line, column)) => error.at(view.source.place(line, column)).context(format!("view `{name}`")),
        None => error,
    })?;
    if view.columns.is_empty() { Ok(plan) } else { rename(plan, name, &view.columns) }
}

/// Gives a view's columns the names that CREATE VIEW lists.
fn rename(plan: LogicalPlan, view: &str, names: &[String]) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    if columns.len() != names.len() {
        return Err(Error::sql(format!("view `{view}` names {} columns, its query has {}", names.len(), columns.len())));
    }
    let exprs = columns.into_iter().zip(names).map(|(column, name)| Expr::Column(column).alias(name));
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}
