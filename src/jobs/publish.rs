//! From commits to sinks: one task per sink, in order, each commit exactly once.
//!
//! Most sinks hold a commit as soon as it is written. A sink that writes files buffers rows until a file is full: it *settles* commits
//! later than it receives them; unsettled commits are not pruned, and are handed to it again after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;

use crate::common::faults::{EpochStep, Faults};
use crate::common::{Error, ErrorKind, Result, panics};
use crate::connectors::{CommitInfo, Recorded, Sink, SinkWriter, Writer};

use super::commits::{Commit, Commits, sink_section};

/// The delay before a failed sink is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// Publishes commits to the sinks of a job, each in its own task and at its own pace.
///
/// ```text
///  commit n is known to have won ─▶ queue ─▶ [open: fence, ask for the recorded number] ─▶ write ▸ commit ─▶ taken = n
///                                                                                                       confirmed = settled(n)
/// ```
/// # Invariants
/// * Rows are taken from the commit, never from the epoch: the same bytes are published live and after a restart.
/// * A commit that the sink has recorded is skipped; one above the folder's newest means that the folder and the sink do not belong
///   together, and stops the job. So does a commit of the same number from another attempt: the folder was restored from an older copy.
/// * No commit of this start is put before every exactly-once sink has reported what it holds: [`Publishers::answered`].
#[derive(Debug)]
pub struct Publishers {
    sinks: BTreeMap<String, Publisher>,
    failure: Arc<Failure>,
    /// Signalled whenever a sink confirms or fails.
    pub progress: Arc<Notify>,
}

/// The commits that sinks hold, by sink.
#[derive(Debug, Clone, Default)]
pub struct SinkPositions {
    /// The newest commit that is written, or has no rows for that sink.
    pub confirmed: BTreeMap<String, u64>,
    /// The newest commit whose rows were written, which the sink has recorded with them.
    pub written: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct Publisher {
    queue: mpsc::UnboundedSender<Work>,
    taken: Arc<AtomicU64>,
    confirmed: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    /// The newest watermark that was sent to it without a commit.
    watermark: AtomicI64,
    /// Whether it has reported what it holds, and that fits the folder.
    answered: Arc<AtomicBool>,
    /// The number of requested and of completed flushes.
    flushes: AtomicU64,
    flushed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Failure {
    error: Mutex<Option<Error>>,
    notice: Mutex<Option<String>>,
}

/// The work of a sink's task.
#[derive(Debug)]
enum Work {
    Commit(Arc<Commit>),
    /// Shows buffered rows; false if only their deadline has passed.
    Flush(bool),
    /// The watermark has advanced without a commit.
    Watermark(i64),
}

/// The task of a sink.
struct Task {
    id: String,
    sink: Arc<dyn Sink>,
    commits: Commits,
    /// The newest commit in the folder when the task began.
    newest: u64,
    faults: Faults,
    /// The newest commit that this writer was given.
    taken: Arc<AtomicU64>,
    confirmed: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    answered: Arc<AtomicBool>,
    flushed: Arc<AtomicU64>,
    failure: Arc<Failure>,
    progress: Arc<Notify>,
    job: String,
    /// The watermark, for writers.
    watermark: AtomicI64,
}

impl Publishers {
    /// Starts a task per sink. `newest` is the newest commit in the folder.
    pub fn start(
        job: &str,
        sinks: Vec<(String, Arc<dyn Sink>)>,
        commits: &Commits,
        newest: u64,
        held: &SinkPositions,
        faults: &Faults,
    ) -> Self {
        let failure = Arc::new(Failure::default());
        let progress = Arc::new(Notify::new());
        let mut all = BTreeMap::new();
        for (id, sink) in sinks {
            let (queue, commits_in) = mpsc::unbounded_channel();
            let known = |of: &BTreeMap<String, u64>| Arc::new(AtomicU64::new(of.get(&id).copied().unwrap_or(0)));
            let (confirmed, written) = (known(&held.confirmed), known(&held.written));
            let taken = known(&held.confirmed);
            let answered = Arc::new(AtomicBool::new(!sink.exactly_once()));
            let flushed = Arc::new(AtomicU64::new(0));
            let task = Task {
                id: id.clone(),
                sink,
                commits: commits.clone(),
                newest,
                faults: faults.clone(),
                taken: Arc::clone(&taken),
                confirmed: Arc::clone(&confirmed),
                written: Arc::clone(&written),
                answered: Arc::clone(&answered),
                flushed: Arc::clone(&flushed),
                failure: Arc::clone(&failure),
                progress: Arc::clone(&progress),
                job: job.to_string(),
                watermark: AtomicI64::new(i64::MIN),
            };
            let task = tokio::spawn(task.run(commits_in));
            all.insert(
                id,
                Publisher {
                    queue,
                    taken,
                    confirmed,
                    written,
                    watermark: AtomicI64::new(i64::MIN),
                    flushes: AtomicU64::new(0),
                    flushed,
                    answered,
                    task,
                },
            );
        }
        Self { sinks: all, failure, progress }
    }

    /// Sends a commit that was put to every sink.
    pub fn send(&self, commit: &Arc<Commit>) {
        for publisher in self.sinks.values() {
            // A failed task has closed its queue; `check` returns its error.
            let _ = publisher.queue.send(Work::Commit(Arc::clone(commit)));
        }
    }

    /// Flushes every sink, at the end of input or at a stop.
    pub fn flush(&self) {
        for publisher in self.sinks.values() {
            publisher.flushes.fetch_add(1, Ordering::SeqCst);
            let _ = publisher.queue.send(Work::Flush(true));
        }
    }

    /// Whether every sink has flushed, so that all of its rows are visible.
    pub fn flushed(&self) -> bool {
        self.sinks.values().all(|p| p.flushed.load(Ordering::SeqCst) >= p.flushes.load(Ordering::SeqCst))
    }

    /// Sends every sink the watermark, which has advanced since the newest commit without rows.
    pub fn watermark(&self, time: Option<i64>) {
        let Some(time) = time else { return };
        for publisher in self.sinks.values().filter(|p| p.watermark.fetch_max(time, Ordering::SeqCst) < time) {
            let _ = publisher.queue.send(Work::Watermark(time));
        }
    }

    /// Whether every exactly-once sink has reported what it holds, and that fits the folder.
    pub fn answered(&self) -> bool {
        self.sinks.values().all(|p| p.answered.load(Ordering::SeqCst))
    }

    /// The newest commit that was handed to every sink, buffered or not.
    pub fn min_handed_over(&self) -> u64 {
        self.sinks.values().map(|p| p.taken.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }

    /// The newest commit that each sink has confirmed.
    pub fn confirmed(&self) -> BTreeMap<String, u64> {
        self.sinks.iter().map(|(id, p)| (id.clone(), p.confirmed.load(Ordering::SeqCst))).collect()
    }

    /// The newest commit whose rows each sink has written.
    pub fn written(&self) -> BTreeMap<String, u64> {
        self.sinks.iter().map(|(id, p)| (id.clone(), p.written.load(Ordering::SeqCst))).collect()
    }

    /// The newest commit that every sink has confirmed.
    pub fn min_confirmed(&self) -> u64 {
        self.sinks.values().map(|p| p.confirmed.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }

    /// Fails when a sink has failed permanently.
    pub fn check(&self) -> Result<()> {
        self.failure.error.lock().clone().map_or(Ok(()), Err)
    }

    /// The notice about an unavailable sink.
    pub fn notice(&self) -> Option<String> {
        self.failure.notice.lock().clone()
    }

    /// Aborts all tasks; unpublished commits are published at the next start.
    pub fn abort(&self) {
        for publisher in self.sinks.values() {
            publisher.task.abort();
        }
    }
}

impl Drop for Publishers {
    fn drop(&mut self) {
        self.abort();
    }
}

impl Task {
    async fn run(self, mut queue: mpsc::UnboundedReceiver<Work>) {
        let cut_off = || Error::internal(format!("the writer of sink `{}` was cut off", self.id));
        if let Err(error) = panics::caught(cut_off, self.publish_all(&mut queue)).await {
            self.failure.error.lock().get_or_insert(error);
            self.progress.notify_waiters();
        }
    }

    async fn publish_all(&self, queue: &mut mpsc::UnboundedReceiver<Work>) -> Result<()> {
        let mut writer = self.open().await?;
        loop {
            let work = match writer.next_flush_at() {
                None => queue.recv().await,
                Some(due) => tokio::time::timeout_at(due.into(), queue.recv()).await.unwrap_or(Some(Work::Flush(false))),
            };
            let Some(work) = work else { return Ok(()) };
            loop {
                match self.execute(writer.as_mut(), &work).await {
                    Ok(()) => break,
                    Err(e) if is_final(&e) => return Err(e),
                    // Whether the commit succeeded is known when the sink is opened again.
                    Err(e) => writer = self.reopen(e).await?,
                }
            }
            self.notify(None);
        }
    }

    async fn execute(&self, writer: &mut dyn SinkWriter, work: &Work) -> Result<()> {
        let taken = self.taken.load(Ordering::SeqCst);
        match work {
            Work::Commit(commit) if commit.body.n <= taken => Ok(()),
            Work::Commit(commit) => self.publish(writer, commit).await,
            Work::Watermark(time) => {
                writer.advance_watermark(self.raise_watermark(*time));
                Ok(())
            }
            Work::Flush(asked) => {
                writer.flush().await?;
                if *asked {
                    self.flushed.fetch_add(1, Ordering::SeqCst);
                }
                self.settle(writer, taken);
                Ok(())
            }
        }
    }

    /// A new writer after an error, which gets the commits that the old one had buffered.
    async fn reopen(&self, mut error: Error) -> Result<Box<dyn SinkWriter>> {
        let until = self.taken.load(Ordering::SeqCst);
        loop {
            self.notify(Some(format!("sink {} tries again: {error}", self.id)));
            tokio::time::sleep(RETRY).await;
            let mut writer = self.open().await?;
            match self.repeat(writer.as_mut(), until).await {
                Ok(()) => {
                    writer.advance_watermark(self.raise_watermark(i64::MIN));
                    return Ok(writer);
                }
                Err(e) if is_final(&e) => return Err(e),
                Err(e) => error = e,
            }
        }
    }

    /// Hands unsettled commits to a new writer, up to `until`.
    async fn repeat(&self, writer: &mut dyn SinkWriter, until: u64) -> Result<()> {
        for n in self.taken.load(Ordering::SeqCst) + 1..=until {
            let commit =
                self.commits.read(n).await?.ok_or_else(|| Error::state(format!("commit {n}, which sink `{}` needs, is gone", self.id)))?;
            self.publish(writer, &commit).await?;
        }
        Ok(())
    }

    /// Steps 7 to 9.
    async fn publish(&self, writer: &mut dyn SinkWriter, commit: &Commit) -> Result<()> {
        let n = commit.body.n;
        let watermark = self.raise_watermark(commit.body.watermark.unwrap_or(i64::MIN));
        let section = sink_section(&self.id);
        let pieces = commit.pieces(&section);
        if pieces == 0 {
            writer.advance_watermark(watermark);
            self.taken.fetch_max(n, Ordering::SeqCst);
            self.settle(writer, n);
            return Ok(());
        }
        let info = CommitInfo {
            n,
            attempt: commit.body.tag().to_string(),
            clock: commit.body.clock,
            watermark: (watermark > i64::MIN).then_some(watermark),
        };
        self.faults.before(EpochStep::WriteRows)?;
        for piece in 0..pieces {
            writer.write(&info, &commit.piece(&section, piece, self.commits.store().as_ref()).await?).await?;
        }
        self.faults.after(EpochStep::WriteRows)?;
        self.faults.before(EpochStep::CommitRows)?;
        writer.commit(&info).await?;
        self.taken.fetch_max(n, Ordering::SeqCst);
        self.faults.after(EpochStep::CommitRows)?;
        self.faults.before(EpochStep::ConfirmSink)?;
        if writer.durable_up_to(n) == n {
            self.written.fetch_max(n, Ordering::SeqCst);
        }
        self.settle(writer, n);
        Ok(())
    }

    /// Raises the watermark to this time; it never goes back.
    fn raise_watermark(&self, time: i64) -> i64 {
        self.watermark.fetch_max(time, Ordering::SeqCst).max(time)
    }

    /// Confirms the commits that the sink has settled, of those up to `n`.
    fn settle(&self, writer: &dyn SinkWriter, n: u64) {
        self.confirm(writer.durable_up_to(n));
    }

    fn confirm(&self, n: u64) {
        self.confirmed.fetch_max(n, Ordering::SeqCst);
        self.progress.notify_waiters();
        if let Err(error) = self.faults.after(EpochStep::ConfirmSink) {
            self.failure.error.lock().get_or_insert(error);
        }
    }

    /// Opens the sink, waiting while it is unavailable, and reads its recorded commit.
    async fn open(&self) -> Result<Box<dyn SinkWriter>> {
        let own = &self.commits.incarnation;
        let who = Writer {
            job: self.job.clone(),
            job_uuid: own.job_uuid.clone(),
            folder: self.commits.folder().to_string(),
            incarnation: own.number,
            sink: self.id.clone(),
        };
        loop {
            match self.sink.open(&who).await {
                Ok((writer, recorded)) => {
                    match recorded {
                        Some(recorded) => {
                            self.check_recorded(&recorded).await?;
                            self.check_reset(recorded.n)?;
                            self.written.fetch_max(recorded.n, Ordering::SeqCst);
                            self.confirm(recorded.n);
                        }
                        None => self.check_missing()?,
                    }
                    // This writer does not have the rows that the previous one had buffered.
                    self.taken.store(self.confirmed.load(Ordering::SeqCst), Ordering::SeqCst);
                    self.notify(None);
                    self.answered.store(true, Ordering::SeqCst);
                    self.progress.notify_waiters();
                    return Ok(writer);
                }
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    self.notify(Some(format!("sink {} waits: {e}", self.id)));
                    tokio::time::sleep(RETRY).await;
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// Checks that the recorded commit is one of this folder: by its number and its attempt.
    async fn check_recorded(&self, Recorded { n, attempt }: &Recorded) -> Result<()> {
        let older = |what: String| {
            Err(Error::state(format!("sink `{}` holds commit {n}, but {what} in {}", self.id, self.commits.store().describe()))
                .hint("these checkpoints are older than the sink's content; restore the right folder, or start anew with --fresh"))
        };
        match self.commits.read(*n).await?.map(|commit| commit.body) {
            Some(body) if body.job_uuid != self.commits.incarnation.job_uuid || attempt.as_deref().is_some_and(|a| a != body.tag()) => {
                older("another commit has that number".to_string())
            }
            Some(_) => Ok(()),
            // It was pruned, or nothing was written yet.
            None if *n <= self.commits.floor().await? => Ok(()),
            None => older(format!("the newest is {}", self.newest)),
        }
    }

    /// A sink that holds less than it has confirmed was reset: its rows are lost, because their commits may be pruned.
    fn check_reset(&self, n: u64) -> Result<()> {
        let written = self.written.load(Ordering::SeqCst);
        if n >= written || !self.sink.exactly_once() {
            return Ok(());
        }
        Err(Error::state(format!("sink `{}` holds commit {n}, but commit {written} was written to it", self.id))
            .hint("was it restored from an older copy? --fresh starts the job anew, and writes all of its results again"))
    }

    /// A sink that has written rows but lost its record would get them again.
    fn check_missing(&self) -> Result<()> {
        let written = self.written.load(Ordering::SeqCst);
        if written == 0 || !self.sink.exactly_once() {
            return Ok(());
        }
        Err(Error::state(format!("sink `{}` has no record of commit {written}, which was written to it", self.id))
            .hint("was it emptied or made anew, or has the retention of group offsets removed it? --fresh starts the job anew, and writes all of its results again"))
    }

    fn notify(&self, notice: Option<String>) {
        *self.failure.notice.lock() = notice;
    }
}

/// Whether an error is permanent.
fn is_final(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Interrupted)
}
