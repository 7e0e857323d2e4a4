//! Test cases: a SQL job, its input, and its known results. Written as a `.sql` file whose comments direct the harness.
//!
//! ```sql
//! -- file: sql/transactions/flink/1_source.sql        statements of another file of the repository come first
//! -- input events: rows=300 partitions=2 disorder=2000 nulls=0.1 seed=1      generated rows for a topic
//! -- input users: rows=300 upserts=20 deletes=0.2 repeats=0.1      records of 20 keys, some without a value, some repeated
//! -- input users: rows=300 envelopes=20 deletes=0.2        changes of rows with 20 ids, in the form of Debezium
//! -- row events/0: {"id": 1, ...}                      a row for partition 0 of a topic, verbatim
//! -- record users/0: {"id":1} {"id": 1, ...}           the same with a key, up to the first space; without a value it deletes the row
//! -- expect windows: {"n":3, ...}                      a row of the answer in a topic; all of them if there is one
//! -- late: never | some [sessions]                     whether rows are late when they are read one by one
//! -- run: cuts=3,7 interval=0 stops=before-put-commit-2,asked-9 one more run: epochs end after this many rows, commits every this many ms,
//!                                                      stops at crash points, the n-th time, and in order after this many rows
//! ```

use std::collections::BTreeMap;
use std::fmt;

use millstream::connectors::kafka::broker::OutRecord;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::harness::Stop;

/// 2024-05-01 12:00:00.
pub const BASE: i64 = 1_714_564_800_000;

/// A row of the input.
#[derive(Debug, Clone)]
pub struct Row {
    pub partition: i32,
    pub key: Option<String>,
    /// Without one it is a tombstone.
    pub value: Option<String>,
    /// The number that identifies late rows.
    pub id: i64,
}

/// Whether rows are late when they are read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    Never,
    Some,
    Unknown,
}

/// One run of the job.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The numbers of rows after which an epoch ends.
    pub cuts: Vec<u64>,
    /// Milliseconds between commits.
    pub interval: u64,
    pub stops: Vec<Stop>,
}

/// A job with its input.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub sql: String,
    /// Rows by topic, in order of arrival per partition.
    pub input: BTreeMap<String, Vec<Row>>,
    /// The expected answer by topic, where the case has one.
    pub expected: BTreeMap<String, Vec<String>>,
    pub late: Late,
    /// Late rows are those of sessions: a row in time may form a session that another row touches when it is already closed.
    pub sessions: bool,
    /// Runs that have found a fault before.
    pub plans: Vec<Plan>,
}

impl Case {
    /// Reads `tests/oracle/cases/<name>.sql`.
    pub fn load(name: &str) -> Self {
        Self::read("cases", name)
    }

    /// Reads `tests/oracle/<folder>/<name>.sql`.
    pub fn read(folder: &str, name: &str) -> Self {
        let repo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::parse(name, &std::fs::read_to_string(repo.join("tests/oracle").join(folder).join(format!("{name}.sql"))).unwrap())
    }

    /// Reads the text of a case.
    pub fn parse(name: &str, text: &str) -> Self {
        let repo = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let (input, expected) = (BTreeMap::new(), BTreeMap::new());
        let mut case =
            Self { name: name.into(), sql: String::new(), input, expected, late: Late::Unknown, sessions: false, plans: Vec::new() };
        for line in text.lines() {
            let Some((directive, rest)) = line.strip_prefix("-- ").and_then(|l| l.split_once(": ")) else { continue };
            match directive.split_once(' ').unwrap_or((directive, "")) {
                ("file", "") => case.sql += &std::fs::read_to_string(repo.join(rest)).unwrap(),
                ("input", topic) => drop(case.input.insert(topic.into(), generate(rest))),
                ("row", place) => {
                    let (topic, partition) = place.split_once('/').unwrap();
                    let id = serde_json::from_str::<serde_json::Value>(rest).ok().and_then(|v| v.get("id")?.as_i64()).unwrap_or(-1);
                    let row = Row { partition: partition.parse().unwrap(), key: None, value: Some(rest.into()), id };
                    case.input.entry(topic.into()).or_default().push(row);
                }
                ("record", place) => {
                    let (topic, partition) = place.split_once('/').unwrap();
                    let (key, value) = rest.split_once(' ').map_or((rest, None), |(key, value)| (key, Some(value.into())));
                    let row = Row { partition: partition.parse().unwrap(), key: Some(key.into()), value, id: -1 };
                    case.input.entry(topic.into()).or_default().push(row);
                }
                ("expect", topic) => case.expected.entry(topic.into()).or_default().push(rest.into()),
                ("run", "") => case.plans.push(Plan::parse(rest)),
                ("late", "") => {
                    case.late = if rest == "never" { Late::Never } else { Late::Some };
                    case.sessions = rest == "some sessions";
                    assert!(["never", "some", "some sessions"].contains(&rest), "{name}: `late: {rest}`");
                }
                // Prose begins with a capital or has more words before its colon.
                _ => assert!(
                    directive.starts_with(char::is_uppercase) || directive.split(' ').count() > 2,
                    "{name}: `{directive}` is no directive"
                ),
            }
        }
        case.sql += text;
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

impl Plan {
    fn parse(text: &str) -> Self {
        let mut plan = Self::default();
        for (key, value) in text.split_whitespace().map(|p| p.split_once('=').unwrap()) {
            let items = value.split(',').filter(|v| !v.is_empty());
            match key {
                "cuts" => plan.cuts = items.map(|n| n.parse().unwrap()).collect(),
                "interval" => plan.interval = value.parse().unwrap(),
                "stops" => plan.stops = items.map(stop).collect(),
                _ => panic!("`{key}` is nothing that a run has"),
            }
        }
        plan
    }
}

fn stop(text: &str) -> Stop {
    match text.split('-').collect::<Vec<_>>().as_slice() {
        ["asked", rows] => Stop::Asked(rows.parse().unwrap()),
        [point @ .., nth] => Stop::At(point.join("-").parse().unwrap(), nth.parse().unwrap()),
        _ => panic!("`{text}` is no stop"),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cuts: Vec<String> = self.cuts.iter().map(ToString::to_string).collect();
        let stop = |stop: &Stop| match stop {
            Stop::Asked(rows) => format!("asked-{rows}"),
            Stop::At(point, nth) => format!("{point}-{nth}"),
        };
        let stops: Vec<String> = self.stops.iter().map(stop).collect();
        write!(f, "cuts={} interval={} stops={}", cuts.join(","), self.interval, stops.join(","))
    }
}

impl Row {
    /// Converts the row to a record.
    pub fn record(&self) -> OutRecord {
        let bytes = |text: &String| text.clone().into();
        let (key, value) = (self.key.as_ref().map(bytes), self.value.as_ref().map(bytes));
        OutRecord { partition: Some(self.partition), key, value, ..OutRecord::default() }
    }
}

/// The parameters of an `input`.
const PARAMETERS: [&str; 12] =
    ["rows", "seed", "first", "step", "disorder", "jump", "nulls", "partitions", "upserts", "envelopes", "deletes", "repeats"];

/// Generates rows of one shape, from which every case declares the columns that it needs. The time of row k is k * step minus a random part
/// of `disorder` milliseconds; every `every` rows time jumps by a minute.
fn generate(parameters: &str) -> Vec<Row> {
    let of: BTreeMap<&str, f64> =
        parameters.split_whitespace().map(|p| p.split_once('=').unwrap()).map(|(k, v)| (k, v.parse().unwrap())).collect();
    if let Some(key) = of.keys().find(|key| !PARAMETERS.contains(key)) {
        panic!("`{key}` is no parameter of an input; there are {PARAMETERS:?}");
    }
    let get = |key: &str, default: f64| of.get(key).copied().unwrap_or(default);
    let whole = |key: &str, default: i64| get(key, default as f64) as i64;
    let (nulls, seed) = (get("nulls", 0.0), whole("seed", 1));
    let mut random = StdRng::seed_from_u64(seed as u64);
    let rows = (0..whole("rows", 200))
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
                // Sums of quarters are exact in any order.
                "f": value as f64 / 4.0,
                "b": value % 2 == 0,
                "event_timestamp": time,
                "transaction_id": id,
                "user_id": format!("{digit}4660caf"),
                "total_paid": if digit == 0 { 100 } else { 10 * digit },
                "status": if random.random_bool(0.1) { "Refused" } else { "Paid" },
            });
            let partition = random.random_range(0..whole("partitions", 1)) as i32;
            Row { partition, key: None, value: Some(value.to_string()), id }
        })
        .collect();
    let partitions = whole("partitions", 1);
    match (whole("upserts", 0), whole("envelopes", 0)) {
        (0, 0) => rows,
        (0, ids) => envelopes(rows, ids, partitions, get("deletes", 0.0), &mut random),
        (keys, _) => upserts(rows, keys, partitions, [get("deletes", 0.0), get("repeats", 0.0)], &mut random),
    }
}

/// Gives a row another id, which is its key.
fn renumbered(row: &Row, id: i64) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_str(row.value.as_ref().unwrap()).unwrap();
    value["id"] = id.into();
    value
}

/// Turns rows into records of `keys` keys, all records of a key in one partition; some delete their key, and some are repeated.
fn upserts(rows: Vec<Row>, keys: i64, partitions: i64, [deletes, repeats]: [f64; 2], random: &mut StdRng) -> Vec<Row> {
    let record = |row: Row| {
        let id = random.random_range(0..keys);
        let value = (!random.random_bool(deletes)).then(|| renumbered(&row, id).to_string());
        let record = Row { partition: (id % partitions) as i32, key: Some(format!("{{\"id\":{id}}}")), value, id: -1 };
        vec![record; if random.random_bool(repeats) { 2 } else { 1 }]
    };
    rows.into_iter().flat_map(record).collect()
}

/// Turns rows into changes of rows with `ids` ids.
fn envelopes(rows: Vec<Row>, ids: i64, partitions: i64, deletes: f64, random: &mut StdRng) -> Vec<Row> {
    let mut now: BTreeMap<i64, serde_json::Value> = BTreeMap::new();
    let change = |row: Row| {
        let id = random.random_range(0..ids);
        let before = now.remove(&id);
        let after = (before.is_none() || !random.random_bool(deletes)).then(|| renumbered(&row, id));
        now.extend(after.clone().map(|after| (id, after)));
        let op = match (&before, &after) {
            (None, _) => "c",
            (_, None) => "d",
            _ => "u",
        };
        let value = serde_json::json!({"before": before, "after": after, "op": op, "ts_ms": BASE}).to_string();
        Row { partition: (id % partitions) as i32, key: None, value: Some(value), id: -1 }
    };
    rows.into_iter().map(change).collect()
}
