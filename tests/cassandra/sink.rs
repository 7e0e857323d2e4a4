//! Writes: by key, with write timestamps; refused rows; tables that are created, and tables that cannot be written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use millstream::common::{ErrorKind, WEIGHT};
use millstream::connectors::cassandra::CassandraConnector;
use millstream::connectors::{CommitInfo, Connector, Recorded, Sink, TableColumn, TableSpec, Writer};
use millstream::sql::ast::Options;

use crate::common::block;
use crate::database::TestDatabase;
use crate::keyspace::Keyspace;

/// Returns the sink of a table (id INT, name STRING).
fn sink(db: &Keyspace) -> Arc<dyn Sink> {
    let mut options = Options::default();
    for (key, value) in [
        ("connector", "cassandra"),
        ("contact-points", &db.address),
        ("keyspace", &db.name),
        ("table", "suite"),
        ("username", "millstream"),
        ("password", "millstream"),
        ("create.if-missing", "true"),
    ] {
        options.set(key, value);
    }
    let column = |name: &str, data_type| TableColumn { name: name.into(), data_type, nullable: true, metadata: None, is_virtual: false };
    let spec = Arc::new(TableSpec {
        name: "suite".into(),
        connector: "cassandra".into(),
        columns: vec![column("id", DataType::Int32), column("name", DataType::Utf8)],
        primary_key: vec!["id".into()],
        partitioned_by: Vec::new(),
        options,
    });
    CassandraConnector::default().sink(spec).unwrap()
}

fn changes(rows: &[(i32, &str, i64)]) -> RecordBatch {
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int32Array::from(rows.iter().map(|r| r.0).collect::<Vec<_>>()))),
        ("name", Arc::new(StringArray::from(rows.iter().map(|r| r.1).collect::<Vec<_>>()))),
        (WEIGHT, Arc::new(Int64Array::from(rows.iter().map(|r| r.2).collect::<Vec<_>>()))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn commits_are_written_again_without_a_trace_and_older_copies_are_fenced() {
    let db = Keyspace::new();
    let sink = sink(&db);
    block(async {
        assert!(sink.prepare().await.unwrap().unwrap().contains("created table") && sink.prepare().await.unwrap().is_none());
        let writer = |uuid: &str, incarnation| Writer {
            job: "suite".into(),
            job_uuid: uuid.into(),
            folder: "a".into(),
            incarnation,
            sink: "sink".into(),
        };
        let recorded = |n| Some(Recorded { n, attempt: Some(format!("try {n}")) });
        // A clock that stands still, and one that goes back.
        let commit = |n: u64| CommitInfo { clock: [5_000, 5_000, 4_000, 9_000][n as usize % 4], ..CommitInfo::new(n, &format!("try {n}")) };
        let rows = |n: u64| match n {
            1 => changes(&[(1, "a", 1), (2, "b", 1), (3, "c", 1)]),
            2 => changes(&[(1, "A", 1), (2, "", -1)]),
            _ => changes(&[(2, "again", 1), (3, "", -1)]),
        };
        let held = || db.rows_on_a_thread("SELECT id, name, writetime(name) FROM suite");
        let (mut first, newest) = sink.open(&writer("a", 1)).await.unwrap();
        assert_eq!(newest, None);
        for n in [1, 2] {
            first.write(&commit(n), &[rows(n)]).await.unwrap();
            first.commit(&commit(n)).await.unwrap();
        }
        assert_eq!(held(), ["1|A|5000003", "3|c|5000002"]);
        // The rows of the third commit are there, its record is not; a successor writes the same.
        first.write(&commit(3), &[rows(3)]).await.unwrap();
        let third = held();
        assert_eq!(third, ["1|A|5000003", "2|again|9000000"]);
        let (mut second, newest) = sink.open(&writer("a", 2)).await.unwrap();
        assert_eq!(newest, recorded(2));
        second.write(&commit(3), &[rows(3)]).await.unwrap();
        second.commit(&commit(3)).await.unwrap();
        assert_eq!(held(), third);
        second.write(&commit(5), &[changes(&[(2, "last", 1)])]).await.unwrap();
        second.commit(&commit(5)).await.unwrap();
        // The older copy continues: its writes lose, and it gets an error.
        first.write(&commit(3), &[rows(3)]).await.unwrap();
        assert_eq!(first.commit(&commit(3)).await.unwrap_err().kind(), ErrorKind::Fenced);
        assert_eq!(held(), ["1|A|5000003", "2|last|9000002"]);
        assert_eq!(sink.open(&writer("a", 1)).await.err().unwrap().kind(), ErrorKind::Fenced);
        let (mut third, newest) = sink.open(&writer("a", 3)).await.unwrap();
        assert_eq!(newest, recorded(5));
        third.commit(&commit(6)).await.unwrap();
        assert_eq!(sink.open(&writer("a", 4)).await.unwrap().1, recorded(6));
        // After `--fresh` the rows are newer still.
        let (mut anew, newest) = sink.open(&writer("b", 1)).await.unwrap();
        assert_eq!(newest, None);
        anew.write(&commit(1), &[changes(&[(2, "anew", 1)])]).await.unwrap();
        anew.commit(&commit(1)).await.unwrap();
        assert!(held()[1].starts_with("2|anew|"), "{:?}", held());
    });
}

#[test]
fn an_updating_query_is_kept_by_key() {
    let db = Keyspace::new();
    db.run(
        "CREATE TABLE totals (k text PRIMARY KEY, n bigint, s bigint, note text);
         CREATE TABLE pairs (a int, b text, n bigint, PRIMARY KEY (b, a)); INSERT INTO totals (k, note) VALUES ('a', 'kept')",
    );
    let lines: Vec<String> = (0..200).map(|i| format!("{},{}", ["a", "A", "b", "it's"][i % 4], i % 9)).collect();
    let tables = format!(
        "CREATE TABLE totals (k STRING, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) {};
         CREATE TABLE pairs (a INT, b STRING, n BIGINT, PRIMARY KEY (b, a) NOT ENFORCED) {};",
        db.with("totals", ""),
        db.with("pairs", ", 'sink.buffer-flush.max-rows' = '2', 'sink.parallelism' = '3'")
    );
    let insert = "INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM input GROUP BY k;
         INSERT INTO pairs SELECT v, k, COUNT(*) FROM input GROUP BY v, k HAVING COUNT(*) % 2 = 1";
    let ended = db.csv_job(&lines, &tables, insert).ok();
    let mut totals: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    let mut odd: BTreeMap<(i32, &str), u32> = BTreeMap::new();
    for line in &lines {
        let (k, v) = line.split_once(',').unwrap();
        let (n, s) = totals.entry(k).or_default();
        (*n, *s) = (*n + 1, *s + v.parse::<i64>().unwrap());
        *odd.entry((v.parse().unwrap(), k)).or_default() += 1;
    }
    let rows: Vec<String> = totals.iter().map(|(k, (n, s))| format!("{k}|{n}|{s}")).collect();
    assert_eq!(db.rows("SELECT k, n, s FROM totals"), rows, "{ended}");
    assert_eq!(db.rows("SELECT note FROM totals WHERE k = 'a'"), ["kept"]);
    let mut odd: Vec<String> = odd.iter().filter(|(_, n)| **n % 2 == 1).map(|((a, b), n)| format!("{a}|{b}|{n}")).collect();
    odd.sort();
    assert_eq!(db.rows("SELECT a, b, n FROM pairs"), odd, "rows that went are gone");
}

#[test]
fn rows_that_cannot_be_written_are_bad_records() {
    let db = Keyspace::new();
    db.run("CREATE TABLE strict (id int, c int, small tinyint, word ascii, who uuid, tags list<text>, PRIMARY KEY (id, c))");
    let strict = |more: &str| {
        format!(
            "CREATE TABLE strict (id INT, c INT, small INT, word STRING, who STRING, tags ARRAY<STRING>, PRIMARY KEY (id, c) NOT ENFORCED) {};
             CREATE TABLE dead (`value` STRING, error STRING) WITH ('connector' = 'filesystem', 'path' = 'dead', 'format' = 'json');",
            db.with("strict", more)
        )
    };
    // Of 100 rows 6 are bad, each in a different way.
    let insert = "INSERT INTO strict SELECT CASE v WHEN 10 THEN CAST(NULL AS INT) ELSE 1 END, CASE v WHEN 20 THEN CAST(NULL AS INT) ELSE v END,
         CASE v WHEN 30 THEN 1000 ELSE v END, CASE v WHEN 40 THEN 'ä' ELSE 'a' END,
         CASE v WHEN 50 THEN 'no uuid' ELSE '550e8400-e29b-41d4-a716-446655440000' END, ARRAY['x', CASE v WHEN 60 THEN CAST(NULL AS STRING) ELSE 'y' END] FROM input";
    let lines: Vec<String> = (0..100).map(|i| format!("x,{i}")).collect();
    let mut good: Vec<String> = (0..100).filter(|i| ![10, 20, 30, 40, 50, 60].contains(i)).map(|i| i.to_string()).collect();
    good.sort();
    let reasons = [
        "column `id` (INT): NULL may not be NULL",
        "column `c` (INT): NULL may not be NULL",
        "column `small`: `1000` is out of the range of `tinyint`",
        "column `word`: `ä` is no `ascii`",
        "column `who`: `no uuid` is no `uuid`",
        "column `tags`: has a NULL in an array",
    ];
    for mode in ["skip", "dead-letter"] {
        db.run("TRUNCATE strict");
        let more = if mode == "skip" { "" } else { ", 'on-error' = 'dead-letter', 'dead-letter.table' = 'dead'" };
        let ended = db.csv_job(&lines, &strict(more), insert).ok();
        assert_eq!(db.rows("SELECT c FROM strict"), good, "{mode}\n{ended}");
        if mode == "skip" {
            assert!(ended.err.contains("bad record(s) skipped"), "{ended}");
        } else {
            let dead = db.query(&strict(more), "SELECT error FROM dead");
            assert_eq!(dead.len(), 6, "{dead:?}");
            for reason in reasons {
                assert!(dead.iter().any(|error| error.contains(reason)), "no {reason:?} in {dead:?}");
            }
        }
    }
    let ended = db.csv_job(&lines, &strict(", 'on-error' = 'fail'"), insert).exits(1);
    assert!(ended.err.contains("column `id` (INT): NULL may not be NULL"), "{ended}");
    let said = db
        .shell(&format!("{}\nINSERT INTO strict VALUES (1, 1, 1000, 'a', CAST(NULL AS STRING), CAST(NULL AS ARRAY<STRING>));", strict("")));
    assert!(said.err.contains("column `small`: `1000` is out of the range of `tinyint`"), "{said}");
}

#[test]
fn a_row_that_is_too_large_is_refused_and_others_are_not() {
    let db = Keyspace::new();
    db.run("CREATE TABLE wide (id int PRIMARY KEY, t text)");
    let table =
        format!("CREATE TABLE wide (id INT, t STRING, PRIMARY KEY (id) NOT ENFORCED) {};", db.with("wide", ", 'sink.max-retries' = '1'"));
    let lines: Vec<String> = (0..10).map(|i| format!("x,{i}")).collect();
    let ended =
        db.csv_job(&lines, &table, "INSERT INTO wide SELECT v, REPEAT('x', CASE v WHEN 7 THEN 17000000 ELSE 500000 END) FROM input").ok();
    assert!(ended.err.contains("bad record(s) skipped"), "{ended}");
    assert_eq!(db.rows("SELECT COUNT(*) FROM wide"), ["9"]);
}

#[test]
fn tables_are_made_when_that_is_asked_for() {
    let db = Keyspace::new();
    let table = |more: &str| {
        format!(
            "CREATE TABLE made (k STRING, day DATE, at TIMESTAMP(3), n BIGINT, d DECIMAL(10, 2), v DECIMAL(20, 0), b BYTES, ok BOOLEAN, f FLOAT, tags ARRAY<STRING>,
               m MAP<STRING, INT>, r ROW<a INT, b STRING>, PRIMARY KEY (k, day, at, n) NOT ENFORCED) PARTITIONED BY (k, day) {};
             INSERT INTO made VALUES ('a', DATE '2024-05-01', TIMESTAMP '2024-05-01 12:00:00.5', 1, 1.5, 7, x'00', TRUE, CAST(0.1 AS FLOAT), ARRAY['x'],
               MAP['y', 1], ROW(1, 'z'));",
            db.with("made", more)
        )
    };
    let said = db.shell(&table(""));
    assert!(said.err.contains("there is no table") && said.err.contains("or run: CREATE TABLE IF NOT EXISTS"), "{said}");
    db.shell(&table(", 'create.if-missing' = 'true', 'create.clustering-order' = 'at DESC, n ASC'")).ok();
    let bare = format!("CREATE TABLE made {};", db.with("made", ""));
    let rows = db.query(&bare, "SELECT k, day, at, n, `d`, v, b, ok, f, tags, m, r FROM made");
    let nested = r#""[""x""]","{""y"":1}","{""f0"":1,""f1"":""z""}""#;
    assert_eq!(rows, [format!("a,2024-05-01,2024-05-01 12:00:00.500Z,1,1.500000000000000000,7,00,true,0.1,{nested}")]);
    let order = format!(
        "SELECT column_name, clustering_order, kind FROM system_schema.columns WHERE keyspace_name = '{}' AND table_name = 'made'",
        db.name
    );
    let order = db.rows(&order);
    for part in ["k|none|partition_key", "day|none|partition_key", "at|desc|clustering", "n|asc|clustering"] {
        assert!(order.iter().any(|row| row == part), "{order:?}");
    }
    let wrong = db.shell(&table(", 'create.clustering-order' = 'n DESC'"));
    assert!(wrong.err.contains("`create.clustering-order`") && wrong.err.contains("in the order of the PRIMARY KEY"), "{wrong}");
}

#[test]
fn rows_live_as_long_as_they_are_told() {
    let db = Keyspace::new();
    db.run("CREATE TABLE short (id int PRIMARY KEY, v text)");
    let table =
        format!("CREATE TABLE short (id INT, v STRING, PRIMARY KEY (id) NOT ENFORCED) {};", db.with("short", ", 'sink.ttl' = '1 h'"));
    db.shell(&format!("{table}\nINSERT INTO short VALUES (1, 'x');")).ok();
    let ttl: i32 = db.rows("SELECT ttl(v) FROM short")[0].parse().unwrap();
    assert!((3500..=3600).contains(&ttl), "{ttl}");
}

#[test]
fn tables_that_cannot_be_written_are_refused() {
    let db = Keyspace::new();
    db.run("CREATE TABLE base (k text, v int, w int, PRIMARY KEY (k, v))");
    let lines = ["a,1".to_string()];
    for (table, columns, insert, says) in [
        ("base", "k STRING, v INT, PRIMARY KEY (k) NOT ENFORCED", "SELECT k, v FROM input", "is (k, v)"),
        ("base", "k STRING, w INT", "SELECT k, v FROM input", "column `v` of the key"),
        ("base", "k INT, v INT, PRIMARY KEY (k, v) NOT ENFORCED", "SELECT v, v FROM input", "column `k` is declared INT, and is `text`"),
        ("base", "k STRING, v INT, x INT, PRIMARY KEY (k, v) NOT ENFORCED", "SELECT k, v, v FROM input", "there is no column `x`"),
    ] {
        let declared = format!("CREATE TABLE target ({columns}) {};", db.with(table, ""));
        let ended = db.csv_job(&lines, &declared, &format!("INSERT INTO target {insert}")).exits(1);
        assert!(ended.err.contains(says), "{columns}: not {says:?}\n{ended}");
    }
    // Rows are only added where no key is declared.
    let declared = format!("CREATE TABLE target (k STRING, v INT, w INT) {};", db.with("base", ""));
    db.csv_job(&["a,1".to_string(), "a,1".to_string()], &declared, "INSERT INTO target SELECT k, v, 7 FROM input").ok();
    assert_eq!(db.rows("SELECT k, v, w FROM base"), ["a|1|7"]);
}

#[test]
fn a_user_who_may_not_create_tables_is_told_what_to_run() {
    let db = Keyspace::new();
    let user = format!("u{}", &db.name[db.name.len() - 12..]);
    db.run(&format!(
        "CREATE TABLE plain (k text PRIMARY KEY, v int); CREATE ROLE {user} WITH PASSWORD = 'pw' AND LOGIN = true;
         GRANT SELECT ON KEYSPACE {0} TO {user}; GRANT MODIFY ON KEYSPACE {0} TO {user}",
        db.name
    ));
    let options = db
        .with("plain", "")
        .replace("'username' = 'millstream', 'password' = 'millstream'", &format!("'username' = '{user}', 'password' = 'pw'"));
    let table = format!("CREATE TABLE plain (k STRING, v INT, PRIMARY KEY (k) NOT ENFORCED) {options};");
    let lines = ["a,1".to_string(), "b,2".to_string()];
    let insert = "INSERT INTO plain SELECT k, v FROM input";
    let ended = db.csv_job(&lines, &table, insert).exits(1);
    let hint = ended
        .err
        .split("ask a user with the privilege to run: ")
        .nth(1)
        .unwrap_or_else(|| panic!("{ended}"))
        .lines()
        .next()
        .unwrap()
        .to_string();
    assert!(hint.starts_with("CREATE TABLE IF NOT EXISTS") && hint.contains("millstream_commits"), "{hint}");
    db.run(&hint);
    db.csv_job(&lines, &table, insert).ok();
    assert_eq!(db.rows("SELECT k, v FROM plain"), ["a|1", "b|2"]);
    db.run(&format!("DROP ROLE {user}"));
}
