//! Random epochs, compared with the model after each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{KeyMode, KeyedDelta, KeyedTable, Layout};
use super::model::{Model, weighted};
use super::rows::{printed, random, random_columns, schema};
use crate::state::{PendingChanges, SpillContext, StateMemory};

/// Columns of a table, which of them are the key, and which is the time.
struct Case(&'static [&'static str], &'static [usize], Option<usize>);

const CASES: [Case; 12] = [
    Case(&["many", "int", "text"], &[0], None),
    Case(&["many", "int", "time"], &[0], Some(2)),
    Case(&["text", "time", "float"], &[0, 2], Some(1)),
    Case(&["view", "view", "list"], &[1], None),
    Case(&["float", "decimal", "struct"], &[0, 1], None),
    Case(&["stamp", "flag", "many", "time"], &[0, 2], Some(3)),
    Case(&["int", "list"], &[], None),
    Case(&["many", "time"], &[], Some(1)),
    Case(&["bytes", "dictionary", "map"], &[1, 0], None),
    Case(&["struct", "list", "int"], &[0, 1], None),
    Case(&["many", "many", "view"], &[0, 1], None),
    Case(&[], &[], None),
];

/// Everything in memory, nothing, and some.
fn memories(folder: &Path) -> [Arc<StateMemory>; 3] {
    [StateMemory::unlimited(), StateMemory::new(0, folder.into()), StateMemory::new(16 << 10, folder.into())]
}

struct Run {
    case: &'static Case,
    rng: StdRng,
    model: Model,
    table: KeyedTable,
    memory: Arc<StateMemory>,
    /// Whether the counts of unmatched retractions are comparable: merged epochs close later, and what is closed is not counted.
    exact: bool,
}

impl Run {
    fn new(case: &'static Case, mode: KeyMode, seed: u64, memory: Arc<StateMemory>) -> Self {
        let Case(_, key, time) = *case;
        let model = Model { mode, key: key.to_vec(), time, rows: BTreeMap::new(), closed_to: None, unmatched: 0 };
        let table = empty(case, mode, &memory);
        Self { case, rng: StdRng::seed_from_u64(seed), model, table, memory, exact: true }
    }

    /// A batch that puts, deletes and touches some stored rows again.
    fn batch(&mut self) -> RecordBatch {
        let kinds = self.case.0;
        let rows = *[0, 1, 3, 40, 300].get(self.rng.random_range(0..5)).unwrap();
        let weight = |rng: &mut StdRng| *[1, 1, 1, 2, -1, -1, -2, 0].get(rng.random_range(0..8)).unwrap();
        let weights = (0..rows).map(|_| weight(&mut self.rng)).collect();
        random(kinds, weights, &mut self.rng)
    }

    fn epoch(&mut self) -> KeyedDelta {
        let batches = self.rng.random_range(0..3);
        let close = self.case.2.is_some() && self.rng.random_bool(0.3);
        let to = close.then(|| self.model.closed_to.unwrap_or(-1) + self.rng.random_range(-2..9)).map(|to| to.min(50));
        KeyedDelta::new((0..batches).map(|_| self.batch()).collect(), to)
    }

    /// Some epochs, merged, folded into the table or read back as from a commit.
    fn step(&mut self) {
        let (spill, stored) = (SpillContext::new(&self.memory), self.rng.random_bool(0.3));
        let mut pending = PendingChanges::new(KeyedDelta::default().into(), &spill).unwrap();
        for _ in 0..self.rng.random_range(1..4) {
            let epoch = self.epoch();
            self.model.fold(&epoch);
            if stored {
                pending.merge(epoch.into(), &spill).unwrap();
            } else {
                self.table.fold(&epoch).unwrap();
            }
        }
        if stored {
            let close_to = pending.close_to();
            pending.into_rows().for_each(|rows| self.table.restore(&rows.unwrap()).unwrap());
            self.table.fold(&KeyedDelta::new(Vec::new(), close_to)).unwrap();
            self.exact &= close_to.is_none();
        }
    }

    /// The table from its snapshot.
    fn restart(&mut self) {
        let rows: Vec<_> = self.table.freeze().into_rows().map(Result::unwrap).collect();
        let mut table = empty(self.case, self.model.mode, &self.memory);
        table.fold(&KeyedDelta::new(Vec::new(), self.table.closed_to())).unwrap();
        rows.iter().for_each(|rows| table.restore(rows).unwrap());
        self.table = table;
        self.model.unmatched = 0;
        self.exact = true;
    }

    fn check(&mut self) {
        let Case(kinds, key, time) = *self.case;
        let all = self.model.rows(|_| true);
        assert_eq!(sorted(self.table.scan().unwrap()), all);
        assert_eq!(self.table.closed_to(), self.model.closed_to);
        let (next, expected) = (self.table.next_time(), self.model.next_time());
        if self.table.size().2 == 0 {
            assert_eq!(self.table.len(), all.len());
            assert_eq!(next, expected);
        } else {
            assert!(self.table.len() >= all.len());
            assert!(expected.is_none_or(|time| next.is_some_and(|next| next <= time)), "{next:?} {expected:?}");
            assert!(next.is_none_or(|next| self.table.closed_to().is_none_or(|to| next > to)), "{next:?}");
        }
        if self.exact && self.memory.limit() == usize::MAX {
            assert_eq!(self.table.unmatched(), self.model.unmatched);
        } else if time.is_none() {
            assert!(self.table.unmatched() <= self.model.unmatched);
        }
        let kinds: Vec<_> = key.iter().map(|c| kinds[*c]).collect();
        for count in [0, 1, 3, 200] {
            let columns = random_columns(&kinds, count, &mut self.rng);
            let asked: BTreeSet<_> = printed(&columns, if key.is_empty() { 1 } else { count }).into_iter().collect();
            let got = self.table.get(&columns).unwrap();
            assert_eq!(sorted([Ok(got)]), self.model.get(&asked));
        }
        if let Some(t) = time {
            let to = self.rng.random_range(0..60);
            assert_eq!(sorted(self.table.due(to).unwrap()), self.model.rows(|row| row[t].parse::<i64>().unwrap() <= to));
        }
    }
}

fn empty(case: &Case, mode: KeyMode, memory: &Arc<StateMemory>) -> KeyedTable {
    let layout = Layout { schema: schema(case.0), key: case.1.to_vec(), time: case.2, mode };
    KeyedTable::new(Arc::new(layout), memory.clone()).unwrap()
}

fn sorted(batches: impl IntoIterator<Item = crate::common::Result<RecordBatch>>) -> Vec<(Vec<String>, i64)> {
    let mut rows: Vec<_> = batches.into_iter().flat_map(|b| weighted(&b.unwrap())).collect();
    rows.sort();
    rows
}

#[test]
fn tables_hold_what_the_naive_model_holds() {
    let folder = tempfile::tempdir().unwrap();
    let mut moves = (0, 0);
    for (number, case) in CASES.iter().enumerate() {
        for mode in [KeyMode::Upsert, KeyMode::Multiset] {
            for memory in memories(folder.path()) {
                for seed in 0..2 {
                    let mut run = Run::new(case, mode, seed, memory.clone());
                    for step in 0..20 {
                        let place = format!("case {number} {mode:?}, seed {seed}, step {step}, {memory:?}");
                        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                            // Epochs go on while a table is written as it was.
                            let frozen = run.rng.random_bool(0.4).then(|| (run.table.freeze(), run.model.rows(|_| true)));
                            run.step();
                            run.check();
                            if let Some((frozen, rows)) = frozen {
                                assert_eq!(sorted(frozen.into_rows()), rows);
                            }
                            if run.rng.random_bool(0.1) {
                                run.restart();
                                run.check();
                            }
                        }));
                        assert!(done.is_ok(), "{place}");
                    }
                    drop(run);
                    assert_eq!((memory.resident(), memory.on_disk()), (0, 0), "case {number} {mode:?}, seed {seed}");
                }
                moves = (moves.0 + memory.moves().0, moves.1 + memory.moves().1);
            }
        }
    }
    assert!(moves.0 > 1000 && moves.1 > 1000, "{moves:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_retraction_may_come_before_its_insertion_in_an_epoch_but_not_across_epochs() {
    let case = &CASES[6];
    let mut rng = StdRng::seed_from_u64(1);
    let plus = random(case.0, vec![1], &mut rng);
    let mut minus = plus.columns().to_vec();
    minus[2] = Arc::new(arrow::array::Int64Array::from(vec![-1]));
    let minus = RecordBatch::try_new(plus.schema(), minus).unwrap();
    let memory = StateMemory::unlimited();
    let mut table = empty(case, KeyMode::Multiset, &memory);
    table.fold(&KeyedDelta::new(vec![minus.clone(), plus.clone()], None)).unwrap();
    assert_eq!((table.len(), table.unmatched()), (0, 0));
    table.fold(&KeyedDelta::new(vec![minus], None)).unwrap();
    table.fold(&KeyedDelta::new(vec![plus], None)).unwrap();
    assert_eq!((table.len(), table.unmatched()), (1, 1));
}

#[test]
fn many_keys_split_into_shards_and_are_found() {
    let case = &CASES[0];
    let memory = StateMemory::unlimited();
    let mut table = empty(case, KeyMode::Upsert, &memory);
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..30 {
        table.fold(&KeyedDelta::new(vec![random(case.0, vec![1; 500], &mut rng)], None)).unwrap();
    }
    assert_eq!(table.len(), 400);
    assert!(table.freeze().shards.len() > 2);
    let found = table.get(&random_columns(&["many"], 4000, &mut rng)).unwrap();
    assert_eq!(found.num_rows(), 400);
    assert_eq!(found.column(3).null_count(), 0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let memory = StateMemory::unlimited();
    let mut table = empty(&CASES[0], KeyMode::Upsert, &memory);
    let mut rng = StdRng::seed_from_u64(7);
    let other = random(&["int", "text"], vec![1, 1], &mut rng);
    assert!(table.fold(&KeyedDelta::new(vec![other.clone()], None)).is_err());
    assert!(table.restore(&other).unwrap_err().message().contains("does not fit"));
    assert!(table.get(&random_columns(&["text"], 2, &mut rng)).is_err());
    let time = Layout { schema: schema(&["text"]), key: vec![0], time: Some(0), mode: KeyMode::Multiset };
    assert!(KeyedTable::new(Arc::new(time), memory).is_err());
}
