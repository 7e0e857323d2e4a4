//! Text files as DataFusion reads them for queries: side by side, large ones in ranges.

use std::ops::Range;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DfResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::TryStreamExt;
use object_store::ObjectStore;

use crate::common::Projection;

use super::read_columns::ReadColumns;
use super::shape::Shape;
use super::skipped_records::SkippedRecords;
use super::text_records::{self, Lines, TextScan};
use crate::connectors::files::table::config::Config;

/// Rows per batch, unless DataFusion says otherwise.
const BATCH_ROWS: usize = 8192;

/// Reads text by [`lines`]. Records that cannot be read fail the query, or are counted and spoken of when it ends.
#[derive(Clone)]
pub struct TextSource {
    opener: TextOpener,
    columns: ReadColumns,
    metrics: ExecutionPlanMetricsSet,
}

impl TextSource {
    /// A source of files of one shape; `table`: their content, and the columns of their paths.
    pub fn new(config: Arc<Config>, shape: &Shape, table: TableSchema) -> Self {
        let wanted = TextScan {
            content: Arc::clone(&shape.content),
            projection: Projection::all(&shape.content),
            header: shape.header,
            values: shape.values,
            compression: shape.compression,
            range: None,
            skip: 0,
            batch_rows: BATCH_ROWS,
        };
        let skipped = Arc::new(SkippedRecords::default());
        Self {
            opener: TextOpener { config, wanted, skipped, count: Count::new() },
            columns: ReadColumns::all(table),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl FileSource for TextSource {
    fn create_file_opener(&self, _: Arc<dyn ObjectStore>, _: &FileScanConfig, partition: usize) -> DfResult<Arc<dyn FileOpener>> {
        let mut opener = self.opener.clone();
        opener.wanted.projection = Projection::columns(self.columns.table.file_schema(), self.columns.places())?;
        opener.count = MetricBuilder::new(&self.metrics).counter("records_skipped", partition);
        self.columns.opener(Arc::new(opener))
    }

    fn table_schema(&self) -> &TableSchema {
        &self.columns.table
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let mut source = self.clone();
        source.opener.wanted.batch_rows = batch_size;
        Arc::new(source)
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(self.columns.wanted())
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DfResult<Option<Arc<dyn FileSource>>> {
        Ok(Some(Arc::new(Self { columns: self.columns.narrowed(projection)?, ..self.clone() })))
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>) -> DfResult<TreeNodeRecursion> {
        self.columns.apply_expressions(f)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &str {
        self.opener.config.format.kind.text().unwrap_or_default()
    }

    /// Where a value may hold a line end, nobody can tell in the middle of a file where a record begins.
    fn supports_repartitioning(&self) -> bool {
        self.opener.config.format.quotes().is_none() && !self.opener.wanted.values
    }
}

/// Opens files of one shape.
#[derive(Clone)]
struct TextOpener {
    config: Arc<Config>,
    wanted: TextScan,
    skipped: Arc<SkippedRecords>,
    count: Count,
}

impl FileOpener for TextOpener {
    fn open(&self, file: PartitionedFile) -> DfResult<FileOpenFuture> {
        let byte = |at: i64| u64::try_from(at).unwrap_or(0);
        let range = file.range.map(|r| Range { start: byte(r.start), end: byte(r.end) });
        let wanted = TextScan { range, ..self.wanted.clone() };
        let (skipped, count, config) = (Arc::clone(&self.skipped), self.count.clone(), Arc::clone(&self.config));
        let name = self.config.location.show(&file.object_meta.location);
        let rows = text_records::read(Arc::clone(&self.config), file.object_meta, wanted);
        let rows = rows.map_err(move |e| e.context(format!("{name} cannot be read")));
        let rows = rows.and_then(move |Lines { batch, bad, .. }| {
            count.add(bad.len());
            let first = bad.first().map(|first| first.described(&config.table));
            std::future::ready(first.map_or(Ok(()), |first| skipped.note(config.on_error, bad.len(), &first)).map(|()| batch))
        });
        let rows = rows.map_err(Into::into);
        Ok(Box::pin(async move { Ok(Box::pin(rows) as _) }))
    }
}
