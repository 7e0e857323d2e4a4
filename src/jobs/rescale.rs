//! Rescaling: redistributes state of a run with another number of partitions by key group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;

use crate::common::Result;
use crate::operators::epoch::context::{StateId, StateTables};
use crate::operators::epoch::hash_partition::partition_indices;
use crate::operators::epoch::stateful::{Placement, TableSpec};
use crate::planner::Program;
use crate::state::{KeyGroups, StateMemory, StateTable};

/// Redistributes the state tables whose key groups are not those of the program's operators, or all, if `anew`; returns which.
///
/// ```text
///   restored, 2 partitions    3/0/0-63   3/0/64-127                rows by the hash of their key
///                                 │  ╲    ╱  │                     (those of a time: to all)
///   this run, 3 partitions    3/0/0-42  3/0/43-85  3/0/86-127
/// ```
/// # Errors
/// When spilled rows cannot be read.
pub(super) fn rescale(program: &Program, state: &mut StateTables, memory: &Arc<StateMemory>, anew: bool) -> Result<BTreeSet<StateId>> {
    let mut rebuilt = BTreeSet::new();
    for (node, info) in &program.nodes {
        let groups = program.groups(*node);
        for (table, spec) in (0u32..).zip(&info.tables) {
            let is_of = |id: &StateId| (id.node, id.table) == (*node, table);
            let known: BTreeSet<KeyGroups> = state.keys().filter(|id| is_of(id)).map(|id| id.groups).collect();
            if known.iter().eq(&groups) && !(anew && groups.len() > 1) {
                continue;
            }
            let (old, rest): (StateTables, StateTables) = std::mem::take(state).into_iter().partition(|(id, _)| is_of(id));
            *state = rest;
            let tables = distribute(old, spec, groups.len(), program.key_groups, memory)?;
            for (groups, rows) in groups.iter().zip(tables) {
                let id = StateId { node: *node, table, groups: *groups };
                rebuilt.insert(id);
                state.insert(id, rows);
            }
        }
    }
    Ok(rebuilt)
}

/// Distributes the rows of these tables over new ones.
fn distribute(
    old: BTreeMap<StateId, StateTable>,
    spec: &TableSpec,
    partitions: usize,
    key_groups: u16,
    memory: &Arc<StateMemory>,
) -> Result<Vec<StateTable>> {
    let mut new = (0..partitions).map(|_| spec.empty(memory)).collect::<Result<Vec<_>>>()?;
    let closed = old.values().filter_map(StateTable::closed_to).max();
    for table in old.values() {
        for batch in table.freeze().into_rows() {
            let batch = batch?;
            let Placement::Key(key) = &spec.placement else {
                new.iter_mut().try_for_each(|table| table.adopt(&batch))?;
                continue;
            };
            let partitions_of = partition_indices(&table.stored_rows(&batch)?, key, key_groups, partitions)?;
            for (table, indices) in new.iter_mut().zip(partitions_of) {
                table.adopt(&take_record_batch(&batch, &UInt32Array::from(indices))?)?;
            }
        }
    }
    if let Some(to) = closed {
        new.iter_mut().try_for_each(|table| table.close(to))?;
    }
    Ok(new)
}
