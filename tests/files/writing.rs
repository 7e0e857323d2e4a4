//! COPY and bounded INSERTs: their output is complete or absent.

use crate::place::Place;

const QUERY: &str =
    "SELECT * FROM (VALUES (1, 'a', DATE '2024-05-01'), (2, 'b;c', DATE '2024-05-02'), (3, NULL, DATE '2024-05-01')) AS t(id, name, dt)";

const SHOWN: [&str; 3] = ["1|a|2024-05-01", "2|b;c|2024-05-02", "3|NULL|2024-05-01"];

#[tokio::test]
async fn copy_writes_every_format_and_what_it_wrote_is_read() {
    let place = Place::new();
    for (name, words) in [
        ("a.parquet", ""),
        ("new/folder/a.parquet", "(COMPRESSION gzip)"),
        ("b.parquet", "(FORMAT parquet, COMPRESSION uncompressed)"),
        ("a.csv", ""),
        ("a.csv", "(HEADER, DELIMITER ';')"),
        ("a.csv.gz", "(FORMAT csv, HEADER true)"),
        ("a.csv.zst", ""),
        ("a.tsv", ""),
        ("a.json", ""),
        ("a.ndjson.gz", ""),
        ("a.jsonl.zst", ""),
        ("a.avro", ""),
        ("a.arrow", "STORED AS arrow"),
    ] {
        let delimiter = if words.contains("';'") { ", 'csv.field-delimiter' = ';'" } else { "" };
        let sql = format!(
            "COPY ({QUERY}) TO 'DIR/{name}' {words};
             CREATE TABLE t (id BIGINT, name STRING, dt DATE) WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}'{delimiter}); SELECT * FROM t"
        );
        let said = place.run(&sql).await.unwrap_or_else(|e| panic!("{name} {words}: {e}"));
        assert_eq!((said.lines, said.rows), (vec!["3 rows".to_string()], SHOWN.map(String::from).to_vec()), "{name} {words}");
    }
    assert_eq!(std::fs::read_to_string(place.path("a.csv")).unwrap(), "id;name;dt\n1;a;2024-05-01\n2;\"b;c\";2024-05-02\n3;;2024-05-01\n");
    assert_eq!(std::fs::read_to_string(place.path("a.json")).unwrap().lines().next(), Some(r#"{"id":1,"name":"a","dt":"2024-05-01"}"#));
    let left: Vec<_> = std::fs::read_dir(place.path("")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!left.iter().any(|name| name.ends_with(".tmp")), "{left:?}");
}

#[tokio::test]
async fn copy_by_partition() {
    let place = Place::new();
    let sql = format!(
        "COPY ({QUERY}) TO 'DIR/p' (FORMAT parquet, PARTITION_BY (dt, name));
         CREATE TABLE t (id BIGINT, name STRING, dt DATE) PARTITIONED BY (dt, name) WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = 'DIR/p');
         SELECT * FROM t"
    );
    assert_eq!(place.run(&sql).await.unwrap().rows, SHOWN);
    assert!(place.path("p/dt=2024-05-01/name=__DEFAULT_PARTITION__/data.parquet").exists());
    // A second run gives the same.
    assert_eq!(place.run(&sql).await.unwrap().rows, SHOWN);
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing_and_keeps_what_was_there() {
    let place = Place::new();
    place.file("old.csv", "kept\n");
    let failing = "SELECT CAST(CASE WHEN value = 100000 THEN 'x' ELSE '1' END AS INT) AS n FROM generate_series(1, 100000)";
    for name in ["old.csv", "new.csv", "deep/new.parquet"] {
        let error = place.error(&format!("COPY ({failing}) TO 'DIR/{name}'")).await;
        assert!(error.to_string().contains('x'), "{error}");
    }
    assert_eq!(std::fs::read_to_string(place.path("old.csv")).unwrap(), "kept\n");
    let mut left = Vec::new();
    for folder in ["", "deep"] {
        left.extend(
            std::fs::read_dir(place.path(folder)).unwrap().map(|e| e.unwrap()).filter(|e| e.path().is_file()).map(|e| e.file_name()),
        );
    }
    assert_eq!(left, ["old.csv"]);
}

#[tokio::test]
async fn what_copy_refuses() {
    let place = Place::new();
    for (sql, message) in [
        ("COPY (SELECT 1 AS a) TO 'DIR/x'", "does not say what format"),
        ("COPY (SELECT 1 AS a) TO 'DIR/*.csv'", "is a pattern"),
        ("COPY (SELECT 1 AS a) TO 'https://h/a.csv'", "over HTTP"),
        ("COPY (SELECT 1 AS a) TO 'DIR/x.csv' (COLOUR red)", "COPY has no option `colour`"),
        ("COPY (SELECT 1 AS a) TO 'DIR/x.csv' (PARTITION_BY (b))", "names column `b`"),
        ("COPY (SELECT [[1]] AS a) TO 'DIR/x.csv'", "cannot hold column `a`"),
        ("COPY (SELECT 1 AS a) TO '/proc/x.csv'", "cannot be written"),
        ("COPY nothing TO 'DIR/x.csv'", "does not exist"),
    ] {
        let error = place.error(sql).await;
        assert!(error.message().contains(message), "{sql}: {error}");
    }
}

#[tokio::test]
async fn an_insert_adds_a_file() {
    let place = Place::new();
    let table = "CREATE TABLE t (id INT, at TIMESTAMP(3), dt STRING) PARTITIONED BY (dt)
                 WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/t', 'compression' = 'gzip');";
    let sql = format!(
        "{table} INSERT INTO t VALUES (1, TIMESTAMP '2024-05-01 10:00:00.5', 'a:b'), (2, NULL, NULL); INSERT INTO t VALUES (3, NULL, 'a:b'); SELECT * FROM t"
    );
    let said = place.run(&sql).await.unwrap();
    assert_eq!(said.rows, ["1|2024-05-01T10:00:00.500|a:b", "2|NULL|NULL", "3|NULL|a:b"]);
    assert_eq!(said.lines, ["2 rows", "1 rows"]);
    assert_eq!(std::fs::read_dir(place.path("t/dt=a%3Ab")).unwrap().count(), 2);
    for (with, message) in [
        ("'path' = 'DIR/t.csv'", "is one file"),
        ("'path' = 'DIR/*/x', 'format' = 'csv'", "is a pattern"),
        ("'path' = 'DIR/u', 'format' = 'csv', 'compression' = 'xz'", "gzip or zstd"),
    ] {
        let error =
            place.error(&format!("CREATE TABLE u (id INT) WITH ('connector' = 'filesystem', {with}); INSERT INTO u VALUES (1)")).await;
        assert!(error.message().contains(message), "{with}: {error}");
    }
}
