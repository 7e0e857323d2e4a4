//! Tables that are larger than their memory.

use std::collections::HashMap;
use std::fs::{self, File};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::super::{KeyMode, KeyedDelta, KeyedTable, Layout};
use crate::common::WEIGHT;
use crate::state::{PendingChanges, SpillContext, StateMemory};

fn table(memory: &Arc<StateMemory>) -> KeyedTable {
    let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Utf8, false), Field::new("v", DataType::Int64, false)]));
    KeyedTable::new(Arc::new(Layout { schema, key: vec![0], time: None, mode: KeyMode::Upsert }), memory.clone()).unwrap()
}

fn keys(keys: &[u32]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("key-{key:012}"))))
}

fn puts(rows: &[u32], value: i64) -> KeyedDelta {
    let fields = [("k", DataType::Utf8), ("v", DataType::Int64), (WEIGHT, DataType::Int64)];
    let schema = Schema::new(fields.map(|(name, kind)| Field::new(name, kind, false)).to_vec());
    let number = |n: i64| Arc::new(Int64Array::from_value(n, rows.len())) as ArrayRef;
    KeyedDelta::new(vec![RecordBatch::try_new(Arc::new(schema), vec![keys(rows), number(value), number(1)]).unwrap()], None)
}

fn values(rows: &RecordBatch) -> HashMap<String, i64> {
    let (keys, values) = (rows.column(0).as_string::<i32>(), rows.column(1).as_primitive::<Int64Type>());
    keys.iter().zip(values.values()).map(|(key, value)| (key.unwrap().to_string(), *value)).collect()
}

#[test]
fn a_table_larger_than_its_memory_goes_on_and_on() {
    const KEYS: u32 = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let memory = StateMemory::new(200 << 10, folder.path().into());
    let mut table = table(&memory);
    let mut rng = StdRng::seed_from_u64(3);
    let all: Vec<u32> = (0..KEYS).collect();
    table.fold(&puts(&all, -1)).unwrap();
    let mut model: HashMap<u32, i64> = all.iter().map(|key| (*key, -1)).collect();
    for round in 0..20 {
        let some: Vec<u32> = (0..2000).map(|_| rng.random_range(0..KEYS)).collect();
        table.fold(&puts(&some, round)).unwrap();
        assert!(memory.resident() <= memory.limit());
        model.extend(some.iter().map(|key| (*key, round)));
        let asked: Vec<u32> = some.iter().copied().chain((0..100).map(|_| rng.random_range(0..KEYS + 50))).collect();
        let found = values(&table.get(&[keys(&asked)]).unwrap());
        for key in asked {
            assert_eq!(found.get(&format!("key-{key:012}")), model.get(&key), "{key} in round {round}");
        }
        assert!(memory.resident() <= memory.limit());
    }
    let rows: usize = table.scan().unwrap().map(|rows| rows.unwrap().num_rows()).sum();
    assert_eq!(rows, KEYS as usize);
    let (_, resident, disk) = table.size();
    assert_eq!((resident, disk), (memory.resident(), memory.on_disk()));
    assert!(disk > 300 << 10, "{disk}");
}

#[test]
fn a_table_in_use_takes_the_place_of_one_that_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let memory = StateMemory::new(400 << 10, folder.path().into());
    let (mut used, mut idle) = (table(&memory), table(&memory));
    let all: Vec<u32> = (0..1000).collect();
    used.fold(&puts(&all, 1)).unwrap();
    for round in 0..20 {
        idle.fold(&puts(&all, round)).unwrap();
        idle.fold(&puts(&(round as u32 * 1000..(round as u32 + 1) * 1000).collect::<Vec<_>>(), round)).unwrap();
    }
    assert!(used.size().2 > 0, "{memory:?}");
    for _ in 0..200 {
        assert_eq!(used.get(&[keys(&all)]).unwrap().num_rows(), 1000);
    }
    assert_eq!(used.size().2, 0, "{:?} {memory:?}", used.size());
    assert!(memory.resident() <= memory.limit());
}

#[test]
fn threads_read_while_another_table_needs_their_memory() {
    let folder = tempfile::tempdir().unwrap();
    let memory = StateMemory::new(100 << 10, folder.path().into());
    let (mut read, mut written) = (table(&memory), table(&memory));
    let all: Vec<u32> = (0..3000).collect();
    read.fold(&puts(&all, 5)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (read, all) = (&read, &all);
            scope.spawn(move || {
                for round in 0..20 {
                    let some: Vec<u32> = all.iter().copied().skip(round).step_by(1 + thread).collect();
                    assert_eq!(read.get(&[keys(&some)]).unwrap().num_rows(), some.len());
                }
                assert_eq!(read.scan().unwrap().map(|rows| rows.unwrap().num_rows()).sum::<usize>(), 3000);
            });
        }
        (0..20).for_each(|round| written.fold(&puts(&all, round)).unwrap());
    });
    let rows = written.get(&[keys(&all)]).unwrap();
    assert!(rows.num_rows() == 3000 && rows.column(1).as_primitive::<Int64Type>().values().iter().all(|v| *v == 19));
}

#[test]
fn folders_are_made_when_needed_and_removed_with_those_of_killed_processes() {
    let folder = tempfile::tempdir().unwrap();
    let names = || fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    fs::create_dir(folder.path().join("spill-old")).unwrap();
    File::create(folder.path().join("spill-old/lock")).unwrap();
    fs::create_dir(folder.path().join("other")).unwrap();
    let memories = [(); 2].map(|()| StateMemory::new(0, folder.path().into()));
    let mut tables = memories.each_ref().map(table);
    assert_eq!(names().len(), 2);
    tables.iter_mut().for_each(|table| table.fold(&puts(&[1, 2, 3], 1)).unwrap());
    assert!(names().len() == 3 && !names().contains(&"spill-old".into()), "{:?}", names());
    assert_eq!(tables[0].get(&[keys(&[2, 4])]).unwrap().num_rows(), 1);
    drop((tables, memories));
    assert_eq!(names(), ["other"]);
}

#[test]
fn a_disk_that_fails_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let mut table = table(&StateMemory::new(0, file));
    let error = table.fold(&puts(&[1, 2, 3], 1)).unwrap_err();
    assert!(error.message().contains("cannot be kept in") && error.hint_text().is_some_and(|h| h.contains("--memory-limit")), "{error}");
}

/// What only the frozen table holds is counted as long as it does.
#[test]
fn a_frozen_table_counts_the_rows_that_the_table_has_replaced() {
    let memory = StateMemory::unlimited();
    let mut table = table(&memory);
    let all: Vec<u32> = (0..50_000).collect();
    table.fold(&puts(&all, 0)).unwrap();
    assert_eq!(memory.in_use(), memory.resident());
    let frozen = table.freeze();
    assert_eq!(memory.in_use(), memory.resident(), "all of it is shared");
    for value in 1..4 {
        table.fold(&puts(&all, value)).unwrap();
    }
    let pinned = memory.in_use() - memory.resident();
    let rows: usize = 50_000 * (16 + 4 + 8);
    assert!((rows..4 * rows).contains(&pinned), "{pinned} bytes for rows of {rows}");
    let mut rows = frozen.into_rows();
    assert!(rows.by_ref().flat_map(|rows| values(&rows.unwrap()).into_values()).all(|value| value == 0));
    drop(rows);
    assert_eq!(memory.in_use(), memory.resident());
    drop(table);
    assert_eq!(memory.in_use(), 0);
}

#[test]
fn changes_that_wait_for_a_commit_go_to_disk_and_come_back_epoch_by_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let memory = StateMemory::new(100 << 10, folder.path().into());
    let spill = SpillContext::new(&memory);
    let epoch = |value: i64| puts(&(0..1000).collect::<Vec<_>>(), value);
    let mut pending = PendingChanges::new(epoch(0).into(), &spill).unwrap();
    for value in 1..50 {
        pending.merge(epoch(value).into(), &spill).unwrap();
        assert!(memory.in_use() <= memory.limit(), "{memory:?}");
    }
    assert!(memory.on_disk() > 40 * 1000 * 28, "{memory:?}");
    let read: Vec<_> = pending.into_rows().map(Result::unwrap).collect();
    let expected: Vec<_> = (0..50).flat_map(|value| epoch(value).rows).collect();
    assert_eq!(read, expected);
    drop(spill);
    assert_eq!((memory.in_use(), memory.on_disk()), (0, 0));
}
