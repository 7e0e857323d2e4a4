//! Reads the in-process log: blocks until a record is appended, and wakes within microseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Error, Result, clock};
use crate::connectors::kafka::broker::{Consumer, Position, Record};

use super::log::Batch;
use super::{Shared, State, missing};

pub(super) struct EmbeddedConsumer {
    shared: Arc<Shared>,
    topic: String,
    partitions: Vec<Assigned>,
    /// The partition to look at first, so that a busy one cannot starve the others.
    turn: usize,
}

struct Assigned {
    partition: i32,
    next: i64,
    paused: bool,
    /// The last poll found nothing at or after `next`.
    at_end: bool,
}

impl EmbeddedConsumer {
    pub(super) fn new(shared: Arc<Shared>, topic: &str, from: &[(i32, i64)]) -> Result<Self> {
        let mut consumer = Self { shared, topic: topic.to_string(), partitions: Vec::new(), turn: 0 };
        consumer.add(from)?;
        Ok(consumer)
    }

    /// Finds the next batch of some partition, and the index of its first unread record.
    fn find(&mut self, state: &State) -> Result<Option<(usize, Arc<Batch>)>> {
        let topic = state.topics.get(&self.topic).ok_or_else(|| missing(&self.topic))?;
        let count = self.partitions.len();
        for k in 0..count {
            let index = (self.turn + k) % count;
            let assigned = &mut self.partitions[index];
            if assigned.paused {
                continue;
            }
            let log = usize::try_from(assigned.partition).ok().and_then(|p| topic.get(p));
            let log = log.ok_or_else(|| Error::data(format!("topic `{}` has no partition {}", self.topic, assigned.partition)))?;
            if assigned.next < log.earliest || assigned.next > log.end {
                return Err(Error::data(format!(
                    "topic `{}`, partition {}: offset {} is gone; the log holds {} to {}",
                    self.topic, assigned.partition, assigned.next, log.earliest, log.end
                )));
            }
            match log.batch_from(assigned.next) {
                Some(batch) => {
                    self.turn = index + 1;
                    return Ok(Some((index, batch)));
                }
                // Only gaps are left: skip them.
                None => assigned.next = log.end,
            }
        }
        Ok(None)
    }

    /// Updates which partitions were read to their end; gaps at the end are skipped.
    fn look(&mut self) {
        let shared = Arc::clone(&self.shared);
        let state = shared.lock();
        let Some(topic) = state.topics.get(&self.topic) else { return };
        for assigned in self.partitions.iter_mut().filter(|assigned| !assigned.paused) {
            let Some(log) = usize::try_from(assigned.partition).ok().and_then(|p| topic.get(p)) else { continue };
            assigned.at_end = assigned.next <= log.end && log.batch_from(assigned.next).is_none();
            if assigned.at_end {
                assigned.next = log.end;
            }
        }
    }
}

impl Consumer for EmbeddedConsumer {
    fn poll(&mut self, max: usize, wait: Duration, each: &mut dyn FnMut(Record<'_>)) -> Result<usize> {
        let until = clock::instant() + wait;
        let mut count = 0;
        let shared = Arc::clone(&self.shared);
        while count < max {
            let mut state = shared.lock();
            let found = loop {
                let found = self.find(&state)?;
                let left = until.saturating_duration_since(clock::instant());
                if found.is_some() || count > 0 || left.is_zero() {
                    break found;
                }
                state = shared.changed.wait_timeout(state, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
            };
            drop(state);
            let Some((index, batch)) = found else { break };
            let assigned = &mut self.partitions[index];
            let skip = usize::try_from(assigned.next - batch.first).unwrap_or(0);
            for (record, offset) in batch.records.iter().zip(batch.first..).skip(skip).take(max - count) {
                each(record.as_record(assigned.partition, offset));
                assigned.next = offset + 1;
                count += 1;
            }
        }
        self.look();
        Ok(count)
    }

    fn positions(&mut self) -> Vec<Position> {
        let state = self.shared.lock();
        let topic = state.topics.get(&self.topic);
        let positions = self.partitions.iter().map(|assigned| {
            let log = usize::try_from(assigned.partition).ok().and_then(|p| topic?.get(p));
            Position { partition: assigned.partition, next: assigned.next, end: log.map(|log| log.end), at_end: assigned.at_end }
        });
        positions.collect()
    }

    fn outage(&self) -> Option<(Instant, String)> {
        None
    }

    fn add(&mut self, from: &[(i32, i64)]) -> Result<()> {
        let assigned = |(partition, next): &(i32, i64)| Assigned { partition: *partition, next: *next, paused: false, at_end: false };
        self.partitions.extend(from.iter().map(assigned));
        Ok(())
    }

    fn pause(&mut self, partitions: &[i32]) -> Result<()> {
        for assigned in &mut self.partitions {
            assigned.paused = partitions.contains(&assigned.partition);
            // What follows is unknown until the next look.
            assigned.at_end = false;
        }
        Ok(())
    }
}
