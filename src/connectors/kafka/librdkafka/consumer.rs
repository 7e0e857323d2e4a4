//! Reads partitions of a topic, tracks their positions, and tells errors from outages.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::broker::{Consumer, Position};
use super::context::Context;
use super::errors;
use super::native::{Failure, Item, Reader};
use crate::common::{Error, Result};

/// A consumer of some partitions of one topic.
pub(super) struct RdKafkaConsumer {
    reader: Reader,
    topic: String,
    address: String,
    partitions: Vec<Partition>,
    /// The partitions as librdkafka's list, reused for each query.
    list: TopicPartitionList,
    /// An error that came together with records, to be returned by the next poll.
    failed: Option<Error>,
}

#[derive(Debug, Clone, Copy)]
struct Partition {
    id: i32,
    next: i64,
    /// librdkafka's position may have reached this value only because an EOF event or an error moved it.
    phantom: i64,
    /// The newest last stable offset, from an EOF event or the statistics.
    end: Option<i64>,
    /// The last event was EOF.
    eof: bool,
    paused: bool,
}

impl RdKafkaConsumer {
    /// Starts reading ahead.
    pub fn start(client: BaseConsumer<Context>, address: &str, topic: &str, from: &[(i32, i64)]) -> Result<Self> {
        let mut list = TopicPartitionList::with_capacity(from.len());
        for &(partition, offset) in from {
            if partition < 0 || offset < 0 {
                return Err(Error::internal(format!("topic `{topic}`: partition {partition} cannot be read from offset {offset}")));
            }
            list.add_partition(topic, partition);
        }
        let reader = Reader::start(client, topic, from)
            .map_err(|(code, text)| errors::of_code(&format!("topic `{topic}` cannot be read"), address, code, Some(text)))?;
        let partitions =
            from.iter().map(|&(id, next)| Partition { id, next, phantom: next, end: None, eof: false, paused: false }).collect();
        Ok(Self { reader, topic: topic.to_string(), address: address.to_string(), partitions, list, failed: None })
    }

    fn missing(&self, partition: i32) -> Error {
        Error::data(format!("topic `{}`, partition {partition} does not exist (Kafka at {})", self.topic, self.address))
            .hint("was the topic deleted, or the right to read it withdrawn? once it is there again, `--fresh` starts over")
    }

    /// Judges an error of a partition: `None` while librdkafka retries, else the error that ends reading.
    fn judge(&self, partition: i32, offset: i64, (code, text): Failure) -> Option<Error> {
        if errors::is_transient(code) {
            tracing::debug!(target: "librdkafka", "topic `{}`, partition {partition}: {text}", self.topic);
            return None;
        }
        let next = self.partitions.iter().find(|p| p.id == partition).map_or(offset, |p| p.next);
        let place = format!("topic `{}`, partition {partition}", self.topic);
        Some(match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => {
                Error::data(format!("{place}: offset {next} is not there any more (Kafka at {})", self.address)).hint(
                    "the topic's retention has removed it, or the topic was made anew; `--fresh` starts over, from where `--from` says",
                )
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition | Code::UnknownTopicId => self.missing(partition),
            _ => errors::of_code(&format!("{place}, offset {next} cannot be read"), &self.address, code, Some(text)),
        })
    }
}

/// Handles connection errors, statistics and logs, which come on the client's main queue.
fn serve(client: &BaseConsumer<Context>) {
    // Each call serves one event; errors are returned too, after the context has seen them.
    for _ in 0..4 {
        let _ = client.poll(Duration::ZERO);
    }
}

/// Finds the entry of a partition; most records come from the same one as the record before.
fn entry(partitions: &mut [Partition], last: &mut usize, id: i32) -> Option<usize> {
    if partitions.get(*last).is_none_or(|p| p.id != id) {
        *last = partitions.iter().position(|p| p.id == id)?;
    }
    Some(*last)
}

impl Consumer for RdKafkaConsumer {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(super::super::broker::Record<'_>)) -> Result<usize> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        serve(self.reader.client());
        let context = self.reader.client().context();
        if let Some(gone) = self.partitions.iter().find(|p| context.partition(p.id).is_some_and(|health| health.missing)) {
            return Err(self.missing(gone.id));
        }
        let (mut count, mut last) = (0, 0);
        let mut failures: Vec<(i32, i64, Failure)> = Vec::new();
        let partitions = &mut self.partitions;
        let taken = self.reader.take(max, wait, &mut |item| match item {
            Item::Record(record) => {
                let Some(at) = entry(partitions, &mut last, record.partition) else { return };
                let p = &mut partitions[at];
                // After a pause fetching may start again before records that were returned already.
                if record.offset < p.next {
                    return;
                }
                p.next = record.offset + 1;
                p.eof = false;
                count += 1;
                each(record);
            }
            Item::End { partition, offset } => {
                if let Some(at) = entry(partitions, &mut last, partition) {
                    let p = &mut partitions[at];
                    p.next = p.next.max(offset);
                    p.end = p.end.max(Some(offset));
                    p.eof = true;
                    p.phantom = p.phantom.max(offset + 1);
                }
            }
            Item::Failure { partition, offset, failure } => {
                if let Some(at) = entry(partitions, &mut last, partition) {
                    let p = &mut partitions[at];
                    p.eof = false;
                    p.phantom = p.phantom.max(offset + 1);
                }
                failures.push((partition, offset, failure));
            }
        });
        if taken == 0 {
            serve(self.reader.client());
        }
        // Control records (the end of a transaction) are never returned, but move librdkafka's position.
        self.reader.positions(&self.list, &mut |id, offset| {
            if let Some(at) = entry(partitions, &mut last, id) {
                let p = &mut partitions[at];
                if offset > p.phantom {
                    p.next = p.next.max(offset);
                }
            }
        });
        for (partition, offset, failure) in failures {
            if self.failed.is_none() {
                self.failed = self.judge(partition, offset, failure);
            }
        }
        match self.failed.take_if(|_| count == 0) {
            Some(error) => Err(error),
            None => Ok(count),
        }
    }

    fn positions(&mut self) -> Vec<Position> {
        let context = self.reader.client().context();
        for p in &mut self.partitions {
            if let Some(end) = context.partition(p.id).and_then(|health| health.end) {
                p.end = p.end.max(Some(end));
            }
        }
        // Before the first statistics an EOF event counts as well, unless a connection has failed since.
        let fresh = context.unblemished();
        let healthy = |id| context.partition(id).map_or(fresh, |health| health.healthy);
        self.partitions
            .iter()
            .map(|p| Position {
                partition: p.id,
                next: p.next,
                end: p.end.map(|end| end.max(p.next)),
                at_end: p.eof && !p.paused && p.end.is_none_or(|end| end <= p.next) && healthy(p.id),
            })
            .collect()
    }

    fn outage(&self) -> Option<(Instant, String)> {
        serve(self.reader.client());
        self.reader.client().context().outage()
    }

    fn add(&mut self, from: &[(i32, i64)]) -> Result<()> {
        // A client that does not know a partition yet would report it as deleted; a missing answer is no error, because the client also
        // asks by itself.
        let _ = self.reader.client().fetch_metadata(Some(&self.topic), Duration::from_secs(5));
        self.reader
            .add(from)
            .map_err(|(code, text)| errors::of_code(&format!("topic `{}` cannot be read", self.topic), &self.address, code, Some(text)))?;
        for &(id, next) in from {
            self.list.add_partition(&self.topic, id);
            self.partitions.push(Partition { id, next, phantom: next, end: None, eof: false, paused: false });
        }
        Ok(())
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<()> {
        let what = || format!("topic `{}`: partitions cannot be paused", self.topic);
        for p in &mut self.partitions {
            let wanted = partitions.contains(&p.id);
            if wanted == p.paused {
                continue;
            }
            let mut list = TopicPartitionList::with_capacity(1);
            list.add_partition(&self.topic, p.id);
            let client = self.reader.client();
            let done = if wanted {
                client.pause(&list)
            } else {
                // By itself librdkafka would resume at its own position, which may be one too far.
                let sought = self.reader.seek(p.id, p.next);
                sought.map_err(|(code, text)| errors::of_code(&what(), &self.address, code, Some(text)))?;
                client.resume(&list)
            };
            done.map_err(|e| errors::from_client(&what(), &self.address, &e, None))?;
            // After a pause the end must be confirmed again: fetching restarts, which causes a new EOF event.
            p.paused = wanted;
            p.eof = false;
        }
        Ok(())
    }
}
