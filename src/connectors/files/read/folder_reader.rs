//! The task that reads a folder for a job: finds new files, and reads them in order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use object_store::ObjectStoreExt;
use tokio::sync::mpsc;

use crate::common::{Error, ErrorKind, Result, Subject};
use crate::connectors::offset_batch::OffsetBatch;
use crate::connectors::{Rejected, SourceCounters};

use super::file_reader::FileReader;
use super::seen_file::SeenFile;
use crate::connectors::files::table::config::Config;
use crate::connectors::files::table::listing::File;

/// How often a store that does not answer is tried again.
const RETRY: Duration = Duration::from_secs(2);
/// How many files are read side by side, at least and at most; in between, as many as threads may read.
const SIDE_BY_SIDE: (usize, usize) = (2, 8);

/// What the reader sends to the job.
pub enum Event {
    /// The file of the records that follow, or a file that is skipped.
    SeenFile(SeenFile),
    /// Records of the newest file that was started.
    Rows(OffsetBatch),
    /// All files of the newest listing were read.
    AllRead,
    /// Reading has ended.
    Ended,
}

/// Where reading begins.
pub struct Begin {
    /// Files that were started or skipped.
    pub known: Vec<SeenFile>,
    /// Files to skip that are not in the commits yet.
    pub passed_over: Vec<SeenFile>,
    /// The position of the next record.
    pub position: i64,
    /// How often to list the folder; `None`: once, then the read ends.
    pub interval: Option<Duration>,
    /// How many threads may read.
    pub threads: usize,
}

/// Reads files in its own task.
///
/// ```text
///   look ─▶ new files, oldest first ─▶ a.csv ▒▒▒▒▒▒▒▒┐
///    ▲                                 b.csv ▒▒ waits ├─▶ one after the other ─▶ events
///    └── source.monitor-interval       c.csv ▒▒ waits ┘    position: records over all files
/// ```
/// Several files are opened and decoded concurrently, each a little ahead, and sent in order: so positions do not depend on it.
pub struct Reader {
    config: Arc<Config>,
    files: Arc<FileReader>,
    counters: Arc<SourceCounters>,
    interval: Option<Duration>,
    /// How many files are read side by side.
    side_by_side: usize,
    /// Files that were begun, by path.
    known: HashMap<String, SeenFile>,
    removed: HashSet<String>,
    /// Local files that may still be written, as they were in the previous listing.
    growing: HashMap<String, SeenFile>,
    position: i64,
    events: mpsc::Sender<Result<Event>>,
}

/// The receiver is closed, or an error was sent.
struct Closed;

type SendResult<T = ()> = std::result::Result<T, Closed>;

impl Reader {
    /// Reads until the end, or for ever.
    pub async fn run(
        config: Arc<Config>,
        files: FileReader,
        counters: Arc<SourceCounters>,
        begin: Begin,
        events: mpsc::Sender<Result<Event>>,
    ) {
        let Begin { known, passed_over, position, interval, threads } = begin;
        let side_by_side = threads.clamp(SIDE_BY_SIDE.0, SIDE_BY_SIDE.1);
        let current = known.iter().rev().find(|b| b.at.is_some_and(|at| at <= position)).cloned();
        let known = known.iter().chain(&passed_over).map(|b| (b.path.clone(), b.clone())).collect();
        let (files, removed, growing) = (Arc::new(files), HashSet::new(), HashMap::new());
        let mut reader = Self { config, files, counters, interval, side_by_side, known, removed, growing, position, events };
        // An error here only says that the receiver is closed.
        let _ = reader.read(current, passed_over).await;
    }

    async fn read(&mut self, current: Option<SeenFile>, passed_over: Vec<SeenFile>) -> SendResult {
        for begun in passed_over {
            self.send(Event::SeenFile(begun)).await?;
        }
        if let Some(begun) = current {
            self.resume_file(&begun).await?;
        }
        loop {
            let files = Arc::clone(&self.files);
            let mut opened = stream::iter(self.find_new_files().await?)
                .map(|file| {
                    let pieces = files.open(&file, 0);
                    std::future::ready((file, pieces))
                })
                .buffered(self.side_by_side);
            while let Some((file, pieces)) = opened.next().await {
                let begun = SeenFile::new(&file, Some(self.position));
                self.known.insert(begun.path.clone(), begun.clone());
                self.send(Event::SeenFile(begun)).await?;
                self.forward(&file, pieces, self.position).await?;
            }
            let Some(interval) = self.interval else { return self.send(Event::Ended).await };
            self.send(Event::AllRead).await?;
            tokio::time::sleep(interval).await;
        }
    }

    async fn send(&self, event: Event) -> SendResult {
        self.events.send(Ok(event)).await.map_err(|_| Closed)
    }

    async fn fail<T>(&self, error: Error) -> SendResult<T> {
        let _ = self.events.send(Err(error)).await;
        Err(Closed)
    }

    /// Sends the batches of a file whose first record is at position `first`.
    async fn forward(&mut self, file: &File, mut pieces: mpsc::Receiver<Result<OffsetBatch>>, first: i64) -> SendResult {
        while let Some(piece) = pieces.recv().await {
            match piece {
                Ok(piece) => {
                    let piece = shifted(piece, first);
                    self.position = piece.next;
                    self.send(Event::Rows(piece)).await?;
                }
                Err(e) => return self.broken(file, e).await,
            }
        }
        Ok(())
    }

    async fn broken(&mut self, file: &File, error: Error) -> SendResult {
        let path = &file.meta.location;
        if matches!(self.config.store.objects.head(path).await, Err(object_store::Error::NotFound { .. })) {
            self.removed.insert(path.to_string());
            self.warn(format!("{path} is gone before it was read to its end"));
            return Ok(());
        }
        // The error of a record names its place already.
        let placed = error.subjects().iter().any(|subject| matches!(subject, Subject::Table(_)));
        let unread =
            |error: Error| error.context(format!("{} cannot be read", self.config.location.show(path))).in_table(&self.config.table);
        self.fail(if placed { error } else { unread(error) }).await
    }

    /// Reads the rest of a file that was started before a restart.
    async fn resume_file(&mut self, begun: &SeenFile) -> SendResult {
        let first = begun.at.unwrap_or(self.position);
        let skip = self.position - first;
        let files = self.list().await?;
        match files.into_iter().find(|f| f.meta.location.as_ref() == begun.path) {
            Some(file) if begun.is(&file) => {
                let pieces = self.files.open(&file, skip);
                return self.forward(&file, pieces, first).await;
            }
            Some(_) => self.warn(format!("{} has changed since its first {skip} records were read; no more of it is", begun.path)),
            None => {
                self.removed.insert(begun.path.clone());
                self.warn(format!("{} is gone; its first {skip} records were read", begun.path));
            }
        }
        Ok(())
    }

    /// Lists the files, and retries while the store does not answer.
    async fn list(&self) -> SendResult<Vec<File>> {
        loop {
            match self.config.files().await {
                Ok(files) => return Ok(files),
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    tracing::warn!("table `{}`: {e}", self.config.table);
                    tokio::time::sleep(RETRY).await;
                }
                Err(e) => return self.fail(e).await,
            }
            if self.events.is_closed() {
                return Err(Closed);
            }
        }
    }

    /// Returns new files that are complete, oldest first.
    async fn find_new_files(&mut self) -> SendResult<Vec<File>> {
        let files = self.list().await?;
        if files.is_empty() && self.interval.is_none() && self.known.is_empty() {
            // A single listing found nothing: most likely the path is wrong.
            if let Err(e) = self.config.list().await {
                return self.fail(e).await;
            }
        }
        let there: HashSet<&str> = files.iter().map(|f| f.meta.location.as_ref()).collect();
        let gone: Vec<String> = self.known.keys().filter(|p| !there.contains(p.as_str()) && !self.removed.contains(*p)).cloned().collect();
        if let Some(one) = gone.first() {
            self.warn(format!("{} files that were read are gone, such as {one}", gone.len()));
            self.removed.extend(gone);
        }
        let (mut new, mut growing) = (Vec::new(), HashMap::new());
        for file in files {
            let path = file.meta.location.to_string();
            let now = SeenFile::new(&file, None);
            match self.known.get(&path) {
                Some(begun) if begun.is(&file) => {}
                Some(begun) => {
                    let begun = SeenFile::new(&file, begun.at);
                    self.known.insert(path.clone(), begun);
                    self.warn(format!("{path} has changed after it was read; it is not read again"));
                }
                // An object is complete or absent. A local file may still be written.
                None if self.interval.is_none() || !self.config.store.local || self.growing.get(&path) == Some(&now) => new.push(file),
                None => {
                    growing.insert(path, now);
                }
            }
        }
        self.growing = growing;
        new.sort_by(|a, b| (a.meta.last_modified, &a.meta.location).cmp(&(b.meta.last_modified, &b.meta.location)));
        Ok(new)
    }

    fn warn(&self, text: String) {
        SourceCounters::add(&self.counters.bad, 1);
        tracing::warn!("table `{}`: {text}", self.config.table);
    }
}

/// Shifts the positions of a batch from those in its file to those over all files.
fn shifted(piece: OffsetBatch, first: i64) -> OffsetBatch {
    let rejected = piece.rejected.into_iter().map(|r| Rejected { position: r.position + first, ..r });
    OffsetBatch {
        offsets: piece.offsets.into_iter().map(|offset| offset + first).collect(),
        rejected: rejected.collect(),
        next: piece.next + first,
        ..piece
    }
}
