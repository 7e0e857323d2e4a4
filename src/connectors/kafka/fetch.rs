//! One step of reading: polls, decodes each partition, and updates the position of every partition.
//!
//! Both ways to read use it: the bounded stream of a batch query and the prefetching thread of a job.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{Projection, Result, clock};
use crate::connectors::offset_batch::OffsetBatch;
use crate::connectors::on_error::{self, OnError, Warning};
use crate::connectors::{PartitionRange, PartitionState, Rejected, SourceCounters};

use super::broker::{Broker, Consumer, Position};
use super::config::KafkaTable;
use super::pending::{Bad, Pending};
use super::rows::RowDecoder;

/// How often the warning about an outage is repeated.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// The result of one step.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) pieces: Vec<OffsetBatch>,
    /// Every partition, including exhausted ones.
    pub(super) states: Vec<PartitionState>,
}

/// Reads records of one topic and decodes them into rows.
pub(super) struct Fetcher {
    table: Arc<KafkaTable>,
    address: String,
    consumer: Option<Box<dyn Consumer>>,
    decoder: RowDecoder,
    partitions: BTreeMap<i32, Reading>,
    counters: Arc<SourceCounters>,
    paused: Vec<i32>,
    /// The partitions that the consumer was last told to pause.
    applied: Vec<i32>,
    warning: Warning,
    warned_outage: Option<Instant>,
}

struct Reading {
    pending: Pending,
    state: PartitionState,
    bound: Option<i64>,
    /// A record at or after the bound was seen.
    beyond: bool,
    /// The offset after the last record that was seen.
    seen: i64,
}

impl Fetcher {
    /// Reads these partitions, as one of `consumers` that read the topic side by side.
    pub(super) fn new(
        table: Arc<KafkaTable>,
        broker: &dyn Broker,
        from: &[PartitionRange],
        consumers: usize,
        projection: &Projection,
        counters: Arc<SourceCounters>,
    ) -> Result<Self> {
        let decoder = RowDecoder::new(&table, projection, table.on_error == OnError::DeadLetter)?;
        let partitions: BTreeMap<i32, Reading> = from.iter().map(|range| (range.partition, Reading::new(*range))).collect();
        let open: Vec<(i32, i64)> =
            partitions.values().filter(|r| !r.state.exhausted).map(|r| (r.state.partition, r.state.position)).collect();
        let consumer = if open.is_empty() { None } else { Some(broker.consumer_among(consumers, &table.topic, &open)?) };
        Ok(Self {
            address: broker.address(),
            table,
            consumer,
            decoder,
            partitions,
            counters,
            paused: Vec::new(),
            applied: Vec::new(),
            warning: Warning::default(),
            warned_outage: None,
        })
    }

    /// Whether every partition was read to its declared end.
    pub(super) fn exhausted(&self) -> bool {
        self.partitions.values().all(|r| r.state.exhausted)
    }

    pub(super) fn schema(&self) -> arrow::datatypes::SchemaRef {
        self.decoder.schema()
    }

    pub(super) fn states(&self) -> Vec<PartitionState> {
        self.partitions.values().map(|r| r.state).collect()
    }

    /// Since when and why no broker answers.
    pub(super) fn outage(&self) -> Option<(Instant, String)> {
        self.consumer.as_ref()?.outage()
    }

    pub(super) fn pause(&mut self, partitions: Vec<i32>) {
        self.paused = partitions;
    }

    /// Adds ranges to read.
    pub(super) fn add(&mut self, ranges: &[PartitionRange]) -> Result<()> {
        let Some(consumer) = &mut self.consumer else { return Ok(()) };
        consumer.add(&ranges.iter().map(|r| (r.partition, r.start)).collect::<Vec<_>>())?;
        self.partitions.extend(ranges.iter().map(|range| (range.partition, Reading::new(*range))));
        Ok(())
    }

    /// Polls once and decodes the records. They are returned at once; no step waits for a batch to fill.
    pub(super) fn step(&mut self, max: usize, wait: Duration) -> Result<Step> {
        let Some(consumer) = &mut self.consumer else {
            return Ok(Step { pieces: Vec::new(), states: self.states() });
        };
        let mut pause: Vec<i32> = self.paused.clone();
        pause.extend(self.partitions.values().filter(|r| r.state.exhausted).map(|r| r.state.partition));
        pause.sort_unstable();
        pause.dedup();
        if pause != self.applied {
            consumer.pause(&pause)?;
            self.applied = pause;
        }
        let (partitions, decoder, counters) = (&mut self.partitions, &self.decoder, &self.counters);
        let (mut tombstones, mut bytes) = (0, 0);
        consumer.poll(max, wait, &mut |record| {
            let Some(reading) = partitions.get_mut(&record.partition) else { return };
            // The record was fetched before the end was assigned, or returned twice.
            if reading.state.exhausted || record.offset < reading.seen {
                return;
            }
            if reading.bound.is_some_and(|bound| record.offset >= bound) {
                reading.beyond = true;
                return;
            }
            reading.seen = record.offset + 1;
            if decoder.push(&mut reading.pending, &record) {
                bytes += record.value.map_or(0, <[u8]>::len) + record.key.map_or(0, <[u8]>::len);
            } else {
                tombstones += 1;
            }
        })?;
        SourceCounters::add(&counters.tombstones, tombstones);
        SourceCounters::add(&counters.bytes, bytes);
        let outage = consumer.outage();
        let positions = consumer.positions();
        for position in positions {
            if let Some(reading) = self.partitions.get_mut(&position.partition) {
                reading.settle(&position, outage.is_some());
            }
        }
        if let Some((since, why)) = outage {
            self.warn_outage(since, &why);
        }
        let pieces = self.decode()?;
        Ok(Step { pieces, states: self.states() })
    }

    fn decode(&mut self) -> Result<Vec<OffsetBatch>> {
        let mut pieces = Vec::new();
        let mut set_aside: Vec<(i32, Bad)> = Vec::new();
        for (partition, reading) in self.partitions.iter_mut().filter(|(_, r)| !r.pending.is_empty()) {
            let rows = self.decoder.decode(&mut reading.pending)?;
            SourceCounters::add(&self.counters.rows, rows.batch.num_rows());
            let mut rejected = Vec::new();
            for bad in rows.bad {
                if self.table.on_error == OnError::DeadLetter {
                    rejected.push(Rejected {
                        partition: *partition,
                        position: bad.offset,
                        timestamp: bad.timestamp,
                        key: bad.key.clone(),
                        value: bad.value.clone(),
                        error: bad.reason.clone(),
                    });
                }
                set_aside.push((*partition, bad));
            }
            let next = reading.state.position;
            pieces.push(OffsetBatch { partition: *partition, batch: rows.batch, offsets: rows.offsets, rejected, next });
        }
        if !set_aside.is_empty() {
            SourceCounters::add(&self.counters.bad, set_aside.len());
            self.bad(&set_aside)?;
        }
        Ok(pieces)
    }

    /// Warns of bad records, or fails.
    fn bad(&mut self, all: &[(i32, Bad)]) -> Result<()> {
        let Some((partition, bad)) = all.first() else { return Ok(()) };
        let place = format!("{}: topic `{}`, partition {partition}, offset {}", self.table.label(), self.table.topic, bad.offset);
        let sample = on_error::sample(&place, &bad.reason, bad.value.as_deref().unwrap_or_default());
        self.warning.note(self.table.on_error, all.len(), &sample)
    }

    fn warn_outage(&mut self, since: Instant, why: &str) {
        if clock::since(since) >= WARN_EVERY && self.warned_outage.is_none_or(|at| clock::since(at) >= WARN_EVERY) {
            let seconds = clock::since(since).as_secs();
            tracing::warn!("{}: no answer from Kafka at {} for {seconds} s ({why}); still trying", self.table.label(), self.address);
            self.warned_outage = Some(clock::instant());
        }
    }
}

impl Reading {
    fn new(PartitionRange { partition, start, end }: PartitionRange) -> Self {
        let exhausted = end.is_some_and(|end| start >= end);
        let state = PartitionState { partition, position: start, end: None, at_end: false, exhausted };
        Self { pending: Pending::new(partition), state, bound: end, beyond: false, seen: start }
    }

    /// Updates a partition from the consumer's position. A bounded partition stops exactly at its bound.
    fn settle(&mut self, position: &Position, outage: bool) {
        let state = &mut self.state;
        if state.exhausted {
            return;
        }
        state.position = position.next.max(self.seen).max(state.position);
        state.end = position.end.or(state.end);
        state.at_end = position.at_end && !outage;
        let Some(bound) = self.bound else { return };
        // Gaps (control records, aborted transactions, compaction) can extend over the bound, so there may be no record there.
        let confirmed = state.at_end && state.end.is_some_and(|end| end >= bound);
        if self.beyond || state.position >= bound || confirmed {
            state.position = bound;
            state.at_end = true;
            state.exhausted = true;
        }
    }
}
