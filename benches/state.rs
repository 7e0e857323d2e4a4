//! Keyed state tables: CPU per row folded and gotten, in memory and larger than their memory.
//!
//! ```text
//! cargo bench --bench state [-- memory | bag | spilled | small]
//! ```
//! Rows are a text key of 16 bytes and three Int64. An epoch puts distinct random keys (262,144, or all if there are fewer) and
//! reads the same keys before, as an aggregate does. CPU is that of the whole process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod cpu;

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use millstream::common::WEIGHT;
use millstream::state::{KeyMode, KeyedDelta, KeyedTable, Layout, StateMemory};
use rand::SeedableRng;
use rand::rngs::StdRng;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EPOCH: usize = 262_144;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    if is_wanted("memory") {
        for keys in [1_000, 10_000, 100_000, 1_000_000] {
            measure("upsert", KeyMode::Upsert, keys, usize::MAX, EPOCH, 5_000_000 / EPOCH.min(keys as usize));
        }
    }
    if is_wanted("bag") {
        for keys in [1_000, 100_000, 1_000_000] {
            measure("bag", KeyMode::Multiset, keys, usize::MAX, EPOCH, (2 * keys as usize / EPOCH.min(keys as usize)).max(8));
        }
    }
    if is_wanted("small") {
        for rows in [1, 100, 10_000] {
            measure(&format!("upsert, {rows} rows an epoch"), KeyMode::Upsert, 1_000_000, usize::MAX, rows, (EPOCH / rows).min(20_000));
        }
    }
    if is_wanted("spilled") {
        measure("upsert, limit 64 MB", KeyMode::Upsert, 5_000_000, 64 << 20, EPOCH, 24);
        measure("bag, limit 64 MB", KeyMode::Multiset, 1_000_000, 64 << 20, EPOCH, 8);
    }
}

/// Fills a table, then runs epochs: get, then fold. A bag's fold retracts what the get found of every fourth row.
fn measure(name: &str, mode: KeyMode, keys: u64, limit: usize, rows: usize, epochs: usize) {
    let folder = tempfile::tempdir().unwrap();
    let memory = StateMemory::new(limit, folder.path().into());
    let mut table = KeyedTable::new(Arc::new(Layout { schema: schema(false), key: vec![0], time: None, mode }), memory.clone()).unwrap();
    let start = cpu::seconds();
    for from in (0..keys).step_by(EPOCH) {
        table.fold(&delta(&(from..keys.min(from + EPOCH as u64)).collect::<Vec<_>>(), 0)).unwrap();
    }
    let fill = (cpu::seconds() - start) / keys as f64 * 1e6;
    let (mut get, mut fold, mut found) = (0.0, 0.0, 0);
    let mut rng = StdRng::seed_from_u64(1);
    let clock = Instant::now();
    let rows = rows.min(keys as usize);
    for epoch in 0..epochs {
        let picked: Vec<u64> = rand::seq::index::sample(&mut rng, keys as usize, rows).into_iter().map(|key| key as u64).collect();
        let (asked, mut delta) = (text(&picked), delta(&picked, epoch as i64 + 1));
        let start = cpu::seconds();
        let old = table.get(&[asked]).unwrap();
        get += cpu::seconds() - start;
        found += old.num_rows();
        if mode == KeyMode::Multiset {
            let part = old.slice(0, old.num_rows() / 4);
            let mut columns = part.columns().to_vec();
            let weights = columns.pop().unwrap();
            columns.push(arrow::compute::kernels::numeric::neg(&weights).unwrap());
            delta.rows.push(RecordBatch::try_new(schema(true), columns).unwrap());
        }
        let start = cpu::seconds();
        table.fold(&delta).unwrap();
        fold += cpu::seconds() - start;
    }
    let seconds = clock.elapsed().as_secs_f64();
    let million = (rows * epochs) as f64 / 1e6;
    let (held, resident, disk) = table.size();
    println!(
        "{name:28} {keys:>8} keys: CPU-s per million filled {fill:.2}, gotten {:.2} (found {:.2}), folded {:.2}; {seconds:.1} s; \
         {held} rows, {} B/row in memory, {} MB, {} MB on disk, moves {:?}",
        get / million,
        get / found as f64 * 1e6,
        fold / million,
        resident / held.max(1),
        resident >> 20,
        disk >> 20,
        memory.moves(),
    );
}

fn schema(weighted: bool) -> Arc<Schema> {
    let mut fields = vec![Field::new("key", DataType::Utf8, false)];
    fields.extend(["a", "b", "c"].map(|name| Field::new(name, DataType::Int64, false)));
    fields.extend(weighted.then(|| Field::new(WEIGHT, DataType::Int64, false)));
    Arc::new(Schema::new(fields))
}

fn text(keys: &[u64]) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("{key:016x}"))))
}

fn delta(keys: &[u64], value: i64) -> KeyedDelta {
    let numbers = |n: i64| Arc::new(Int64Array::from_iter_values(keys.iter().map(|key| *key as i64 + n))) as ArrayRef;
    let ones = Arc::new(Int64Array::from_value(1, keys.len()));
    let columns = vec![text(keys), numbers(value), numbers(-value), Arc::new(Int64Array::from_value(value, keys.len())), ones];
    KeyedDelta::new(vec![RecordBatch::try_new(schema(true), columns).unwrap()], None)
}
