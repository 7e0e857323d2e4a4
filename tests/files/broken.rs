//! Bad records in queries.

use crate::place::Place;

#[tokio::test]
async fn bad_records_are_passed_over_and_their_neighbours_read() {
    let place = Place::new();
    place.file("plain.csv", "1,one\nx,two\n3\n4,four,5\n5,\"fi\nve\"\n\n6,s\"ix\n");
    place.file("header.csv", "name,id,more\none,1,\ntwo,x,\nfive,5,y\n");
    place.file("a.json", "{\"id\": 1, \"name\": \"one\"}\n{\"id\": \"x\"}\n{\"id\": 2\n\n[{\"id\": 5}, {\"id\": 6}]\n7\n");
    for (with, expected) in [
        ("'path' = 'DIR/plain.csv'", &["1|one", "5|fi\nve", "6|s\"ix"][..]),
        ("'path' = 'DIR/plain.csv', 'csv.allow-line-breaks' = 'false'", &["1|one", "6|s\"ix"]),
        ("'path' = 'DIR/plain.csv', 'csv.ignore-parse-errors' = 'true'", &["1|one", "3|NULL", "4|four", "5|fi\nve", "6|s\"ix", "NULL|two"]),
        ("'path' = 'DIR/header.csv'", &["1|one", "5|five"]),
        ("'path' = 'DIR/a.json'", &["1|NULL", "1|one", "5|NULL", "6|NULL"][1..]),
        ("'path' = 'DIR/a.json', 'json.ignore-parse-errors' = 'true'", &["1|one", "5|NULL", "6|NULL", "NULL|NULL"]),
    ] {
        let table = format!("CREATE TABLE t (id INT, name STRING) WITH ('connector' = 'filesystem', {with});");
        assert_eq!(place.rows(&format!("{table} SELECT * FROM t")).await, expected, "{with}");
        assert_eq!(place.rows(&format!("{table} SELECT COUNT(id) FROM t WHERE id > 4")).await.len(), 1, "{with}");
    }
}

#[tokio::test]
async fn what_is_asked_to_fail_says_where() {
    let place = Place::new();
    place.file("a.csv", "1,one\n2,\"t\nwo\"\nx,three\n");
    place.file("a.json", "{\"id\": 1, \"name\": \"one\"}\n\n{\"id\": 2}\n");
    place.file("bad.parquet", "PAR1 is how it begins");
    for (with, parts) in [
        ("'path' = 'DIR/a.csv', 'on-error' = 'fail'", &["/a.csv, line 4: ", "field 'id': cannot read \"x\" as INT", "`x,three`"][..]),
        ("'path' = 'DIR/a.csv', 'csv.ignore-parse-errors' = 'false'", &["/a.csv, line 4: "]),
        ("'path' = 'DIR/a.json', 'json.fail-on-missing-field' = 'true'", &["/a.json, line 3: ", "name"]),
        ("'path' = 'DIR/bad.parquet'", &["bad.parquet"]),
    ] {
        let sql = format!("CREATE TABLE t (id INT, name STRING) WITH ('connector' = 'filesystem', {with}); SELECT id, name FROM t");
        let error = place.error(&sql).await.to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{with}: {error}");
    }
    let sql =
        "CREATE TABLE t (id INT NOT NULL) WITH ('connector' = 'filesystem', 'path' = 'DIR/a.json', 'on-error' = 'fail'); SELECT id FROM t";
    assert_eq!(place.rows(sql).await, ["1", "2"]);
    let sql = sql.replace("id INT", "name STRING").replace("id", "name");
    let error = place.error(&sql).await.to_string();
    assert!(error.contains("line 3") && error.contains("NOT NULL"), "{error}");
}

/// A large file is read in ranges: each record once, wherever the ranges begin.
#[tokio::test]
async fn ranges_of_a_large_file() {
    let place = Place::new();
    let csv: String =
        (0..400_000).map(|i| format!("{i},{}\n", if i % 1000 == 999 { "bad,one" } else { "text that is somewhat longer" })).collect();
    let json: String =
        (0..400_000).map(|i| format!("{{\"id\": {}}}\r\n", if i % 1000 == 999 { "bad".into() } else { i.to_string() })).collect();
    place.file("a.csv", csv);
    place.file("a.json", json);
    let sum: i64 = (0..400_000).filter(|i| i % 1000 != 999).sum();
    for (name, with) in [("a.csv", ", 'csv.allow-line-breaks' = 'false'"), ("a.csv", ""), ("a.json", "")] {
        let table = format!("CREATE TABLE t (id BIGINT, name STRING) WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}'{with});");
        let said = place.run(&format!("{table} EXPLAIN SELECT SUM(id), COUNT(*) FROM t")).await.unwrap();
        // With one core the file is not split.
        let cores = std::thread::available_parallelism().unwrap().get();
        assert!(cores == 1 || with.is_empty() && name == "a.csv" || said.lines[0].contains("{2 groups") || cores > 2, "{}", said.lines[0]);
        assert_eq!(place.rows(&format!("{table} SELECT SUM(id), COUNT(*) FROM t")).await, [format!("{sum}|399600")], "{name}{with}");
    }
}
