//! Writing to the in-process log. A transaction's records are held back and appended at once when it commits.

use std::sync::{Arc, MutexGuard};

use async_trait::async_trait;

use crate::common::{Error, Result};
use crate::connectors::kafka::broker::{OutRecord, Producer};

use super::entry::{Entry, Gap, Offset};
use super::{Shared, State};

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
        let state = self.shared.lock();
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
            return self.shared.append(&mut state, topic, records);
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
        // All of it is one entry, so that a transaction appears as a whole or not at all.
        let mut entry = Entry::default();
        for (topic, records) in &self.records {
            entry.append(&mut state, topic, records.clone(), shared.clock.now())?;
        }
        entry.end_transaction();
        let offset = |(group, topic, offset, metadata): &(String, String, i64, String)| Offset {
            group: group.clone(),
            topic: topic.clone(),
            partition: 0,
            offset: *offset,
            metadata: metadata.clone(),
        };
        entry.offsets = self.offsets.iter().map(offset).collect();
        if entry.is_empty() {
            // What was written without a transaction is there already.
            state.sync()?;
        } else {
            shared.happen(&mut state, entry, true)?;
        }
        drop(state);
        self.open = false;
        self.records.clear();
        self.offsets.clear();
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.in_transaction()?;
        let mut state = self.entitled()?;
        // As in Kafka, aborted records have used up their offsets.
        let gap =
            |(topic, records): &(String, Vec<OutRecord>)| Gap { topic: topic.clone(), partition: 0, offsets: records.len() as u64 + 1 };
        let gaps = self.records.iter().map(gap).collect();
        self.shared.happen(&mut state, Entry { gaps, ..Entry::default() }, false)?;
        drop(state);
        self.open = false;
        self.records.clear();
        self.offsets.clear();
        Ok(())
    }
}
