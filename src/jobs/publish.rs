//! From commits to sinks: one task per sink, in order, each commit exactly once.
//!
//! Most sinks hold a commit as soon as it is written. One that writes files holds rows back until a file is full: it *settles* commits
//! later than it takes them, and those that are not settled are kept, and handed to it again after a restart.

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

/// How long a sink that failed is left alone before it is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// The sinks of a job, each with its own task and its own pace.
///
/// ```text
///  commit n is known to have won ─▶ queue ─▶ [open: fence, ask for the recorded number] ─▶ write ▸ commit ─▶ taken = n
///                                                                                                       confirmed = settled(n)
/// ```
/// # Invariants
/// * Rows are taken from the commit, never from the epoch: live and after a restart the same bytes are published.
/// * A commit that the sink has recorded is skipped; one above our newest means that the folder and the sink do not belong
///   together, and stops the job. So does one whose number another try of writing has here: the folder was set back, and went on.
/// * No commit of this start is put before every exactly-once sink has told what it holds: [`Publishers::answered`].
#[derive(Debug)]
pub struct Publishers {
    sinks: BTreeMap<String, Publisher>,
    failure: Arc<Failure>,
    /// Signalled whenever a sink confirms or fails.
    pub progress: Arc<Notify>,
}

/// What sinks are known to hold, by sink.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// The newest commit that is done with: written, or without rows for that sink.
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
    /// The newest watermark that it was told without a commit.
    watermark: AtomicI64,
    /// It has told what it holds, and that fits the folder.
    answered: Arc<AtomicBool>,
    /// How often it was told to show what it holds back, and how often it has.
    flushes: AtomicU64,
    flushed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Failure {
    error: Mutex<Option<Error>>,
    notice: Mutex<Option<String>>,
}

/// What a sink's task is given to do.
#[derive(Debug)]
enum Work {
    Commit(Arc<Commit>),
    /// Show buffered rows; false if only their deadline has passed.
    Flush(bool),
    /// Event time has come on without a commit.
    Watermark(i64),
}

/// What a sink's task needs.
struct Task {
    id: String,
    sink: Arc<dyn Sink>,
    commits: Commits,
    /// Commits up to here stood in the folder when the task began.
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
    /// How far event time has come, for writers.
    watermark: AtomicI64,
}

impl Publishers {
    /// Starts a task per sink. `newest` is the newest commit in the folder.
    pub fn start(job: &str, sinks: Vec<(String, Arc<dyn Sink>)>, commits: &Commits, newest: u64, held: &Held, faults: &Faults) -> Self {
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

    /// Hands a commit that has won to every sink.
    pub fn send(&self, commit: &Arc<Commit>) {
        for publisher in self.sinks.values() {
            // A task that has failed receives no more; `check` tells why.
            let _ = publisher.queue.send(Work::Commit(Arc::clone(commit)));
        }
    }

    /// Lets every sink show what it holds back: there is an end, or a stop.
    pub fn flush(&self) {
        for publisher in self.sinks.values() {
            publisher.flushes.fetch_add(1, Ordering::SeqCst);
            let _ = publisher.queue.send(Work::Flush(true));
        }
    }

    /// Whether every sink has done so, and readers see what it was given.
    pub fn flushed(&self) -> bool {
        self.sinks.values().all(|p| p.flushed.load(Ordering::SeqCst) >= p.flushes.load(Ordering::SeqCst))
    }

    /// Tells every sink how far event time has come since the newest commit, behind which there are no rows.
    pub fn watermark(&self, time: Option<i64>) {
        let Some(time) = time else { return };
        for publisher in self.sinks.values().filter(|p| p.watermark.fetch_max(time, Ordering::SeqCst) < time) {
            let _ = publisher.queue.send(Work::Watermark(time));
        }
    }

    /// Whether every exactly-once sink has told what it holds, and that fits the folder.
    pub fn answered(&self) -> bool {
        self.sinks.values().all(|p| p.answered.load(Ordering::SeqCst))
    }

    /// The commit that every sink was given, held back or not.
    pub fn taken(&self) -> u64 {
        self.sinks.values().map(|p| p.taken.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }

    /// What each sink holds.
    pub fn confirmed(&self) -> BTreeMap<String, u64> {
        self.sinks.iter().map(|(id, p)| (id.clone(), p.confirmed.load(Ordering::SeqCst))).collect()
    }

    /// The newest commit whose rows each sink has written.
    pub fn written(&self) -> BTreeMap<String, u64> {
        self.sinks.iter().map(|(id, p)| (id.clone(), p.written.load(Ordering::SeqCst))).collect()
    }

    /// The commit that every sink holds.
    pub fn least(&self) -> u64 {
        self.sinks.values().map(|p| p.confirmed.load(Ordering::SeqCst)).min().unwrap_or(u64::MAX)
    }

    /// Fails when a sink has failed for good.
    pub fn check(&self) -> Result<()> {
        self.failure.error.lock().clone().map_or(Ok(()), Err)
    }

    /// What people should know of a sink that cannot be reached.
    pub fn notice(&self) -> Option<String> {
        self.failure.notice.lock().clone()
    }

    /// Ends all tasks where they are; unpublished commits are published at the next start.
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
                    // Whether it got through is what the sink itself says when it is opened again.
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

    /// A new writer after an error, with what the old one held back.
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

    /// Hands commits to a new writer that it has not settled, up to this one.
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

    /// How far event time has come, with this time; it never goes back.
    fn raise_watermark(&self, time: i64) -> i64 {
        self.watermark.fetch_max(time, Ordering::SeqCst).max(time)
    }

    /// Takes in what the sink needs no more, once it was given all up to `n`.
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

    /// Opens the sink, waiting while it cannot be reached, and takes over what it has recorded.
    async fn open(&self) -> Result<Box<dyn SinkWriter>> {
        let me = &self.commits.me;
        let who = Writer {
            job: self.job.clone(),
            job_uuid: me.job_uuid.clone(),
            folder: self.commits.folder().to_string(),
            incarnation: me.incarnation,
            sink: self.id.clone(),
        };
        loop {
            match self.sink.open(&who).await {
                Ok((writer, recorded)) => {
                    match recorded {
                        Some(recorded) => {
                            self.check_recorded(&recorded).await?;
                            self.check_set_back(recorded.n)?;
                            self.written.fetch_max(recorded.n, Ordering::SeqCst);
                            self.confirm(recorded.n);
                        }
                        None => self.check_missing()?,
                    }
                    // What the writer before this one held back is not in this one.
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

    /// What the sink holds has to be a commit of this folder: by its number, and by the try of writing it.
    async fn check_recorded(&self, Recorded { n, attempt }: &Recorded) -> Result<()> {
        let older = |what: String| {
            Err(Error::state(format!("sink `{}` holds commit {n}, but {what} in {}", self.id, self.commits.store().describe()))
                .hint("these checkpoints are older than the sink's content; restore the right folder, or start anew with --fresh"))
        };
        match self.commits.read(*n).await?.map(|commit| commit.body) {
            Some(body) if body.job_uuid != self.commits.me.job_uuid || attempt.as_deref().is_some_and(|a| a != body.tag()) => {
                older("another commit has that number".to_string())
            }
            Some(_) => Ok(()),
            // It was pruned, or nothing was written yet.
            None if *n <= self.commits.floor().await? => Ok(()),
            None => older(format!("the newest is {}", self.newest)),
        }
    }

    /// A sink that holds less than it has confirmed was reset: its rows are lost, because their commits may be pruned.
    fn check_set_back(&self, n: u64) -> Result<()> {
        let written = self.written.load(Ordering::SeqCst);
        if n >= written || !self.sink.exactly_once() {
            return Ok(());
        }
        Err(Error::state(format!("sink `{}` holds commit {n}, but commit {written} was written to it", self.id))
            .hint("was it restored from an older copy? --fresh starts the job anew, and writes all of its results again"))
    }

    /// A sink that has written rows and has no record of it would get them again.
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

/// Errors that trying again cannot mend.
fn is_final(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Interrupted)
}
