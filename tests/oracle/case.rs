//! A case: a SQL job, its input, and what is known of it. Written as a `.sql` file whose comments direct the harness.
//!
//! ```sql
//! -- file: sql/transactions/flink/1_source.sql        statements of another file of the repository come first
//! -- input events: rows=300 partitions=2 disorder=2000 nulls=0.1 seed=1      generated rows for a topic
//! -- row events/0: {"id": 1, ...}                      a row for partition 0 of a topic, as it stands there
//! -- expect windows: {"n":3, ...}                      a row of the answer in a topic; all of them if there is one
//! -- late: never | some [sessions]                     whether rows come too late when they are read one by one
//! ```

use std::collections::BTreeMap;

use millstream::connectors::kafka::broker::OutRecord;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// 2024-05-01 12:00:00.
pub const BASE: i64 = 1_714_564_800_000;

/// A row of the input.
#[derive(Debug, Clone)]
pub struct Row {
    pub partition: i32,
    pub value: String,
    /// The number that late rows are known by.
    pub id: i64,
}

/// Whether rows come too late when they are read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    Never,
    Some,
    Unknown,
}

/// A job with its input.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub sql: String,
    /// Rows by topic, in order of arrival per partition.
    pub input: BTreeMap<String, Vec<Row>>,
    /// The answer by topic, where it is written down.
    pub expected: BTreeMap<String, Vec<String>>,
    pub late: Late,
    /// Late rows are those of sessions: one that is in time can make a session that another one touches when it is closed.
    pub sessions: bool,
}

impl Case {
    /// Reads `tests/oracle/cases/<name>.sql`.
    pub fn load(name: &str) -> Self {
        Self::read("cases", name)
    }

    /// Reads `tests/oracle/<folder>/<name>.sql`.
    pub fn read(folder: &str, name: &str) -> Self {
        let repo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(repo.join("tests/oracle").join(folder).join(format!("{name}.sql"))).unwrap();
        let mut case = Self {
            name: name.into(),
            sql: String::new(),
            input: BTreeMap::new(),
            expected: BTreeMap::new(),
            late: Late::Unknown,
            sessions: false,
        };
        for line in text.lines() {
            let Some((directive, rest)) = line.strip_prefix("-- ").and_then(|l| l.split_once(": ")) else { continue };
            match directive.split_once(' ').unwrap_or((directive, "")) {
                ("file", "") => case.sql += &std::fs::read_to_string(repo.join(rest)).unwrap(),
                ("input", topic) => drop(case.input.insert(topic.into(), generate(rest))),
                ("row", place) => {
                    let (topic, partition) = place.split_once('/').unwrap();
                    let id = serde_json::from_str::<serde_json::Value>(rest).ok().and_then(|v| v.get("id")?.as_i64()).unwrap_or(-1);
                    let row = Row { partition: partition.parse().unwrap(), value: rest.into(), id };
                    case.input.entry(topic.into()).or_default().push(row);
                }
                ("expect", topic) => case.expected.entry(topic.into()).or_default().push(rest.into()),
                ("late", "") => {
                    case.late = if rest == "never" { Late::Never } else { Late::Some };
                    case.sessions = rest.ends_with("sessions");
                }
                _ => {}
            }
        }
        case.sql += &text;
        assert!(!case.input.is_empty(), "{name} has no input");
        case
    }

    /// Whether rows arrive in one order only, however they are fetched.
    pub fn one_partition(&self) -> bool {
        self.input.len() == 1 && self.input.values().flatten().all(|row| row.partition == 0)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.input.values().map(Vec::len).sum()
    }
}

impl Row {
    /// As a record.
    pub fn record(&self) -> OutRecord {
        OutRecord { partition: Some(self.partition), value: Some(self.value.clone().into_bytes()), ..OutRecord::default() }
    }
}

/// Rows of one shape, from which every case declares the columns that it wants. Row k happens at k * step less something
/// below `disorder` milliseconds; every `every` rows time jumps by a minute.
fn generate(parameters: &str) -> Vec<Row> {
    let of: BTreeMap<&str, f64> =
        parameters.split_whitespace().map(|p| p.split_once('=').unwrap()).map(|(k, v)| (k, v.parse().unwrap())).collect();
    let get = |key: &str, default: f64| of.get(key).copied().unwrap_or(default);
    let whole = |key: &str, default: i64| get(key, default as f64) as i64;
    let (nulls, seed) = (get("nulls", 0.0), whole("seed", 1));
    let mut random = StdRng::seed_from_u64(seed as u64);
    (0..whole("rows", 200))
        .map(|k| {
            let id = whole("first", 0) + k;
            let jumps = k.checked_div(whole("jump", 0)).unwrap_or(0);
            let at = BASE + k * whole("step", 50) + jumps * 60_000 - random.random_range(0..=whole("disorder", 0));
            let time = chrono::DateTime::from_timestamp_millis(at).unwrap().format("%Y-%m-%d %H:%M:%S%.3f").to_string();
            let mut null = || random.random_bool(nulls);
            let (no_time, no_key, no_value) = (null(), null(), null());
            let key = ["a", "b", "c", "d", "e"][random.random_range(0..5)];
            let value: i64 = random.random_range(-50..100);
            let digit = random.random_range(0..10);
            let value = serde_json::json!({
                "id": id,
                "ts": (!no_time).then_some(&time),
                "k": (!no_key).then_some(key),
                "v": (!no_value).then_some(value),
                // Sums of quarters are exact, in any order.
                "f": value as f64 / 4.0,
                "b": value % 2 == 0,
                "event_timestamp": time,
                "transaction_id": id,
                "user_id": format!("{digit}4660caf"),
                "total_paid": if digit == 0 { 100 } else { 10 * digit },
                "status": if random.random_bool(0.1) { "Refused" } else { "Paid" },
            });
            let partition = random.random_range(0..whole("partitions", 1)) as i32;
            Row { partition, value: value.to_string(), id }
        })
        .collect()
}
