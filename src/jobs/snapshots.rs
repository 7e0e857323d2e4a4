//! When a state table is written whole, and when only what changed in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::common::faults::{EpochStep, Faults};
use crate::common::{Error, Result};
use crate::operators::epoch::context::{StateId, StateTables};
use crate::state::{ChunkedSectionWriter, Frozen, Section, StateDelta, StateStore, Written};

use super::commits::{Commit, snapshot_section, state_section};

/// What reading one more commit costs at a restart, in bytes read.
const COMMIT: u64 = 64 << 10;
/// About this many bytes of a table's rows make a piece of a commit.
const STATE_PIECE: usize = 8 << 20;
/// How many tables are written in the background at once: what they have rewritten meanwhile is in memory twice.
const AT_ONCE: usize = 2;

/// When tables are written whole.
#[derive(Debug, Clone, Copy)]
pub struct SnapshotPolicy {
    /// A chain of changes that costs less than this, in bytes read, is never cut: a table this small is not worth being written again
    /// and again.
    pub least: u64,
    /// A table of more bytes is written in the background, so that no commit waits for it.
    pub background: usize,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self { least: 100 * COMMIT, background: 1 << 20 }
    }
}

/// What is known of the chain of commits that each state table is rebuilt from.
///
/// ```text
///  commit      1      2     3     4      5      6     7
///  table 0   whole    Δ     Δ   whole    Δ      Δ     Δ         base 4: a small table, which stands in the commit
///  table 1   whole    Δ     Δ     Δ      Δ      Δ     Δ         base 3, carried by 6: the chain is 6's snapshot, then Δ 4, 5, 6, 7
///                           └─ frozen ─ written ─▶ named
/// ```
/// A table is written whole again as soon as what changed since it was last outweighs it. So what is written is at most about
/// twice what changed, and what a restart reads is at most about twice the state; a commit counts for [`COMMIT`] bytes, so that
/// the chain of a table in which little changes is bounded, too.
///
/// A large table is frozen when its commit begins, and written while others follow; the first commit after that carries it. Until then
/// the chain goes on from the older base, so a crash on the way loses nothing, and what it leaves is named by no commit.
///
/// It is found again by reading the chain: [`Self::observe`] gets every commit, live and at a restart.
#[derive(Debug, Default)]
pub struct Snapshots {
    policy: SnapshotPolicy,
    chains: BTreeMap<StateId, Chain>,
    background: BTreeMap<StateId, BackgroundSnapshot>,
}

#[derive(Debug, Default)]
struct Chain {
    /// The commit as of which the table stands whole.
    base: u64,
    /// Bytes there.
    whole: u64,
    /// The later commit that carries it, if it is not the base itself.
    carried_by: Option<u64>,
    /// What each commit since then costs.
    since: VecDeque<(u64, u64)>,
    /// Their sum.
    cost: u64,
}

/// A table that is being written while epochs and commits go on.
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

/// A table that was written whole.
#[derive(Debug, Default)]
struct WrittenTable {
    /// `None`: it has no rows.
    rows: Option<Written>,
    closed_to: Option<i64>,
}

/// What a commit has to hold of one state table.
#[derive(Debug)]
pub enum TableRows {
    /// All of it.
    Whole(Frozen),
    /// What changed since the commit before.
    Changes(StateDelta),
}

/// What a commit says of the state tables.
#[derive(Debug, Default)]
pub struct StateParts {
    /// What is still to be encoded.
    pub parts: Vec<(StateId, TableRows)>,
    /// Small sections.
    pub sections: Vec<Section>,
    /// Large ones, which stand in the store already.
    pub written: Vec<Written>,
    /// For each table the commit as of which it stands whole.
    pub bases: BTreeMap<String, u64>,
    /// The commits that carry tables of an older base.
    pub carried_by: BTreeMap<String, u64>,
    /// For each section up to where its table was closed.
    pub closed: BTreeMap<String, i64>,
}

impl Snapshots {
    /// Nothing is known yet.
    pub fn new(policy: SnapshotPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Takes in a commit that stands, the next one after the one before.
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

    /// Forgets all tables but these: those of a run with other key groups, and those that were rebuilt.
    pub fn retain(&mut self, mut kept: impl FnMut(StateId) -> bool) {
        self.chains.retain(|id, _| kept(*id));
    }

    /// What commit `n` has to hold: of small tables whose turn it is all, of others what changed; and large tables that have been written
    /// since they were frozen. Those whose turn it is are frozen, and written from here on: `stem` begins the names of their objects.
    ///
    /// # Errors
    /// When a table could not be written.
    pub async fn commit(
        &mut self,
        n: u64,
        state: &StateTables,
        deltas: &BTreeMap<StateId, StateDelta>,
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
            all.closed.extend(delta.and_then(StateDelta::close_to).map(|to| (name.clone(), to)));
            all.carried_by.extend(carried_by.map(|commit| (name.clone(), commit)));
            all.bases.insert(name, base);
            all.parts.extend(delta.map(|delta| (*id, TableRows::Changes(delta.clone()))));
        }
        Ok(all)
    }
}

/// Writes a table while epochs and commits go on.
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
    /// Encodes what is left, and writes what is large; `stem` begins the names of objects.
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
                TableRows::Changes(delta) => writer.extend(delta.encode()?).await?,
            }
            writer.finish_into(&mut self.sections, &mut self.written).await?;
        }
        Ok(())
    }
}
