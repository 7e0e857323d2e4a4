//! Declared tables as table providers of DataFusion.

use std::any::Any;
use std::fmt::Debug;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::catalog::{Session as DfSession, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column as DfColumn, DFSchema};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DfResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable, TableProviderFilterPushDown, TableScan, TableType};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use sqlparser::ast::ExprWithAlias;

use crate::common::projection::ColumnPath;
use crate::common::{Error, Result, WEIGHT};
use crate::connectors::{BoundedScan, Changes, MetadataPredicate, PartitionRange, Source, Split, SplitScan, StreamSource};
use crate::operators::changes::changelog_snapshot::CurrentRows;
use crate::operators::epoch::clock_column::Clock;
use crate::operators::{ClockExec, CurrentRowsExec, SourceScanExec, SourceSet, StaticScanExec};
use crate::sql::ast::{self, ColumnKind, CreateTable};
use crate::sql::types::fewer_digits;

use super::case_insensitive::CaseInsensitiveResolver;
use super::clock;
use super::functions::calendar::with_digits;
use super::metadata_predicate::PredicateExtractor;
use super::mode::Mode;
use super::streaming_settings::StreamingSettings;

/// The object that a name refers to.
#[derive(Debug, Clone)]
pub enum Relation {
    /// A declared table.
    Table,
    /// A view.
    View(ViewDefinition),
    /// A materialized view: its definition and its content.
    Materialized(ViewDefinition, Arc<dyn MaterializedContent>),
}

/// The definition of a view, whose query replaces its name.
#[derive(Debug, Clone)]
pub struct ViewDefinition {
    /// Its query, with resolved names.
    pub query: ast::Query,
    /// Its column names, if they are renamed.
    pub columns: Vec<String>,
    /// The text that positions in the query refer to.
    pub source: ast::Source,
}

/// The content of a materialized view.
#[async_trait]
pub trait MaterializedContent: Debug + Send + Sync {
    /// Its rows as of now.
    ///
    /// # Errors
    /// When no job maintains them, or they cannot be read.
    async fn rows(&self) -> Result<Vec<RecordBatch>>;

    /// A table for continuous queries that yields the content, then its changes. `None`: the view's query is used instead.
    fn table(&self, content: Content) -> Option<Arc<DeclaredTable>>;

    /// The settings under which its rows are computed.
    fn streaming(&self) -> StreamingSettings;
}

/// The properties of the rows of a materialized view.
#[derive(Debug, Clone)]
pub struct Content {
    /// Its columns.
    pub schema: SchemaRef,
    /// Whether rows may be retracted.
    pub updating: bool,
    /// Sets of columns that no two rows share.
    pub keys: Vec<Vec<String>>,
    /// The column that is event time, and how many milliseconds rows may be behind the watermark of the view's job.
    pub time: Option<(String, i64)>,
}

/// Resolves names: the catalog from the planner's view.
#[async_trait]
pub trait Tables: Debug + Send + Sync {
    /// The object that a name refers to, if any. Does not open a table.
    ///
    /// # Errors
    /// When a name is ambiguous or its declaration is broken.
    async fn relation(&self, name: &str) -> Result<Option<Relation>>;

    /// Opens the table that a name refers to. Infers the columns of a table that declares none.
    ///
    /// # Errors
    /// When there is no such table, its options are not valid, or its columns cannot be inferred.
    async fn open(&self, name: &str) -> Result<Arc<DeclaredTable>>;

    /// Resolves the names in a query, and expands functions and hints.
    ///
    /// # Errors
    /// With line and column in the query's text.
    fn resolve(&self, query: &mut ast::Query) -> Result<()> {
        let _ = query;
        Ok(())
    }

    /// The columns that a table declares, to correct the case of names; empty if there is no such table.
    fn columns(&self, name: &str) -> Vec<String>;

    /// All names, for suggestions of similar ones.
    fn names(&self) -> Vec<String>;
}

/// A declared table, opened for reading.
#[derive(Debug)]
pub struct DeclaredTable {
    /// The declaration.
    pub definition: CreateTable,
    /// Where its rows come from.
    pub source: Arc<dyn Source>,
    /// Whether its late rows are kept in a table.
    pub keeps_late: bool,
}

impl DeclaredTable {
    /// The stream of its rows.
    ///
    /// # Errors
    /// When the table can only be looked up.
    pub fn stream(&self) -> Result<Arc<dyn StreamSource>> {
        self.source.stream().ok_or_else(|| {
            let name = &self.definition.name;
            Error::sql(format!("table `{name}` is no stream")).hint(format!("join a stream with it: ... JOIN {name} ON ..."))
        })
    }
}

/// A declared table with its computed columns and its watermark as expressions.
#[derive(Debug, Clone)]
pub struct TableSource {
    table: Arc<DeclaredTable>,
    mode: Mode,
    schema: SchemaRef,
    /// An expression per column of `schema`, over the source's columns.
    columns: Vec<Expr>,
    /// The watermark's expression over the source's columns, and the event-time column.
    watermark: Option<(Expr, String)>,
    /// Whether a continuous query reads it as of each epoch, not as a stream.
    is_static: bool,
}

impl TableSource {
    /// Plans the computed columns and the watermark.
    ///
    /// # Errors
    /// When one of them does not plan, or the watermark column is not a timestamp.
    pub fn new(table: Arc<DeclaredTable>, mode: Mode, state: &SessionState) -> Result<Self> {
        let read = DFSchema::try_from(table.source.schema().as_ref().clone())?;
        let mut columns = Vec::new();
        let mut fields = Vec::new();
        for column in &table.definition.columns {
            let expr = match &column.kind {
                ColumnKind::Computed(expr) => {
                    plan_expr(state, expr, &read).map_err(|e| e.context(format!("computed column `{}`", column.name)))?
                }
                _ => {
                    let value = Expr::Column(DfColumn::new_unqualified(&column.name));
                    match fewer_digits(&column.text) {
                        Some(digits) => with_digits(value, &digits),
                        None => value,
                    }
                }
            };
            let data_type = expr.get_type(&read)?;
            fields.push(Field::new(&column.name, data_type, column.nullable));
            columns.push(expr);
        }
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let watermark = table.definition.watermark.as_ref().map(|w| Self::plan_watermark(w, &schema, &columns, state)).transpose()?;
        let own = || table.source.watermark().map(|(time, column)| (Expr::Column(DfColumn::new_unqualified(column)), time.to_string()));
        let watermark = watermark.or_else(own);
        Ok(Self { table, mode, schema, columns, watermark, is_static: false })
    }

    fn plan_watermark(watermark: &ast::Watermark, schema: &SchemaRef, columns: &[Expr], state: &SessionState) -> Result<(Expr, String)> {
        let context = |e: Error| e.context(format!("WATERMARK FOR `{}`", watermark.column));
        let field = schema.field_with_name(&watermark.column).map_err(|_| context(Error::sql("there is no such column")))?;
        if !matches!(field.data_type(), DataType::Timestamp(..)) {
            let shown = crate::sql::types::display(field.data_type());
            return Err(context(Error::sql(format!("the column is {shown}")).hint("it has to be TIMESTAMP(3) or TIMESTAMP_LTZ(3)")));
        }
        let all = DFSchema::try_from(schema.as_ref().clone())?;
        let expr = plan_expr(state, &watermark.expr, &all).map_err(context)?;
        // Replaces computed columns by their expressions, so that only columns that are read remain.
        let expr = expr
            .transform(|e| match &e {
                Expr::Column(c) => Ok(Transformed::yes(columns[schema.index_of(&c.name)?].clone())),
                _ => Ok(Transformed::no(e)),
            })?
            .data;
        if clock::has_clock(&expr) {
            return Err(context(Error::sql("the clock says nothing of the rows that are still to come"))
                .hint("windows over PROCTIME() need no watermark"));
        }
        Ok((expr, watermark.column.clone()))
    }

    /// The declared table that a scan reads, if it reads one.
    pub fn from_scan(scan: &TableScan) -> Option<Arc<Self>> {
        let provider: Arc<dyn Any + Send + Sync> = source_as_provider(&scan.source).ok()?;
        provider.downcast().ok()
    }

    /// The declared table's name.
    pub fn name(&self) -> &str {
        &self.table.definition.name
    }

    /// The column that carries event time, if a watermark is declared.
    pub fn event_time(&self) -> Option<&str> {
        self.watermark.as_ref().map(|(_, column)| column.as_str())
    }

    /// The expression of a column over the source's columns.
    fn column(&self, name: &str) -> Option<&Expr> {
        self.columns.get(self.schema.index_of(name).ok()?)
    }

    /// Whether a column is the clock at which its row entered.
    pub fn is_clock(&self, column: &str) -> bool {
        self.column(column).is_some_and(clock::is_clock)
    }

    /// Whether one of these columns is computed from the clock.
    pub fn has_clock(&self, columns: &[usize]) -> bool {
        columns.iter().filter_map(|i| self.columns.get(*i)).any(clock::has_clock)
    }

    /// The same table, read by continuous queries as of each epoch; `None` if it is a stream.
    pub fn as_static(&self) -> Option<Self> {
        let source = &self.table.source;
        let can = self.changes() == Changes::Append && (source.snapshot().is_some() || source.lookup().is_some());
        can.then(|| Self { is_static: true, ..self.clone() })
    }

    /// The columns by which the table looks rows up, among those whose values a join provides. Columns that the table computes, which are
    /// not in its source, do not count.
    pub fn lookup_key(&self, columns: &[&str]) -> Option<Vec<String>> {
        let read: Vec<&str> = columns.iter().copied().filter(|name| self.is_read(name)).collect();
        self.table.source.lookup()?.key(&read)
    }

    /// Whether the table can look rows up by key.
    pub fn finds_by_key(&self) -> bool {
        self.table.source.lookup().is_some()
    }

    /// Whether the table can be read as a whole, as of an epoch.
    pub fn has_snapshot(&self) -> bool {
        self.table.source.snapshot().is_some()
    }

    /// Whether a column is read from the source as it is.
    fn is_read(&self, name: &str) -> bool {
        self.column(name).is_some_and(|expr| matches!(expr, Expr::Column(c) if c.name == name))
    }

    /// Whether its late rows are kept in a table.
    pub fn keeps_late(&self) -> bool {
        self.table.keeps_late
    }

    /// Sets of columns, by name, that no two rows share.
    pub fn keys(&self) -> Vec<Vec<String>> {
        self.table.source.keys()
    }

    /// Whether no record retracts a row before the row has come.
    pub fn in_order(&self) -> bool {
        self.table.source.in_order()
    }

    /// The kind of changes that the table's records are.
    pub fn changes(&self) -> Changes {
        self.table.source.changes()
    }

    /// The table with its change records as rows: its columns, followed by the weight. Where a record may hold the key alone, all other
    /// columns may be NULL.
    pub fn records(&self) -> Self {
        let partial = |name: &str| matches!(self.changes(), Changes::Upsert(key) if !key.iter().any(|k| k == name));
        let fields = self.schema.fields().iter();
        let mut fields: Vec<Field> = fields.map(|f| f.as_ref().clone().with_nullable(f.is_nullable() || partial(f.name()))).collect();
        fields.push(Field::new(WEIGHT, DataType::Int64, false));
        let mut columns = self.columns.clone();
        columns.push(Expr::Column(DfColumn::new_unqualified(WEIGHT)));
        Self { schema: Arc::new(Schema::new(fields)), columns, ..self.clone() }
    }

    /// The columns of a scan once the weight is removed, NOT NULL as declared.
    fn declared(&self, scanned: &SchemaRef) -> SchemaRef {
        let declared = |name: &str| self.table.definition.columns.iter().find(|c| c.name == name).is_none_or(|c| c.nullable);
        let fields = scanned.fields().iter().filter(|f| f.name() != WEIGHT);
        Arc::new(Schema::new(fields.map(|f| f.as_ref().clone().with_nullable(declared(f.name()))).collect::<Vec<_>>()))
    }

    /// The predicate of filters on metadata, by which parts of the source need not be read. Where records are changes all of them have to
    /// be read, whatever the filters select from the result.
    fn bounds(&self, filters: &[&Expr]) -> MetadataPredicate {
        if self.mode != Mode::Batch || self.changes() != Changes::Append {
            return MetadataPredicate::default();
        }
        let column = |name: &str| self.column(name).cloned();
        let metadata = |name: &str| {
            let column = self.table.definition.columns.iter().find(|c| c.name == name)?;
            let ColumnKind::Metadata { key, .. } = &column.kind else { return None };
            Some((key.clone(), column.data_type.clone()?))
        };
        PredicateExtractor { column, metadata }.all(filters.iter().copied())
    }

    /// The splits that a bounded query reads of a table.
    async fn splits(&self, scan: &dyn SplitScan, filters: &[Expr]) -> Result<Vec<Split>> {
        let mut ranges = scan.ranges().await?;
        let bounds = self.bounds(&filters.iter().collect::<Vec<_>>());
        if !bounds.is_empty() {
            ranges = scan.prune_ranges(ranges, &bounds).await?;
        }
        let split = |range: &PartitionRange| {
            let end = range.end.ok_or_else(|| {
                Error::sql(format!("table `{}` has no end to read to", self.name())).hint("add EMIT CHANGES, or bound it")
            })?;
            Ok(Split { table: self.name().to_string(), partition: range.partition, start: range.start, end })
        };
        ranges.iter().map(split).collect()
    }

    /// The error of a query that would have to read the whole table.
    pub fn not_whole(&self) -> Error {
        Error::sql(format!("table `{}` is not read as a whole: its rows are found by key", self.name()))
            .hint("join it with a table or a stream whose rows have the key")
    }

    /// Registers the source with the session that runs the plan.
    fn open(&self, session: &dyn DfSession) {
        if let Some(open) = session.config().get_extension::<SourceSet>() {
            open.add(self.name(), Arc::clone(&self.table.source));
        }
    }

    /// The watermark's expression, for EXPLAIN.
    pub fn watermark_text(&self) -> Option<String> {
        self.watermark.as_ref().map(|(expr, _)| expr.to_string())
    }
}

fn plan_expr(state: &SessionState, expr: &sqlparser::ast::Expr, schema: &DFSchema) -> Result<Expr> {
    let mut tries = CaseInsensitiveResolver::new(expr.clone(), &|_| Vec::new());
    loop {
        let expr = ExprWithAlias { expr: tries.next(), alias: None };
        if let ControlFlow::Break(planned) = tries.tried(state.create_logical_expr_from_sql_expr(expr, schema)) {
            return planned;
        }
    }
}

#[async_trait]
impl TableProvider for TableSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// A source that plans its own reads sees the filters on its columns, except on those that are computed above it; any other source sees
    /// only those on metadata. Whether a continuous query reads a table as of each epoch is known only later, so all filters are evaluated
    /// again above the scan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DfResult<Vec<TableProviderFilterPushDown>> {
        let provider = match self.mode {
            Mode::Batch => match self.table.source.scan() {
                Some(BoundedScan::Provider(provider)) => Some(provider),
                _ => None,
            },
            Mode::Streaming => self.table.source.snapshot(),
        };
        let judge = |filter: &&Expr| match &provider {
            Some(provider) if filter.column_refs().iter().all(|c| self.is_read(&c.name)) => {
                let judged = provider.supports_filters_pushdown(&[*filter])?.pop().unwrap_or(TableProviderFilterPushDown::Unsupported);
                let stays = self.mode == Mode::Streaming && judged == TableProviderFilterPushDown::Exact;
                Ok(if stays { TableProviderFilterPushDown::Inexact } else { judged })
            }
            None if !self.bounds(&[*filter]).is_empty() => Ok(TableProviderFilterPushDown::Inexact),
            _ => Ok(TableProviderFilterPushDown::Unsupported),
        };
        filters.iter().map(judge).collect()
    }

    async fn scan(
        &self,
        session: &dyn DfSession,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let wanted: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());
        let watermark = self.watermark.as_ref().filter(|_| self.mode == Mode::Streaming && !self.is_static).map(|(expr, _)| expr);
        let read = self.table.source.schema();

        let mut indices = Vec::new();
        for expr in wanted.iter().map(|i| &self.columns[*i]).chain(watermark) {
            expr.apply(|e| {
                if let Expr::Column(column) = e {
                    indices.push(read.index_of(&column.name)?);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        // A batch query reads the rows that remain after all changes.
        let changes = Some(self.changes()).filter(|changes| self.mode == Mode::Batch && *changes != Changes::Append);
        if let Some(changes) = &changes {
            indices.push(read.index_of(WEIGHT)?);
            for key in keys_of(changes) {
                indices.push(read.index_of(key)?);
            }
        }
        indices.sort_unstable();
        indices.dedup();
        let scanned: SchemaRef = Arc::new(read.project(&indices)?);
        let rows = if changes.is_some() { self.declared(&scanned) } else { Arc::clone(&scanned) };
        // A continuous query gets the clock from the epoch, as an additional column.
        let clocked = self.mode == Mode::Streaming && self.has_clock(&wanted);
        let mut scanned_df = DFSchema::try_from(rows.as_ref().clone())?;
        if clocked {
            scanned_df = clock::with_clock(&scanned_df)?;
        }
        let physical = |expr: &Expr| -> DfResult<Arc<dyn PhysicalExpr>> {
            let expr = clock::from_column(with_clocks(expr.clone(), &scanned_df, session)?)?;
            session.create_physical_expr(expr, &scanned_df)
        };
        let watermark = watermark.map(physical).transpose()?;
        let paths: Vec<ColumnPath> = scanned.fields().iter().map(|f| vec![f.name().clone()]).collect();

        let partitions = session.config().target_partitions();
        let mut scan: Arc<dyn ExecutionPlan> = match self.mode {
            Mode::Streaming if self.is_static => {
                self.open(session);
                Arc::new(StaticScanExec::new(self.name(), Arc::clone(&scanned), filters.to_vec(), limit))
            }
            Mode::Streaming => {
                self.table.stream()?;
                Arc::new(SourceScanExec::new(self.name(), paths, Arc::clone(&scanned), vec![Vec::new(); partitions], watermark))
            }
            Mode::Batch => match self.table.source.scan() {
                Some(BoundedScan::Provider(provider)) => provider.scan(session, Some(&indices), filters, limit).await?,
                Some(BoundedScan::Splits(scan)) => {
                    let splits = self.splits(scan.as_ref(), filters).await?;
                    self.open(session);
                    let partitions = partitions.min(splits.len()).max(1);
                    let scan = SourceScanExec::new(self.name(), paths, Arc::clone(&scanned), vec![Vec::new(); partitions], None);
                    // A limit counts rows of the result, which changes are not yet.
                    Arc::new(scan.with_limit(limit.filter(|_| changes.is_none())).with_splits(splits))
                }
                None => return Err(self.not_whole().into()),
            },
        };
        if clocked {
            scan = Arc::new(ClockExec::new(scan, Clock { clock: 0 })?);
        }
        if let Some(changes) = &changes {
            let key = keys_of(changes).iter().map(|k| rows.index_of(k)).collect::<std::result::Result<Vec<_>, _>>()?;
            let key = matches!(changes, Changes::Upsert(_)).then_some(key);
            scan = Arc::new(CurrentRowsExec::new(scan, CurrentRows { key, schema: Arc::clone(&rows) })?);
        }
        let mut output = Vec::with_capacity(wanted.len());
        for i in wanted {
            output.push((physical(&self.columns[i])?, self.schema.field(i).name().clone()));
        }
        let plain = !clocked && output.len() == rows.fields().len() && output.iter().enumerate().all(|(i, (e, _))| is_column(e, i));
        if plain { Ok(scan) } else { Ok(Arc::new(ProjectionExec::try_new(output, scan)?)) }
    }
}

fn keys_of(changes: &Changes) -> &[String] {
    match changes {
        Changes::Upsert(key) => key,
        Changes::Append | Changes::All => &[],
    }
}

/// Replaces clock functions by their values: the time at which the query began, or `__clock()`. DataFusion's optimizer does that for
/// queries; it does not see the columns that a table computes.
fn with_clocks(expr: Expr, schema: &DFSchema, session: &dyn DfSession) -> DfResult<Expr> {
    let context = SimplifyContext::builder()
        .with_schema(Arc::new(schema.clone()))
        .with_config_options(Arc::clone(session.config().options()))
        .with_query_execution_start_time(session.execution_props().query_execution_start_time)
        .build();
    let simplifier = ExprSimplifier::new(context);
    simplifier.simplify(simplifier.coerce(expr, schema)?)
}

fn is_column(expr: &Arc<dyn PhysicalExpr>, index: usize) -> bool {
    expr.downcast_ref::<datafusion::physical_expr::expressions::Column>().is_some_and(|c| c.index() == index)
}
