//! Transactions with known windows: event time increases within each partition, so no row is late however the input is split.

use std::collections::BTreeMap;
use std::ops::Range;

use millstream::connectors::kafka::broker::OutRecord;

use super::process::{Job, repo};

/// Partitions of the input.
pub const PARTITIONS: usize = 3;
/// 2024-05-01 12:00:00.
const BASE: i64 = 1_714_564_800_000;
const STEP: i64 = 50;
const WINDOW: i64 = 3_000;

/// Returns row k: partition, event time, amount, and whether it was paid.
fn row(k: i64) -> (i64, i64, i64, bool) {
    (k % PARTITIONS as i64, BASE + k * STEP, 10 * (1 + k * 7 % 10), k % 10 != 3)
}

fn time(millis: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_millis(millis).unwrap()
}

/// Returns rows of the input as records.
pub fn records(rows: Range<i64>) -> Vec<OutRecord> {
    let record = |k: i64| {
        let (partition, at, paid, done) = row(k);
        let user = user(paid);
        let value = format!(
            r#"{{"event_timestamp": "{}", "user_id": "{user}", "transaction_id": {k}, "total_paid": {paid}, "status": "{}"}}"#,
            time(at).format("%Y-%m-%d %H:%M:%S%.3f"),
            if done { "Paid" } else { "Refused" },
        );
        let partition = Some(i32::try_from(partition).unwrap());
        OutRecord { partition, key: Some(user.into()), value: Some(value.into()), ..OutRecord::default() }
    };
    rows.map(record).collect()
}

/// Returns the windows that are complete once all rows below `rows` are read; with `flush` also those that are still open.
pub fn windows(rows: i64, flush: bool) -> Vec<String> {
    windows_of(WINDOW, rows, flush)
}

/// The same for windows of another length in milliseconds.
pub fn windows_of(length: i64, rows: i64, flush: bool) -> Vec<String> {
    let mut newest = vec![i64::MIN; PARTITIONS];
    let mut sums: BTreeMap<i64, (i64, i64)> = BTreeMap::new();
    for k in 0..rows {
        let (partition, at, paid, done) = row(k);
        let newest = &mut newest[usize::try_from(partition).unwrap()];
        *newest = at.max(*newest);
        if done {
            let (sum, count) = sums.entry(at - at.rem_euclid(length)).or_default();
            (*sum, *count) = (*sum + paid, *count + 1);
        }
    }
    let watermark = newest.into_iter().min().unwrap();
    let text = |at: i64| time(at).format("%Y-%m-%d %H:%M:%S").to_string();
    let line = |(start, (sum, count)): (i64, (i64, i64))| {
        let (end, average) = (text(start + length), sum / count);
        format!(
            r#"{{"window_start":"{}","window_end":"{end}","total_paid":{sum},"total_transactions":{count},"average_transaction_value":{average}}}"#,
            text(start)
        )
    };
    let mut lines: Vec<String> = sums.into_iter().filter(|(start, _)| flush || start + length <= watermark).map(line).collect();
    lines.sort();
    lines
}

/// Returns what each user has paid, refused payments too, once all rows below `rows` are read: number and sum by user.
pub fn users(rows: i64) -> BTreeMap<String, (i64, i64)> {
    let mut users = BTreeMap::new();
    for k in 0..rows {
        let paid = row(k).2;
        let (count, sum) = users.entry(user(paid)).or_insert((0, 0));
        (*count, *sum) = (*count + 1, *sum + paid);
    }
    users
}

fn user(paid: i64) -> String {
    format!("{}4660caf-55b6-4c9c-a4dd-3b66d3b4c7b1", paid / 10 % 10)
}

/// The three scripts with topics and a data folder of their own.
pub struct Transactions {
    /// The input topic.
    pub input: String,
    /// The output topic.
    pub output: String,
    /// The command.
    pub job: Job,
}

impl Transactions {
    /// Creates the topics, with these rows in the input.
    pub fn with(rows: Range<i64>) -> Self {
        let (input, output) = (super::unique("transactions"), super::unique("windows"));
        super::create(&input, PARTITIONS);
        // Created here, so that no two processes race for it and tests can read it at once.
        super::create(&output, 1);
        let job = Job::new(&repo().join("sql/transactions/flink"))
            .option("properties.bootstrap.servers", &super::address())
            .option("transactions_table.topic", &input)
            .option("transactions_paid_agg_table.topic", &output)
            .args(&["--name", &output]);
        let made = Self { input, output, job };
        made.add(rows);
        made
    }

    /// Writes more rows.
    pub fn add(&self, rows: Range<i64>) {
        if !rows.is_empty() {
            super::write(&self.input, records(rows));
        }
    }

    /// Returns the windows in the output topic.
    pub fn out(&self) -> Vec<String> {
        super::read(&self.output)
    }
}
