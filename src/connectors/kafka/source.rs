//! A Kafka topic as something to read.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;

use crate::common::{Projection, Result};
use crate::connectors::{Changes, MetadataPredicate, PartitionRange, Prefetch, ReadMode, Source, SourceCounters, SourceReader, Split};

use super::broker::Broker;
use super::config::KafkaTable;
use super::discovery::Discovery;
use super::fetch::Fetcher;
use super::reader::KafkaFollow;
use super::{prune_ranges, read, startup};

/// A Kafka table that is read.
pub struct KafkaSource {
    table: Arc<KafkaTable>,
    broker: Arc<dyn Broker>,
    counters: Arc<SourceCounters>,
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KafkaSource({} at {})", self.table.topic, self.broker.address())
    }
}

impl KafkaSource {
    /// A source over a broker.
    pub fn new(table: Arc<KafkaTable>, broker: Arc<dyn Broker>) -> Self {
        Self { table, broker, counters: Arc::default() }
    }

    fn fetcher(&self, from: &[PartitionRange], projection: &Projection) -> Result<Fetcher> {
        Fetcher::new(Arc::clone(&self.table), &*self.broker, from, projection, Arc::clone(&self.counters))
    }

    fn stream(&self, split: &Split, projection: &Projection, limit: Option<usize>) -> Result<SendableRecordBatchStream> {
        let range = PartitionRange { partition: split.partition, start: split.start, end: Some(split.end) };
        read::stream(self.fetcher(&[range], projection)?, &self.table.spec.name, self.broker.address(), limit)
    }
}

#[async_trait]
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

    async fn incarnation(&self) -> Result<Option<String>> {
        self.broker.topic_id(&self.table.topic).await
    }

    fn dead_letter(&self) -> Option<&str> {
        self.table.on_error.table(&self.table.spec)
    }

    fn bounded(&self) -> bool {
        self.table.is_bounded()
    }

    async fn plan(&self, mode: ReadMode) -> Result<Vec<PartitionRange>> {
        startup::plan(&self.table, &*self.broker, mode).await
    }

    async fn narrow(&self, ranges: Vec<PartitionRange>, bounds: &MetadataPredicate) -> Result<Vec<PartitionRange>> {
        prune_ranges::narrow(&self.table, &*self.broker, ranges, bounds).await
    }

    async fn resume(&self, positions: &[PartitionRange]) -> Result<Vec<PartitionRange>> {
        startup::resume(&self.table, &*self.broker, positions).await
    }

    fn read(&self, split: &Split, projection: &Projection) -> Result<SendableRecordBatchStream> {
        self.stream(split, projection, None)
    }

    fn read_some(&self, split: &Split, projection: &Projection, rows: usize) -> Result<SendableRecordBatchStream> {
        self.stream(split, projection, Some(rows))
    }

    fn follow(&self, from: Vec<PartitionRange>, projection: Projection, prefetch: Prefetch) -> Result<Box<dyn SourceReader>> {
        let fetcher = self.fetcher(&from, &projection)?;
        let discovery = Discovery::of(&self.table, &self.broker, &from);
        Ok(Box::new(KafkaFollow::start(fetcher, &self.table.spec.name, prefetch, discovery)?))
    }

    async fn report(&self, positions: &[(i32, i64)]) {
        let Some(group) = &self.table.group else { return };
        if let Err(error) = self.broker.commit_group(group, &self.table.topic, positions).await {
            tracing::debug!("{}: progress could not be reported to group '{group}': {error}", self.table.label());
        }
    }

    fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }
}
