//! Kafka topics as sources.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;

use crate::common::{Projection, Result};
use crate::connectors::{
    BoundedScan, Changes, Discoveries, MetadataPredicate, PartitionRange, Prefetch, RunContext, Source, SourceCounters, SourceReader,
    Split, SplitEnumerator, SplitScan, StartMode, StreamSource,
};

use super::broker::Broker;
use super::config::KafkaTable;
use super::discovery::Discovery;
use super::fetch::Fetcher;
use super::reader::KafkaReader;
use super::{prune_ranges, read, startup};

/// A Kafka table that is read.
#[derive(Clone)]
pub struct KafkaSource {
    table: Arc<KafkaTable>,
    broker: Arc<dyn Broker>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSource({} at {})", self.table.topic, self.broker.address())
    }
}

impl KafkaSource {
    /// A source of a broker's topic.
    pub fn new(table: Arc<KafkaTable>, broker: Arc<dyn Broker>) -> Self {
        Self { table, broker }
    }

    fn fetcher(
        &self,
        from: &[PartitionRange],
        consumers: usize,
        projection: &Projection,
        counters: &Arc<SourceCounters>,
    ) -> Result<Fetcher> {
        Fetcher::new(Arc::clone(&self.table), &*self.broker, from, consumers, projection, Arc::clone(counters))
    }
}

impl Source for KafkaSource {
    fn schema(&self) -> SchemaRef {
        self.table.read_schema()
    }

    fn changes(&self) -> Changes {
        self.table.changes.clone()
    }

    fn identity(&self) -> String {
        match &self.table.changes {
            Changes::Append => format!("topic {}", self.table.topic),
            Changes::Upsert(key) => format!("topic {} by key {}", self.table.topic, key.join(", ")),
            Changes::All => format!("topic {} of changes", self.table.topic),
        }
    }

    fn dead_letter(&self) -> Option<&str> {
        self.table.on_error.table(&self.table.spec)
    }

    fn scan(&self) -> Option<BoundedScan> {
        Some(BoundedScan::Splits(Arc::new(KafkaScan(self.clone()))))
    }

    fn stream(&self) -> Option<Arc<dyn StreamSource>> {
        Some(Arc::new(self.clone()))
    }
}

/// A bounded read of a topic.
#[derive(Debug)]
struct KafkaScan(KafkaSource);

#[async_trait]
impl SplitScan for KafkaScan {
    async fn ranges(&self) -> Result<Vec<PartitionRange>> {
        startup::plan(&self.0.table, &*self.0.broker, StartMode::History).await
    }

    async fn prune_ranges(&self, ranges: Vec<PartitionRange>, predicate: &MetadataPredicate) -> Result<Vec<PartitionRange>> {
        prune_ranges::prune(&self.0.table, &*self.0.broker, ranges, predicate).await
    }

    fn read(&self, split: &Split, projection: &Projection, limit: Option<usize>) -> Result<SendableRecordBatchStream> {
        let range = PartitionRange { partition: split.partition, start: split.start, end: Some(split.end) };
        let fetcher = self.0.fetcher(&[range], 1, projection, &Arc::default())?;
        read::stream(fetcher, &self.0.table.spec.name, self.0.broker.address(), limit)
    }
}

#[async_trait]
impl StreamSource for KafkaSource {
    fn bounded(&self) -> bool {
        self.table.is_bounded()
    }

    fn enumerator(&self, run: RunContext) -> Result<Box<dyn SplitEnumerator>> {
        Ok(Box::new(KafkaEnumerator { source: self.clone(), counters: run.counters }))
    }

    async fn commit_offsets(&self, positions: &[(i32, i64)]) {
        let Some(group) = &self.table.group else { return };
        if let Err(error) = self.broker.commit_group(group, &self.table.topic, positions).await {
            tracing::debug!("{}: progress could not be reported to group '{group}': {error}", self.table.label());
        }
    }
}

/// Chooses offsets of a topic for one run of a job.
#[derive(Debug)]
struct KafkaEnumerator {
    source: KafkaSource,
    counters: Arc<SourceCounters>,
}

#[async_trait]
impl SplitEnumerator for KafkaEnumerator {
    async fn incarnation(&self) -> Result<Option<String>> {
        self.source.broker.topic_id(&self.source.table.topic).await
    }

    async fn start(&mut self, mode: StartMode) -> Result<Vec<PartitionRange>> {
        startup::plan(&self.source.table, &*self.source.broker, mode).await
    }

    async fn resume(&mut self, positions: &[PartitionRange], _state: &[String]) -> Result<Vec<PartitionRange>> {
        startup::resume(&self.source.table, &*self.source.broker, positions).await
    }

    fn discoveries(&mut self, known: &[PartitionRange]) -> Option<Discoveries> {
        let discovery = Discovery::new(&self.source.table, &self.source.broker, known)?;
        Some(Discoveries::spawn(|found| discovery.run(found)))
    }

    fn reader(&mut self, ranges: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let threads = self.source.table.parallelism.unwrap_or(prefetch.threads).clamp(1, ranges.len().max(1));
        let share = |n| ranges.iter().skip(n).step_by(threads).copied().collect::<Vec<_>>();
        let fetchers = (0..threads).map(|n| self.source.fetcher(&share(n), threads, &projection, &self.counters)).collect::<Result<_>>()?;
        Ok(Box::new(KafkaReader::start(fetchers, &self.source.table.spec.name, prefetch)?))
    }
}
