//! Reads text files for DataFusion's queries: concurrently, large ones in ranges.

use std::ops::Range;
use std::sync::Arc;

use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener};
use datafusion::error::Result as DfResult;
use datafusion::physical_plan::metrics::{Count, MetricBuilder};
use futures::TryStreamExt;

use crate::common::Projection;

use super::column_source::{ColumnFormat, ColumnScan};
use super::shape::Shape;
use super::skipped_records::SkippedRecords;
use super::text_records::{self, Lines, TextScan};
use crate::connectors::files::table::config::Config;

/// Reads text with [`text_records`]. A bad record fails the query, or is counted and reported at its end.
#[derive(Clone)]
pub(super) struct TextFormat {
    config: Arc<Config>,
    scan: TextScan,
    skipped: Arc<SkippedRecords>,
}

impl TextFormat {
    /// Creates a reader of files of one shape.
    pub(super) fn new(config: Arc<Config>, shape: &Shape) -> Self {
        let scan = TextScan {
            content: Arc::clone(&shape.content),
            projection: Projection::all(&shape.content),
            header: shape.header,
            values: shape.values,
            compression: shape.compression,
            range: None,
            skip: 0,
            batch_rows: 0,
        };
        Self { config, scan, skipped: Arc::default() }
    }
}

impl ColumnFormat for TextFormat {
    fn opener(&self, wanted: &ColumnScan<'_>) -> DfResult<Arc<dyn FileOpener>> {
        let projection = Projection::columns(wanted.schema, wanted.places)?;
        Ok(Arc::new(TextOpener {
            config: Arc::clone(&self.config),
            wanted: TextScan { projection, batch_rows: wanted.batch_rows, ..self.scan.clone() },
            skipped: Arc::clone(&self.skipped),
            count: MetricBuilder::new(wanted.metrics).counter("records_skipped", wanted.partition),
        }))
    }

    fn name(&self) -> &str {
        self.config.format.kind.text().unwrap_or_default()
    }

    /// Where a value may hold a line end, the start of a record cannot be found from the middle of a file.
    fn can_split(&self) -> bool {
        self.config.format.quotes().is_none() && !self.scan.values
    }
}

/// Opens files of one shape.
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
