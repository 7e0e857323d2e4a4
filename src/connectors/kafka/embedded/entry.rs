//! Entries: the changes of the in-process topic log, as they are written to the journal and applied.

use crate::common::{Error, Result};
use crate::connectors::kafka::broker::OutRecord;

use super::log::{Batch, Partition, StoredRecord};
use super::{State, missing};

/// Changes that are applied together: a transaction, or a single change.
///
/// Every durable change is an entry first, which is written to the journal, if there is one, and then applied; the next start applies the
/// journal again. So an entry does not depend on when it is applied, except for offsets: records are appended to what is there.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    /// Topics that are created, or get more partitions.
    #[prost(message, repeated, tag = "1")]
    pub(super) topics: Vec<Topic>,
    /// Records that are appended.
    #[prost(message, repeated, tag = "2")]
    pub(super) appends: Vec<Append>,
    /// Then: offsets that are skipped without a record.
    #[prost(message, repeated, tag = "3")]
    pub(super) gaps: Vec<Gap>,
    /// Offsets that groups commit.
    #[prost(message, repeated, tag = "4")]
    pub(super) offsets: Vec<Offset>,
    /// Last: the new begin of partitions whose oldest records were removed.
    #[prost(message, repeated, tag = "5")]
    pub(super) begins: Vec<Begin>,
}

/// A topic with at least this many partitions.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Topic {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint32, tag = "2")]
    pub(super) partitions: u32,
}

/// Records of one partition.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Append {
    #[prost(string, tag = "1")]
    pub(super) topic: String,
    #[prost(uint32, tag = "2")]
    pub(super) partition: u32,
    #[prost(message, repeated, tag = "3")]
    pub(super) records: Vec<StoredRecord>,
}

/// Offsets without a record, as control records and aborted ones leave them.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Gap {
    #[prost(string, tag = "1")]
    pub(super) topic: String,
    #[prost(uint32, tag = "2")]
    pub(super) partition: u32,
    #[prost(uint64, tag = "3")]
    pub(super) offsets: u64,
}

/// The first offset that a partition still has.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Begin {
    #[prost(string, tag = "1")]
    pub(super) topic: String,
    #[prost(uint32, tag = "2")]
    pub(super) partition: u32,
    #[prost(int64, tag = "3")]
    pub(super) offset: i64,
}

/// An offset of a group.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Offset {
    #[prost(string, tag = "1")]
    pub(super) group: String,
    #[prost(string, tag = "2")]
    pub(super) topic: String,
    #[prost(int32, tag = "3")]
    pub(super) partition: i32,
    #[prost(int64, tag = "4")]
    pub(super) offset: i64,
    #[prost(string, tag = "5")]
    pub(super) metadata: String,
}

impl Entry {
    /// Whether the entry changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds records to a topic, each to the partition that it names, else by its key or in turn.
    ///
    /// # Errors
    /// When there is no such topic or partition.
    pub(super) fn append(&mut self, state: &mut State, topic: &str, records: Vec<OutRecord>, now: i64) -> Result<()> {
        let State { topics, turn, .. } = state;
        let partitions = topics.get(topic).ok_or_else(|| missing(topic))?.len();
        let mut sorted: Vec<Vec<StoredRecord>> = Vec::new();
        sorted.resize_with(partitions, Vec::new);
        for record in records {
            let index = match (record.partition, &record.key) {
                // A partition that does not exist is refused below.
                (Some(fixed), _) => usize::try_from(fixed).unwrap_or(usize::MAX),
                (None, Some(key)) => super::partitioner::partition(key, partitions),
                (None, None) => {
                    *turn = turn.wrapping_add(1);
                    *turn % partitions
                }
            };
            let partition = sorted.get_mut(index);
            let partition = partition.ok_or_else(|| {
                let wrong = record.partition.unwrap_or_default();
                Error::data(format!("topic `{topic}` has no partition {wrong}: it has {partitions}"))
            })?;
            partition.push(StoredRecord::new(&record, now));
        }
        let some = (0_u32..).zip(sorted).filter(|(_, records)| !records.is_empty());
        self.appends.extend(some.map(|(partition, records)| Append { topic: topic.to_string(), partition, records }));
        Ok(())
    }

    /// Adds the control record that ends a transaction to every partition that it touched.
    pub(super) fn end_transaction(&mut self) {
        let mut touched: Vec<(&str, u32)> = self.appends.iter().map(|a| (a.topic.as_str(), a.partition)).collect();
        touched.sort_unstable();
        touched.dedup();
        self.gaps = touched.into_iter().map(|(topic, partition)| Gap { topic: topic.to_string(), partition, offsets: 1 }).collect();
    }
}

impl State {
    /// Applies an entry. What it names existed when the entry was made.
    pub(super) fn apply(&mut self, entry: Entry, retention: usize) {
        for Topic { name, partitions } in entry.topics {
            let topic = self.topics.entry(name).or_default();
            topic.resize_with(topic.len().max(partitions as usize), Partition::default);
        }
        for Append { topic, partition, records } in entry.appends {
            if let Some(partition) = self.partition(&topic, partition) {
                partition.append(records, retention);
            }
        }
        for Gap { topic, partition, offsets } in entry.gaps {
            if let Some(partition) = self.partition(&topic, partition) {
                partition.gap(offsets);
            }
        }
        for Offset { group, topic, partition, offset, metadata } in entry.offsets {
            self.groups.entry((group, topic)).or_default().insert(partition, (offset, metadata));
        }
        for Begin { topic, partition, offset } in entry.begins {
            if let Some(partition) = self.partition(&topic, partition) {
                partition.truncate(offset);
            }
        }
    }

    /// Returns entries that rebuild this state from an empty one, batch by batch, without what retention has removed.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let topics = self.topics.iter().map(|(name, partitions)| Topic { name: name.clone(), partitions: partitions.len() as u32 });
        let topics = Entry { topics: topics.collect(), ..Entry::default() };
        let partitions = self.topics.iter().flat_map(|(name, all)| (0_u32..).zip(all).map(move |(n, partition)| (name, n, partition)));
        let partitions = partitions.flat_map(|(topic, partition, log)| {
            let gap = move |from: i64, to: i64| {
                let offsets = u64::try_from(to - from).unwrap_or(0);
                Vec::from_iter((offsets > 0).then(|| Gap { topic: topic.clone(), partition, offsets }))
            };
            let before = std::iter::once(0).chain(log.batches().map(Batch::after));
            // A gap comes after the records of its entry, so each gap is in the entry before its batch.
            let gaps = before.zip(log.batches().map(|batch| batch.first).chain([log.end])).map(move |(from, to)| gap(from, to));
            let appends = std::iter::once(Vec::new()).chain(log.batches().map(move |batch| {
                let records = batch.records.clone();
                vec![Append { topic: topic.clone(), partition, records }]
            }));
            let begins = vec![Begin { topic: topic.clone(), partition, offset: log.earliest }];
            let all = appends.zip(gaps).map(|(appends, gaps)| Entry { appends, gaps, ..Entry::default() });
            all.chain([Entry { begins, ..Entry::default() }])
        });
        let offset = |(group, topic): &(String, String), (partition, (offset, metadata)): (&i32, &(i64, String))| Offset {
            group: group.clone(),
            topic: topic.clone(),
            partition: *partition,
            offset: *offset,
            metadata: metadata.clone(),
        };
        let offsets = self.groups.iter().flat_map(|(key, offsets)| offsets.iter().map(move |at| offset(key, at))).collect();
        [topics].into_iter().chain(partitions).chain([Entry { offsets, ..Entry::default() }])
    }

    /// The approximate size of all records in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.topics.values().flatten().map(|partition| partition.bytes() as u64).sum()
    }

    fn partition(&mut self, topic: &str, partition: u32) -> Option<&mut Partition> {
        self.topics.get_mut(topic)?.get_mut(partition as usize)
    }
}
