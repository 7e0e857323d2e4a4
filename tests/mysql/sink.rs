//! Writes: rows appended, and by key; rows that a server refuses; tables that are created, and tables that cannot be written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use millstream::connectors::mysql::MySqlConnector;
use millstream::connectors::{Connector, TableColumn, TableSpec, conformance};
use millstream::sql::ast::Options;

use crate::common::block;
use crate::database::TestDatabase;
use crate::servers::{Database, both};

#[test]
fn a_sink_keeps_to_the_contract() {
    for db in both() {
        let mut options = Options::default();
        let url = format!("mysql://{}/{}", db.address, db.name);
        for (key, value) in [
            ("connector", "mysql"),
            ("url", &url),
            ("table-name", "suite"),
            ("username", "millstream"),
            ("password", "millstream"),
            ("create.if-missing", "true"),
        ] {
            options.set(key, value);
        }
        let column =
            |name: &str, data_type| TableColumn { name: name.into(), data_type, nullable: true, metadata: None, is_virtual: false };
        let spec = Arc::new(TableSpec {
            name: "suite".into(),
            connector: "mysql".into(),
            columns: vec![column("id", DataType::Int32), column("name", DataType::Utf8)],
            primary_key: Vec::new(),
            partitioned_by: Vec::new(),
            options,
        });
        let connector = MySqlConnector::default();
        let (sink, source) = (connector.sink(Arc::clone(&spec)).unwrap(), connector.source(spec).unwrap());
        let columns: [ArrayRef; 2] =
            [Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])), Arc::new(StringArray::from(vec![Some("a"), Some("it's"), None]))];
        let rows = RecordBatch::try_from_iter(["id", "name"].into_iter().zip(columns)).unwrap();
        block(conformance::sink(&*sink, &*source, &rows)).unwrap_or_else(|e| panic!("{}: {e}", db.address));
    }
}

#[test]
fn an_updating_query_is_kept_by_key() {
    for db in both() {
        db.run(
            "CREATE TABLE totals (k VARCHAR(20) COLLATE utf8mb4_bin PRIMARY KEY, n BIGINT, s BIGINT, touched TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
             CREATE TABLE pairs (a INT, b VARCHAR(5) COLLATE utf8mb4_bin, n BIGINT, UNIQUE KEY (b, a), id INT AUTO_INCREMENT PRIMARY KEY)",
        );
        let lines: Vec<String> = (0..200).map(|i| format!("{},{}", ["a", "A", "b", "it's"][i % 4], i % 9)).collect();
        let mut expected: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
        for line in &lines {
            let (k, v) = line.split_once(',').unwrap();
            let (n, s) = expected.entry(k).or_default();
            (*n, *s) = (*n + 1, *s + v.parse::<i64>().unwrap());
        }
        let tables = format!(
            "CREATE TABLE totals (k STRING, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) {};
             CREATE TABLE pairs (a INT, b STRING, n BIGINT, PRIMARY KEY (a, b) NOT ENFORCED) {};",
            db.with("totals", ", 'sink.buffer-flush.max-rows' = '2'"),
            db.with("pairs", "")
        );
        let ended = db.csv_job(
            &lines,
            &tables,
            "INSERT INTO totals SELECT k, COUNT(*), SUM(v) FROM input GROUP BY k;
             INSERT INTO pairs SELECT v, k, COUNT(*) FROM input GROUP BY v, k HAVING COUNT(*) % 2 = 1",
        );
        let ended = ended.ok();
        let rows: Vec<String> = expected.iter().map(|(k, (n, s))| format!("{k}|{n}|{s}")).collect();
        assert_eq!(db.rows("SELECT k, n, s FROM totals ORDER BY k"), rows, "{}\n{ended}", db.address);
        let mut odd: BTreeMap<(i32, &str), u32> = BTreeMap::new();
        for line in &lines {
            let (k, v) = line.split_once(',').unwrap();
            *odd.entry((v.parse().unwrap(), k)).or_default() += 1;
        }
        let odd: Vec<String> = odd.iter().filter(|(_, n)| **n % 2 == 1).map(|((a, b), n)| format!("{a}|{b}|{n}")).collect();
        assert_eq!(db.rows("SELECT a, b, n FROM pairs ORDER BY a, b"), odd, "{}: rows that went are gone", db.address);
    }
}

#[test]
fn rows_that_a_server_refuses_are_bad_records() {
    for db in both() {
        db.run(
            "CREATE TABLE strict (id INT PRIMARY KEY, small TINYINT, word VARCHAR(3) NOT NULL, other INT UNIQUE, doc JSON, kind ENUM('x', 'y'))",
        );
        let strict = |more: &str| {
            format!(
                "CREATE TABLE strict (id INT, small INT, word STRING, other INT, doc STRING, kind STRING, PRIMARY KEY (id) NOT ENFORCED) {};
                 CREATE TABLE dead (`value` STRING, error STRING) WITH ('connector' = 'filesystem', 'path' = 'dead', 'format' = 'json');",
                db.with("strict", more)
            )
        };
        // Of 100 rows 6 are bad, each in a different way; row 50 has the number of row 10.
        let insert = "INSERT INTO strict SELECT v, CASE v WHEN 20 THEN 1000 ELSE v END, CASE v WHEN 30 THEN 'long word' WHEN 40 THEN NULL ELSE 'abc' END,
             CASE v WHEN 50 THEN 10 ELSE v END, CASE v WHEN 60 THEN '{' ELSE '{}' END, CASE v WHEN 70 THEN 'z' ELSE 'x' END FROM input";
        let lines: Vec<String> = (0..100).map(|i| format!("x,{i}")).collect();
        let good: Vec<String> = (0..100).filter(|i| ![20, 30, 40, 50, 60, 70].contains(i)).map(|i| i.to_string()).collect();
        let reasons = ["Out of range", "Data too long", "cannot be null", "UNIQUE key", "", "truncated"];
        for mode in ["skip", "dead-letter"] {
            db.run("TRUNCATE strict");
            let more = if mode == "skip" { "" } else { ", 'on-error' = 'dead-letter', 'dead-letter.table' = 'dead'" };
            let ended = db.csv_job(&lines, &strict(more), insert).ok();
            assert_eq!(db.rows("SELECT id FROM strict ORDER BY id"), good, "{} {mode}\n{ended}", db.address);
            assert_eq!(db.rows("SELECT other FROM strict WHERE id = 10"), ["10"], "{}", db.address);
            if mode == "skip" {
                assert!(ended.err.contains("bad record(s) skipped"), "{ended}");
            } else {
                let dead = db.query(&strict(more), "SELECT error FROM dead");
                assert_eq!(dead.len(), 6, "{} {dead:?}", db.address);
                for reason in reasons {
                    assert!(dead.iter().any(|error| error.contains(reason)), "{}: no {reason:?} in {dead:?}", db.address);
                }
            }
        }
        db.run("TRUNCATE strict");
        let ended = db.csv_job(&lines, &strict(", 'on-error' = 'fail'"), insert).exits(1);
        assert!(ended.err.contains("Out of range") && ended.err.contains("\"id\":\"20\""), "{ended}");
        // An interactive INSERT fails as a whole.
        db.run("TRUNCATE strict");
        let said = db.shell(&format!(
            "{}\nINSERT INTO strict VALUES (1, 1, 'abc', 1, '{{}}', 'x'), (2, 1, 'long word', 2, '{{}}', 'x');",
            strict("")
        ));
        assert!(said.err.contains("Data too long") && said.err.contains("nothing was written"), "{said}");
        assert_eq!(db.rows("SELECT COUNT(*) FROM strict"), ["0"]);
    }
}

#[test]
fn a_row_that_is_larger_than_a_packet_is_refused_and_others_are_split() {
    let db = Database::new("MARIADB");
    db.run("CREATE TABLE wide (id INT, t LONGTEXT)");
    let table = format!("CREATE TABLE wide (id INT, t STRING) {};", db.with("wide", ""));
    let lines: Vec<String> = (0..20).map(|i| format!("x,{i}")).collect();
    let insert = "INSERT INTO wide SELECT v, REPEAT('x', CASE v WHEN 7 THEN 17000000 ELSE 1500000 END) FROM input";
    let ended = db.csv_job(&lines, &table, insert).ok();
    assert!(ended.err.contains("max_allowed_packet"), "{ended}");
    assert_eq!(db.rows("SELECT COUNT(*), SUM(LENGTH(t)) FROM wide"), [format!("19|{}", 19 * 1_500_000)]);
}

#[test]
fn tables_are_made_when_that_is_asked_for() {
    for db in both() {
        let columns =
            "k STRING, n BIGINT NOT NULL, d DECIMAL(10, 2), t TIMESTAMP(3), l TIMESTAMP_LTZ(6), b BYTES, ok BOOLEAN, f FLOAT, w STRING";
        let table = |more: &str| {
            let columns = format!("{columns}, PRIMARY KEY (k, n) NOT ENFORCED");
            format!(
                "CREATE TABLE made ({columns}) {};\nINSERT INTO made VALUES ('a', 1, 1.5, TIMESTAMP '2024-05-01 12:00:00.5', \
                     CAST('2024-05-01 12:00:00.000001' AS TIMESTAMP_LTZ(6)), x'00', TRUE, CAST(0.1 AS FLOAT), 'x');",
                db.with("made", more)
            )
        };
        let said = db.shell(&table(""));
        assert!(said.err.contains("there is no table") && said.err.contains("or run: CREATE TABLE IF NOT EXISTS"), "{said}");
        db.shell(&table(", 'create.if-missing' = 'true'")).ok();
        let bare = format!("CREATE TABLE made {};", db.with("made", ""));
        let rows = db.query(&bare, "SELECT * FROM made");
        assert_eq!(rows.last().unwrap(), "a,1,1.50,2024-05-01 12:00:00.500,2024-05-01 12:00:00.000001Z,00,true,0.1,x", "{}", db.address);
        let key = db.rows("SELECT GROUP_CONCAT(column_name ORDER BY seq_in_index) FROM information_schema.statistics WHERE table_schema = DATABASE() AND table_name = 'made'");
        assert_eq!(key, ["k,n"]);
    }
}

#[test]
fn a_user_without_the_privilege_to_create_tables_gets_the_ddl() {
    for db in both() {
        let user = format!("u{}", &db.name[db.name.len() - 12..]);
        let native = if db.is_mariadb { "IDENTIFIED BY 'pw'" } else { "IDENTIFIED WITH mysql_native_password BY 'pw'" };
        db.run(&format!(
            "CREATE TABLE plain (k VARCHAR(5), v INT); CREATE USER '{user}'@'%' {native}; GRANT SELECT, INSERT, UPDATE, DELETE ON {}.* TO '{user}'@'%'",
            db.name
        ));
        let table = |name: &str, more: &str| {
            let options = db
                .with(name, more)
                .replace("'username' = 'millstream', 'password' = 'millstream'", &format!("'username' = '{user}', 'password' = 'pw'"));
            format!("CREATE TABLE plain (k STRING, v INT) {options};")
        };
        let lines = ["a,1".to_string(), "b,2".to_string()];
        let ended = db.csv_job(&lines, &table("plain", ""), "INSERT INTO plain SELECT * FROM input").exits(1);
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
        let missing =
            db.csv_job(&lines, &table("nothing", ", 'create.if-missing' = 'true'"), "INSERT INTO plain SELECT * FROM input").exits(1);
        assert!(missing.err.contains("ask a user with the privilege to run: CREATE TABLE IF NOT EXISTS"), "{missing}");
        db.run(&hint);
        db.csv_job(&lines, &table("plain", ""), "INSERT INTO plain SELECT * FROM input").ok();
        assert_eq!(db.rows("SELECT * FROM plain ORDER BY k"), ["a|1", "b|2"]);
        db.run(&format!("DROP USER '{user}'@'%'"));
    }
}

#[test]
fn tables_that_cannot_keep_the_promise_are_refused() {
    for db in both() {
        db.run(
            "CREATE TABLE mine (k VARCHAR(5), v INT) ENGINE = MyISAM; CREATE TABLE keyless (k VARCHAR(5), v INT);
             CREATE TABLE computed (k VARCHAR(5), v INT AS (LENGTH(k)) STORED); CREATE VIEW seen AS SELECT * FROM keyless",
        );
        for (table, key, says) in [
            ("mine", "", "has no transactions"),
            ("keyless", ", PRIMARY KEY (k) NOT ENFORCED", "ADD UNIQUE KEY (`k`)"),
            ("computed", "", "column `v` is computed"),
            ("seen", "", "is a view"),
        ] {
            let declared = format!("CREATE TABLE target (k STRING, v INT{key}) {};", db.with(table, ""));
            let ended = db.csv_job(&["a,1".to_string()], &declared, "INSERT INTO target SELECT * FROM input").exits(1);
            assert!(ended.err.contains(says), "{table}: {ended}");
        }
    }
}

#[test]
fn an_insert_over_tables_of_servers_runs_at_once_and_ends() {
    let [mysql, mariadb] = both();
    mysql.run("CREATE TABLE a (id INT PRIMARY KEY, w VARCHAR(10)); INSERT INTO a VALUES (1, 'x'), (2, 'y')");
    mariadb.run("CREATE TABLE b (id INT PRIMARY KEY, w VARCHAR(10))");
    let script = format!(
        "CREATE TABLE a {};\nCREATE VIEW v AS SELECT id, UPPER(w) AS w FROM a;\nCREATE TABLE b (id INT, w STRING, PRIMARY KEY (id) NOT ENFORCED) {};\n\
         INSERT INTO b SELECT * FROM v;\nINSERT INTO b VALUES (2, 'z'), (3, 'new');",
        mysql.with("a", ""),
        mariadb.with("b", "")
    );
    mysql.shell(&script).ok();
    assert_eq!(mariadb.rows("SELECT * FROM b ORDER BY id"), ["1|X", "2|z", "3|new"]);
    assert_eq!(mariadb.rows("SHOW TABLES"), ["b"], "a whole result needs no record of commits");
}
