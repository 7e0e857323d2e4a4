//! The chain of commits in a job's folder: claims it, reads it, appends to it, prunes it.

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
use crate::state::{CommitFile, Created, Section, StateStore, WrittenSection};

use super::watermark::StoredClock;

/// The format version of commits; newer ones are rejected.
pub const FORMAT: u32 = 4;
/// The oldest version that is read: it has no key groups, so a table is one section.
const OLDEST: u32 = 3;

/// A commit that was read.
pub type Commit = CommitReader<Header>;

/// The part of a header that is the same in all versions.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The header of a commit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// Its number; the first is 1.
    pub n: u64,
    /// The UUID of the job, which `--fresh` renews.
    pub job_uuid: String,
    /// The incarnation that wrote it.
    pub incarnation: u64,
    /// Unique to this attempt to write it, which distinguishes a lost answer from a lost race.
    pub attempt: String,
    /// The job's queries, to detect changes.
    pub identity: String,
    /// The wall time.
    pub clock: Millis,
    /// The least watermark of all tables that declare one.
    #[serde(default)]
    pub watermark: Option<i64>,
    /// The positions up to which each table was read.
    pub sources: BTreeMap<String, StoredSource>,
    /// For each state table the commit of its snapshot; later commits hold deltas.
    pub bases: BTreeMap<String, u64>,
    /// The later commit that contains this snapshot, if it is not that commit itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub carried_by: BTreeMap<String, u64>,
    /// For each delta and snapshot in this commit the time up to which the table is closed.
    pub closed: BTreeMap<String, i64>,
    /// The newest commit that each sink has confirmed.
    pub confirmed: BTreeMap<String, u64>,
    /// The newest commit whose rows each sink has written, and therefore recorded.
    #[serde(default)]
    pub written: BTreeMap<String, u64>,
    /// Materialized views and the state tables that hold them.
    #[serde(default)]
    pub views: BTreeMap<String, String>,
    /// Whether the bounded input is exhausted.
    pub finished: bool,
    /// How keyed state is partitioned.
    #[serde(default)]
    pub keyed_by: KeyedBy,
}

/// How keyed state is partitioned: fixed for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedBy {
    /// The number of key groups.
    pub groups: u16,
    /// The version of the hash that maps keys to key groups.
    pub hash: u32,
}

impl Default for KeyedBy {
    /// For commits without key groups: their rows are redistributed.
    fn default() -> Self {
        Self { groups: DEFAULT_KEY_GROUPS, hash: HASH_VERSION }
    }
}

/// The marker of a folder that has commits, with the job's UUID.
#[derive(Debug, Serialize, Deserialize)]
struct Begun {
    job_uuid: String,
}

/// The path of [`Begun`].
const BEGUN: &str = "begun";

impl Header {
    /// The attempt that wrote this commit, as sinks record it: it distinguishes two commits of one number.
    pub fn tag(&self) -> &str {
        self.attempt.split('-').next().unwrap_or_default()
    }

    /// The commit that contains the snapshot of a table as of an earlier commit.
    pub fn carrier(&self, table: &str) -> Option<u64> {
        self.carried_by.get(table).copied()
    }

    /// Whether a table is restored from commit `n`: its snapshot, or a delta after it.
    pub fn rebuilds_from(&self, table: &str, n: u64) -> bool {
        self.bases.get(table).is_some_and(|base| *base < n || (*base == n && self.carrier(table).is_none()))
    }

    /// The first commit that restores the state.
    pub fn base(&self) -> u64 {
        self.bases.values().min().copied().unwrap_or(self.n)
    }
}

/// The position up to which a table was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSource {
    /// The next position, and the end if it is bounded, per partition.
    pub positions: Vec<PartitionRange>,
    /// The event time.
    pub clock: StoredClock,
    /// The id of the table in its system, which differs from that of a deleted table of the same name.
    #[serde(default)]
    pub incarnation: Option<String>,
}

/// One start of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incarnation {
    /// The UUID of the job.
    pub job_uuid: String,
    /// The first job UUID of this folder, by which sinks identify it.
    #[serde(default)]
    pub folder: Option<String>,
    /// Its number; higher ones win.
    #[serde(rename = "incarnation")]
    pub number: u64,
    /// Unique to this start.
    pub attempt: String,
}

/// The outcome of putting a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// The commit was written.
    Won,
    /// An older incarnation of the same job has written a commit of that number: resume from it.
    Adopt,
}

/// The commits of one job, written by one incarnation.
#[derive(Debug, Clone)]
pub struct Commits {
    store: Arc<dyn StateStore>,
    faults: Faults,
    /// This incarnation.
    pub incarnation: Incarnation,
    /// Whether a lock excludes other processes from this folder.
    exclusive: bool,
    /// Whether this is a `--fresh` start, which ignores existing commits.
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
    /// Claims the next incarnation; `fresh` starts the job anew, with a new UUID.
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
            let claimed = Incarnation { job_uuid, folder, number: newest.unwrap_or(0) + 1, attempt: ids::random().to_string() };
            let bytes = Bytes::from(serde_json::to_vec(&claimed)?);
            if store.create(&incarnation_path(claimed.number), bytes).await? == Created::Won {
                return Ok(Self { store, faults, incarnation: claimed, exclusive, fresh });
            }
        }
    }

    /// The commits of a folder, without a claim on it.
    pub(super) fn open(store: Arc<dyn StateStore>, incarnation: Incarnation, faults: Faults) -> Self {
        Self { store, faults, incarnation, exclusive: false, fresh: false }
    }

    /// The newest commit, also of other job UUIDs.
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

    /// The newest commit's number, also of other job UUIDs, and the commit itself if it is of this one.
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
        Ok((n, Some(commit).filter(|c| c.body.job_uuid == self.incarnation.job_uuid)))
    }

    /// Reads a commit; `None` if it does not exist.
    ///
    /// # Errors
    /// When it is damaged, or written by a newer version.
    pub async fn read(&self, n: u64) -> Result<Option<Commit>> {
        let path = commit_path(n);
        let Some(bytes) = self.store.get(&path).await? else { return Ok(None) };
        // The version first: the header of another version may not be readable.
        let format = CommitReader::<Format>::open(&path, bytes.clone())?.body.format;
        if !(OLDEST..=FORMAT).contains(&format) {
            let age = if format > FORMAT { "a newer" } else { "an older" };
            return Err(Error::state(format!("commit {n} was written by {age} version (format {format}, this one has {FORMAT})"))
                .hint("run that version, or start with --fresh"));
        }
        let commit = Commit::open(&path, bytes)?;
        Ok(Some(commit))
    }

    /// Steps 4 to 6: writes large sections, puts the commit, and checks for newer incarnations.
    ///
    /// # Errors
    /// `Fenced` when a newer incarnation exists.
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
                Some(k) if k < self.incarnation.number => Ok(Put::Adopt),
                Some(k) => Err(taken_over(k)),
                None => Err(Error::fenced("taken over: the commit chain has moved on")),
            };
        }
        // A slow copy could put a number that was pruned already.
        if self.floor().await? >= n {
            return Err(Error::fenced("taken over: the commit chain has moved on"));
        }
        self.faults.after(EpochStep::ConfirmPut)?;
        Ok(Put::Won)
    }

    /// Marks that this job has commits, after the first one: so a folder that has lost all of them is not taken for a new one.
    ///
    /// # Errors
    /// When the store cannot be used.
    pub async fn mark_begun(&self) -> Result<()> {
        let begun = Begun { job_uuid: self.incarnation.job_uuid.clone() };
        self.store.replace(BEGUN, Bytes::from(serde_json::to_vec(&begun)?)).await
    }

    /// The id of the folder for sinks.
    pub fn folder(&self) -> &str {
        self.incarnation.folder.as_deref().unwrap_or(&self.incarnation.job_uuid)
    }

    async fn check_newer(&self) -> Result<()> {
        // Incarnations have no gaps: if any newer one exists, the next one does.
        if self.store.get(&incarnation_path(self.incarnation.number + 1)).await?.is_some() {
            return Err(self.newer_incarnation_error().await.unwrap_or_else(|| taken_over(self.incarnation.number + 1)));
        }
        Ok(())
    }

    /// The error that names the newest incarnation, if it is newer than this one: a fenced sink does not know its number.
    pub async fn newer_incarnation_error(&self) -> Option<Error> {
        let all = self.store.list("incarnations").await.ok()?;
        all.iter().filter_map(|p| number(p)).max().filter(|k| *k > self.incarnation.number).map(taken_over)
    }

    /// Commits up to this one may have been deleted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn floor(&self) -> Result<u64> {
        floor(self.store.as_ref()).await
    }

    /// Step 10: deletes commits up to `floor` and objects that no remaining commit refers to.
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

    /// The prefix of the objects of one attempt to write a commit.
    pub fn stem(&self, n: u64, attempt: &str) -> String {
        format!("{n:020}-{}-{attempt}", self.incarnation.number)
    }

    /// Encodes a commit; `written` are sections that are already in the store.
    ///
    /// # Errors
    /// When a batch cannot be written.
    pub fn encode(&self, header: &Header, sections: &[Section], written: Vec<WrittenSection>) -> Result<CommitFile> {
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

/// Rejects a folder with missing commits: resuming from it would duplicate or lose rows.
async fn check_whole(store: &dyn StateStore, newest: Option<&Incarnation>) -> Result<()> {
    let commits: BTreeSet<u64> = store.list("commits").await?.iter().filter_map(|p| number(p)).collect();
    // After the list: a running older copy may prune, and writes the floor first.
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
        // If the oldest commit is above 1, the one before it was pruned, and the floor says so.
        Some(_) if floor == 0 && !commits.contains(&1) => {
            missing(format!("its oldest commit is {}, and there is no `floor` that says so", commits.first().unwrap_or(&0)))
        }
        Some(n) => missing(format!("commit {n} is missing (the newest is {last})")),
    }
}

fn taken_over(k: u64) -> Error {
    Error::fenced(format!("taken over by incarnation {k}")).hint("another copy of this job was started; this one has stopped")
}

/// The section of a state table's rows.
pub fn state_section(id: impl std::fmt::Display) -> String {
    format!("state/{id}")
}

/// The section of a snapshot as of an earlier commit.
pub fn snapshot_section(id: impl std::fmt::Display) -> String {
    format!("snapshot/{id}")
}

/// The section of a sink's rows.
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
            job_uuid: commits.incarnation.job_uuid.clone(),
            incarnation: commits.incarnation.number,
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
        assert_eq!(new.incarnation.job_uuid, old.incarnation.job_uuid);
        let error = old.put(2, &file(&old, 2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Fenced);
        assert_eq!(error.message(), "taken over by incarnation 2");
        // A put by the older incarnation that was already in flight.
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

    /// Even if its header contains fields that this version does not know.
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
