//! Writes to the in-process log. A transaction's records are buffered and appended at once when it commits.

use std::sync::{Arc, MutexGuard};

use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::kafka::broker::{OutRecord, Producer};

use super::entry::{Entry, Gap, Offset};
use super::{Shared, State};

/// A transactional id and the epoch of this producer.
type Identity = Option<(String, u64)>;

pub(super) struct EmbeddedProducer {
    shared: Arc<Shared>,
    identity: Identity,
    open: bool,
    /// The records of the transaction, shared with the task that writes them.
    held: Arc<Held>,
}

#[derive(Debug, Default, Clone)]
struct Held {
    records: Vec<(String, Vec<OutRecord>)>,
    offsets: Vec<Offset>,
}

impl EmbeddedProducer {
    pub(super) fn new(shared: Arc<Shared>, identity: Identity) -> Self {
        Self { shared, identity, open: false, held: Arc::default() }
    }

    fn in_transaction(&self) -> Result<()> {
        if self.open { Ok(()) } else { Err(Error::internal("no transaction is open")) }
    }

    /// Runs the work if this producer is not fenced.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&Shared, MutexGuard<'_, State>) -> Result<T> + Send + 'static) -> Result<T> {
        let identity = self.identity.clone();
        let work = move |shared: &Shared| {
            let state = shared.lock();
            match &identity {
                Some((id, epoch)) if state.epochs.get(id) != Some(epoch) => {
                    Err(Error::fenced(format!("a newer producer of transactional id `{id}` has taken over")))
                }
                _ => work(shared, state),
            }
        };
        self.shared.with(work).await
    }
}

#[async_trait]
impl Producer for EmbeddedProducer {
    async fn begin(&mut self) -> Result<()> {
        self.with(|_, _| Ok(())).await?;
        if self.open {
            return Err(Error::internal("a transaction is open already"));
        }
        self.open = true;
        Ok(())
    }

    async fn send(&mut self, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        self.in_transaction()?;
        let (name, transactional) = (topic.to_string(), self.identity.is_some());
        let sent = move |shared: &Shared, mut state: MutexGuard<'_, State>| {
            if !state.topics.contains_key(&name) {
                return Err(super::missing(&name));
            }
            if transactional {
                return Ok(Some(records));
            }
            shared.append(&mut state, &name, records).map(|()| None)
        };
        if let Some(records) = self.with(sent).await? {
            Arc::make_mut(&mut self.held).records.push((topic.to_string(), records));
        }
        Ok(())
    }

    async fn send_offset(&mut self, group: &str, topic: &str, offset: i64, metadata: &str) -> Result<()> {
        self.in_transaction()?;
        self.with(|_, _| Ok(())).await?;
        if self.identity.is_none() {
            return Err(Error::internal("an offset can be sent only within a transaction"));
        }
        let (group, topic, metadata) = (group.to_string(), topic.to_string(), metadata.to_string());
        Arc::make_mut(&mut self.held).offsets.push(Offset { group, topic, partition: 0, offset, metadata });
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        self.in_transaction()?;
        let held = Arc::clone(&self.held);
        let written = move |shared: &Shared, mut state: MutexGuard<'_, State>| {
            // The transaction is one entry, so that it appears as a whole or not at all.
            let mut entry = Entry::default();
            for (topic, records) in &held.records {
                entry.append(&mut state, topic, records.clone(), shared.clock.now())?;
            }
            entry.end_transaction();
            entry.offsets.clone_from(&held.offsets);
            // Records without a transaction were appended already.
            if entry.is_empty() { state.sync() } else { shared.happen(&mut state, entry, true) }
        };
        self.with(written).await?;
        self.open = false;
        self.held = Arc::default();
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.in_transaction()?;
        // As in Kafka, aborted records use up their offsets.
        let gap =
            |(topic, records): &(String, Vec<OutRecord>)| Gap { topic: topic.clone(), partition: 0, offsets: records.len() as u64 + 1 };
        let gaps = self.held.records.iter().map(gap).collect();
        self.with(|shared, mut state| shared.happen(&mut state, Entry { gaps, ..Entry::default() }, false)).await?;
        self.open = false;
        self.held = Arc::default();
        Ok(())
    }
}
