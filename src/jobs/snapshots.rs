//! Chooses between snapshot and delta for each state table of a commit.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::common::faults::{EpochStep, Faults};
use crate::common::{Error, Result};
use crate::operators::epoch::context::{StateId, StateTables};
use crate::state::{ChunkedSectionWriter, Frozen, PendingChanges, Section, StateStore, WrittenSection};

use super::commits::{Commit, snapshot_section, state_section};

/// The cost of reading one more commit at a restart, in bytes.
const COMMIT: u64 = 64 << 10;
/// The approximate size in bytes of a piece of a table's rows.
const STATE_PIECE: usize = 8 << 20;
/// The number of tables written in the background at once: rows that change meanwhile are in memory twice.
const AT_ONCE: usize = 2;

/// When snapshots are written.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotPolicy {
    /// A chain of deltas that costs less than this, in bytes read, needs no snapshot: rewriting a table this small has no benefit.
    pub least: u64,
    /// A larger table, in bytes, is written in the background, so that no commit waits for it.
    pub background: usize,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self { least: 100 * COMMIT, background: 1 << 20 }
    }
}

/// The chain of commits from which each state table is restored.
///
/// ```text
///  commit      1      2     3     4      5      6     7
///  table 0   whole    Δ     Δ   whole    Δ      Δ     Δ         base 4: a small table, written as part of the commit
///  table 1   whole    Δ     Δ     Δ      Δ      Δ     Δ         base 3, carried by 6: the chain is 6's snapshot, then Δ 4, 5, 6, 7
///                           └─ frozen ─ written ─▶ named
/// ```
/// A snapshot is written as soon as the deltas since the last one outweigh it. So commits are at most about twice as large as the
/// changes, and a restart reads at most about twice the state; a commit counts for [`COMMIT`] bytes, so that the chain of a
/// table with few changes is bounded, too.
///
/// A large table is frozen when its commit begins, and written while others follow; the first commit after that contains it. Until then
/// the chain continues from the older base, so a crash loses nothing, and no commit refers to the objects that it leaves.
///
/// A restart derives this from the chain: [`Self::observe`] gets every commit, live and at a restart.
#[derive(Debug, Default)]
pub struct Snapshots {
    policy: SnapshotPolicy,
    chains: BTreeMap<StateId, Chain>,
    background: BTreeMap<StateId, BackgroundSnapshot>,
}

#[derive(Debug, Default)]
struct Chain {
    /// The commit of the snapshot.
    base: u64,
    /// The bytes of the snapshot.
    whole: u64,
    /// The later commit that contains it, if it is not the base itself.
    carried_by: Option<u64>,
    /// The cost of each commit since then.
    since: VecDeque<(u64, u64)>,
    /// Their sum.
    cost: u64,
}

/// A snapshot that is written in the background.
#[derive(Debug)]
struct BackgroundSnapshot {
    /// The commit as of which it was frozen.
    base: u64,
    task: JoinHandle<Result<WrittenTable>>,
}

impl Drop for BackgroundSnapshot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A snapshot that was written.
#[derive(Debug, Default)]
struct WrittenTable {
    /// `None`: it has no rows.
    rows: Option<WrittenSection>,
    closed_to: Option<i64>,
}

/// The rows of one state table in a commit.
#[derive(Debug)]
pub enum TableRows {
    /// A snapshot.
    Whole(Frozen),
    /// The changes since the previous commit.
    Changes(PendingChanges),
}

/// The state tables of a commit.
#[derive(Debug, Default)]
pub struct StateParts {
    /// Rows that are not encoded yet.
    pub parts: Vec<(StateId, TableRows)>,
    /// Small sections.
    pub sections: Vec<Section>,
    /// Large sections, which are already in the store.
    pub written: Vec<WrittenSection>,
    /// For each table the commit of its snapshot.
    pub bases: BTreeMap<String, u64>,
    /// The commits that contain snapshots of an older base.
    pub carried_by: BTreeMap<String, u64>,
    /// For each section the time up to which its table is closed.
    pub closed: BTreeMap<String, i64>,
}

impl Snapshots {
    /// Starts with an empty chain.
    pub fn new(policy: SnapshotPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Adds the next commit of the chain, which has been put.
    pub fn observe(&mut self, commit: &Commit) {
        let n = commit.body.n;
        for (name, base) in &commit.body.bases {
            let Ok(id) = name.parse::<StateId>() else { continue };
            let len = |section: String| commit.section_len(&section) as u64;
            let chain = self.chains.entry(id).or_default();
            let carried_by = commit.body.carried_by.get(name).copied();
            if *base == n {
                *chain = Chain { base: n, whole: len(state_section(name)), ..Chain::default() };
                continue;
            }
            if carried_by == Some(n) {
                chain.whole = len(snapshot_section(name));
                while let Some((_, cost)) = chain.since.pop_front_if(|(commit, _)| *commit <= *base) {
                    chain.cost -= cost;
                }
            }
            let cost = len(state_section(name)) + COMMIT;
            (chain.base, chain.carried_by, chain.cost) = (*base, carried_by, chain.cost + cost);
            chain.since.push_back((n, cost));
        }
    }

    /// Cancels the snapshots in the background, and returns when all of their tasks have ended.
    pub async fn stop(&mut self) {
        for (_, mut snapshot) in std::mem::take(&mut self.background) {
            snapshot.task.abort();
            let _ = (&mut snapshot.task).await;
        }
    }

    /// Drops all tables but these: those with other key groups, and those that were redistributed.
    pub fn retain(&mut self, mut kept: impl FnMut(StateId) -> bool) {
        self.chains.retain(|id, _| kept(*id));
    }

    /// The state of commit `n`: snapshots of small tables that are due, deltas of the others, and background snapshots that are finished.
    /// Freezes large tables whose snapshot is due, and starts writing them; `stem` is the prefix of their objects.
    ///
    /// # Errors
    /// When a table could not be written.
    pub async fn commit(
        &mut self,
        n: u64,
        state: &StateTables,
        deltas: &BTreeMap<StateId, PendingChanges>,
        store: &Arc<dyn StateStore>,
        stem: &str,
        faults: &Faults,
    ) -> Result<StateParts> {
        let mut all = StateParts::default();
        for (id, table) in state {
            let (name, delta) = (id.to_string(), deltas.get(id));
            let chain = self.chains.get(id);
            let due = chain.is_none_or(|chain| chain.cost > chain.whole.max(self.policy.least));
            let Some(chain) = chain.filter(|_| !due || table.bytes() > self.policy.background) else {
                self.background.remove(id);
                let frozen = table.freeze();
                all.closed.extend(frozen.closed_to().map(|to| (name.clone(), to)));
                all.bases.insert(name, n);
                all.parts.push((*id, TableRows::Whole(frozen)));
                continue;
            };
            let (mut base, mut carried_by) = (chain.base, chain.carried_by);
            if let Some(mut snapshot) = self.background.remove(id) {
                if snapshot.task.is_finished() {
                    let done =
                        (&mut snapshot.task).await.map_err(|e| Error::internal("a state table was not written").with_source(e))??;
                    all.written.extend(done.rows);
                    all.closed.extend(done.closed_to.map(|to| (snapshot_section(&name), to)));
                    (base, carried_by) = (snapshot.base, Some(n));
                } else {
                    self.background.insert(*id, snapshot);
                }
            } else if due && self.background.len() < AT_ONCE {
                let stem = format!("{stem}-w{}", name.replace('/', "."));
                let task =
                    tokio::spawn(write_in_background(table.freeze(), snapshot_section(&name), Arc::clone(store), stem, faults.clone()));
                self.background.insert(*id, BackgroundSnapshot { base: n, task });
            }
            all.closed.extend(delta.and_then(PendingChanges::close_to).map(|to| (name.clone(), to)));
            all.carried_by.extend(carried_by.map(|commit| (name.clone(), commit)));
            all.bases.insert(name, base);
            all.parts.extend(delta.map(|delta| (*id, TableRows::Changes(delta.clone()))));
        }
        Ok(all)
    }
}

/// Writes a snapshot in the background.
async fn write_in_background(
    table: Frozen,
    section: String,
    store: Arc<dyn StateStore>,
    stem: String,
    faults: Faults,
) -> Result<WrittenTable> {
    faults.before(EpochStep::WriteSnapshot)?;
    let closed_to = table.closed_to();
    let mut writer = ChunkedSectionWriter::new(store, section, stem, STATE_PIECE);
    writer.extend(table.into_rows()).await?;
    let rows = writer.finish_outside().await?;
    faults.after(EpochStep::WriteSnapshot)?;
    Ok(WrittenTable { rows, closed_to })
}

impl StateParts {
    /// Encodes the remaining rows, and writes large sections; `stem` is the prefix of their objects.
    ///
    /// # Errors
    /// When the store cannot be written, or spilled rows cannot be read.
    pub async fn encode(&mut self, store: &Arc<dyn StateStore>, stem: &str) -> Result<()> {
        for (id, rows) in std::mem::take(&mut self.parts) {
            let name = id.to_string();
            let stem = format!("{stem}-s{}", name.replace('/', "."));
            let mut writer = ChunkedSectionWriter::new(Arc::clone(store), state_section(&name), stem, STATE_PIECE);
            match rows {
                TableRows::Whole(table) => writer.extend(table.into_rows()).await?,
                TableRows::Changes(delta) => writer.extend(delta.into_rows()).await?,
            }
            writer.finish_into(&mut self.sections, &mut self.written).await?;
        }
        Ok(())
    }
}
