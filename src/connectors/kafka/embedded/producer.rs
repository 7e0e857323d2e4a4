//! Writing to the in-process log. A transaction's records are held back and appended at once when it commits.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::kafka::broker::{OutRecord, Producer};

use super::{Shared, State, number};

pub(super) struct EmbeddedProducer {
    shared: Arc<Shared>,
    /// The transactional id and which of its producers this is.
    identity: Option<(String, u64)>,
    open: bool,
    records: Vec<(String, Vec<OutRecord>)>,
    /// Group, topic, offset and metadata.
    offsets: Vec<(String, String, i64, String)>,
}

impl EmbeddedProducer {
    pub(super) fn new(shared: Arc<Shared>, identity: Option<(String, u64)>) -> Self {
        Self { shared, identity, open: false, records: Vec::new(), offsets: Vec::new() }
    }

    /// The state, if this producer may still write.
    fn entitled(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.shared.answer()?;
        match &self.identity {
            Some((id, epoch)) if state.epochs.get(id) != Some(epoch) => {
                Err(Error::fenced(format!("a newer producer of transactional id `{id}` has taken over")))
            }
            _ => Ok(state),
        }
    }

    fn in_transaction(&self) -> Result<()> {
        if self.open { Ok(()) } else { Err(Error::internal("no transaction is open")) }
    }
}

#[async_trait]
impl Producer for EmbeddedProducer {
    async fn begin(&mut self) -> Result<()> {
        drop(self.entitled()?);
        if self.open {
            return Err(Error::internal("a transaction is open already"));
        }
        self.open = true;
        Ok(())
    }

    async fn send(&mut self, topic: &str, records: Vec<OutRecord>) -> Result<()> {
        self.in_transaction()?;
        let mut state = self.entitled()?;
        if !state.topics.contains_key(topic) {
            return Err(super::missing(topic));
        }
        if self.identity.is_none() {
            return self.shared.append(&mut state, topic, records).map(drop);
        }
        drop(state);
        self.records.push((topic.to_string(), records));
        Ok(())
    }

    async fn send_offset(&mut self, group: &str, topic: &str, offset: i64, metadata: &str) -> Result<()> {
        self.in_transaction()?;
        drop(self.entitled()?);
        if self.identity.is_none() {
            return Err(Error::internal("an offset can be sent only within a transaction"));
        }
        self.offsets.push((group.to_string(), topic.to_string(), offset, metadata.to_string()));
        Ok(())
    }

    async fn commit(&mut self) -> Result<()> {
        self.in_transaction()?;
        let shared = Arc::clone(&self.shared);
        let mut state = self.entitled()?;
        let mut touched: BTreeSet<(&str, usize)> = BTreeSet::new();
        // Partitions are checked first, so that a transaction appears as a whole or not at all.
        for (topic, records) in &self.records {
            let partitions = state.topics.get(topic).map_or(0, Vec::len);
            if let Some(wrong) = records.iter().filter_map(|r| r.partition).find(|p| !(0..number(partitions)).contains(p)) {
                return Err(Error::data(format!("topic `{topic}` has no partition {wrong}: it has {partitions}")));
            }
        }
        for (topic, records) in &self.records {
            let partitions = shared.append(&mut state, topic, records.clone())?;
            touched.extend(partitions.into_iter().map(|p| (topic.as_str(), p)));
        }
        for (topic, index) in touched {
            // The control record that ends a transaction.
            if let Some(partition) = state.topics.get_mut(topic).and_then(|t| t.get_mut(index)) {
                partition.gap(1);
            }
        }
        for (group, topic, offset, metadata) in &self.offsets {
            let committed = state.groups.entry((group.clone(), topic.clone())).or_default();
            committed.insert(0, (*offset, metadata.clone()));
        }
        drop(state);
        shared.changed.notify_all();
        self.open = false;
        self.records.clear();
        self.offsets.clear();
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.in_transaction()?;
        let mut state = self.entitled()?;
        for (topic, records) in &self.records {
            // As in Kafka, aborted records have used up their offsets.
            if let Some(partition) = state.topics.get_mut(topic).and_then(|t| t.first_mut()) {
                partition.gap(records.len() + 1);
            }
        }
        drop(state);
        self.shared.changed.notify_all();
        self.open = false;
        self.records.clear();
        self.offsets.clear();
        Ok(())
    }
}
