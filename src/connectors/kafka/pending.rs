//! Records that wait to be decoded together.

use crate::formats::Messages;

use super::broker::{Record, TimestampType};

/// The headers of one record.
pub(super) type Headers = Vec<(String, Option<Vec<u8>>)>;

/// Records that wait to be decoded together.
#[derive(Debug)]
pub struct Pending {
    pub(super) partition: i32,
    /// Values of the records that have one.
    pub(super) values: Messages,
    /// Records without a value, ascending; empty in a table without deletes.
    pub(super) tombstones: Vec<u32>,
    /// Keys of the records that have one.
    pub(super) keys: Messages,
    /// For every record the index of its key.
    pub(super) key_index: Vec<Option<u32>>,
    pub(super) offsets: Vec<i64>,
    pub(super) timestamps: Vec<Option<i64>>,
    pub(super) types: Vec<TimestampType>,
    pub(super) epochs: Vec<Option<i32>>,
    pub(super) headers: Vec<Headers>,
}

impl Pending {
    /// An empty buffer of a partition.
    pub fn new(partition: i32) -> Self {
        Self {
            partition,
            values: Messages::default(),
            tombstones: Vec::new(),
            keys: Messages::default(),
            key_index: Vec::new(),
            offsets: Vec::new(),
            timestamps: Vec::new(),
            types: Vec::new(),
            epochs: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.tombstones.clear();
        self.keys.clear();
        self.key_index.clear();
        self.offsets.clear();
        self.timestamps.clear();
        self.types.clear();
        self.epochs.clear();
        self.headers.clear();
    }

    /// Adds a record, with its key and its headers only if they are needed.
    pub(super) fn push(&mut self, record: &Record<'_>, keep_key: bool, keep_headers: bool) {
        match record.value {
            Some(value) => self.values.push(value),
            None => self.tombstones.push(u32::try_from(self.offsets.len()).unwrap_or(u32::MAX)),
        }
        self.offsets.push(record.offset);
        self.timestamps.push(record.timestamp);
        self.types.push(record.timestamp_type);
        self.epochs.push(record.leader_epoch);
        if keep_key {
            self.key_index.push(record.key.map(|key| {
                self.keys.push(key);
                u32::try_from(self.keys.len() - 1).unwrap_or(u32::MAX)
            }));
        }
        if keep_headers {
            let mut headers = Vec::new();
            record.headers.each(&mut |key, value| headers.push((key.to_string(), value.map(<[u8]>::to_vec))));
            self.headers.push(headers);
        }
    }

    /// Returns for every value the index of its record.
    pub(super) fn records(&self) -> Vec<u32> {
        let all = 0..u32::try_from(self.len()).unwrap_or(u32::MAX);
        all.filter(|record| self.tombstones.binary_search(record).is_err()).collect()
    }

    /// Describes a record to be set aside.
    pub(super) fn bad(&self, record: u32, reason: String) -> Bad {
        let index = record as usize;
        let key = self.key_index.get(index).copied().flatten();
        let value = match self.tombstones.binary_search(&record) {
            Ok(_) => None,
            Err(before) => Some(self.values.get(index - before).to_vec()),
        };
        Bad {
            offset: self.offsets[index],
            timestamp: self.timestamps[index],
            key: key.map(|key| self.keys.get(key as usize).to_vec()),
            value,
            reason,
        }
    }
}

/// A record that could not be decoded.
#[derive(Debug)]
pub struct Bad {
    /// Its offset.
    pub offset: i64,
    /// Its time.
    pub timestamp: Option<i64>,
    /// Its key, if keys are kept.
    pub key: Option<Vec<u8>>,
    /// Its value; none for a tombstone.
    pub value: Option<Vec<u8>>,
    /// What is wrong with it.
    pub reason: String,
}
