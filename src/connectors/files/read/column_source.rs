//! A file source that reads whole columns and leaves computed ones to DataFusion, for several formats.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::projection::{ProjectionOpener, SplitProjection};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use object_store::ObjectStore;

/// Rows per batch, unless DataFusion says otherwise.
const BATCH_ROWS: usize = 8192;

/// How files of one format are read.
pub(super) trait ColumnFormat: Clone + Send + Sync + 'static {
    /// Creates an opener of files for these columns, which are given by their indices in the files' schema.
    ///
    /// # Errors
    /// When the schema does not have the columns.
    fn opener(&self, scan: &ColumnScan<'_>) -> DfResult<Arc<dyn FileOpener>>;

    /// Its name.
    fn name(&self) -> &str;

    /// Whether reading can begin in the middle of a file.
    fn can_split(&self) -> bool;
}

/// The parameters of a scan of files.
pub(super) struct ColumnScan<'a> {
    /// All columns of the files' content.
    pub schema: &'a SchemaRef,
    /// The indices of the columns to read.
    pub places: &'a [usize],
    /// The store of the files.
    pub objects: Arc<dyn ObjectStore>,
    /// Rows per batch.
    pub batch_rows: usize,
    /// Metrics, with a count of skipped records.
    pub metrics: &'a ExecutionPlanMetricsSet,
    /// The partition of the plan.
    pub partition: usize,
}

/// Reads columns from files, and from their paths.
#[derive(Clone)]
pub(super) struct ColumnSource<F> {
    format: F,
    table: TableSchema,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
    batch_rows: usize,
}

impl<F: ColumnFormat> ColumnSource<F> {
    /// Creates a source of all columns; `table` has the columns of the files' content, and of their paths.
    pub(super) fn new(format: F, table: TableSchema) -> Self {
        let projection = SplitProjection::unprojected(&table);
        Self { format, table, projection, metrics: ExecutionPlanMetricsSet::new(), batch_rows: BATCH_ROWS }
    }
}

impl<F: ColumnFormat> FileSource for ColumnSource<F> {
    fn create_file_opener(&self, objects: Arc<dyn ObjectStore>, _: &FileScanConfig, partition: usize) -> DfResult<Arc<dyn FileOpener>> {
        let opener = self.format.opener(&ColumnScan {
            schema: self.table.file_schema(),
            places: &self.projection.file_indices,
            objects,
            batch_rows: self.batch_rows,
            metrics: &self.metrics,
            partition,
        })?;
        ProjectionOpener::try_new(self.projection.clone(), opener, self.table.file_schema())
    }

    fn table_schema(&self) -> &TableSchema {
        &self.table
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_rows: batch_size, ..self.clone() })
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DfResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        Ok(Some(Arc::new(Self { projection: SplitProjection::new(self.table.file_schema(), &merged), ..self.clone() })))
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        datafusion::physical_plan::apply_expression_roots(self.projection.source.iter(), f)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.format.name()
    }

    fn supports_repartitioning(&self) -> bool {
        self.format.can_split()
    }
}
