//! The in-process topic log of `--embedded` and `demo`: topics without Kafka.
//!
//! It keeps Kafka's promises, so that the code above cannot tell them apart: growing offsets per partition, transactions that become
//! visible at once together with their offset commit and leave a control record (a gap of one offset), fencing of older producers of a
//! transactional id, keys that go where Java would put them. It lives in memory and in one process; with a folder it is also on disk, and
//! restored at the next start.
//!
//! ```text
//!  producer ─▶ Entry: what happens together ─▶ Journal (fsync) ─▶ State::apply ─▶ consumers
//!                                                 └── read again at the start ──▶
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::common::blocking::blocking;
use crate::common::clock::{Clock, SystemClock};
use crate::common::{Error, Result};

use super::broker::{Broker, Consumer, OutRecord, PartitionBounds, Producer};
use super::partitioner;

mod consumer;
mod entry;
mod journal;
mod log;
mod producer;

use entry::{Entry, Offset, Topic};
use journal::Journal;
use log::Partition;

/// The default retention of a partition, in bytes, in memory and on disk.
pub const RETENTION: usize = 256 << 20;

/// How many partitions a topic has by default.
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

/// The state that consumers and producers share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Notified whenever a partition grows or a topic is deleted.
    changed: Condvar,
    clock: Arc<dyn Clock>,
    /// The retention of a partition in bytes.
    retention: usize,
    /// There is a journal: the lock of the state may be held during a write to disk.
    on_disk: bool,
}

#[derive(Debug, Default)]
struct State {
    topics: BTreeMap<String, Vec<Partition>>,
    /// Offsets with metadata by group and topic.
    groups: HashMap<(String, String), BTreeMap<i32, (i64, String)>>,
    /// The newest epoch of every transactional id.
    epochs: HashMap<String, u64>,
    /// Distributes records without a key over the partitions.
    turn: usize,
    /// The journal to which entries are written before they are applied.
    journal: Option<Journal>,
}

impl EmbeddedBroker {
    /// An empty log without a retention limit.
    pub fn new() -> Self {
        Self::with(usize::MAX, Arc::new(SystemClock))
    }

    /// An empty log that keeps about this many bytes per partition, and takes the time from `clock`.
    pub fn with(retention: usize, clock: Arc<dyn Clock>) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self { shared: Arc::new(Shared { state, changed, clock, retention, on_disk: false }) }
    }

    /// Opens the log in a folder, with all its topics, records and offsets of groups. A partition keeps about this many bytes.
    ///
    /// # Errors
    /// When another process has it open, or it cannot be read.
    pub fn open(folder: &Path, retention: usize) -> Result<Self> {
        let mut state = State::default();
        state.journal = Some(Journal::open(folder, |entry| state.apply(entry, retention))?);
        let (state, changed, clock) = (Mutex::new(state), Condvar::new(), Arc::new(SystemClock));
        let shared = Shared { state, changed, clock, retention, on_disk: true };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Creates a topic; an existing one is left as it is. Returns the number of partitions.
    ///
    /// # Errors
    /// When writing to disk fails.
    pub fn create(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        self.shared.create(topic, partitions)
    }

    /// Appends records outside of any transaction.
    ///
    /// # Errors
    /// When there is no such topic or partition.
    pub fn append(&self, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        self.shared.append(&mut self.shared.lock(), topic, records)
    }
}

impl Shared {
    /// A panic of another holder cannot leave the log half written, so poisoning is ignored.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs work on the state, for an async task.
    async fn with<T: Send + 'static>(self: &Arc<Self>, work: impl FnOnce(&Self) -> Result<T> + Send + 'static) -> Result<T> {
        if !self.on_disk {
            return work(self);
        }
        let shared = Arc::clone(self);
        blocking(move || work(&shared)).await
    }

    fn create(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        let mut state = self.lock();
        if let Some(there) = state.topics.get(topic) {
            return Ok(there.len());
        }
        let partitions = partitions.unwrap_or(DEFAULT_PARTITIONS).max(1);
        self.resize(&mut state, topic, partitions)?;
        Ok(partitions)
    }

    fn resize(&self, state: &mut State, topic: &str, partitions: usize) -> Result<()> {
        let resized = Topic { name: topic.to_string(), partitions: u32::try_from(partitions).unwrap_or(u32::MAX) };
        self.happen(state, Entry { topics: vec![resized], ..Entry::default() }, true)
    }

    /// Writes an entry to the journal, if there is one, and applies it. With `sync` it is durable when this returns.
    fn happen(&self, state: &mut State, entry: Entry, sync: bool) -> Result<()> {
        if !entry.is_empty() {
            if let Some(journal) = &mut state.journal {
                journal.append(&entry, sync)?;
            }
            state.apply(entry, self.retention);
            state.renew_journal();
        }
        self.changed.notify_all();
        Ok(())
    }

    /// Appends records outside of any transaction.
    fn append(&self, state: &mut State, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        let mut entry = Entry::default();
        entry.append(state, topic, records, self.clock.now())?;
        self.happen(state, entry, false)
    }
}

impl State {
    /// Compacts the journal, if retention has removed most of its records.
    fn renew_journal(&mut self) {
        let Some(mut journal) = self.journal.take() else { return };
        if journal.is_worn(self.bytes())
            && let Err(error) = journal.rewrite(self.entries())
        {
            tracing::warn!("the journal of the embedded topics keeps what is gone from them: {error}");
        }
        self.journal = Some(journal);
    }

    /// Waits until all entries are on disk.
    fn sync(&mut self) -> Result<()> {
        self.journal.as_mut().map_or(Ok(()), Journal::sync)
    }
}

fn missing(topic: &str) -> Error {
    Error::data(format!("topic `{topic}` does not exist"))
}

/// Partition numbers are small; the trait has Kafka's 32-bit numbers.
fn number(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

#[async_trait]
impl Broker for EmbeddedBroker {
    fn address(&self) -> String {
        "embedded".to_string()
    }

    async fn topics(&self, _timeout: Duration) -> Result<Vec<String>> {
        self.shared.with(|shared| Ok(shared.lock().topics.keys().cloned().collect())).await
    }

    async fn partitions(&self, topic: &str) -> Result<Option<usize>> {
        let topic = topic.to_string();
        self.shared.with(move |shared| Ok(shared.lock().topics.get(&topic).map(Vec::len))).await
    }

    async fn create_topic(&self, topic: &str, partitions: Option<usize>) -> Result<usize> {
        let topic = topic.to_string();
        self.shared.with(move |shared| shared.create(&topic, partitions)).await
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<PartitionBounds>> {
        let topic = topic.to_string();
        let bounds = move |shared: &Shared| {
            let state = shared.lock();
            let partitions = state.topics.get(&topic).ok_or_else(|| missing(&topic))?.iter().enumerate();
            Ok(partitions.map(|(i, p)| PartitionBounds { partition: number(i), earliest: p.earliest, latest: p.end }).collect())
        };
        self.shared.with(bounds).await
    }

    async fn offsets_for_time(&self, topic: &str, timestamp: i64) -> Result<BTreeMap<i32, i64>> {
        let topic = topic.to_string();
        let offsets = move |shared: &Shared| {
            let state = shared.lock();
            let partitions = state.topics.get(&topic).ok_or_else(|| missing(&topic))?.iter().enumerate();
            Ok(partitions.map(|(i, p)| (number(i), p.offset_for_time(timestamp))).collect())
        };
        self.shared.with(offsets).await
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, (i64, String)>> {
        let key = (group.to_string(), topic.to_string());
        self.shared.with(move |shared| Ok(shared.lock().groups.get(&key).cloned().unwrap_or_default())).await
    }

    async fn commit_group(&self, group: &str, topic: &str, offsets: &[(i32, i64)]) -> Result<()> {
        let offset = |(partition, offset): &(i32, i64)| Offset {
            group: group.to_string(),
            topic: topic.to_string(),
            partition: *partition,
            offset: *offset,
            metadata: String::new(),
        };
        let offsets = offsets.iter().map(offset).collect();
        // Not synced: committed offsets are for information only.
        self.shared.with(|shared| shared.happen(&mut shared.lock(), Entry { offsets, ..Entry::default() }, false)).await
    }

    fn consumer(&self, topic: &str, from: &[(i32, i64)]) -> Result<Box<dyn Consumer>> {
        Ok(Box::new(consumer::EmbeddedConsumer::new(Arc::clone(&self.shared), topic, from)?))
    }

    async fn producer(&self, transactional_id: Option<&str>) -> Result<Box<dyn Producer>> {
        let id = transactional_id.map(ToString::to_string);
        let claim = |shared: &Shared| {
            let mut state = shared.lock();
            Ok(id.map(|id| {
                let epoch = state.epochs.entry(id.clone()).or_default();
                *epoch += 1;
                (id, *epoch)
            }))
        };
        let identity = self.shared.with(claim).await?;
        Ok(Box::new(producer::EmbeddedProducer::new(Arc::clone(&self.shared), identity)))
    }
}

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
