//! DataFusion sessions: turn SQL trees into logical and physical plans, with our names, windows and nodes.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::config::ConfigOptions;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::functions::datetime::{to_timestamp_micros, to_timestamp_millis, to_timestamp_nanos, to_timestamp_seconds};
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::optimizer::single_distinct_to_groupby::SingleDistinctToGroupBy;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::combine_partial_final_agg::CombinePartialFinalAggregate;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::StreamExt;

use crate::common::Result;
use crate::operators::{Progress, SourceSet};
use crate::sql::Dialect;
use crate::sql::ast::Query;

use super::as_of;
use super::clock::{self, KeepClockFilters};
use super::current_watermark;
use super::dialects::Dialects;
use super::filter_pushdown::physical_rules;
use super::foreign_view;
use super::functions;
use super::limits;
use super::logical::traced;
use super::mode::Mode;
use super::physical::StreamingQueryPlanner;
use super::provider::Tables;
use super::query_runtime::QueryRuntime;
use super::rewrites::lossy_casts::KeepLossyCasts;
use super::rewrites::null_order;
use super::rewrites::single_row;
use super::rewrites::subqueries::joined;
use super::row_fields::RowFieldPlanner;
use super::session_windows::ExpandSessions;
use super::unnest::UnnestPlanner;
use super::window_call::WindowTvfPlanner;

/// Plans queries over declared tables.
#[derive(Clone)]
pub struct Session {
    /// The context of the default dialect; plans of all dialects are optimised and run in it.
    context: SessionContext,
    tables: Arc<dyn Tables>,
    dialects: Arc<Dialects>,
    queries: Arc<QueryRuntime>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("mode", &self.mode()).finish_non_exhaustive()
    }
}

impl Session {
    /// Creates a session over these tables; memory and disk limits are those of `runtime`. Bounded queries run on the threads of `queries`.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub fn new(tables: Arc<dyn Tables>, mode: Mode, runtime: Arc<RuntimeEnv>, queries: Arc<QueryRuntime>) -> Result<Self> {
        let mut config = SessionConfig::new()
            // Names keep their case; our own resolver looks them up.
            .set_bool("datafusion.sql_parser.enable_ident_normalization", false)
            // Errors about columns carry their positions.
            .set_bool("datafusion.sql_parser.collect_spans", true)
            .set_str("datafusion.execution.time_zone", "+00:00")
            .with_extension(Arc::new(SourceSet::default()))
            .with_extension(Arc::new(Progress::default()));
        if let Some(threads) = queries.threads() {
            config = config.with_target_partitions(threads);
        }
        if mode == Mode::Streaming {
            config = config
                // A plan that is bound repeatedly must keep nothing from the previous run.
                .set_bool("datafusion.optimizer.enable_dynamic_filter_pushdown", false)
                .set_bool("datafusion.optimizer.enable_physical_uncorrelated_scalar_subquery", false)
                .set_bool("datafusion.optimizer.enable_round_robin_repartition", false);
        }
        // These come before DataFusion's own planners, which look fields up exactly.
        let fields: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(RowFieldPlanner)];
        let builder = SessionStateBuilder::new().with_config(config).with_runtime_env(runtime).with_expr_planners(fields);
        let mut builder = builder.with_default_features();
        let simplify = KeepLossyCasts::default();
        let careful = |r: Arc<dyn OptimizerRule + Send + Sync>| -> Arc<dyn OptimizerRule + Send + Sync> {
            if r.name() == simplify.name() { Arc::new(KeepLossyCasts::default()) } else { r }
        };
        let rules = Optimizer::new().rules.into_iter().map(careful);
        if mode == Mode::Streaming {
            // The rule would turn one window aggregate into two.
            let rules = rules.filter(|r| r.name() != SingleDistinctToGroupBy::new().name());
            let push_down = KeepClockFilters::default();
            let rules = rules.map(|r| if r.name() == push_down.name() { Arc::new(KeepClockFilters::default()) } else { r }).collect();
            // Aggregates run in two phases; this rule would merge the first into the second.
            let whole = CombinePartialFinalAggregate::new().name().to_string();
            let physical = physical_rules().into_iter().filter(|r| r.name() != whole).collect();
            builder = builder.with_optimizer_rules(rules).with_physical_optimizer_rules(physical);
        } else {
            let bounded = limits::BoundedPushDown::default();
            let rules = rules.map(|r| if r.name() == bounded.name() { Arc::new(limits::BoundedPushDown::default()) } else { r });
            builder = builder.with_optimizer_rules(rules.collect());
            builder = builder.with_analyzer_rule(Arc::new(ExpandSessions)).with_physical_optimizer_rules(physical_rules());
        }
        let mut state = builder.with_query_planner(Arc::new(StreamingQueryPlanner)).build();
        state.register_relation_planner(Arc::new(WindowTvfPlanner))?;
        state.register_relation_planner(Arc::new(UnnestPlanner))?;
        clock::register(&mut state, mode)?;
        as_of::register(&mut state)?;
        single_row::register(&mut state)?;
        current_watermark::register(&mut state, mode)?;
        for function in zoneless_functions() {
            state.register_udf(function)?;
        }
        functions::register_shared(&mut state)?;
        null_order::register(&mut state)?;
        let dialects = Dialects::new(Arc::clone(&tables), mode, state);
        let context = SessionContext::new_with_state(dialects.state(Dialect::default())?);
        Ok(Self { context, tables, dialects, queries })
    }

    /// Whether it plans batch or continuous queries.
    pub fn mode(&self) -> Mode {
        self.dialects.mode()
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
    /// When a name does not resolve or an expression does not type-check.
    pub async fn logical(&self, query: &Query) -> Result<LogicalPlan> {
        let mut query = query.clone();
        self.tables.resolve(&mut query)?;
        foreign_view::open(&self.dialects.logical(query).await?)
    }

    /// The columns of a query's result, with their final types.
    ///
    /// # Errors
    /// As [`Self::logical`].
    pub async fn schema(&self, query: &Query) -> Result<SchemaRef> {
        let (plan, state) = (self.logical(query).await?, self.context.state());
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})?;
        Ok(Arc::clone(plan.schema().inner()))
    }

    /// The names of all functions of a dialect, sorted.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub fn functions(&self, dialect: Dialect) -> Result<Vec<String>> {
        let state = self.dialects.state(dialect)?;
        let (scalar, aggregate, window) = (state.scalar_functions(), state.aggregate_functions(), state.window_functions());
        let names = scalar.keys().chain(aggregate.keys()).chain(window.keys()).filter(|name| !name.starts_with("__"));
        Ok(names.cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect())
    }

    /// The steps of a query's plan before it is physical: as written, after each rule that changes it, and after DataFusion's analyzer and
    /// optimizer.
    ///
    /// # Errors
    /// As [`Self::logical`].
    pub async fn explain_rules(&self, query: &Query) -> Result<String> {
        let mut query = query.clone();
        self.tables.resolve(&mut query)?;
        let (state, mut shown, mut last) = (self.dialects.state(query.dialect)?, String::new(), String::new());
        let mut show = |name: &str, plan: &LogicalPlan| {
            let text = plan.display_indent().to_string();
            if text != last {
                shown.push_str(&format!("== {name} ==\n{text}\n\n"));
                last = text;
            }
        };
        let plan = traced(&state, self.tables.as_ref(), query, self.mode(), &mut |name, plan| show(name, plan)).await?;
        let plan = foreign_view::open(&plan)?;
        show("after DataFusion's analyzer and optimizer", &self.context.state().optimize(&plan)?);
        shown.push_str("== how it runs ==");
        Ok(shown)
    }

    /// The physical plan of a bounded query, as text; with `analyze` the query runs, and each node shows its metrics.
    ///
    /// # Errors
    /// When the query does not plan, or a server cannot be reached: the number of partitions is part of the plan.
    pub async fn explain(&self, query: &Query, analyze: bool) -> Result<String> {
        let logical = self.logical(query).await?;
        let plan = self.physical(&logical).await?;
        if !analyze {
            return Ok(displayable(plan.as_ref()).indent(false).to_string());
        }
        let mut rows = execute_stream(Arc::clone(&plan), self.context.task_ctx())?;
        while rows.next().await.transpose()?.is_some() {}
        Ok(DisplayableExecutionPlan::with_metrics(plan.as_ref()).indent(false).to_string())
    }

    /// Runs a bounded query over everything that its tables hold now.
    ///
    /// # Errors
    /// When the query does not plan, or a server cannot be reached.
    pub async fn run(&self, query: &Query) -> Result<(SchemaRef, SendableRecordBatchStream)> {
        let logical = self.logical(query).await?;
        let plan = self.physical(&logical).await?;
        let context = self.context.task_ctx();
        if let Some(progress) = context.session_config().get_extension::<Progress>() {
            progress.begin(&plan);
        }
        let rows = self.queries.execute(plan, context)?;
        Ok((rows.schema(), rows))
    }

    async fn physical(&self, logical: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.context.state();
        let optimized = state.optimize(logical)?;
        joined(&optimized)?;
        Ok(state.query_planner().create_physical_plan(&optimized, &state).await?)
    }

    /// The progress of the query that [`Self::run`] started last.
    pub fn progress(&self) -> Arc<Progress> {
        self.context.task_ctx().session_config().get_extension::<Progress>().unwrap_or_default()
    }
}

/// `to_timestamp_millis` and similar functions return a TIMESTAMP without a zone. Those that DataFusion makes for a session with a time
/// zone declare a result with a zone, and then fail on every text column.
fn zoneless_functions() -> Vec<Arc<ScalarUDF>> {
    let without_zone = ConfigOptions::default();
    let makers = [to_timestamp_seconds, to_timestamp_millis, to_timestamp_micros, to_timestamp_nanos];
    makers.map(|make| make(&without_zone)).into()
}
