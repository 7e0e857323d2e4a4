//! Bounded queries over local files.

use std::time::Instant;

use crate::place::{Place, compress};

/// Rows that every format can hold.
const ROWS: &str = "SELECT column1 AS id, column2 AS name, column3 AS price, CAST(column4 AS TIMESTAMP) AS at \
                    FROM (VALUES (1, 'a', 1.5, '2024-05-01T10:00:00'), (2, 'b, c', -2.25, '2024-05-01T10:00:01'), (3, NULL, NULL, NULL)) AS t";

const COLUMNS: &str = "(id BIGINT, name STRING, price DOUBLE, `at` TIMESTAMP(3))";

const SHOWN: [&str; 3] = ["1|a|1.5|2024-05-01T10:00:00", "2|b, c|-2.25|2024-05-01T10:00:01", "3|NULL|NULL|NULL"];

#[tokio::test]
async fn every_format_by_declared_columns_and_by_those_that_are_found() {
    let place = Place::new();
    for (name, options) in [
        ("a.parquet", ""),
        ("b.parquet", "OPTIONS ('format.compression' 'snappy')"),
        ("a.arrow", ""),
        ("a.csv", "OPTIONS ('format.has_header' 'true')"),
        ("a.csv.gz", "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.compression' 'gzip')"),
        ("a.csv.zst", "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.compression' 'zstd')"),
        ("a.tsv", "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.delimiter' '\t')"),
        ("a.json", ""),
        ("a.jsonl", "STORED AS JSON"),
        ("a.ndjson.gz", "STORED AS JSON OPTIONS ('format.compression' 'gzip')"),
        ("a.json.zst", "STORED AS JSON OPTIONS ('format.compression' 'zstd')"),
        ("a.avro", "-"),
    ] {
        if options == "-" {
            // DataFusion cannot write this format.
            place.run(&format!("COPY ({ROWS}) TO 'DIR/{name}'")).await.unwrap();
        } else {
            place.copy(ROWS, name, options).await;
        }
        let declared = format!("CREATE TABLE t {COLUMNS} WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}'); SELECT * FROM t");
        assert_eq!(place.rows(&declared).await, SHOWN, "{name}");
        let found = format!("SELECT id, name, price, CAST(`at` AS TIMESTAMP(3)) FROM 'DIR/{name}'");
        assert_eq!(place.rows(&found).await, SHOWN, "{name}");
    }
}

#[tokio::test]
async fn what_is_declared_counts() {
    let place = Place::new();
    place.copy("SELECT 1 AS b, 'x' AS a, 7 AS unread", "1.parquet", "").await;
    place.copy("SELECT 'y' AS a, CAST(2 AS SMALLINT) AS b, 3.5 AS more", "2.parquet", "").await;
    place.file("1.csv", "b,a,unread\n1,x,7\n");
    place.file("2.csv", "a,b,more\ny,2,3.5\n");
    place.file("1.json", "{\"b\": 1, \"a\": \"x\", \"unread\": {\"c\": 7}}\n");
    place.file("2.json", "{\"a\": \"y\", \"b\": 2, \"more\": 3.5}\n");
    place.copy("SELECT 1 AS b, 'x' AS a, 7 AS unread", "1.arrow", "").await;
    place.copy("SELECT 'y' AS a, CAST(2 AS SMALLINT) AS b, CAST(3.5 AS REAL) AS more", "2.arrow", "").await;
    for kind in ["parquet", "csv", "json", "arrow"] {
        let sql = format!(
            "CREATE TABLE t (a STRING, b BIGINT, more DOUBLE, twice AS b * 2) WITH ('connector' = 'filesystem', 'path' = 'DIR/*.{kind}');
             SELECT * FROM t; SELECT more, a FROM t WHERE b > 1; SELECT COUNT(*) FROM t; SELECT twice FROM t WHERE twice = 2"
        );
        assert_eq!(place.rows(&sql).await, ["x|1|NULL|2", "y|2|3.5|4", "3.5|y", "2", "2"], "{kind}");
    }
}

#[tokio::test]
async fn csv_with_and_without_a_header() {
    let place = Place::new();
    place.file("plain.csv", "1,one\n2,two\n");
    place.file("header.csv", "id,name\n1,one\n2,two\n");
    place.file("odd.csv", "# a comment\n1;'o;n\ne'\n2;-\n");
    for (with, expected) in [
        ("'path' = 'DIR/plain.csv'", ["1|one", "2|two"]),
        ("'path' = 'DIR/plain.csv', 'csv.header' = 'false'", ["1|one", "2|two"]),
        ("'path' = 'DIR/header.csv'", ["1|one", "2|two"]),
        ("'path' = 'DIR/header.csv', 'csv.ignore-first-line' = 'true'", ["1|one", "2|two"]),
        (
            "'path' = 'DIR/odd.csv', 'csv.field-delimiter' = ';', 'csv.quote-character' = '''', 'csv.allow-comments' = 'true', 'csv.null-literal' = '-'",
            ["1|o;n\ne", "2|NULL"],
        ),
    ] {
        let sql =
            format!("CREATE TABLE t (id INT, name STRING) WITH ('connector' = 'filesystem', 'format' = 'csv', {with}); SELECT * FROM t");
        assert_eq!(place.rows(&sql).await, expected, "{with}");
    }
    assert_eq!(place.rows("SELECT id, name FROM 'DIR/header.csv'").await, ["1|one", "2|two"]);
    assert_eq!(place.rows("SELECT column_1, column_2 FROM 'DIR/plain.csv'").await, ["1|one", "2|two"]);
}

#[tokio::test]
async fn globs_and_hidden_files() {
    let place = Place::new();
    for name in ["a/1.csv", "a/2.csv", "a/x/3.csv", "b/4.csv", "a/_temp/5.csv", "a/.6.csv", "a/_SUCCESS"] {
        let n = name.chars().find(char::is_ascii_digit).unwrap_or('9');
        place.file(name, format!("n\n{n}\n"));
    }
    place.file("a/empty.csv", "");
    for (path, expected) in [
        ("a", &["1", "2", "3"][..]),
        ("a/", &["1", "2", "3"]),
        ("a/*.csv", &["1", "2"]),
        ("*/*.csv", &["1", "2", "4"]),
        ("**/*.csv", &["1", "2", "3", "4"]),
        ("a/[2-9].csv", &["2"]),
        ("a/x/3.csv", &["3"]),
        ("a/../b/?.csv", &["4"]),
    ] {
        let sql =
            format!("CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/{path}'); SELECT * FROM t");
        assert_eq!(place.rows(&sql).await, expected, "{path}");
    }
    for path in ["c", "c/*.csv", "a/*.parquet"] {
        let sql =
            format!("CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/{path}'); SELECT * FROM t");
        let error = place.error(&sql).await;
        assert!(error.message().contains("no file"), "{error}");
    }
    // An empty folder is a table without rows.
    std::fs::create_dir(place.path("d")).unwrap();
    let sql = "CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/d'); SELECT COUNT(*) FROM t";
    assert_eq!(place.rows(sql).await, ["0"]);
}

#[tokio::test]
async fn paths_that_match_a_regular_expression() {
    let place = Place::new();
    for name in ["a/1.csv", "a/x/2.csv", "a/_x/3.csv", "b/4.csv", "a/5.txt"] {
        place.file(name, format!("{}\n", name.chars().find(char::is_ascii_digit).unwrap()));
    }
    for (path, pattern, expected) in [
        ("", ".*", &["1", "2", "4", "5"][..]),
        ("", ".*/a/.*", &["1", "2", "5"]),
        ("", r".*/[0-9]+\.csv", &["1", "2", "4"]),
        // The pattern must match the whole path.
        ("", "a", &[]),
        ("", r"DIR/(a|b)/[^/]*\.csv", &["1", "4"]),
        ("a/*", r".*\.csv|.*\.tsv", &["1"]),
    ] {
        let sql = format!(
            "CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR/{path}', 'source.path.regex-pattern' = '{pattern}');
             SELECT * FROM t"
        );
        assert_eq!(place.rows(&sql).await, expected, "{path} {pattern}");
    }
    let error = place.error(
        "CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'format' = 'csv', 'path' = 'DIR', 'source.path.regex-pattern' = '(?=a)')",
    );
    assert!(error.await.message().contains("no regular expression"));
}

#[tokio::test]
async fn partitions_are_columns_and_leave_files_out() {
    let place = Place::new();
    for (day, region, n) in [("2024-05-01", "eu", 1), ("2024-05-01", "us", 2), ("2024-05-02", "eu", 3), ("2024-05-02", "a%20b", 4)] {
        place.copy(&format!("SELECT {n} AS n"), &format!("t/dt={day}/region={region}/f.parquet"), "").await;
    }
    place.copy("SELECT 5 AS n", "t/dt=__DEFAULT_PARTITION__/region=eu/f.parquet", "").await;
    let table =
        "CREATE TABLE t (n BIGINT, dt DATE, region STRING, name STRING METADATA FROM 'file.path' VIRTUAL) PARTITIONED BY (dt, region)
                 WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = 'DIR/t');";
    let rows = place.rows(&format!("{table} SELECT n, dt, region FROM t")).await;
    assert_eq!(rows, ["1|2024-05-01|eu", "2|2024-05-01|us", "3|2024-05-02|eu", "4|2024-05-02|a b", "5|NULL|eu"]);
    for (filter, files) in [
        ("dt = DATE '2024-05-01'", 2),
        ("dt > DATE '2024-05-01' AND region = 'eu'", 1),
        ("dt IS NULL", 1),
        ("region LIKE 'e%' AND n > 0", 3),
        ("name LIKE '%=us/%'", 1),
        ("n > 1", 5),
    ] {
        let explained = place.run(&format!("{table} EXPLAIN SELECT n FROM t WHERE {filter}")).await.unwrap();
        assert_eq!(explained.lines[0].matches("f.parquet").count(), files, "{filter}: {}", explained.lines[0]);
    }
    let found =
        place.run("CREATE TABLE t WITH ('connector' = 'filesystem', 'path' = 'DIR/t/dt=2*', 'format' = 'parquet'); SELECT * FROM t").await;
    let error = found.unwrap_err();
    assert!(error.message().contains("no file matches"), "{error}");
    let found =
        place.run("CREATE TABLE t WITH ('connector' = 'filesystem', 'path' = 'DIR/t/dt=2*/**', 'format' = 'parquet'); SELECT * FROM t");
    let found = found.await.unwrap();
    assert_eq!(found.rows, ["1|2024-05-01|eu", "2|2024-05-01|us", "3|2024-05-02|eu", "4|2024-05-02|a b"]);
    assert_eq!(found.lines, ["table t: columns found in 4 files: (n BIGINT, dt DATE, region STRING) PARTITIONED BY (dt, region)"]);
}

#[tokio::test]
async fn parquet_is_pruned_by_its_statistics() {
    let place = Place::new();
    for i in 0..4 {
        let query = format!("SELECT value AS n FROM generate_series({}, {})", i * 1000, i * 1000 + 999);
        place.copy(&query, &format!("t/{i}.parquet"), "").await;
    }
    for column in ["n BIGINT", "n INT", "n DECIMAL(20, 0)"] {
        let sql = format!(
            "CREATE TABLE t ({column}) WITH ('connector' = 'filesystem', 'format' = 'parquet', 'path' = 'DIR/t');
             SELECT COUNT(*), MAX(n) FROM t WHERE n >= 3990; EXPLAIN ANALYZE SELECT n FROM t WHERE n >= 3990"
        );
        let said = place.run(&sql).await.unwrap();
        assert_eq!(said.rows, ["10|3999"]);
        let explained = &said.lines[0];
        assert!(
            explained.contains("row_groups_pruned_statistics=4 total → 1 matched")
                || explained.contains("files_ranges_pruned_statistics=4 total → 1 matched"),
            "{column}: {explained}"
        );
    }
}

#[tokio::test]
async fn types_of_files_in_sql() {
    let place = Place::new();
    let query = "SELECT arrow_cast(18446744073709551615, 'UInt64') AS u64, arrow_cast(4294967295, 'UInt32') AS u32, arrow_cast(65535, 'UInt16') AS u16, \
                 arrow_cast('2024-05-01T00:00:00.123456789', 'Timestamp(Nanosecond, None)') AS ns, \
                 arrow_cast('2024-05-01T00:00:00Z', 'Timestamp(Microsecond, Some(\"+00:00\"))') AS ltz, \
                 [1, 2] AS list, named_struct('a', 1, 'b', 'x') AS s, arrow_cast('x', 'Dictionary(Int32, Utf8)') AS d";
    place.copy(query, "t.parquet", "").await;
    let said = place.run("CREATE TABLE t WITH ('connector' = 'filesystem', 'path' = 'DIR/t.parquet'); SELECT * FROM t").await.unwrap();
    assert_eq!(
        said.lines,
        ["table t: columns found in 1 file: (u64 DECIMAL(20, 0), u32 BIGINT, u16 INT, ns TIMESTAMP(9), ltz TIMESTAMP_LTZ(6), \
          list ARRAY<BIGINT>, s ROW<a BIGINT, b STRING>, d STRING)"]
    );
    assert_eq!(
        said.rows,
        ["18446744073709551615|4294967295|65535|2024-05-01T00:00:00.123456789|2024-05-01T00:00:00Z|[1, 2]|{a: 1, b: x}|x"]
    );
    assert_eq!(place.rows("SELECT u64 + 1 FROM 'DIR/t.parquet' WHERE u64 > 18446744073709551614").await, ["18446744073709551616"]);
}

#[tokio::test]
async fn times_lose_digits_downwards_also_before_1970() {
    let place = Place::new();
    let rows = "SELECT id, CAST(at AS TIMESTAMP(6)) AS at, ROW(CAST(at AS TIMESTAMP(6))) AS r
                FROM (VALUES (1, TIMESTAMP '1969-12-31 23:59:59.999500'), (2, TIMESTAMP '1960-02-03 00:00:00.000001'),
                             (3, TIMESTAMP '2024-05-01 12:00:00.000999')) AS t (id, at)";
    let millis = ["1|1969-12-31T23:59:59.999", "2|1960-02-03T00:00:00", "3|2024-05-01T12:00:00"];
    for kind in ["parquet", "avro", "arrow", "csv", "json"] {
        place.run(&format!("COPY ({rows}) TO 'DIR/a.{kind}'")).await.unwrap();
        let declared = format!("CREATE TABLE t (id BIGINT, at TIMESTAMP(3)) WITH ('connector' = 'filesystem', 'path' = 'DIR/a.{kind}');");
        assert_eq!(place.rows(&format!("{declared} SELECT * FROM t")).await, millis, "{kind}");
        let before = format!("{declared} SELECT id FROM t WHERE at < TIMESTAMP '1970-01-01 00:00:00'");
        assert_eq!(place.rows(&before).await, ["1", "2"], "{kind}");
        let last = format!("{declared} SELECT id FROM t WHERE at = TIMESTAMP '1969-12-31 23:59:59.999'");
        assert_eq!(place.rows(&last).await, ["1"], "{kind}");
    }
    for kind in ["parquet", "avro", "arrow"] {
        let row = format!(
            "CREATE TABLE t (id BIGINT, r ROW<c0 TIMESTAMP(3)>) WITH ('connector' = 'filesystem', 'path' = 'DIR/a.{kind}'); SELECT id, CAST(r['c0'] AS STRING) FROM t WHERE id < 3"
        );
        assert_eq!(place.rows(&row).await, ["1|1969-12-31 23:59:59.999", "2|1960-02-03 00:00:00.000"], "{kind}");
    }
}

#[tokio::test]
async fn metadata_of_files() {
    let place = Place::new();
    place.file("a.csv", "1\n2\n");
    place.file("b.csv", "33333\n");
    let table = "CREATE TABLE t (n INT, path STRING METADATA FROM 'file.path' VIRTUAL, name STRING METADATA FROM 'file.name' VIRTUAL,
                 size BIGINT METADATA FROM 'file.size' VIRTUAL, at TIMESTAMP_LTZ(3) METADATA FROM 'file.modification-time' VIRTUAL)
                 WITH ('connector' = 'filesystem', 'path' = 'DIR/*.csv');";
    let here = place.path("").display().to_string();
    let rows = place
        .rows(&format!("{table} SELECT n, replace(path, '{here}', ''), name, size, at > TIMESTAMP '2024-01-01 00:00:00' FROM t"))
        .await;
    assert_eq!(rows, ["1|a.csv|a.csv|4|true", "2|a.csv|a.csv|4|true", "33333|b.csv|b.csv|6|true"]);
    assert_eq!(place.rows(&format!("{table} SELECT name, COUNT(*) FROM t WHERE size < 5 GROUP BY name")).await, ["a.csv|2"]);
}

#[tokio::test]
async fn what_is_refused() {
    let place = Place::new();
    place.file("a.csv", "1\n");
    for (sql, message) in [
        ("SELECT * FROM 'https://example.org/a.parquet'", "cannot be read over HTTP"),
        ("SELECT * FROM 'gs://bucket/a.parquet'", "there is no store for `gs://`"),
        ("SELECT * FROM 'DIR/none.parquet'", "there is no file at"),
        ("SELECT * FROM nothing", "table `nothing` does not exist"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/x')", "does not say what format"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'csv')", "does not say where its files are"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'orc', 'path' = 'x')", "`format` cannot be 'orc'"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'pth' = 'a.csv')", "unknown option `pth`"),
        ("CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'a.json', 'csv.header' = 'true')", "is of format 'csv'"),
        ("CREATE TABLE t (a MAP<STRING, INT>) WITH ('connector' = 'filesystem', 'path' = 'a.csv')", "cannot hold column `a`"),
        ("CREATE TABLE t (a INT METADATA FROM 'file.nam') WITH ('connector' = 'filesystem', 'path' = 'a.csv')", "no metadata 'file.nam'"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (b) WITH ('connector' = 'filesystem', 'path' = 'a.csv')", "names column `b`"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (a) WITH ('connector' = 'datagen')", "has no PARTITIONED BY"),
        ("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED) WITH ('connector' = 'filesystem', 'path' = 'a.csv')", "no PRIMARY KEY"),
        ("CREATE TABLE t WITH ('connector' = 'kafka', 'topic' = 'x', 'format' = 'json')", "does not find out columns"),
        (
            "CREATE TABLE t (a INT, p INT) PARTITIONED BY (p) WITH ('connector' = 'filesystem', 'path' = 'DIR/a.csv'); SELECT * FROM t",
            "has no `p=...`",
        ),
    ] {
        let error = place.error(sql).await;
        assert!(error.message().contains(message), "{sql}: {error}");
    }
}

/// Does not assert the time, only prints it. Users may expect less than a second.
#[tokio::test]
async fn a_thousand_files_are_planned_at_once() {
    let place = Place::new();
    place.copy("SELECT value AS n, 'x' || value AS s FROM generate_series(1, 100)", "t/0.parquet", "").await;
    for i in 1..999 {
        std::fs::copy(place.path("t/0.parquet"), place.path(&format!("t/{i}.parquet"))).unwrap();
    }
    let begin = Instant::now();
    let said = place.run("EXPLAIN SELECT SUM(n) FROM 'DIR/t/*.parquet'").await.unwrap();
    println!("999 files: columns found and planned in {:?}", begin.elapsed());
    assert!(said.lines[0].contains("DataSourceExec"), "{}", said.lines[0]);
    let begin = Instant::now();
    assert_eq!(place.rows("SELECT SUM(n), COUNT(*) FROM 'DIR/t/*.parquet'").await, ["5044950|99900"]);
    println!("999 files: read in {:?}", begin.elapsed());
}

#[tokio::test]
async fn files_compressed_by_other_programs() {
    let place = Place::new();
    for (program, extension) in [("gzip", "gz"), ("xz", "xz"), ("bzip2", "bz2")] {
        if std::process::Command::new(program).arg("--help").output().is_err() {
            continue;
        }
        place.file("a.csv", "id,name\n1,one\n");
        compress(&place.path("a.csv"), program);
        assert_eq!(place.rows(&format!("SELECT name FROM 'DIR/a.csv.{extension}'")).await, ["one"], "{program}");
    }
}
