//! The continuous read of a job: threads poll and decode ahead while epochs run.
//!
//! ```text
//!  threads "reader-<table>", each with a consumer           job
//!  of some partitions
//!  poll ▶ decode per partition ▶ queue per partition ──▶ next(max_rows, wait)
//!         stop while the queues hold max_bytes ◀──────── room
//! ```
//! A batch can be cut anywhere between two records, so rows carry their offsets, and the position of a partition is always the first offset
//! that was not returned.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::common::{Error, Result, clock, panics};
use crate::connectors::offset_batch::OffsetBatch;
use crate::connectors::{Chunk, Fetched, PartitionRange, PartitionState, Prefetch, SourceReader};

use super::fetch::{Fetcher, Step};

/// How long a thread blocks in a poll, and so how soon it notices a pause or the end of the job.
const POLL: Duration = Duration::from_millis(50);

/// A running reader; dropping it stops its threads.
pub(super) struct KafkaReader {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    queues: Mutex<Queues>,
    /// Notifies the job of new rows.
    arrived: Notify,
    /// Notifies the threads that the queues have room again.
    room: Condvar,
}

#[derive(Default)]
struct Queues {
    partitions: BTreeMap<i32, Queue>,
    /// Counts batches, so that they are returned in order of arrival.
    arrivals: u64,
    paused: Vec<i32>,
    threads: Vec<ReaderThread>,
    error: Option<Error>,
    stop: bool,
    /// Threads that go on; without any, every partition is exhausted, or reading has failed.
    running: usize,
}

struct ReaderThread {
    /// How many partitions it reads.
    partitions: usize,
    /// New partitions, which it reads from its next poll on.
    assigned: Vec<PartitionRange>,
}

#[derive(Default)]
struct Queue {
    pieces: VecDeque<(u64, OffsetBatch)>,
    bytes: usize,
    /// Where its thread stands.
    ahead: Option<PartitionState>,
    /// The first offset that was not returned.
    position: i64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KafkaReader {
    /// Starts a thread for each fetcher. No partition is in two of them.
    pub(super) fn start(fetchers: Vec<Fetcher>, name: &str, prefetch: Prefetch) -> Result<Self> {
        let reader = Self { shared: Arc::default() };
        {
            let mut queues = reader.shared.lock();
            for state in fetchers.iter().flat_map(Fetcher::states) {
                queues.partitions.insert(state.partition, Queue { position: state.position, ahead: Some(state), ..Queue::default() });
            }
            let thread = |fetcher: &Fetcher| ReaderThread { partitions: fetcher.states().len(), assigned: Vec::new() };
            queues.threads = fetchers.iter().map(thread).collect();
            queues.running = fetchers.iter().filter(|fetcher| !fetcher.exhausted()).count();
        }
        for (thread, fetcher) in fetchers.into_iter().enumerate().filter(|(_, fetcher)| !fetcher.exhausted()) {
            let shared = Arc::clone(&reader.shared);
            std::thread::Builder::new().name(format!("reader-{name}")).spawn(move || run(thread, fetcher, &shared, prefetch))?;
        }
        Ok(reader)
    }
}

fn run(thread: usize, mut fetcher: Fetcher, shared: &Shared, prefetch: Prefetch) {
    loop {
        let (paused, assigned) = {
            let mut queues = shared.lock();
            while !queues.stop && queues.bytes() >= prefetch.max_bytes {
                queues = shared.room.wait(queues).unwrap_or_else(PoisonError::into_inner);
            }
            if queues.stop {
                return;
            }
            (queues.paused.clone(), std::mem::take(&mut queues.threads[thread].assigned))
        };
        fetcher.pause(paused);
        let read = || {
            if !assigned.is_empty() {
                fetcher.add(&assigned)?;
            }
            fetcher.step(prefetch.batch_rows.max(1), POLL)
        };
        let step = panics::catch(|| Error::internal("a message cannot be read: its decoder gave up"), read);
        let done = step.is_err() || fetcher.exhausted();
        let mut queues = shared.lock();
        match step {
            Ok(step) => {
                let news = !step.pieces.is_empty();
                queues.add(step);
                queues.running -= usize::from(done);
                if news || done {
                    shared.arrived.notify_one();
                }
            }
            Err(error) => {
                queues.running -= 1;
                queues.error.get_or_insert(error);
                shared.arrived.notify_one();
            }
        }
        if done {
            return;
        }
    }
}

impl Queues {
    /// Bytes that wait for the job, without those of paused partitions: they would keep the others from being read, which is what the pause
    /// waits for.
    fn bytes(&self) -> usize {
        self.partitions.iter().filter(|(p, _)| !self.paused.contains(p)).map(|(_, queue)| queue.bytes).sum()
    }

    /// Adds partitions that are new since the start: each to the thread that has the fewest.
    fn assign(&mut self, ranges: Vec<PartitionRange>) {
        for range in ranges {
            let PartitionRange { partition, start, .. } = range;
            let state = PartitionState { partition, position: start, end: None, at_end: false, exhausted: false };
            self.partitions.insert(partition, Queue { position: start, ahead: Some(state), ..Queue::default() });
            if let Some(thread) = self.threads.iter_mut().min_by_key(|thread| thread.partitions) {
                thread.partitions += 1;
                thread.assigned.push(range);
            }
        }
    }

    fn add(&mut self, step: Step) {
        for piece in step.pieces {
            let queue = self.partitions.entry(piece.partition).or_default();
            queue.bytes += piece.bytes();
            queue.pieces.push_back((self.arrivals, piece));
            self.arrivals += 1;
        }
        for state in step.states {
            let queue = self.partitions.entry(state.partition).or_default();
            queue.ahead = Some(state);
        }
    }

    /// The partition whose first batch arrived first.
    fn first(&self) -> Option<i32> {
        let waiting = self.partitions.iter().filter(|(p, _)| !self.paused.contains(p));
        waiting.filter_map(|(p, queue)| queue.pieces.front().map(|(arrival, _)| (*arrival, *p))).min().map(|(_, p)| p)
    }

    fn take(&mut self, max_rows: usize) -> Fetched {
        let mut fetched = Fetched::default();
        let mut left = max_rows;
        while left > 0 {
            let Some(queue) = self.first().and_then(|partition| self.partitions.get_mut(&partition)) else { break };
            let Some((arrival, piece)) = queue.pieces.pop_front() else { break };
            let bytes = piece.bytes();
            let (head, tail) = piece.cut(left, fetched.chunks.is_empty());
            match tail {
                Some(tail) => {
                    queue.bytes = (queue.bytes + tail.bytes()).saturating_sub(bytes);
                    queue.pieces.push_front((arrival, tail));
                }
                None => queue.bytes = queue.bytes.saturating_sub(bytes),
            }
            let Some(head) = head else { break };
            left = left.saturating_sub(head.batch.num_rows());
            queue.position = head.next;
            fetched.rejected.extend(head.rejected);
            if head.batch.num_rows() > 0 {
                fetched.chunks.push(Chunk { partition: head.partition, batch: head.batch });
            }
        }
        fetched.partitions = self.partitions.values_mut().filter_map(Queue::state).collect();
        fetched
    }
}

impl Queue {
    /// The position of the job: that of the thread once everything is returned, gaps included.
    fn state(&mut self) -> Option<PartitionState> {
        let ahead = self.ahead?;
        if self.pieces.is_empty() {
            self.position = ahead.position;
            return Some(ahead);
        }
        Some(PartitionState { position: self.position, at_end: false, exhausted: false, ..ahead })
    }
}

#[async_trait]
impl SourceReader for KafkaReader {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let until = clock::timer() + wait;
        loop {
            let fetched = {
                let mut queues = self.shared.lock();
                let fetched = queues.take(max_rows);
                let something = fetched.rows() > 0 || !fetched.rejected.is_empty();
                // Batches from before the error are returned first.
                if !something && let Some(error) = &queues.error {
                    return Err(error.clone());
                }
                let waiting = !something && queues.running > 0 && max_rows > 0;
                if !waiting || clock::timer() >= until {
                    self.shared.room.notify_all();
                    return Ok(fetched);
                }
                fetched
            };
            drop(fetched);
            // A stale permit only makes the loop turn once more.
            let _ = tokio::time::timeout_at(until, self.shared.arrived.notified()).await;
        }
    }

    fn assign(&mut self, ranges: Vec<PartitionRange>) -> Result<()> {
        self.shared.lock().assign(ranges);
        Ok(())
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.shared.lock().paused = partitions.to_vec();
        self.shared.room.notify_all();
        self.shared.arrived.notify_one();
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.room.notify_all();
    }
}
