//! Reads the newest messages of a topic, raw and decoded.
//!
//! ```text
//!  per partition   ......[ last n ]     from further back until there are n: control records and compaction leave gaps
//!  together        the newest n by time, partition, offset ─▶ decoded as the table declares
//! ```
//! The startup and bounded modes of the table do not apply here, and a message that cannot be decoded does not fail the query.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema};
use tokio_util::sync::CancellationToken;

use crate::common::{Error, Projection, Result, clock};
use crate::connectors::{on_error, peek};

use super::broker::{Broker, Headers, PartitionBounds, Record, TimestampType};
use super::config::KafkaTable;
use super::metadata::Metadata;
use super::pending::{Headers as Stored, Pending};
use super::rows::RowDecoder;
use super::startup;

/// The factor by which the next look goes further back when there were too few messages.
const FURTHER: i64 = 4;
/// Messages per poll.
const BATCH: usize = 1024;
/// How long a poll blocks, and so how soon it notices that its reader was dropped.
const POLL: Duration = Duration::from_millis(50);
/// The time limit without an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A raw message of the topic.
#[derive(Debug)]
struct Message {
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    timestamp_type: TimestampType,
    leader_epoch: Option<i32>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Owned,
}

#[derive(Debug)]
struct Owned(Stored);

impl Headers for Owned {
    fn each(&self, f: &mut dyn FnMut(&str, Option<&[u8]>)) {
        self.0.iter().for_each(|(key, value)| f(key, value.as_deref()));
    }
}

impl Message {
    fn new(record: &Record<'_>) -> Self {
        let mut headers = Vec::new();
        record.headers.each(&mut |key, value| headers.push((key.to_string(), value.map(<[u8]>::to_vec))));
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp,
            timestamp_type: record.timestamp_type,
            leader_epoch: record.leader_epoch,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: Owned(headers),
        }
    }

    fn record(&self) -> Record<'_> {
        Record {
            partition: self.partition,
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            leader_epoch: self.leader_epoch,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &self.headers,
        }
    }
}

/// Returns the newest messages of a table's topic, the newest one last: partition, offset, timestamp, key, raw, decoded. `key` and `raw`
/// are NULL if the message has none, `decoded` if it is no row: a tombstone in a table without deletes, or a bad message, of which a
/// warning names one.
///
/// # Errors
/// When there is no such topic, or no broker answers.
pub(super) async fn newest(table: &KafkaTable, broker: Arc<dyn Broker>, wanted: usize) -> Result<RecordBatch> {
    let bounds = startup::bounds(table, &*broker).await?;
    let (topic, stop) = (table.topic.clone(), CancellationToken::new());
    let _given_up = stop.clone().drop_guard();
    let read = tokio::task::spawn_blocking(move || last_of_each(&*broker, &topic, &bounds, wanted, &stop)).await;
    let mut messages = read.map_err(|e| Error::internal("a topic could not be read").with_source(e))??;
    messages.sort_by_key(|m| (m.timestamp, m.partition, m.offset));
    let messages = messages.split_off(messages.len().saturating_sub(wanted));
    let decoded = decode(table, &messages)?;
    shown(&messages, &decoded)
}

/// The end of a partition, as far as it was read.
struct Tail {
    earliest: i64,
    /// Everything from this offset on was read.
    from: i64,
    /// How far back the next look goes.
    back: i64,
    kept: VecDeque<Message>,
}

impl Tail {
    /// Returns the range to read next; `None` if there are enough messages, or no more.
    fn further(&mut self, wanted: usize) -> Option<Range<i64>> {
        if self.kept.len() >= wanted || self.from <= self.earliest {
            return None;
        }
        let to = self.from;
        self.from = self.earliest.max(to.saturating_sub(self.back));
        self.back = self.back.saturating_mul(FURTHER);
        Some(self.from..to)
    }
}

/// Reads the newest messages of every partition.
fn last_of_each(
    broker: &dyn Broker,
    topic: &str,
    bounds: &[PartitionBounds],
    wanted: usize,
    stop: &CancellationToken,
) -> Result<Vec<Message>> {
    let back = i64::try_from(wanted).unwrap_or(i64::MAX);
    let tail = |b: &PartitionBounds| (b.partition, Tail { earliest: b.earliest, from: b.latest, back, kept: VecDeque::new() });
    let mut tails: BTreeMap<i32, Tail> = bounds.iter().map(tail).collect();
    loop {
        let ranges: BTreeMap<i32, Range<i64>> = tails.iter_mut().filter_map(|(p, tail)| Some((*p, tail.further(wanted)?))).collect();
        if ranges.is_empty() {
            return Ok(tails.into_values().flat_map(|tail| tail.kept).collect());
        }
        for (partition, mut older) in read(broker, topic, &ranges, wanted, stop)? {
            if let Some(tail) = tails.get_mut(&partition) {
                older.append(&mut tail.kept);
                tail.kept = older.split_off(older.len().saturating_sub(wanted));
            }
        }
    }
}

/// Reads the newest messages of these ranges, by partition.
fn read(
    broker: &dyn Broker,
    topic: &str,
    ranges: &BTreeMap<i32, Range<i64>>,
    wanted: usize,
    stop: &CancellationToken,
) -> Result<BTreeMap<i32, VecDeque<Message>>> {
    let from: Vec<(i32, i64)> = ranges.iter().map(|(partition, range)| (*partition, range.start)).collect();
    let mut consumer = broker.consumer(topic, &from)?;
    let mut found: BTreeMap<i32, VecDeque<Message>> = BTreeMap::new();
    let mut done: Vec<i32> = Vec::new();
    while done.len() < ranges.len() {
        if stop.is_cancelled() {
            return Ok(found);
        }
        consumer.poll(BATCH, POLL, &mut |record| {
            if ranges.get(&record.partition).is_none_or(|range| !range.contains(&record.offset)) {
                return;
            }
            let kept = found.entry(record.partition).or_default();
            kept.push_back(Message::new(&record));
            if kept.len() > wanted {
                kept.pop_front();
            }
        })?;
        if let Some((since, why)) = consumer.outage().filter(|(since, _)| clock::since(*since) >= PATIENCE) {
            let (address, seconds) = (broker.address(), clock::since(since).as_secs());
            return Err(Error::unavailable(format!("no answer from Kafka at {address} for {seconds} s: {why}")));
        }
        // Gaps can extend over the end of a range, so there may be no message there.
        let over = consumer.positions().into_iter().filter(|p| {
            let end = ranges.get(&p.partition).map_or(0, |range| range.end);
            p.next >= end || (p.at_end && p.end.is_some_and(|stable| stable >= end))
        });
        let now: Vec<i32> = over.map(|p| p.partition).collect();
        if now != done {
            consumer.pause(&now)?;
            done = now;
        }
    }
    Ok(found)
}

/// Decodes messages as the table declares them: by partition and offset.
fn decode(table: &KafkaTable, messages: &[Message]) -> Result<BTreeMap<(i32, i64), String>> {
    let mut decoder = RowDecoder::new(table, &Projection::all(&table.read_schema()), false)?;
    let mut pending: BTreeMap<i32, Pending> = BTreeMap::new();
    for message in messages {
        let pending = pending.entry(message.partition).or_insert_with(|| Pending::new(message.partition));
        // A message without a value is no row of a table without deletes.
        let _ = decoder.push(pending, &message.record());
    }
    let (mut decoded, mut bad) = (BTreeMap::new(), Vec::new());
    for (partition, mut pending) in pending {
        let rows = decoder.decode(&mut pending)?;
        decoded.extend(peek::decoded(&rows.batch, rows.offsets.iter().map(|offset| (partition, *offset)))?);
        bad.extend(rows.bad.into_iter().map(|bad| (partition, bad)));
    }
    if let Some((partition, one)) = bad.first() {
        let place = format!("{}: topic `{}`, partition {partition}, offset {}", table.label(), table.topic, one.offset);
        let sample = on_error::sample(&place, &one.reason, one.value.as_deref().unwrap_or_default());
        tracing::warn!("{} of these messages cannot be read; one of them: {sample}", bad.len());
    }
    Ok(decoded)
}

fn shown(messages: &[Message], decoded: &BTreeMap<(i32, i64), String>) -> Result<RecordBatch> {
    let texts = |of: &dyn Fn(&Message) -> Option<String>| -> ArrayRef { Arc::new(messages.iter().map(of).collect::<StringArray>()) };
    let timestamps: TimestampMillisecondArray = messages.iter().map(|m| m.timestamp).collect();
    let columns: [(&str, DataType, ArrayRef); 6] = [
        ("partition", DataType::Int32, Arc::new(Int32Array::from_iter_values(messages.iter().map(|m| m.partition)))),
        ("offset", DataType::Int64, Arc::new(Int64Array::from_iter_values(messages.iter().map(|m| m.offset)))),
        ("timestamp", Metadata::Timestamp.data_type(), Arc::new(timestamps.with_timezone("UTC"))),
        ("key", DataType::Utf8, texts(&|m| m.key.as_deref().map(peek::text))),
        ("raw", DataType::Utf8, texts(&|m| m.value.as_deref().map(peek::text))),
        ("decoded", DataType::Utf8, texts(&|m| decoded.get(&(m.partition, m.offset)).cloned())),
    ];
    let fields: Vec<Field> = columns.iter().map(|(name, data_type, _)| Field::new(*name, data_type.clone(), true)).collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(.., column)| column).collect())?)
}
