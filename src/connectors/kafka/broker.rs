//! The interface of a Kafka table to a broker, the same for a real cluster and the in-process topic log.
//!
//! It has two implementations: `librdkafka` talks to Apache Kafka; `embedded` is the topic log of `--embedded` and `demo`. Both pass the
//! same conformance suite. Everything that gives a Kafka table its meaning (startup modes, metadata columns, bad records, exactly-once
//! commits) is written once, above this trait.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::common::Result;

/// A record that was read, borrowed from the fetch buffer.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Milliseconds since 1970, if the record has a time.
    pub timestamp: Option<i64>,
    /// Who set the time.
    pub timestamp_type: TimestampType,
    /// The leader epoch, if the broker reports it.
    pub leader_epoch: Option<i32>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Its headers, parsed on demand.
    pub headers: &'a dyn Headers,
}

/// The headers of a record.
pub trait Headers {
    /// Calls `f` for each header, in order.
    fn each(&self, f: &mut dyn FnMut(&str, Option<&[u8]>));
}

/// What set a record's time, in Flink's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampType {
    /// `NoTimestampType`.
    NotAvailable,
    /// `CreateTime`.
    CreateTime,
    /// `LogAppendTime`.
    LogAppendTime,
}

impl TimestampType {
    /// The text of the metadata column `timestamp-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAvailable => "NoTimestampType",
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        }
    }
}

/// A record to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutRecord {
    /// A fixed partition; without one the partitioner (`murmur2_random`) chooses by key.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; without one the time of writing.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// The headers; a header without a value has `None`.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// One more header after those, shared by many records.
    pub common: Option<CommonHeader>,
}

/// A header that many records share.
pub type CommonHeader = (&'static str, Bytes);

impl OutRecord {
    /// All headers, in order.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, Option<&[u8]>)> {
        let count = self.headers.len() + usize::from(self.common.is_some());
        (0..count).map(|i| match (self.headers.get(i), &self.common) {
            (Some((key, value)), _) => (key.as_str(), value.as_deref()),
            (None, Some((key, value))) => (*key, Some(value.as_ref())),
            (None, None) => ("", None),
        })
    }

    /// The size in bytes of an uncompressed batch that holds only this record: brokers compare it with the topic's `max.message.bytes`.
    pub fn batch_size(&self) -> usize {
        // Lengths are variable-length numbers in zigzag: 7 bits of twice the value per byte.
        let number = |n: usize| (usize::BITS - (n << 1).leading_zeros()).div_ceil(7).max(1) as usize;
        let bytes = |data: Option<&[u8]>| data.map_or(1, |data| number(data.len()) + data.len());
        let header = |(key, value): (&str, Option<&[u8]>)| bytes(Some(key.as_bytes())) + bytes(value);
        let headers = number(self.headers().len()) + self.headers().map(header).sum::<usize>();
        // Attributes, and the distances to the batch's first time and offset.
        let body = 3 + bytes(self.key.as_deref()) + bytes(self.value.as_deref()) + headers;
        BATCH_HEADER + number(body) + body
    }
}

/// The size of the header of a batch.
const BATCH_HEADER: usize = 61;

/// How large a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The client refuses larger ones.
    pub client: usize,
    /// The topic's `max.message.bytes`, compared with compressed batches.
    pub topic: usize,
}

/// The range of offsets that a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionBounds {
    /// The partition.
    pub partition: i32,
    /// The oldest offset that is still there.
    pub earliest: i64,
    /// The last stable offset: everything below is committed or aborted (read_committed), else the high watermark.
    pub latest: i64,
}

/// The position of a consumer in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset after everything returned, gaps (control records, aborted, compacted) included.
    pub next: i64,
    /// The newest last stable offset that the broker has reported, if any.
    pub end: Option<i64>,
    /// True when the broker has confirmed, in its newest answer and without an error since, that there is nothing at or after `next`.
    pub at_end: bool,
}

/// A Kafka cluster, or the in-process log that replaces one.
#[async_trait]
pub trait Broker: Debug + Send + Sync {
    /// The address shown in messages: `host:port`, or `embedded`.
    fn address(&self) -> String;

    /// The names of all topics. Fails with kind `Unavailable` when no broker answers within `timeout`.
    async fn topics(&self, timeout: Duration) -> Result<Vec<String>>;

    /// Returns the number of partitions of a topic; `None` if there is no such topic.
    async fn partitions(&self, topic: &str) -> Result<Option<usize>>;

    /// Returns the id of a topic, which differs from that of a deleted topic of the same name; `None` if the brokers have no topic ids.
    async fn topic_id(&self, _topic: &str) -> Result<Option<String>> {
        Ok(None)
    }

    /// Creates a topic, with the broker's default number of partitions if none is given. A topic that exists is no error. Returns the
    /// number of partitions.
    async fn create_topic(&self, topic: &str, partitions: Option<usize>) -> Result<usize>;

    /// Returns the bounds of every partition.
    async fn bounds(&self, topic: &str) -> Result<Vec<PartitionBounds>>;

    /// Waits until every record now in the topic is committed or aborted, so that all consumers see it: a transaction is committed before
    /// its end marker is written to each partition. Returns false if that takes longer than `patience`.
    async fn settle(&self, _topic: &str, _patience: Duration) -> Result<bool> {
        Ok(true)
    }

    /// Returns for every partition the first offset whose record's time is ≥ `timestamp` ms, or its end.
    async fn offsets_for_time(&self, topic: &str, timestamp: i64) -> Result<BTreeMap<i32, i64>>;

    /// Returns the offsets that a group has committed, with their metadata, for the partitions that have one. Waits for transactions that
    /// are still open on them (as read_committed).
    async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>>;

    /// Commits offsets of a group outside of any transaction (for information only).
    async fn commit_group(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()>;

    /// Starts reading partitions at offsets; an offset that was deleted is an error and never skipped.
    fn consumer(&self, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>>;

    /// One of `consumers` that read a topic side by side. Together they hold as many fetched records as one.
    ///
    /// # Errors
    /// As [`Self::consumer`].
    fn consumer_among(&self, _consumers: usize, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        self.consumer(topic, from)
    }

    /// A producer. With `transactional_id` it fences older ones of the same id before it returns.
    async fn producer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Producer>>;

    /// Creates a producer for this topic, whose batches are no larger than the topic allows.
    async fn producer_to(&self, _topic: &str, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        self.producer(transactional_id).await
    }
}

/// Reads records. Blocking: it needs its own thread.
pub trait Consumer: Send {
    /// Passes up to `max` records to `each`, waiting up to `wait` for the first. Returns how many there were.
    ///
    /// # Errors
    /// `Data` when an offset was deleted (retention) or the topic was; transport errors are not errors: librdkafka reconnects, and
    /// [`Self::outage`] reports them.
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(Record<'_>)) -> Result<usize>;

    /// Returns the position of every assigned partition.
    fn positions(&mut self) -> Vec<Position>;

    /// Returns since when and why no broker answers, during an outage.
    fn outage(&self) -> Option<(std::time::Instant, String)>;

    /// Reads more partitions of the topic, from these offsets.
    fn add(&mut self, from: &[(i32, i64)]) -> Result<()>;

    /// Pauses these partitions and resumes all others.
    fn pause(&mut self, partitions: &[i32]) -> Result<()>;
}

/// Writes records.
///
/// Without a transactional id, `begin` and `commit` only delimit a batch: `commit` waits until all is acknowledged.
#[async_trait]
pub trait Producer: Send {
    /// Opens a transaction.
    async fn begin(&mut self) -> Result<()>;

    /// Writes records to a topic inside the transaction, without waiting for the broker.
    async fn send(&mut self, topic: &str, records: Vec<OutRecord>) -> Result<()>;

    /// Commits an offset with metadata on partition 0 of `topic` for `group`, as part of the transaction.
    async fn send_offset(&mut self, group: &str, topic: &str, offset: i64, metadata: &str) -> Result<()>;

    /// Makes everything since `begin` visible at once. Kind `Fenced` when a newer producer of the same id exists.
    async fn commit(&mut self) -> Result<()>;

    /// Drops everything since `begin`.
    async fn abort(&mut self) -> Result<()>;

    /// Whether a record can have this time.
    fn takes_time(&self, _millis: i64) -> bool {
        true
    }

    /// Returns the limits on the size of records, if there are any.
    fn limits(&self) -> Option<Limits> {
        None
    }

    /// Whether the broker has refused a record for its size since `begin`.
    fn refused_size(&self) -> bool {
        false
    }
}
