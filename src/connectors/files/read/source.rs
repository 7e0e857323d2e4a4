//! Files as sources.

use std::sync::Arc;
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;

use crate::common::{Projection, Result, units};
use crate::connectors::{
    BoundedScan, PartitionRange, Prefetch, RunContext, Source, SourceCounters, SourceReader, SplitEnumerator, StartMode, StreamSource,
    TableSpec, lookup,
};

use super::file_reader::{FileReader, PARTITION};
use super::folder_reader::Begin;
use super::folder_stream::FilesReader;
use super::scan::FilesTable;
use super::seen_file::SeenFile;
use crate::common::s3::Buckets;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::listing::File;

/// The files of a table.
///
/// A continuous job reads them as one partition whose positions count records, in order. The enumerator maps a position to a file by the
/// lines in the commits ([`Fetched::state`](crate::connectors::Fetched::state)).
#[derive(Debug, Clone)]
pub struct FilesSource {
    config: Arc<Config>,
    schema: SchemaRef,
    monitor: Option<Duration>,
    /// The table as streams look rows up in it; `None` if it is a stream itself.
    snapshot: Option<Arc<dyn TableProvider>>,
    dead_letter: Option<String>,
}

impl FilesSource {
    /// Creates a source of the files that a table declares.
    ///
    /// # Errors
    /// Names the invalid option.
    pub fn new(table: &TableSpec, buckets: &Buckets) -> Result<Self> {
        let key = "source.monitor-interval";
        let monitor = table.option(key).map(units::duration).transpose();
        let monitor = monitor.map_err(|e| e.in_table_option(&table.name, key))?;
        let (config, schema) = (Arc::new(Config::read(table, buckets)?), table.schema());
        let rows = lookup::cached(Arc::new(FilesTable::new(Arc::clone(&config), Arc::clone(&schema))), table)?;
        Ok(Self {
            dead_letter: config.on_error.table(table).map(str::to_string),
            config,
            schema,
            snapshot: monitor.is_none().then_some(rows),
            // Listing without a pause would only waste requests.
            monitor: monitor.map(|interval| interval.max(Duration::from_millis(10))),
        })
    }

    fn table(&self) -> FilesTable {
        FilesTable::new(Arc::clone(&self.config), Arc::clone(&self.schema))
    }
}

impl Source for FilesSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn identity(&self) -> String {
        self.config.location.shown.clone()
    }

    fn dead_letter(&self) -> Option<&str> {
        self.dead_letter.as_deref()
    }

    fn scan(&self) -> Option<BoundedScan> {
        Some(BoundedScan::Provider(Arc::new(self.table())))
    }

    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        Some(Arc::new(self.clone()))
    }

    fn snapshot(&self) -> Option<Arc<dyn TableProvider>> {
        self.snapshot.clone()
    }
}

#[async_trait]
impl StreamSource for FilesSource {
    fn bounded(&self) -> bool {
        self.monitor.is_none()
    }

    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(FilesEnumerator {
            source: self.clone(),
            counters: run.counters,
            seen: Vec::new(),
            passed_over: Vec::new(),
            until_now: false,
        }))
    }
}

/// Chooses files for one run of a job.
#[derive(Debug)]
struct FilesEnumerator {
    source: FilesSource,
    counters: Arc<SourceCounters>,
    /// Files in the commits.
    seen: Vec<SeenFile>,
    /// Files to skip that are in no commit yet.
    passed_over: Vec<SeenFile>,
    /// Only files that exist now are read.
    until_now: bool,
}

impl FilesEnumerator {
    /// Skips the files that exist and for which `old` holds.
    async fn pass_over(&mut self, old: impl Fn(&File) -> bool) -> Result<()> {
        let files = self.source.config.files().await?;
        self.passed_over = files.iter().filter(|f| old(f)).map(|f| SeenFile::new(f, None)).collect();
        Ok(())
    }
}

#[async_trait]
impl SplitEnumerator for FilesEnumerator {
    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        match mode {
            StartMode::History => self.until_now = true,
            StartMode::Latest => self.pass_over(|_| true).await?,
            StartMode::Timestamp(ms) => self.pass_over(|f| f.meta.last_modified.timestamp_millis() < ms).await?,
            StartMode::Declared | StartMode::Earliest => {}
        }
        Ok(vec![PartitionRange { partition: PARTITION, start: 0, end: None }])
    }

    async fn resume(&mut self, _positions: &[PartitionRange], state: &[String]) -> Result<Vec<PartitionRange>> {
        self.seen = state.iter().map(|line| SeenFile::parse(line)).collect::<Result<_>>()?;
        Ok(Vec::new())
    }

    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let (config, counters) = (Arc::clone(&self.source.config), Arc::clone(&self.counters));
        let files = FileReader::new(Arc::clone(&config), self.source.table(), projection, prefetch.batch_rows, Arc::clone(&counters))?;
        let begin = Begin {
            known: self.seen.clone(),
            passed_over: std::mem::take(&mut self.passed_over),
            position: ranges.first().map_or(0, |range| range.start),
            interval: self.source.monitor.filter(|_| !self.until_now),
            threads: prefetch.threads,
        };
        Ok(Box::new(FilesReader::start(config, files, counters, begin, prefetch.max_bytes)))
    }
}
