//! The data of the in-process topic log: batches of records by offset.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::connectors::kafka::broker::{Headers, OutRecord, Record, TimestampType};

/// A record as it is stored.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredRecord {
    #[prost(int64, tag = "1")]
    pub(super) timestamp: i64,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) key: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub(super) value: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    pub(super) headers: Vec<Header>,
}

/// A header of a record.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Header {
    #[prost(string, tag = "1")]
    pub(super) key: String,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) value: Option<Vec<u8>>,
    /// The record has no value. Journals of older versions leave an empty value out.
    #[prost(bool, tag = "3")]
    pub(super) absent: bool,
}

impl StoredRecord {
    pub(super) fn new(record: &OutRecord, now: i64) -> Self {
        // A copy: a slice would keep the memory of the whole batch that it was written with.
        let owned = |bytes: &[u8]| bytes.to_vec();
        let header =
            |(key, value): (&str, Option<&[u8]>)| Header { key: key.to_string(), absent: value.is_none(), value: value.map(owned) };
        Self {
            timestamp: record.timestamp.unwrap_or(now),
            key: record.key.as_deref().map(owned),
            value: record.value.as_deref().map(owned),
            headers: record.headers().map(header).collect(),
        }
    }

    fn size(&self) -> usize {
        let headers: usize = self.headers.iter().map(|h| h.key.len() + h.value.as_ref().map_or(0, Vec::len)).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.value.as_ref().map_or(0, Vec::len) + headers + size_of::<Self>()
    }

    pub(super) fn as_record(&self, partition: i32, offset: i64) -> Record<'_> {
        Record {
            partition,
            offset,
            timestamp: Some(self.timestamp),
            timestamp_type: TimestampType::CreateTime,
            leader_epoch: Some(0),
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: self,
        }
    }
}

impl Headers for StoredRecord {
    fn each(&self, f: &mut dyn FnMut(&str, Option<&[u8]>)) {
        for header in &self.headers {
            f(&header.key, (!header.absent).then(|| header.value.as_deref().unwrap_or_default()));
        }
    }
}

/// Records that were appended together, at consecutive offsets. Readers share a batch without holding the log's lock.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) first: i64,
    pub(super) records: Vec<StoredRecord>,
    bytes: usize,
}

impl Batch {
    /// The offset after the last record.
    pub(super) fn after(&self) -> i64 {
        self.first + self.records.len() as i64
    }
}

/// One partition. Offsets may be missing between batches: control records and aborted records leave gaps, as in Kafka.
#[derive(Debug, Default)]
pub(super) struct Partition {
    batches: VecDeque<Arc<Batch>>,
    pub(super) earliest: i64,
    pub(super) end: i64,
    bytes: usize,
}

impl Partition {
    pub(super) fn append(&mut self, records: Vec<StoredRecord>, retention: usize) {
        if records.is_empty() {
            return;
        }
        let bytes = records.iter().map(StoredRecord::size).sum();
        let batch = Batch { first: self.end, records, bytes };
        self.end = batch.after();
        self.bytes += bytes;
        self.batches.push_back(Arc::new(batch));
        if self.bytes <= retention {
            return;
        }
        // Remove some more at once, so that the begin that a reader has just seen does not move with every append.
        while self.bytes > retention - retention / 4 && self.batches.len() > 1 {
            if let Some(old) = self.batches.pop_front() {
                self.bytes -= old.bytes;
                self.earliest = self.batches.front().map_or(self.end, |b| b.first);
            }
        }
    }

    /// The batches, in order.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Batch> + Clone {
        self.batches.iter().map(Arc::as_ref)
    }

    /// The approximate size of the batches in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Skips offsets without a record.
    pub(super) fn gap(&mut self, offsets: u64) {
        self.end = self.end.saturating_add_unsigned(offsets);
    }

    /// Removes everything before an offset, as retention does.
    pub(super) fn truncate(&mut self, earliest: i64) {
        self.earliest = earliest.clamp(self.earliest, self.end);
        while self.batches.front().is_some_and(|b| b.after() <= self.earliest) {
            if let Some(old) = self.batches.pop_front() {
                self.bytes -= old.bytes;
            }
        }
    }

    /// Returns the first batch with a record at or after `offset`.
    pub(super) fn batch_from(&self, offset: i64) -> Option<Arc<Batch>> {
        let at = self.batches.partition_point(|b| b.after() <= offset);
        self.batches.get(at).map(Arc::clone)
    }

    /// Returns the offset of the first record at or after a time, or the end.
    pub(super) fn offset_for_time(&self, timestamp: i64) -> i64 {
        let records = self.batches.iter().flat_map(|b| b.records.iter().zip(b.first..));
        let found = records.filter(|(_, offset)| *offset >= self.earliest).find(|(r, _)| r.timestamp >= timestamp);
        found.map_or(self.end, |(_, offset)| offset)
    }
}
