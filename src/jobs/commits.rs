//! The chain of commits in a job's folder: claiming it, reading it back, adding to it, cutting its old end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::common::clock::Millis;
use crate::common::faults::{EpochStep, Faults};
use crate::common::{Error, Result, ids};
use crate::connectors::PartitionRange;
use crate::state::commit::CommitReader;
use crate::state::key_groups::DEFAULT_KEY_GROUPS;
use crate::state::key_hash::HASH_VERSION;
use crate::state::{CommitFile, Created, Section, StateStore, Written};

use super::watermark::StoredClock;

/// The version of what stands in a commit; a newer one is refused.
pub const FORMAT: u32 = 4;
/// The oldest version that is still read: it knows no key groups, so all of a table's rows stand together.
const OLDEST: u32 = 3;

/// A commit as it is read back.
pub type Commit = CommitReader<Header>;

/// All that is known of a commit before it is known to be of our version.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// What a commit says beside its rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// Its number; the first is 1.
    pub n: u64,
    /// Which life of the job it belongs to; renewed by `--fresh`.
    pub job_uuid: String,
    /// Which start of the job wrote it.
    pub incarnation: u64,
    /// Unique to this try of writing it, so that a lost answer can be told from a lost race.
    pub attempt: String,
    /// The job's queries, to notice that they were changed.
    pub identity: String,
    /// Wall time.
    pub clock: Millis,
    /// The least watermark of all tables that declare one.
    #[serde(default)]
    pub watermark: Option<i64>,
    /// How far each table was read.
    pub sources: BTreeMap<String, StoredSource>,
    /// For each state table the commit as of which it stands whole; those after it hold what changed.
    pub bases: BTreeMap<String, u64>,
    /// Where it stands whole, if not in that commit itself: a later one carries it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carried_by: BTreeMap<String, u64>,
    /// For each state table what was closed since the commit before, and for each that it carries up to where that was closed.
    pub closed: BTreeMap<String, i64>,
    /// What each sink was known to hold.
    pub confirmed: BTreeMap<String, u64>,
    /// The newest commit whose rows each sink was known to have written, and so to have recorded.
    #[serde(default)]
    pub written: BTreeMap<String, u64>,
    /// Materialized views and the state tables that hold them.
    #[serde(default)]
    pub views: BTreeMap<String, String>,
    /// The bounded input is exhausted.
    pub finished: bool,
    /// How keyed state is placed.
    #[serde(default)]
    pub keyed_by: KeyedBy,
}

/// How keyed state is placed: what a job keeps for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedBy {
    /// The number of key groups.
    pub groups: u16,
    /// The version of the hash by which a key belongs to one of them.
    pub hash: u32,
}

impl Default for KeyedBy {
    /// Of commits that know no key groups: any hash would place their rows anew.
    fn default() -> Self {
        Self { groups: DEFAULT_KEY_GROUPS, hash: HASH_VERSION }
    }
}

/// What is put into a folder once it holds a commit: the life that wrote it.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    job_uuid: String,
}

/// Where [`Begun`] stands.
const BEGUN: &str = "begun";

impl Header {
    /// The try of writing this commit, as sinks keep it: enough to tell two of one number apart.
    pub fn tag(&self) -> &str {
        self.attempt.split('-').next().unwrap_or_default()
    }

    /// The commit that carries a table which stands whole as of another one.
    pub fn carrier(&self, table: &str) -> Option<u64> {
        self.carried_by.get(table).copied()
    }

    /// Whether a table is rebuilt from what commit `n` says of it: all of it, or what changed after it stood whole.
    pub fn rebuilds_from(&self, table: &str, n: u64) -> bool {
        self.bases.get(table).is_some_and(|base| *base < n || (*base == n && self.carrier(table).is_none()))
    }

    /// The first commit that the state is rebuilt from.
    pub fn base(&self) -> u64 {
        self.bases.values().min().copied().unwrap_or(self.n)
    }
}

/// How far a table was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSource {
    /// The next position, and the end if it is bounded, per partition.
    pub positions: Vec<PartitionRange>,
    /// Event time.
    pub clock: StoredClock,
    /// Which of all that ever had the table's name in its system the positions are of.
    #[serde(default)]
    pub incarnation: Option<String>,
}

/// A start of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The life of the job.
    pub job_uuid: String,
    /// The first life in this folder: its sinks know the folder by it.
    #[serde(default)]
    pub folder: Option<String>,
    /// Its number; higher ones win.
    pub incarnation: u64,
    /// Unique to this start.
    pub attempt: String,
}

/// What became of putting a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It stands.
    Won,
    /// An older start of the same job wrote one of that number in the meantime: its chain goes on from there.
    Adopt,
}

/// The commits of one job, written by one incarnation.
#[derive(Debug, Clone)]
pub struct Commits {
    store: Arc<dyn StateStore>,
    faults: Faults,
    /// Who we are.
    pub me: Incarnation,
    /// No other process can be in this folder.
    exclusive: bool,
    /// This incarnation begins a new life: what stands in the folder is not looked at.
    fresh: bool,
}

fn commit_path(n: u64) -> String {
    format!("commits/{n:020}")
}

fn incarnation_path(k: u64) -> String {
    format!("incarnations/{k:020}")
}

/// The number at the end of a path.
fn number(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}

impl Commits {
    /// Claims the next incarnation; `fresh` begins a new life of the job.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn claim(store: Arc<dyn StateStore>, fresh: bool, exclusive: bool, faults: Faults) -> Result<Self> {
        loop {
            let newest = store.list("incarnations").await?.iter().filter_map(|p| number(p)).max();
            let before = match newest {
                Some(k) => read_incarnation(store.as_ref(), k).await?,
                None => None,
            };
            if !fresh {
                check_whole(store.as_ref(), before.as_ref()).await?;
            }
            let folder = before.as_ref().map(|i| i.folder.clone().unwrap_or_else(|| i.job_uuid.clone()));
            let job_uuid = before.filter(|_| !fresh).map_or_else(|| ids::random().to_string(), |i| i.job_uuid);
            let folder = Some(folder.unwrap_or_else(|| job_uuid.clone()));
            let me = Incarnation { job_uuid, folder, incarnation: newest.unwrap_or(0) + 1, attempt: ids::random().to_string() };
            let bytes = Bytes::from(serde_json::to_vec(&me)?);
            if store.create(&incarnation_path(me.incarnation), bytes).await? == Created::Won {
                return Ok(Self { store, faults, me, exclusive, fresh });
            }
        }
    }

    /// The commits of a folder, without a claim on it.
    pub(super) fn over(store: Arc<dyn StateStore>, me: Incarnation, faults: Faults) -> Self {
        Self { store, faults, me, exclusive: false, fresh: false }
    }

    /// The newest commit of any life of the job.
    ///
    /// # Errors
    /// When it is damaged.
    pub async fn last(&self) -> Result<Option<Commit>> {
        match self.store.list("commits").await?.iter().filter_map(|p| number(p)).max() {
            Some(n) => self.read(n).await,
            None => Ok(None),
        }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn StateStore> {
        &self.store
    }

    /// The newest commit's number, of any life of the job, and the commit itself if it is of this one.
    ///
    /// # Errors
    /// When a commit is damaged.
    pub async fn newest(&self) -> Result<(u64, Option<Commit>)> {
        let Some(n) = self.store.list("commits").await?.iter().filter_map(|p| number(p)).max() else {
            return Ok((self.floor().await?, None));
        };
        if self.fresh {
            return Ok((n, None));
        }
        let commit = self.read(n).await?.ok_or_else(|| Error::state(format!("commit {n} is gone")))?;
        Ok((n, Some(commit).filter(|c| c.body.job_uuid == self.me.job_uuid)))
    }

    /// Reads a commit; `None` if there is none of that number.
    ///
    /// # Errors
    /// When it is damaged, or written by a newer version.
    pub async fn read(&self, n: u64) -> Result<Option<Commit>> {
        let path = commit_path(n);
        let Some(bytes) = self.store.get(&path).await? else { return Ok(None) };
        // The version first: of another one not even the header may be readable.
        let format = CommitReader::<Format>::open(&path, bytes.clone())?.body.format;
        if !(OLDEST..=FORMAT).contains(&format) {
            let age = if format > FORMAT { "a newer" } else { "an older" };
            return Err(Error::state(format!("commit {n} was written by {age} version (format {format}, this one has {FORMAT})"))
                .hint("run that version, or start with --fresh"));
        }
        let commit = Commit::open(&path, bytes)?;
        Ok(Some(commit))
    }

    /// Steps 4 to 6: large sections, the put, and knowing that it won.
    ///
    /// # Errors
    /// `Fenced` when a newer start of the job exists.
    pub async fn put(&self, n: u64, file: &CommitFile) -> Result<Put> {
        self.faults.before(EpochStep::WriteSections)?;
        file.write_objects(self.store.as_ref()).await?;
        self.faults.after(EpochStep::WriteSections)?;
        if !self.exclusive {
            self.check_newer().await?;
        }
        self.faults.before(EpochStep::PutCommit)?;
        let created = self.store.create(&commit_path(n), file.bytes.clone()).await?;
        self.faults.after(EpochStep::PutCommit)?;
        self.faults.before(EpochStep::ConfirmPut)?;
        if created == Created::Lost {
            let winner = self.read(n).await?.map(|c| c.body.incarnation);
            return match winner {
                Some(k) if k < self.me.incarnation => Ok(Put::Adopt),
                Some(k) => Err(taken_over(k)),
                None => Err(Error::fenced("taken over: the commit chain has moved on")),
            };
        }
        // A slow copy could put a number that the others have pruned long ago.
        if self.floor().await? >= n {
            return Err(Error::fenced("taken over: the commit chain has moved on"));
        }
        self.faults.after(EpochStep::ConfirmPut)?;
        Ok(Put::Won)
    }

    /// Notes that this life has commits, once one of them stands: a folder that has lost all of them is not taken for a new one.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn mark_begun(&self) -> Result<()> {
        let begun = Begun { job_uuid: self.me.job_uuid.clone() };
        self.store.replace(BEGUN, Bytes::from(serde_json::to_vec(&begun)?)).await
    }

    /// What sinks know the folder by.
    pub fn folder(&self) -> &str {
        self.me.folder.as_deref().unwrap_or(&self.me.job_uuid)
    }

    async fn check_newer(&self) -> Result<()> {
        // Incarnations have no gaps: the one after ours is there if any newer one is.
        if self.store.get(&incarnation_path(self.me.incarnation + 1)).await?.is_some() {
            return Err(self.newer_incarnation_error().await.unwrap_or_else(|| taken_over(self.me.incarnation + 1)));
        }
        Ok(())
    }

    /// The error that names the newest start of this job, if there is one after ours: a sink that was fenced cannot know it.
    pub async fn newer_incarnation_error(&self) -> Option<Error> {
        let all = self.store.list("incarnations").await.ok()?;
        all.iter().filter_map(|p| number(p)).max().filter(|k| *k > self.me.incarnation).map(taken_over)
    }

    /// Commits up to this one may be gone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn floor(&self) -> Result<u64> {
        floor(self.store.as_ref()).await
    }

    /// Step 10: deletes commits up to `floor` and objects that no kept commit names.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn prune(&self, floor: u64) -> Result<()> {
        self.faults.before(EpochStep::Prune)?;
        // Written first: a process that puts a commit reads it afterwards and sees that it came too late.
        self.store.replace("floor", Bytes::from(floor.to_string())).await?;
        for path in self.store.list("commits").await? {
            if number(&path).is_some_and(|n| n <= floor) {
                self.store.delete(&path).await?;
            }
        }
        for path in self.store.list("objects").await? {
            let n = path.rsplit('/').next().and_then(|name| name.split('-').next()).and_then(|n| n.parse::<u64>().ok());
            if n.is_some_and(|n| n <= floor) {
                self.store.delete(&path).await?;
            }
        }
        self.faults.after(EpochStep::Prune)
    }

    /// What begins the names of the objects of one try of writing a commit.
    pub fn stem(&self, n: u64, attempt: &str) -> String {
        format!("{n:020}-{}-{attempt}", self.me.incarnation)
    }

    /// Encodes a commit of ours; `written` are sections that stand in the store already.
    ///
    /// # Errors
    /// When a batch cannot be written.
    pub fn encode(&self, header: &Header, sections: &[Section], written: Vec<Written>) -> Result<CommitFile> {
        CommitFile::encode(header, sections, written, &self.stem(header.n, &header.attempt))
    }
}

async fn read_incarnation(store: &dyn StateStore, k: u64) -> Result<Option<Incarnation>> {
    let Some(bytes) = store.get(&incarnation_path(k)).await? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|e| Error::state(format!("`{}` is damaged", incarnation_path(k))).with_source(e))
}

async fn floor(store: &dyn StateStore) -> Result<u64> {
    let Some(bytes) = store.get("floor").await? else { return Ok(0) };
    std::str::from_utf8(&bytes)
        .ok()
        .and_then(|t| t.trim().parse().ok())
        .ok_or_else(|| Error::state("`floor` in the checkpoint folder is not a number"))
}

/// Refuses a folder of which a part is gone: going on from what is left would write rows again, or leave some out.
async fn check_whole(store: &dyn StateStore, newest: Option<&Incarnation>) -> Result<()> {
    let commits: BTreeSet<u64> = store.list("commits").await?.iter().filter_map(|p| number(p)).collect();
    // After the list: an older copy that still runs may prune, and says so here first.
    let floor = floor(store).await?;
    let missing = |what: String| {
        Err(Error::state(format!("the checkpoints in {} are not whole: {what}", store.describe()))
            .hint("restore the whole folder from a copy, or start anew with --fresh, which writes all results again"))
    };
    let begun = match store.get(BEGUN).await? {
        Some(bytes) => {
            Some(serde_json::from_slice::<Begun>(&bytes).map_err(|e| Error::state(format!("`{BEGUN}` is damaged")).with_source(e))?)
        }
        None => None,
    };
    let Some(newest) = newest else {
        if commits.is_empty() && floor == 0 && begun.is_none() {
            return Ok(());
        }
        return missing("the folder `incarnations` is missing or empty, which says whose commits these are".to_string());
    };
    if commits.is_empty() {
        if floor == 0 && begun.is_none_or(|b| b.job_uuid != newest.job_uuid) {
            return Ok(());
        }
        return missing("the folder `commits` is missing or empty".to_string());
    }
    let last = commits.last().copied().unwrap_or(0);
    match (floor + 1..=last).find(|n| !commits.contains(n)) {
        None => Ok(()),
        // The one before an oldest commit above 1 has been pruned, and that was written down.
        Some(_) if floor == 0 && !commits.contains(&1) => {
            missing(format!("its oldest commit is {}, and there is no `floor` that says so", commits.first().unwrap_or(&0)))
        }
        Some(n) => missing(format!("commit {n} is missing (the newest is {last})")),
    }
}

fn taken_over(k: u64) -> Error {
    Error::fenced(format!("taken over by incarnation {k}")).hint("another copy of this job was started; this one has stopped")
}

/// Names of sections.
pub fn state_section(id: impl std::fmt::Display) -> String {
    format!("state/{id}")
}

/// Names of sections.
pub fn snapshot_section(id: impl std::fmt::Display) -> String {
    format!("snapshot/{id}")
}

/// Names of sections.
pub fn sink_section(id: &str) -> String {
    format!("sink/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::common::ErrorKind;
    use crate::state::object::RemoteStore;

    fn memory() -> Arc<dyn StateStore> {
        Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), "job".into(), "memory"))
    }

    fn file(commits: &Commits, n: u64) -> CommitFile {
        let header = Header {
            format: FORMAT,
            n,
            job_uuid: commits.me.job_uuid.clone(),
            incarnation: commits.me.incarnation,
            attempt: ids::random().to_string(),
            identity: String::new(),
            clock: 0,
            watermark: None,
            sources: BTreeMap::new(),
            bases: BTreeMap::new(),
            carried_by: BTreeMap::new(),
            closed: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            written: BTreeMap::new(),
            views: BTreeMap::new(),
            finished: false,
            keyed_by: KeyedBy::default(),
        };
        commits.encode(&header, &[], Vec::new()).unwrap()
    }

    #[tokio::test]
    async fn an_older_copy_stops_and_a_newer_one_adopts() {
        let store = memory();
        let old = Commits::claim(Arc::clone(&store), false, false, Faults::none()).await.unwrap();
        assert_eq!(old.put(1, &file(&old, 1)).await.unwrap(), Put::Won);
        let new = Commits::claim(Arc::clone(&store), false, false, Faults::none()).await.unwrap();
        assert_eq!(new.me.job_uuid, old.me.job_uuid);
        let error = old.put(2, &file(&old, 2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced);
        assert_eq!(error.message(), "taken over by incarnation 2");
        // A put of the older one that was on its way already.
        let slow = Commits { exclusive: true, ..old.clone() };
        assert_eq!(slow.put(2, &file(&slow, 2)).await.unwrap(), Put::Won);
        assert_eq!(new.put(2, &file(&new, 2)).await.unwrap(), Put::Adopt);
        assert_eq!(new.newest().await.unwrap().0, 2);
    }

    #[tokio::test]
    async fn a_fresh_life_ignores_the_old_one_but_counts_on() {
        let store = memory();
        let old = Commits::claim(Arc::clone(&store), false, true, Faults::none()).await.unwrap();
        old.put(1, &file(&old, 1)).await.unwrap();
        let fresh = Commits::claim(Arc::clone(&store), true, true, Faults::none()).await.unwrap();
        let (n, commit) = fresh.newest().await.unwrap();
        assert_eq!((n, commit.is_none()), (1, true));
    }

    /// Also where its header says things of which this version knows nothing.
    #[tokio::test]
    async fn a_commit_of_another_version_is_refused() {
        for (format, says) in [(FORMAT + 1, "a newer version"), (OLDEST - 1, "an older version")] {
            let store = memory();
            let one = Commits::claim(Arc::clone(&store), false, true, Faults::none()).await.unwrap();
            let header = serde_json::json!({"format": format, "n": "one", "shape": [1, 2]});
            let file = CommitFile::encode(&header, &[], Vec::new(), "x").unwrap();
            store.create(&commit_path(1), file.bytes).await.unwrap();
            let error = one.newest().await.unwrap_err();
            assert!(error.message().contains(says) && error.hint_text().unwrap().contains("--fresh"), "{error}");
            assert_eq!(store.list("commits").await.unwrap().len(), 1);
        }
    }

    #[tokio::test]
    async fn a_put_below_the_floor_is_fenced() {
        let store = memory();
        let one = Commits::claim(Arc::clone(&store), false, true, Faults::none()).await.unwrap();
        for n in 1..=5 {
            one.put(n, &file(&one, n)).await.unwrap();
        }
        one.prune(3).await.unwrap();
        assert_eq!(store.list("commits").await.unwrap().len(), 2);
        assert_eq!(one.put(2, &file(&one, 2)).await.unwrap_err().kind(), ErrorKind::Fenced);
    }
}
