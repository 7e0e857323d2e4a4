//! Watches a topic while a job reads it: for new partitions, and for a new topic of the same name.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::common::{Error, ErrorKind, Result};
use crate::connectors::PartitionRange;

use super::broker::Broker;
use super::config::KafkaTable;

/// Looks at a topic in intervals.
pub(super) struct Discovery {
    broker: Arc<dyn Broker>,
    table: Arc<KafkaTable>,
    every: Duration,
    known: BTreeSet<i32>,
}

impl Discovery {
    /// Starts from these partitions; `None` if no others will be read: the read is bounded, or the table disables discovery.
    pub(super) fn new(table: &Arc<KafkaTable>, broker: &Arc<dyn Broker>, from: &[PartitionRange]) -> Option<Self> {
        let every = table.discovery.filter(|_| from.iter().all(|r| r.end.is_none()))?;
        let known = from.iter().map(|r| r.partition).collect();
        Some(Self { broker: Arc::clone(broker), table: Arc::clone(table), every, known })
    }

    /// Sends each new partition once, until the receiver is closed. Its last message is an error: the topic was deleted and created again,
    /// so offsets of the old one are invalid.
    pub(super) async fn run(mut self, found: UnboundedSender<Result<Vec<PartitionRange>>>) {
        let mut id = None;
        loop {
            match self.look(&mut id).await {
                Ok(new) if new.is_empty() => {}
                Ok(new) => {
                    tracing::info!("{}: topic `{}` has {} new partition(s)", self.table.label(), self.table.topic, new.len());
                    self.known.extend(new.iter().map(|r| r.partition));
                    if found.send(Ok(new)).is_err() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::State => {
                    // If the receiver is closed, the reader has ended.
                    let _ = found.send(Err(error));
                    return;
                }
                // The reader reports what is wrong with the topic; discovery only tries again.
                Err(error) => tracing::debug!("{}: new partitions could not be looked for: {error}", self.table.label()),
            }
            tokio::time::sleep(self.every).await;
        }
    }

    async fn look(&self, id: &mut Option<String>) -> Result<Vec<PartitionRange>> {
        let topic = &self.table.topic;
        if let Some(now) = self.broker.topic_id(topic).await? {
            match id {
                Some(then) if *then != now => {
                    return Err(Error::state(format!(
                        "{}: topic `{topic}` was deleted and made anew while it was read",
                        self.table.label()
                    ))
                    .hint("`--fresh` starts the job anew, from the table's startup mode"));
                }
                known => *known = Some(now),
            }
        }
        if self.broker.partitions(topic).await?.is_none_or(|n| n <= self.known.len()) {
            return Ok(Vec::new());
        }
        let bounds = self.broker.bounds(topic).await?;
        let new = bounds.iter().filter(|b| !self.known.contains(&b.partition));
        Ok(new.map(|b| PartitionRange { partition: b.partition, start: b.earliest, end: None }).collect())
    }
}
