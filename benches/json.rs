//! Decoding JSON into columns: ours against arrow-json.
//!
//! ```text
//! cargo bench --bench json [-- ROUNDS]
//! ```
//! Prints CPU-seconds per million rows, the best of ROUNDS (default 7), for the rows and columns of the main job and for nested
//! events as Nexmark has them. Messages come in runs of 8192, as from Kafka; what is measured begins with the bytes of a
//! message in memory and ends with a record batch.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

mod cpu;

use std::hint::black_box;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use arrow_json::ReaderBuilder;
use millstream::common::Projection;
use millstream::formats::{self, FormatOptions, Messages};

// As the binary has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RUN: usize = 8192;
const RUNS: usize = 25;

fn main() {
    let rounds = std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(7);
    let (schema, rows) = transactions();
    compare("transactions, 3 of 5 columns", &schema, &[0, 3, 4], &rows, rounds);
    compare("transactions, all columns", &schema, &[0, 1, 2, 3, 4], &rows, rounds);
    compare("transactions, none (count)", &schema, &[], &rows, rounds);
    let (schema, rows) = nexmark();
    compare("nexmark, kind and bid", &schema, &[0, 3], &rows, rounds);
    compare("nexmark, everything", &schema, &[0, 1, 2, 3], &rows, rounds);
}

fn compare(name: &str, schema: &SchemaRef, projection: &[usize], rows: &[Vec<u8>], rounds: usize) {
    let runs: Vec<Messages> = rows
        .chunks(RUN)
        .map(|rows| {
            let mut messages = Messages::default();
            rows.iter().for_each(|row| messages.push(row));
            messages
        })
        .collect();
    let bytes: usize = rows.iter().map(Vec::len).sum();
    let wanted = Arc::new(schema.project(projection).unwrap());

    let arrow = best(rounds, rows.len(), || {
        let mut decoder = ReaderBuilder::new(Arc::clone(&wanted)).with_batch_size(RUN).with_coerce_primitive(true).build_decoder().unwrap();
        let mut count = 0;
        for run in &runs {
            for i in 0..run.len() {
                decoder.decode(run.get(i)).unwrap();
            }
            count += black_box(decoder.flush().unwrap().unwrap()).num_rows();
        }
        assert_eq!(count, rows.len());
    });
    let ours = best(rounds, rows.len(), || {
        let mut decoder =
            formats::decoder("json", schema, &Projection::columns(schema, projection).unwrap(), &FormatOptions::default()).unwrap();
        let mut count = 0;
        for run in &runs {
            count += black_box(decoder.decode(run).unwrap()).batch.num_rows();
        }
        assert_eq!(count, rows.len());
    });
    println!(
        "{name} ({} bytes a row): arrow-json {arrow:.3}, ours {ours:.3} CPU-s per million rows ({:.1} times, {:.0} MB/s)",
        bytes / rows.len(),
        arrow / ours,
        bytes as f64 / rows.len() as f64 / ours,
    );
}

/// CPU-seconds per million rows of the best round.
fn best(rounds: usize, rows: usize, mut round: impl FnMut()) -> f64 {
    let each = (0..rounds).map(|_| {
        let before = cpu::seconds();
        round();
        cpu::seconds() - before
    });
    each.fold(f64::MAX, f64::min) * 1e6 / rows as f64
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn moment(millis: i64) -> String {
    chrono::DateTime::from_timestamp_millis(millis).unwrap().format("%Y-%m-%d %H:%M:%S%.3f").to_string()
}

fn timestamp(name: &str) -> Field {
    Field::new(name, DataType::Timestamp(TimeUnit::Millisecond, None), true)
}

/// As `benches/transactions.rs` writes them.
fn transactions() -> (SchemaRef, Vec<Vec<u8>>) {
    let fields = vec![
        timestamp("event_timestamp"),
        Field::new("transaction_id", DataType::Int32, true),
        Field::new("user_id", DataType::Utf8, true),
        Field::new("total_paid", DataType::Int32, true),
        Field::new("status", DataType::Utf8, true),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let rows = (0..(RUN * RUNS) as i64).map(|k| {
        let random = random(&mut state);
        let (digit, roll, late) = (random % 10, random / 10 % 10, random / 100 % 51);
        let at = moment(1_714_564_800_000 + k / 5 - late as i64);
        let paid = if digit == 0 { 100 } else { 10 * digit };
        let status = if roll == 0 { "Refused" } else { "Paid" };
        format!(
            r#"{{"event_timestamp": "{at}", "user_id": "{digit}4660caf-55b6-4c9c-a4dd-3b66d3b4c7b1", "transaction_id": {k}, "total_paid": {paid}, "status": "{status}"}}"#
        )
        .into_bytes()
    });
    (Arc::new(Schema::new(fields)), rows.collect())
}

/// Persons, auctions and bids in one topic, 1 : 3 : 46, each in a column of its own.
fn nexmark() -> (SchemaRef, Vec<Vec<u8>>) {
    let row = |name: &str, fields: Vec<Field>| Field::new(name, DataType::Struct(Fields::from(fields)), true);
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let long = |name: &str| Field::new(name, DataType::Int64, true);
    let person = vec![
        long("id"),
        text("name"),
        text("emailAddress"),
        text("creditCard"),
        text("city"),
        text("state"),
        timestamp("dateTime"),
        text("extra"),
    ];
    let auction = vec![
        long("id"),
        text("itemName"),
        text("description"),
        long("initialBid"),
        long("reserve"),
        timestamp("dateTime"),
        timestamp("expires"),
        long("seller"),
        long("category"),
        text("extra"),
    ];
    let bid = vec![long("auction"), long("bidder"), long("price"), timestamp("dateTime")];
    let fields = vec![Field::new("event_type", DataType::Int32, true), row("person", person), row("auction", auction), row("bid", bid)];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let rows = (0..(RUN * RUNS) as i64).map(|k| {
        let (a, b, c) = (random(&mut state) % 100_000, random(&mut state) % 10_000_000, random(&mut state));
        let at = moment(1_714_564_800_000 + k / 50);
        match k % 50 {
            0 => format!(
                r#"{{"event_type":0,"person":{{"id":{k},"name":"Peter Jones","emailAddress":"{a}@{b}.com","creditCard":"{:04} {:04} {:04} {:04}","city":"San Francisco","state":"CA","dateTime":"{at}","extra":"{c:016x}{c:016x}"}},"auction":null,"bid":null}}"#,
                a % 10_000, b % 10_000, c % 10_000, k % 10_000
            ),
            1..4 => format!(
                r#"{{"event_type":1,"person":null,"auction":{{"id":{k},"itemName":"item \"{a}\"","description":"{c:016x} {b}","initialBid":{a},"reserve":{b},"dateTime":"{at}","expires":"{at}","seller":{a},"category":{},"extra":"{c:016x}{c:016x}{c:016x}"}},"bid":null}}"#,
                10 + k % 5
            ),
            _ => format!(
                r#"{{"event_type":2,"person":null,"auction":null,"bid":{{"auction":{a},"bidder":{b},"price":{},"channel":"channel-{}","url":"https://www.nexmark.com/{c:016x}/item.htm?query=1","dateTime":"{at}","extra":"{c:016x}{c:016x}"}}}}"#,
                c % 100_000_000, c % 10_000
            ),
        }
        .into_bytes()
    });
    (Arc::new(Schema::new(fields)), rows.collect())
}
