//! The in-process topic log of `--embedded` and `demo`: topics without Kafka.
//!
//! It keeps to what Kafka promises, so that everything above cannot tell them apart: partitions with growing offsets,
//! transactions that appear at once together with their offset commit and leave a control record (a gap of one offset)
//! behind, older producers of a transactional id that are fenced, keys that go where Java would put them. It lives in
//! memory and in one process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::common::clock::{Clock, SystemClock};
use crate::common::{Error, Result};

use super::broker::{Bounds, Broker, Consumer, OutRecord, Producer};
use super::partitioner;

mod consumer;
mod log;
mod producer;

use log::{Partition, Stored};

/// How many partitions a topic gets if nobody says.
const DEFAULT_PARTITIONS: usize = 3;

/// A topic log in this process, shared by all its tables.
#[derive(Debug)]
pub struct EmbeddedBroker {
    shared: Arc<Shared>,
}

impl Default for EmbeddedBroker {
    fn default() -> Self {
        Self::new()
    }
}

/// What consumers and producers hold on to.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Told whenever a partition grows, a topic goes, or an outage begins or ends.
    changed: Condvar,
    clock: Arc<dyn Clock>,
    /// Bytes that a partition keeps.
    retention: usize,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, Vec<Partition>>,
    /// Offsets with metadata by group and topic.
    groups: HashMap<(String, String), BTreeMap<i32, (i64, String)>>,
    /// The newest epoch of every transactional id.
    epochs: HashMap<String, u64>,
    /// Turns records without a key around the partitions.
    turn: usize,
    outage: Option<Instant>,
}

impl EmbeddedBroker {
    /// An empty log that keeps everything.
    pub fn new() -> Self {
        Self::with(usize::MAX, Arc::new(SystemClock))
    }

    /// An empty log that keeps about this many bytes per partition, and takes the time from `clock`.
    pub fn with(retention: usize, clock: Arc<dyn Clock>) -> Self {
        Self { shared: Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), clock, retention }) }
    }

    /// Makes a topic; one that is there already stays as it is. Returns the number of partitions.
    pub fn create(&self, topic: &str, partitions: Option<usize>) -> usize {
        let mut state = self.shared.lock();
        let made = || (0..partitions.unwrap_or(DEFAULT_PARTITIONS).max(1)).map(|_| Partition::default()).collect();
        state.topics.entry(topic.to_string()).or_insert_with(made).len()
    }

    /// Gives a topic more partitions.
    pub fn grow(&self, topic: &str, partitions: usize) {
        if let Some(topic) = self.shared.lock().topics.get_mut(topic) {
            topic.resize_with(partitions.max(topic.len()), Partition::default);
        }
    }

    /// Appends records outside of any transaction.
    ///
    /// # Errors
    /// When there is no such topic or partition.
    pub fn append(&self, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        self.shared.append(&mut self.shared.lock(), topic, records).map(drop)
    }

    /// Forgets everything before an offset, as retention does.
    pub fn truncate(&self, topic: &str, partition: i32, earliest: i64) {
        let mut state = self.shared.lock();
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        if let Some(partition) = state.topics.get_mut(topic).and_then(|t| t.get_mut(index)) {
            partition.truncate(earliest);
        }
    }

    /// Forgets what a group committed on a topic, as Kafka does after `offsets.retention.minutes`.
    pub fn forget_group(&self, group: &str, topic: &str) {
        self.shared.lock().groups.remove(&(group.to_string(), topic.to_string()));
    }

    /// Begins or ends a time in which no broker answers.
    pub fn set_outage(&self, outage: bool) {
        self.shared.lock().outage = outage.then(Instant::now);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    /// A panic of another holder cannot leave the log half written, so poisoning is of no interest.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless no broker answers.
    fn answer(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.lock();
        match state.outage {
            Some(_) => Err(Error::unavailable("no broker answers at embedded")),
            None => Ok(state),
        }
    }

    /// Appends records and returns the partitions that got some.
    fn append(&self, state: &mut State, topic: &str, records: Vec<OutRecord>) -> Result<Vec<usize>> {
        let now = self.clock.now();
        let State { topics, turn, .. } = state;
        let partitions = topics.get_mut(topic).ok_or_else(|| missing(topic))?;
        let mut sorted: BTreeMap<usize, Vec<Stored>> = BTreeMap::new();
        for record in records {
            let index = match (record.partition, &record.key) {
                (Some(fixed), _) => usize::try_from(fixed).unwrap_or(usize::MAX),
                (None, Some(key)) => partitioner::partition(key, partitions.len()),
                (None, None) => {
                    *turn = turn.wrapping_add(1);
                    *turn % partitions.len()
                }
            };
            if index >= partitions.len() {
                return Err(Error::data(format!("topic `{topic}` has no partition {index}: it has {}", partitions.len())));
            }
            sorted.entry(index).or_default().push(Stored::new(record, now));
        }
        let touched = sorted.keys().copied().collect();
        for (index, records) in sorted {
            partitions[index].append(records, self.retention);
        }
        self.changed.notify_all();
        Ok(touched)
    }
}

fn missing(topic: &str) -> Error {
    Error::data(format!("topic `{topic}` does not exist"))
}

/// Partition numbers are small; the trait speaks of them as Kafka does.
fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

#[async_trait]
impl Broker for EmbeddedBroker {
    fn address(&self) -> String {
        "embedded".to_string()
    }

    async fn topics(&self, _timeout: Duration) -> Result<Vec<String>> {
        Ok(self.shared.answer()?.topics.keys().cloned().collect())
    }

    async fn partitions(&self, topic: &str) -> Result<Option<usize>> {
        Ok(self.shared.answer()?.topics.get(topic).map(Vec::len))
    }

    async fn create_topic(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        drop(self.shared.answer()?);
        Ok(self.create(topic, partitions))
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<Bounds>> {
        let state = self.shared.answer()?;
        let partitions = state.topics.get(topic).ok_or_else(|| missing(topic))?;
        Ok(partitions.iter().enumerate().map(|(i, p)| Bounds { partition: number(i), earliest: p.earliest, latest: p.end }).collect())
    }

    async fn offsets_for_time(&self, topic: &str, timestamp: i64) -> Result<BTreeMap<i32, i64>> {
        let state = self.shared.answer()?;
        let partitions = state.topics.get(topic).ok_or_else(|| missing(topic))?;
        Ok(partitions.iter().enumerate().map(|(i, p)| (number(i), p.offset_for_time(timestamp))).collect())
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        Ok(self.shared.answer()?.groups.get(&(group.to_string(), topic.to_string())).cloned().unwrap_or_default())
    }

    async fn commit_group(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        let mut state = self.shared.answer()?;
        let committed = state.groups.entry((group.to_string(), topic.to_string())).or_default();
        committed.extend(offsets.iter().map(|(partition, offset)| (*partition, (*offset, String::new()))));
        Ok(())
    }

    fn consumer(&self, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(consumer::EmbeddedConsumer::new(Arc::clone(&self.shared), topic, from)?))
    }

    async fn producer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        let mut state = self.shared.answer()?;
        let identity = transactional_id.map(|id| {
            let epoch = state.epochs.entry(id.to_string()).or_default();
            *epoch += 1;
            (id.to_string(), *epoch)
        });
        drop(state);
        Ok(Box::new(producer::EmbeddedProducer::new(Arc::clone(&self.shared), identity)))
    }
}

#[cfg(test)]
mod tests;
