//! Wraps DataFusion's file readers: an error or a panic names its file, and rows with values that SQL cannot represent are set aside.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileScanConfigBuilder, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use object_store::ObjectStore;

use crate::common::{Error, ErrorKind, Result, Subject, panics};
use crate::connectors::files::table::config::Config;

use super::out_of_range::{bad_rows, without};
use super::skipped_records::SkippedRecords;

/// Reads files through another source, and checks what it yields.
///
/// ```text
///   a file ─▶ ParquetSource, ArrowSource, AvroFormat ─▶ columns in SQL's types ─▶ bad rows are set aside ─▶ rows
///                                              └─▶ an error, a panic ─▶ `a.parquet cannot be read: ...`
/// ```
/// A projection that computes values stays above it: functions must not see an invalid time.
#[derive(Clone)]
pub(super) struct CheckedSource {
    inner: Arc<dyn FileSource>,
    config: Arc<Config>,
    skipped: Arc<SkippedRecords>,
}

impl CheckedSource {
    /// Checks the rows that `inner` reads from a table's files.
    pub(super) fn new(config: Arc<Config>, inner: Arc<dyn FileSource>) -> Self {
        Self { inner, config, skipped: Arc::default() }
    }

    fn over(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, ..self.clone() })
    }
}

impl FileSource for CheckedSource {
    fn create_file_opener(&self, objects: Arc<dyn ObjectStore>, scan: &FileScanConfig, partition: usize) -> DfResult<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(objects, scan, partition)
    }

    fn create_morselizer(&self, objects: Arc<dyn ObjectStore>, scan: &FileScanConfig, partition: usize) -> DfResult<Box<dyn Morselizer>> {
        // Some rows within the limit may be set aside; the operator above counts the others.
        let all = FileScanConfigBuilder::from(scan.clone()).with_limit(None).build();
        Ok(Box::new(CheckedMorselizer {
            inner: self.inner.create_morselizer(objects, &all, partition)?,
            config: Arc::clone(&self.config),
            skipped: Arc::clone(&self.skipped),
            count: MetricBuilder::new(self.inner.metrics()).counter("records_skipped", partition),
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.over(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    fn supports_repartitioning(&self) -> bool {
        self.inner.supports_repartitioning()
    }

    fn repartitioned(
        &self,
        target: usize,
        smallest: usize,
        order: Option<LexOrdering>,
        scan: &FileScanConfig,
    ) -> DfResult<Option<FileScanConfig>> {
        self.inner.repartitioned(target, smallest, order, scan)
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        options: &ConfigOptions,
    ) -> DfResult<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_filters(filters, options)?;
        Ok(FilterPushdownPropagation { updated_node: pushed.updated_node.map(|inner| self.over(inner)), filters: pushed.filters })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        properties: &EquivalenceProperties,
    ) -> DfResult<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        Ok(match self.inner.try_pushdown_sort(order, properties)? {
            SortOrderPushdownResult::Exact { inner } => SortOrderPushdownResult::Exact { inner: self.over(inner) },
            SortOrderPushdownResult::Inexact { inner } => SortOrderPushdownResult::Inexact { inner: self.over(inner) },
            SortOrderPushdownResult::Unsupported => SortOrderPushdownResult::Unsupported,
        })
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DfResult<Option<Arc<dyn FileSource>>> {
        if !projection.iter().all(|column| takes_only(&column.expr)) {
            return Ok(None);
        }
        Ok(self.inner.try_pushdown_projection(projection)?.map(|inner| self.over(inner)))
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

/// Whether an expression is a column, or a field of one.
fn takes_only(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let mut only = true;
    let looked = expr.apply(|part| {
        let field = part.downcast_ref::<ScalarFunctionExpr>().is_some_and(|call| call.fun().name() == "get_field");
        only &= field || part.is::<Column>() || part.is::<Literal>();
        Ok(TreeNodeRecursion::Continue)
    });
    looked.is_ok() && only
}

/// Opens files.
#[derive(Debug)]
struct CheckedMorselizer {
    inner: Box<dyn Morselizer>,
    config: Arc<Config>,
    skipped: Arc<SkippedRecords>,
    count: Count,
}

impl Morselizer for CheckedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> DfResult<Box<dyn MorselPlanner>> {
        let of = Arc::new(FileChecks {
            name: self.config.location.show(&file.object_meta.location),
            config: Arc::clone(&self.config),
            skipped: Arc::clone(&self.skipped),
            count: self.count.clone(),
        });
        let inner = of.caught(|| self.inner.plan_file(file))?;
        Ok(Box::new(CheckedPlanner { inner, of }))
    }
}

/// The checks of one file.
#[derive(Debug)]
struct FileChecks {
    name: String,
    config: Arc<Config>,
    skipped: Arc<SkippedRecords>,
    count: Count,
}

impl FileChecks {
    fn named(&self, error: DataFusionError) -> DataFusionError {
        let error = Error::from(error);
        let lost = matches!(error.kind(), ErrorKind::Memory | ErrorKind::Interrupted | ErrorKind::Unavailable);
        let is_named = error.subjects().iter().any(|subject| matches!(subject, Subject::File(_)));
        if lost || is_named {
            return error.into();
        }
        Error::data(error.message()).context(format!("{} cannot be read", self.name)).about(Subject::File(self.name.clone())).into()
    }

    fn caught<T>(&self, work: impl FnOnce() -> DfResult<T>) -> DfResult<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => done.map_err(|error| self.named(error)),
            Err(panic) => Err(panics::into_error(&*panic, panics::damaged(&self.name)).into()),
        }
    }

    fn good(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let Some((rows, why)) = bad_rows(&batch) else { return Ok(batch) };
        self.count.add(rows.len());
        let first = format!("table `{}`: {}: {why}", self.config.table, self.name);
        self.skipped.note(self.config.on_error, rows.len(), &first)?;
        without(&batch, &rows)
    }
}

#[derive(Debug)]
struct CheckedPlanner {
    inner: Box<dyn MorselPlanner>,
    of: Arc<FileChecks>,
}

impl MorselPlanner for CheckedPlanner {
    fn plan(self: Box<Self>) -> DfResult<Option<MorselPlan>> {
        let Self { inner, of } = *self;
        let Some(mut plan) = of.caught(|| inner.plan())? else { return Ok(None) };
        let planner = |inner| Box::new(Self { inner, of: Arc::clone(&of) }) as Box<dyn MorselPlanner>;
        let morsel = |inner| Box::new(CheckedMorsel { inner, of: Arc::clone(&of) }) as Box<dyn Morsel>;
        let mut checked = MorselPlan::new()
            .with_morsels(plan.take_morsels().into_iter().map(morsel).collect())
            .with_planners(plan.take_ready_planners().into_iter().map(planner).collect());
        if let Some(pending) = plan.take_pending_planner() {
            checked.set_pending_planner(async move {
                let opened = AssertUnwindSafe(pending.into_future()).catch_unwind().await;
                let inner = of.caught(|| opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))?;
                Ok(Box::new(Self { inner, of }) as Box<dyn MorselPlanner>)
            });
        }
        Ok(Some(checked))
    }
}

#[derive(Debug)]
struct CheckedMorsel {
    inner: Box<dyn Morsel>,
    of: Arc<FileChecks>,
}

impl Morsel for CheckedMorsel {
    fn into_stream(self: Box<Self>) -> BoxStream<'static, DfResult<RecordBatch>> {
        let Self { inner, of } = *self;
        let rows = match of.caught(|| Ok(inner.into_stream())) {
            Ok(rows) => rows,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let checked = stream::unfold(Some((rows, of)), |reading| async {
            let (mut rows, of) = reading?;
            let next = AssertUnwindSafe(rows.next()).catch_unwind().await;
            let next = of.caught(|| next.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).transpose());
            match next.transpose()? {
                Ok(batch) => Some((of.good(batch).map_err(DataFusionError::from), Some((rows, of)))),
                // Rows after an error may not be those of the file.
                Err(error) => Some((Err(error), None)),
            }
        });
        checked.boxed()
    }
}
