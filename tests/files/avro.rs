//! Avro files, made by hand, with records that SQL's types cannot represent: read by queries and by a job.

use std::sync::Arc;

use millstream::jobs::{Settings, run};
use millstream::sql::ast::Source;
use millstream::sql::parse;
use millstream::state::StateStore;
use millstream::state::local::LocalStore;
use millstream::workspace::Outcome;
use tokio_util::sync::CancellationToken;

use crate::place::{Place, connection};

const END: i64 = 253_402_300_800;

/// Encodes an Avro long.
fn long(value: i64) -> Vec<u8> {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    let mut bytes = Vec::new();
    while rest > 127 {
        bytes.push((rest & 127) as u8 | 128);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// Encodes bytes with their length.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [long(bytes.len() as i64), bytes.to_vec()].concat()
}

/// Encodes a file of one block: each row is a number and a value of this type.
fn container(value_type: &str, values: &[Vec<u8>]) -> Vec<u8> {
    let schema = format!(
        r#"{{"type":"record","name":"r","fields":[{{"name":"id","type":"long"}},{{"name":"v","type":{value_type}}},{{"name":"n","type":"long"}}]}}"#
    );
    let sync = [7; 16];
    let row = |(id, value): (i64, &Vec<u8>)| [long(id), value.clone(), long(-id)].concat();
    let rows: Vec<u8> = (1..).zip(values).flat_map(row).collect();
    let header = [b"Obj\x01".to_vec(), long(1), sized(b"avro.schema"), sized(schema.as_bytes()), vec![0], sync.to_vec()];
    let block = [long(values.len() as i64), sized(&rows), sync.to_vec()];
    [header.concat(), block.concat()].concat()
}

/// Returns types whose second of three values SQL cannot represent, with the name of the fault.
fn kinds() -> Vec<(&'static str, &'static str, Vec<Vec<u8>>, &'static str)> {
    const NUMBER: &str = "a number of more digits than its type has";
    const TIME: &str = "a time that is not in the years 0001 to 9999";
    let optional = |value: Vec<u8>| [long(1), value].concat();
    let decimal = |n: i64| n.to_be_bytes().to_vec();
    vec![
        (
            "DECIMAL(10, 2)",
            r#"{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}"#,
            [125, i64::MAX, -9_999_999_999].map(|n| sized(&decimal(n))).to_vec(),
            NUMBER,
        ),
        (
            "DECIMAL(10, 2)",
            r#"["null",{"type":"fixed","name":"d","size":8,"logicalType":"decimal","precision":10,"scale":2}]"#,
            [125, i64::MIN, 0].map(|n| optional(decimal(n))).to_vec(),
            NUMBER,
        ),
        ("DATE", r#"{"type":"int","logicalType":"date"}"#, [0, 3_000_000, 1].map(long).to_vec(), TIME),
        ("TIMESTAMP(3)", r#"{"type":"long","logicalType":"timestamp-millis"}"#, [0, END * 1_000, 1].map(long).to_vec(), TIME),
        ("TIMESTAMP(6)", r#"{"type":"long","logicalType":"local-timestamp-millis"}"#, [0, i64::MAX, 1].map(long).to_vec(), TIME),
        ("TIMESTAMP(6)", r#"{"type":"long","logicalType":"local-timestamp-micros"}"#, [0, i64::MIN, 1].map(long).to_vec(), TIME),
        (
            "ARRAY<DATE>",
            r#"{"type":"array","items":{"type":"int","logicalType":"date"}}"#,
            [0, 3_000_000, 1].map(|day| [long(1), long(day), long(0)].concat()).to_vec(),
            TIME,
        ),
    ]
}

#[tokio::test]
async fn records_beyond_their_types_are_bad_ones() {
    for (declared, value_type, values, what) in kinds() {
        let place = Place::new();
        place.file("a.avro", container(value_type, &values));
        let table = format!("CREATE TABLE t (id BIGINT, v {declared}, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'DIR/a.avro');");
        let shown = ["1|-1", "3|-3"];
        for query in
            ["SELECT id, n FROM 'DIR/a.avro' WHERE v IS NOT NULL".to_string(), format!("{table} SELECT id, n FROM t WHERE v IS NOT NULL")]
        {
            assert_eq!(place.rows(&query).await, shown, "{value_type}: {query}");
        }
        let failing = table.replace("');", "', 'on-error' = 'fail');");
        let error = place.error(&format!("{failing} SELECT v FROM t")).await.to_string();
        assert!(error.contains(&format!("a.avro: column `v` holds {what}")), "{value_type}: {error}");
        assert_eq!(job(&place, &table).await.unwrap(), shown, "{value_type}");
        let error = job(&place, &failing).await.unwrap_err();
        assert!(error.contains("a.avro") && error.contains("`v`"), "{value_type}: {error}");
    }
}

#[tokio::test]
async fn a_boolean_is_0_or_1() {
    let boolean =
        r#"{"type":"array","items":{"type":"record","name":"o","fields":[{"name":"ok","type":["null","boolean"],"default":null}]}}"#;
    let list = |byte: u8| [long(1), long(1), vec![byte], long(0)].concat();
    for (declared, value_type, value) in [
        ("BOOLEAN", r#""boolean""#, (|byte| vec![byte]) as fn(u8) -> Vec<u8>),
        ("BOOLEAN", r#"["boolean","null"]"#, |byte| vec![0, byte]),
        ("MAP<STRING, BOOLEAN>", r#"{"type":"map","values":{"type":"boolean"}}"#, |byte| {
            [long(1), sized(b"k"), vec![byte], long(0)].concat()
        }),
    ] {
        let place = Place::new();
        place.file("a.avro", container(value_type, &[value(1), value(0)]));
        place.file("b.avro", container(value_type, &[value(1), value(2), value(0)]));
        let (get, table) = if declared == "BOOLEAN" { ("v", "") } else { ("v['k']", "") };
        assert_eq!(place.rows(&format!("{table} SELECT id, {get} FROM 'DIR/a.avro'")).await, ["1|true", "2|false"], "{value_type}");
        let error = place.error("SELECT v FROM 'DIR/b.avro'").await.to_string();
        assert!(error.contains("b.avro cannot be read: ") && error.contains("neither 0 nor 1"), "{value_type}: {error}");
        let table = format!("CREATE TABLE t (id BIGINT, v {declared}, n BIGINT) WITH ('connector' = 'filesystem', 'path' = 'DIR/b.avro');");
        let error = job(&place, &table).await.unwrap_err();
        assert!(error.contains("b.avro"), "{value_type}: {error}");
    }
    let place = Place::new();
    place.file("l.avro", container(boolean, &[list(1), list(0)]));
    place.file("m.avro", container(boolean, &[list(1), list(7)]));
    assert_eq!(place.rows("SELECT id, v[1].ok FROM 'DIR/l.avro'").await, ["1|true", "2|false"]);
    assert!(place.error("SELECT v FROM 'DIR/m.avro'").await.to_string().contains("m.avro cannot be read"));
}

/// Returns the rows that a job reads from the table whose value is not NULL.
async fn job(place: &Place, table: &str) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let sink = format!(
        "CREATE TABLE o (id BIGINT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{}/o', 'format' = 'csv');",
        folder.path().display()
    );
    let text =
        format!("{table} {sink} INSERT INTO o SELECT id, n FROM t WHERE v IS NOT NULL").replace("DIR", &place.path("").to_string_lossy());
    let (connection, mut parts) = (connection(&[]), Vec::new());
    for parsed in parse(&Source::new("<sql>", text.as_str())).unwrap() {
        for outcome in connection.execute(&parsed).await.unwrap() {
            if let Outcome::Job(part) = outcome {
                parts.push(*part);
            }
        }
    }
    let root: Arc<dyn StateStore> = Arc::new(LocalStore::new(&folder.path().join("jobs")));
    let job = connection.plan_job("j", &parts, root, Settings::default()).await.unwrap();
    run(&job, &CancellationToken::new()).await.map_err(|e| e.to_string())?;
    let answer = format!(
        "CREATE TABLE o (id BIGINT, n BIGINT) WITH ('connector' = 'filesystem', 'path' = '{}/o', 'format' = 'csv'); SELECT * FROM o",
        folder.path().display()
    );
    Ok(crate::place::run(&answer, &[]).await.unwrap().rows)
}
