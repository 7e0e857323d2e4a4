//! When a commit holds a state table whole, and when only what changed in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::common::Result;
use crate::operators::epoch::context::{StateId, StateTables};
use crate::state::{ChunkedSectionWriter, Section, StateDelta, StateStore, Written};

use super::commits::{Commit, state_section};

/// What reading one more commit costs at a restart, in bytes read.
const COMMIT: u64 = 64 << 10;
/// A chain that costs less than this is never cut: a table this small is not worth being written again and again.
const LEAST: u64 = 100 * COMMIT;

/// About this many bytes of a table's rows make a piece of a commit.
const STATE_PIECE: usize = 8 << 20;

/// What is known of the chain of commits that each state table is rebuilt from.
///
/// ```text
///  commit      1      2     3     4     5     6     7
///  table 0   whole    Δ     Δ   whole   Δ     Δ     Δ       base 4
///  table 1   whole    Δ           Δ           Δ             base 1: the chain that a restart reads begins here
/// ```
/// A table is written whole again as soon as what changed since it was last outweighs it. So what is written is at most about
/// twice what changed, and what a restart reads is at most about twice the state; a commit counts for [`COMMIT`] bytes, so that
/// the chain of a table in which little changes is bounded, too.
///
/// It is found again by reading the chain: [`Self::observe`] gets every commit, live and at a restart.
#[derive(Debug, Default)]
pub struct Snapshots(BTreeMap<StateId, Chain>);

#[derive(Debug, Default)]
struct Chain {
    /// The commit that holds the table whole.
    base: u64,
    /// Bytes there.
    whole: u64,
    /// What the commits since then cost.
    since: u64,
}

impl Snapshots {
    /// Takes in a commit that stands, the next one after the one before.
    pub fn observe(&mut self, commit: &Commit) {
        for (name, base) in &commit.body.bases {
            let Ok(id) = name.parse() else { continue };
            let len = commit.section_len(&state_section(name)) as u64;
            let chain = self.0.entry(id).or_default();
            if *base == commit.body.n {
                *chain = Chain { base: *base, whole: len, since: 0 };
            } else {
                chain.base = *base;
                chain.since += len + COMMIT;
            }
        }
    }

    /// Forgets all tables but these: those of a run with other key groups, and those that were rebuilt.
    pub fn retain(&mut self, mut kept: impl FnMut(StateId) -> bool) {
        self.0.retain(|id, _| kept(*id));
    }

    /// Whether the next commit has to hold a table whole.
    fn due(&self, id: StateId) -> bool {
        self.0.get(&id).is_none_or(|chain| chain.since > chain.whole.max(LEAST))
    }

    fn base(&self, id: StateId) -> Option<u64> {
        self.0.get(&id).map(|chain| chain.base)
    }
}

/// What a commit holds of the state.
#[derive(Debug, Default)]
pub struct StateSections {
    /// Small sections.
    pub sections: Vec<Section>,
    /// Large ones, which stand in the store already.
    pub written: Vec<Written>,
    /// For each table the commit that holds it whole.
    pub bases: BTreeMap<String, u64>,
    /// For each table up to where it was closed.
    pub closed: BTreeMap<String, i64>,
}

impl StateSections {
    /// Of commit `n`: tables whose turn it is are written whole, of the others what changed. `stem` begins the names of objects.
    ///
    /// # Errors
    /// When the store cannot be written, or spilled rows cannot be read.
    pub async fn build(
        n: u64,
        state: &StateTables,
        deltas: &BTreeMap<StateId, StateDelta>,
        snapshots: &Snapshots,
        store: &Arc<dyn StateStore>,
        stem: &str,
    ) -> Result<Self> {
        let mut built = Self::default();
        for (id, table) in state {
            let name = id.to_string();
            let stem = format!("{stem}-s{}", name.replace('/', "."));
            let mut writer = ChunkedSectionWriter::new(Arc::clone(store), state_section(&name), stem, STATE_PIECE);
            let (base, rows, closed) = match snapshots.base(*id).filter(|_| !snapshots.due(*id)) {
                None => (n, Some(table.snapshot()?), table.closed_to()),
                Some(base) => {
                    let delta = deltas.get(id);
                    (base, delta.map(StateDelta::encode).transpose()?, delta.and_then(StateDelta::close_to))
                }
            };
            for batch in rows.into_iter().flatten() {
                writer.push(batch?).await?;
            }
            writer.finish_into(&mut built.sections, &mut built.written).await?;
            built.closed.extend(closed.map(|to| (name.clone(), to)));
            built.bases.insert(name, base);
        }
        Ok(built)
    }
}
