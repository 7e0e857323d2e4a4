//! A table on files as something to read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use parking_lot::Mutex;

use crate::common::{Error, Projection, Result, units};
use crate::connectors::{PartitionRange, Prefetch, ReadMode, Source, SourceCounters, SourceReader, Split, TableSpec, lookup};

use super::file_reader::{FileReader, PARTITION};
use super::folder_reader::Begin;
use super::folder_stream::FilesFollow;
use super::scan::FilesTable;
use super::seen_file::SeenFile;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::listing::File;

/// The files of a table.
///
/// What is read, known and passed over is a job's own: each has an instance, [`Source::own`]. A continuous job reads them as one partition whose positions count records, in order. Which file a position is in it knows by
/// the lines that it [learned](crate::connectors::Fetched::learned).
#[derive(Debug)]
pub struct FilesSource {
    config: Arc<Config>,
    schema: SchemaRef,
    monitor: Option<Duration>,
    /// As streams look rows up in it; nothing if it is a stream itself.
    lookups: Option<Arc<dyn TableProvider>>,
    dead_letter: Option<String>,
    counters: Arc<SourceCounters>,
    /// Files that commits know.
    known: Mutex<Vec<SeenFile>>,
    /// Files that are not to be read, and that no commit knows yet.
    passed_over: Mutex<Vec<SeenFile>>,
    /// Only what is there now is wanted.
    until_now: AtomicBool,
}

impl FilesSource {
    /// A source of the files that a table declares.
    ///
    /// # Errors
    /// Names the option that is wrong.
    pub fn new(table: &TableSpec) -> Result<Self> {
        let key = "source.monitor-interval";
        let monitor = table.option(key).map(units::duration).transpose();
        let monitor = monitor.map_err(|e| e.context(format!("table `{}`, option `{key}`", table.name)))?;
        let (config, schema) = (Arc::new(Config::read(table)?), table.schema());
        let rows = lookup::cached(Arc::new(FilesTable::new(Arc::clone(&config), Arc::clone(&schema))), table)?;
        Ok(Self {
            dead_letter: config.on_error.table(table).map(str::to_string),
            config,
            schema,
            lookups: monitor.is_none().then_some(rows),
            // Looking without a pause is of no use to anybody.
            monitor: monitor.map(|interval| interval.max(Duration::from_millis(10))),
            counters: Arc::default(),
            known: Mutex::default(),
            passed_over: Mutex::default(),
            until_now: AtomicBool::new(false),
        })
    }

    fn table(&self) -> FilesTable {
        FilesTable::new(Arc::clone(&self.config), Arc::clone(&self.schema))
    }

    /// Leaves out the files that are there and for which `old` holds.
    async fn pass_over(&self, old: impl Fn(&File) -> bool) -> Result<()> {
        let files = self.config.files().await?;
        *self.passed_over.lock() = files.iter().filter(|f| old(f)).map(|f| SeenFile::new(f, None)).collect();
        Ok(())
    }
}

#[async_trait]
impl Source for FilesSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn identity(&self) -> String {
        self.config.location.shown.clone()
    }

    fn bounded(&self) -> bool {
        self.monitor.is_none()
    }

    fn own(&self) -> Option<Arc<dyn Source>> {
        Some(Arc::new(Self {
            config: Arc::clone(&self.config),
            schema: Arc::clone(&self.schema),
            monitor: self.monitor,
            lookups: self.lookups.clone(),
            dead_letter: self.dead_letter.clone(),
            counters: Arc::default(),
            known: Mutex::default(),
            passed_over: Mutex::default(),
            until_now: AtomicBool::new(false),
        }))
    }

    fn dead_letter(&self) -> Option<&str> {
        self.dead_letter.as_deref()
    }

    fn table_provider(&self) -> Option<Arc<dyn TableProvider>> {
        Some(Arc::new(self.table()))
    }

    fn lookup_table(&self) -> Option<Arc<dyn TableProvider>> {
        self.lookups.clone()
    }

    async fn plan(&self, mode: ReadMode) -> Result<Vec<PartitionRange>> {
        match mode {
            ReadMode::Batch => self.until_now.store(true, Ordering::SeqCst),
            ReadMode::FromLatest => self.pass_over(|_| true).await?,
            ReadMode::FromTimestamp(ms) => self.pass_over(|f| f.meta.last_modified.timestamp_millis() < ms).await?,
            ReadMode::Stream | ReadMode::FromEarliest => {}
        }
        Ok(vec![PartitionRange { partition: PARTITION, start: 0, end: None }])
    }

    fn recall(&self, learned: &[String]) -> Result<()> {
        *self.known.lock() = learned.iter().map(|line| SeenFile::parse(line)).collect::<Result<_>>()?;
        Ok(())
    }

    async fn resume(&self, _: &[PartitionRange]) -> Result<Vec<PartitionRange>> {
        Ok(Vec::new())
    }

    fn read(&self, _: &Split, _: &Projection) -> Result<SendableRecordBatchStream> {
        Err(Error::internal(format!("table `{}`: files are not read by splits", self.config.table)))
    }

    fn follow(&self, from: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let (config, counters) = (Arc::clone(&self.config), Arc::clone(&self.counters));
        let files = FileReader::new(Arc::clone(&config), self.table(), projection, prefetch.batch_rows, Arc::clone(&counters))?;
        let begin = Begin {
            known: self.known.lock().clone(),
            passed_over: std::mem::take(&mut *self.passed_over.lock()),
            position: from.first().map_or(0, |range| range.start),
            interval: self.monitor.filter(|_| !self.until_now.load(Ordering::SeqCst)),
        };
        Ok(Box::new(FilesFollow::start(config, files, counters, begin)))
    }

    async fn report(&self, _: &[(i32, i64)]) {}

    fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }
}
