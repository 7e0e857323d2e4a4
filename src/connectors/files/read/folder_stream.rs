//! A folder as a stream: files in the order in which they were completed, each of them once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::common::{Error, Result, clock};
use crate::connectors::offset_batch::OffsetBatch;
use crate::connectors::{Chunk, Fetched, PartitionState, SourceCounters, SourceReader};

use super::file_reader::{FileReader, PARTITION};
use super::folder_reader::{Begin, Event, Reader};
use crate::connectors::files::table::config::Config;

/// How many batches wait for the job.
const AHEAD: usize = 8;

/// The source reader of a folder, fed by a [`Reader`].
pub struct FilesReader {
    events: mpsc::Receiver<Result<Event>>,
    task: JoinHandle<()>,
    waiting: VecDeque<OffsetBatch>,
    /// The first record that was not returned.
    position: i64,
    at_end: bool,
    ended: bool,
    paused: bool,
    /// The size limit of one answer, exceeded by one batch at most.
    max_bytes: usize,
}

/// The remaining limits of an answer.
struct Room {
    rows: usize,
    bytes: usize,
}

impl FilesReader {
    /// Starts reading.
    pub fn start(config: Arc<Config>, files: FileReader, counters: Arc<SourceCounters>, begin: Begin, max_bytes: usize) -> Self {
        let (sender, events) = mpsc::channel(AHEAD);
        let position = begin.position;
        let task = tokio::spawn(Reader::run(config, files, counters, begin, sender));
        Self { events, task, waiting: VecDeque::new(), position, at_end: false, ended: false, paused: false, max_bytes }
    }

    fn take(&mut self, fetched: &mut Fetched, event: Event) -> Result<()> {
        match event {
            Event::SeenFile(begun) => {
                self.at_end = false;
                fetched.state.push(serde_json::to_string(&begun)?);
            }
            Event::Rows(piece) => self.waiting.push_back(piece),
            Event::AllRead => self.at_end = true,
            Event::Ended => self.ended = true,
        }
        Ok(())
    }

    /// Moves waiting batches into an answer, up to its limits.
    fn hand_out(&mut self, fetched: &mut Fetched, left: &mut Room) {
        while left.rows > 0
            && left.bytes > 0
            && let Some(piece) = self.waiting.pop_front()
        {
            let (head, tail) = piece.cut(left.rows, fetched.chunks.is_empty());
            if let Some(tail) = tail {
                self.waiting.push_front(tail);
            }
            let Some(head) = head else { return };
            left.rows = left.rows.saturating_sub(head.batch.num_rows());
            left.bytes = left.bytes.saturating_sub(head.batch.get_array_memory_size());
            self.position = head.next;
            fetched.rejected.extend(head.rejected);
            if head.batch.num_rows() > 0 {
                fetched.chunks.push(Chunk { partition: PARTITION, batch: head.batch });
            }
        }
    }
}

#[async_trait]
impl SourceReader for FilesReader {
    async fn next(&mut self, max_rows: usize, wait: Duration) -> Result<Fetched> {
        let mut fetched = Fetched::default();
        let mut left = Room { rows: if self.paused { 0 } else { max_rows }, bytes: self.max_bytes.max(1) };
        self.hand_out(&mut fetched, &mut left);
        let until = clock::timer() + wait;
        while left.rows > 0 && left.bytes > 0 && self.waiting.is_empty() && !self.ended {
            let event = if fetched.chunks.is_empty() && fetched.rejected.is_empty() {
                match tokio::time::timeout_at(until, self.events.recv()).await {
                    Err(_) => break,
                    Ok(event) => event,
                }
            } else {
                match self.events.try_recv() {
                    Err(mpsc::error::TryRecvError::Empty) => break,
                    other => other.ok(),
                }
            };
            let event = event.ok_or_else(|| Error::internal("the reader of files has ended"))?;
            self.take(&mut fetched, event?)?;
            self.hand_out(&mut fetched, &mut left);
        }
        let read = self.waiting.is_empty() && (self.at_end || self.ended);
        fetched.partitions.push(PartitionState {
            partition: PARTITION,
            position: self.position,
            end: read.then_some(self.position),
            at_end: read,
            exhausted: read && self.ended,
        });
        Ok(fetched)
    }

    fn pause(&mut self, partitions: &[i32]) {
        self.paused = partitions.contains(&PARTITION);
    }
}

impl Drop for FilesReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}
