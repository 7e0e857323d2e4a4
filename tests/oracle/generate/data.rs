//! Generates random tables and rows.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

use super::expr::{Col, Type, WIDE};

/// 2024-05-01 12:00:00, and shortly before 1970.
const BASES: [i64; 2] = [1_714_564_800_000, -2_000];

/// A topic with its table.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub cols: Vec<Col>,
    /// How its columns are declared.
    types: Vec<&'static str>,
    /// The watermark delay of the table, in seconds.
    delay: i64,
    /// The table has a primary key: rows are records of keys.
    pub keyed: bool,
    /// Partition and text of each row or record, in order of arrival.
    pub rows: Vec<(i32, String)>,
}

/// Properties shared by all tables of a case.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Rows can come later than the watermark allows.
    pub late: bool,
    pub partitions: i32,
    /// Times are near 1970, where truncation towards zero rounds up.
    pub old: bool,
}

impl Table {
    pub fn random(r: &mut StdRng, number: i64, manner: Manner) -> Self {
        let pool = [
            ("k", "STRING", Type::Text),
            ("v", "INT", Type::Int),
            ("w", "BIGINT", Type::Int),
            ("x", "DOUBLE", Type::Float),
            ("b", "BOOLEAN", Type::Bool),
            ("d", "DATE", Type::Date),
            ("m", "DECIMAL(10, 2)", Type::Decimal),
            ("q", WIDE, Type::Wide),
        ];
        let precise = r.random_bool(0.3);
        let mut chosen = vec![("id", "BIGINT", Type::Int), ("ts", if precise { "TIMESTAMP(6)" } else { "TIMESTAMP(3)" }, Type::Time)];
        // All tables have k and v, so that they have columns in common.
        chosen.extend(pool.iter().enumerate().filter(|(i, _)| *i < 2 || r.random_bool(0.45)).map(|(_, c)| *c));
        let cols: Vec<Col> = chosen.iter().map(|(name, _, ty)| Col { name: (*name).into(), ty: *ty }).collect();
        // A repeated row must still be in time.
        let repeats = !manner.late && r.random_bool(0.25);
        let keyed = !manner.late && r.random_bool(0.2);
        let delay = if repeats { 600 } else { r.random_range(0..3) };
        let disorder = if manner.late { r.random_range(1000..6000) } else { delay.min(3) * 1000 };
        let count = if r.random_bool(0.03) { 0 } else { r.random_range(3..30) };
        let nulls = [0.0, 0.1, 0.1, 0.4].choose(r).copied().unwrap_or(0.0);
        let keys = r.random_range(1..5);
        let step = [10, 100, 400, 1500].choose(r).copied().unwrap_or(100);
        // On a grid, rows may be exactly a gap apart.
        let grid = if r.random_bool(0.3) { 100 } else { 1 };
        let mut rows: Vec<(i32, String)> = Vec::new();
        let mut jumps = 0;
        for k in 0..count {
            let partition = r.random_range(0..manner.partitions);
            if let Some((before, same)) = rows.choose(r).filter(|_| repeats).cloned()
                && r.random_bool(0.15)
            {
                rows.push((if keyed { before } else { partition }, same));
                continue;
            }
            jumps += if r.random_bool(0.03) { 20_000 } else { 0 };
            let at = BASES[usize::from(manner.old)] + k * step + jumps - r.random_range(0..=disorder);
            let micros = if precise { [0, 0, 1, 500, 999].choose(r).copied().unwrap_or(0) } else { 0 };
            let at = at.div_euclid(grid) * grid * 1_000 + micros;
            let mut row = Map::new();
            // Each key has a few records, all in one partition.
            let id = if keyed { r.random_range(0..=count / 3) } else { number * 1000 + k };
            let partition = if keyed { (id % i64::from(manner.partitions)) as i32 } else { partition };
            row.insert("id".into(), json!(id));
            for (name, _, ty) in chosen.iter().skip(1) {
                if r.random_bool(nulls) {
                    if r.random_bool(0.5) {
                        row.insert((*name).into(), Value::Null);
                    }
                    continue;
                }
                row.insert((*name).into(), field(r, *ty, at, keys));
            }
            let gone = keyed && r.random_bool(0.2);
            let value = if gone { String::new() } else { Value::Object(row).to_string() };
            rows.push((partition, if keyed { format!("{{\"id\":{id}}} {value}").trim_end().to_string() } else { value }));
        }
        Self { name: format!("t{number}"), cols, types: kinds(&chosen), delay, keyed, rows }
    }

    /// Returns the `CREATE TABLE` statement.
    pub fn ddl(&self) -> String {
        let columns: Vec<String> = self.cols.iter().zip(&self.types).map(|(c, ty)| format!("{} {ty}", c.name)).collect();
        let (key, with) = if self.keyed { (", PRIMARY KEY (id) NOT ENFORCED", upserts(&self.name)) } else { ("", with(&self.name)) };
        let (name, delay) = (&self.name, self.delay);
        format!("CREATE TABLE {name} ( {}, WATERMARK FOR ts AS ts - INTERVAL '{delay}' SECOND{key} )\nWITH {with};", columns.join(", "))
    }

    /// Returns the directive for a line of its input.
    pub fn directive(&self) -> &'static str {
        if self.keyed { "record" } else { "row" }
    }
}

/// The options of a topic of upserts.
fn upserts(topic: &str) -> String {
    with(topic).replace("'kafka'", "'upsert-kafka'").replace("'format'", "'key.format' = 'json', 'value.format'")
}

fn kinds(chosen: &[(&str, &'static str, Type)]) -> Vec<&'static str> {
    chosen.iter().map(|(_, ddl, _)| *ddl).collect()
}

/// The options of a JSON topic.
pub fn with(topic: &str) -> String {
    format!("('connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = 'x', 'format' = 'json')")
}

/// Returns one of a few values, the first ones more often.
fn field(r: &mut StdRng, ty: Type, at: i64, keys: i64) -> Value {
    let small = r.random_range(0..keys).min(r.random_range(0..=keys));
    match ty {
        Type::Int => json!(if r.random_bool(0.7) { small } else { r.random_range(-20..20) }),
        Type::Decimal => json!(format!("{}.{}", small, ["00", "25", "50"].choose(r).copied().unwrap_or("00"))),
        Type::Wide => {
            let most = "999999999999999999999999999999999999.99";
            let half = "500000000000000000000000000000000000.00";
            let value = [most, half, "0.01", "1.00", "2.50"].choose(r).copied().unwrap_or(most);
            json!(if r.random_bool(0.4) { format!("-{value}") } else { value.to_string() })
        }
        Type::Float | Type::Inexact => json!((small * 3 - 4) as f64 / 4.0),
        Type::Text => json!(["a", "b", "c", ""].get(small as usize).copied().unwrap_or("a")),
        Type::Bool => json!(r.random_bool(0.5)),
        Type::Date => json!(format!("2024-05-0{}", 1 + small)),
        Type::Time => json!(chrono::DateTime::from_timestamp_micros(at).unwrap().format("%Y-%m-%d %H:%M:%S%.6f").to_string()),
    }
}
