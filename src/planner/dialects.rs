//! What a dialect contributes to planning: its functions, its type names in CAST, the position of NULL in ORDER BY, the planners of its
//! operators, and the [`rules`](super::rules) that apply to it.
//!
//! ```text
//!  shared: DataFusion's functions, some of them replaced for the sake of incremental plans and equal results in batch
//!    ├─▶ + Flink's ─▶ the state of the session: queries in Flink's dialect, and all that plans are made of below
//!    └─▶ + another dialect's ─▶ a separate state, created when a query or a view in it is planned
//! ```
//! A function whose name means something else in another dialect also has an internal name that begins with `__` ([`OwnFunctions`]). Every
//! session knows the internal name, so plans can be sent whatever dialects they come from; only the state of its dialect knows the name
//! that people write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::datasource::{MemTable, ViewTable};
use datafusion::error::Result as DfResult;
use datafusion::execution::{FunctionRegistry, SessionState, SessionStateBuilder};
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF};

use crate::common::{Error, Result, suggest};
use crate::sql::Dialect;
use crate::sql::ast::Query;

use super::foreign_view;
use super::functions;
use super::logical::statement;
use super::lower::content::content;
use super::mode::Mode;
use super::provider::{Relation, TableSource, Tables, ViewDefinition};
use super::rewrites::cast_types::CastTypes;
use super::window_call;

/// A dialect from the planner's view.
pub(super) struct PlannedDialect {
    dialect: Dialect,
    /// The position of NULL in ORDER BY, as DataFusion spells it.
    nulls: &'static str,
    /// Replaces shared functions by the dialect's, and adds the planners of its operators.
    register: fn(&mut SessionState) -> Result<()>,
    /// Functions whose names mean something else in another dialect.
    own: fn() -> OwnFunctions,
}

/// Functions by the names that people write; their internal names begin with `__`.
#[derive(Default)]
pub(super) struct OwnFunctions {
    pub(super) scalar: Vec<(&'static str, Arc<ScalarUDF>)>,
    pub(super) aggregate: Vec<(&'static str, Arc<AggregateUDF>)>,
}

/// All dialects.
const ALL: &[PlannedDialect] = &[
    PlannedDialect { dialect: Dialect::FLINK, nulls: "nulls_min", register: functions::flink::register, own: OwnFunctions::default },
    #[cfg(test)]
    PlannedDialect { dialect: Dialect::TEST, nulls: "nulls_max", register: super::test_dialect::register, own: super::test_dialect::own },
];

fn planned(dialect: Dialect) -> Result<&'static PlannedDialect> {
    ALL.iter().find(|known| known.dialect == dialect).ok_or_else(|| Error::internal(format!("the planner does not know {dialect}")))
}

/// Keeps only these shared functions, with their aliases, and those that only plans use: for a dialect with a function set of its own.
///
/// # Errors
/// When one of them does not exist.
#[cfg_attr(not(test), expect(dead_code, reason = "no dialect but that of the tests has a function set of its own yet"))]
pub(super) fn keep_only(state: &mut SessionState, names: &[&str]) -> Result<()> {
    let (mut scalar, mut aggregate) = (Vec::new(), Vec::new());
    for name in names {
        match state.udf(name) {
            Ok(function) => scalar.push(function),
            Err(_) => aggregate.push(state.udaf(name)?),
        }
    }
    let written = |names: std::collections::HashSet<String>| names.into_iter().filter(|name| !name.starts_with("__"));
    for name in written(state.udfs()) {
        state.deregister_udf(&name)?;
    }
    for name in written(state.udafs()) {
        state.deregister_udaf(&name)?;
    }
    for name in written(state.udwfs()) {
        state.deregister_udwf(&name)?;
    }
    scalar.into_iter().try_for_each(|function| state.register_udf(function).map(drop))?;
    aggregate.into_iter().try_for_each(|function| state.register_udaf(function).map(drop))?;
    Ok(())
}

/// The states of one session, by dialect.
pub(super) struct Dialects {
    tables: Arc<dyn Tables>,
    mode: Mode,
    /// The state that each of them starts from.
    shared: SessionState,
    made: Mutex<BTreeMap<&'static str, SessionState>>,
}

impl fmt::Debug for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialects").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl Dialects {
    /// Creates the states from one that has no functions of any dialect yet.
    pub(super) fn new(tables: Arc<dyn Tables>, mode: Mode, shared: SessionState) -> Arc<Self> {
        Arc::new(Self { tables, mode, shared, made: Mutex::default() })
    }

    /// Whether it plans batch or continuous queries.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// The state in which queries of a dialect are planned.
    ///
    /// # Errors
    /// When DataFusion refuses the set-up.
    pub(super) fn state(self: &Arc<Self>, dialect: Dialect) -> Result<SessionState> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = made.get(dialect.name()) {
            let mut state = state.clone();
            state.mark_start_execution();
            return Ok(state);
        }
        let state = self.make(dialect)?;
        made.insert(dialect.name(), state.clone());
        Ok(state)
    }

    fn make(self: &Arc<Self>, dialect: Dialect) -> Result<SessionState> {
        let options = self.shared.config_options().catalog.clone();
        // Names mean the same in all states, but views resolve by the dialect of the query.
        let (catalogs, catalog) = (MemoryCatalogProviderList::new(), MemoryCatalogProvider::new());
        let names = DialectSchema { tables: Arc::clone(&self.tables), mode: self.mode, dialect, dialects: Arc::downgrade(self) };
        catalog.register_schema(&options.default_schema, Arc::new(names))?;
        catalogs.register_catalog(options.default_catalog.clone(), Arc::new(catalog));
        let mut state = SessionStateBuilder::new_from_existing(self.shared.clone())
            .with_catalog_list(Arc::new(catalogs))
            .with_type_planner(Arc::new(CastTypes(dialect)))
            .build();
        state.config_mut().options_mut().sql_parser.default_null_ordering = planned(dialect)?.nulls.to_string();
        for known in ALL {
            let (own, here) = ((known.own)(), known.dialect == dialect);
            if here {
                (known.register)(&mut state)?;
            }
            for (name, function) in own.scalar {
                let function = if here { Arc::new(function.as_ref().clone().with_aliases([name])) } else { function };
                state.register_udf(function)?;
            }
            for (name, function) in own.aggregate {
                let function = if here { Arc::new(function.as_ref().clone().with_aliases([name])) } else { function };
                state.register_udaf(function)?;
            }
        }
        Ok(state)
    }

    /// Plans a query in its dialect, without optimising it; views of other dialects in it are closed.
    ///
    /// # Errors
    /// When a name does not resolve or an expression does not type-check.
    pub(super) async fn logical(self: &Arc<Self>, query: Query) -> Result<LogicalPlan> {
        let state = self.state(query.dialect)?;
        statement(&state, self.tables.as_ref(), query, self.mode).await
    }
}

/// The catalog as a DataFusion schema: tables are opened when a query first names them.
#[derive(Debug)]
struct DialectSchema {
    tables: Arc<dyn Tables>,
    mode: Mode,
    /// The dialect of the queries that look names up.
    dialect: Dialect,
    /// Weak, because it owns the states that own this schema.
    dialects: Weak<Dialects>,
}

#[async_trait]
impl SchemaProvider for DialectSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.names()
    }

    async fn table(&self, name: &str) -> DfResult<Option<Arc<dyn TableProvider>>> {
        let dialects = self.dialects.upgrade().ok_or_else(|| Error::internal("the session is gone"))?;
        match self.tables.relation(name).await? {
            Some(Relation::Table) => {
                let table = self.tables.open(name).await?;
                let state = dialects.state(table.definition.dialect)?;
                Ok(Some(Arc::new(TableSource::new(table, self.mode, &state)?)))
            }
            Some(Relation::View(found)) => {
                let dialect = found.query.dialect;
                let plan = view(&dialects, name, found).await?;
                let plan = if dialect == self.dialect { plan } else { foreign_view::close(plan, dialect) };
                Ok(Some(Arc::new(ViewTable::new(plan, None))))
            }
            Some(Relation::Materialized(found, kept)) => {
                let (emit, dialect) = (found.query.emit, found.query.dialect);
                let plan = view(&dialects, name, found).await?;
                let (state, opened) = (dialects.state(Dialect::default())?, foreign_view::open(&plan)?);
                if self.mode == Mode::Streaming {
                    let content = content(&state, &opened, emit, kept.streaming()).await?;
                    return Ok(Some(match kept.table(content) {
                        Some(table) => Arc::new(TableSource::new(table, self.mode, &state)?),
                        None if dialect == self.dialect => Arc::new(ViewTable::new(plan, None)),
                        None => Arc::new(ViewTable::new(foreign_view::close(plan, dialect), None)),
                    }));
                }
                // Its rows have the types that the query got when it was type-checked.
                let plan = state.analyzer().execute_and_check(opened, state.config_options(), |_, _| {})?;
                let schema = Arc::clone(plan.schema().inner());
                let rows = kept.rows().await?;
                let rows = rows.iter().map(|b| Ok(RecordBatch::try_new(Arc::clone(&schema), b.columns().to_vec())?));
                Ok(Some(Arc::new(MemTable::try_new(Arc::clone(&schema), vec![rows.collect::<DfResult<_>>()?])?)))
            }
            // DataFusion also looks up the functions that FROM calls.
            None if window_call::is_window_function(name) || dialects.state(self.dialect)?.table_functions().contains_key(name) => Ok(None),
            None => {
                let names = self.tables.names();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Err(Error::missing_table(name).hint(suggest::hint(name, &names)).into())
            }
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.names().iter().any(|n| n == name)
    }
}

/// Plans a view's query in its own dialect. Errors point into the view, not into the query that uses it.
async fn view(dialects: &Arc<Dialects>, name: &str, view: ViewDefinition) -> Result<LogicalPlan> {
    let ViewDefinition { query, columns, source } = view;
    // The view may use other views in turn.
    let plan = Box::pin(dialects.logical(query)).await.map_err(|error| match error.line_column() {
        Some((line, column)) => error.at(source.place(line, column)).context(format!("view `{name}`")),
        None => error,
    })?;
    if columns.is_empty() { Ok(plan) } else { rename(plan, name, &columns) }
}

/// Renames a view's columns to the names that CREATE VIEW lists.
fn rename(plan: LogicalPlan, view: &str, names: &[String]) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    if columns.len() != names.len() {
        return Err(Error::sql(format!("view `{view}` names {} columns, its query has {}", names.len(), columns.len())));
    }
    let exprs = columns.into_iter().zip(names).map(|(column, name)| Expr::Column(column).alias(name));
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}
