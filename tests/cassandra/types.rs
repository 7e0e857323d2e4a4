//! Tests every type, both ways.

use crate::database::TestDatabase;
use crate::keyspace::Keyspace;

/// Cassandra's type, the SQL type, and values as CQL's literals and as our queries show them.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TYPES: [Case; 29] = [
    ("boolean", "BOOLEAN", &[("true", "true"), ("false", "false")]),
    ("tinyint", "TINYINT", &[("-128", "-128"), ("127", "127")]),
    ("smallint", "SMALLINT", &[("-32768", "-32768")]),
    ("int", "INT", &[("-2147483648", "-2147483648")]),
    ("bigint", "BIGINT", &[("-9223372036854775808", "-9223372036854775808")]),
    ("varint", "DECIMAL(38, 0)", &[("99999999999999999999999999999999999999", "99999999999999999999999999999999999999"), ("-129", "-129")]),
    ("decimal", "DECIMAL(38, 18)", &[("-12345.6789", "-12345.678900000000000000"), ("1E3", "1000.000000000000000000")]),
    ("float", "FLOAT", &[("0.1", "0.1"), ("16777216", "16777216.0")]),
    ("double", "DOUBLE", &[("0.1", "0.1"), ("-1e-300", "-1e-300")]),
    ("text", "STRING", &[("'it''s a \\ '", "it's a \\ "), ("'äöü€😀'", "äöü€😀"), ("''", "")]),
    ("ascii", "STRING", &[("'plain'", "plain")]),
    ("uuid", "STRING", &[("550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000")]),
    ("timeuuid", "STRING", &[("c81d4e2e-bcf2-11e6-869b-7df92533d2db", "c81d4e2e-bcf2-11e6-869b-7df92533d2db")]),
    ("inet", "STRING", &[("'10.0.0.1'", "10.0.0.1"), ("'2001:db8::1'", "2001:db8::1")]),
    ("duration", "STRING", &[("1y2mo3d4h5m6s7ms", "1y2mo3d4h5m6s7ms"), ("-90d", "-90d"), ("0s", "0s")]),
    ("blob", "BYTES", &[("0x00ff27", "00ff27")]),
    ("date", "DATE", &[("'1969-12-31'", "1969-12-31"), ("'9999-12-31'", "9999-12-31")]),
    ("time", "TIME(3)", &[("'23:59:59.999'", "23:59:59.999")]),
    ("timestamp", "TIMESTAMP_LTZ(3)", &[("'1969-12-31 23:59:59.999+0000'", "1969-12-31 23:59:59.999Z")]),
    ("list<int>", "ARRAY<INT>", &[("[3, 1, 3]", "\"[3,1,3]\"")]),
    ("set<text>", "ARRAY<STRING>", &[("{'b', 'a'}", "\"[a,b]\"")]),
    ("map<text, int>", "MAP<STRING, INT>", &[("{'a': 1, 'b': 2}", "\"{a:1,b:2}\"")]),
    (
        "frozen<list<frozen<set<uuid>>>>",
        "ARRAY<ARRAY<STRING>>",
        &[("[{550e8400-e29b-41d4-a716-446655440000}]", "\"[[550e8400-e29b-41d4-a716-446655440000]]\"")],
    ),
    ("frozen<map<int, frozen<list<text>>>>", "MAP<INT, ARRAY<STRING>>", &[("{1: ['x'], 2: []}", "\"{1:[x],2:[]}\"")]),
    (
        "tuple<int, text, date>",
        "ROW<f0 INT, f1 STRING, f2 DATE>",
        &[("(1, 'x', '2024-05-01')", "\"{f0:1,f1:x,f2:2024-05-01}\""), ("(2, null, null)", "\"{f0:2,f1:null,f2:null}\"")],
    ),
    (
        "address",
        "ROW<street STRING, zips ARRAY<INT>>",
        &[("{street: 'Elm', zips: [1, 2]}", "\"{street:Elm,zips:[1,2]}\""), ("{street: 'Oak'}", "\"{street:Oak,zips:null}\"")],
    ),
    (
        "list<frozen<address>>",
        "ARRAY<ROW<street STRING, zips ARRAY<INT>>>",
        &[("[{street: 'Elm', zips: []}]", "\"[{street:Elm,zips:[]}]\"")],
    ),
    ("vector<float, 3>", "ARRAY<FLOAT>", &[("[1.5, 2, -0.25]", "\"[1.5,2.0,-0.25]\"")]),
    ("set<frozen<tuple<int, int>>>", "ARRAY<ROW<f0 INT, f1 INT>>", &[("{(1, 2)}", "\"[{f0:1,f1:2}]\"")]),
];

#[test]
fn every_type_is_read_as_what_it_is_and_written_as_it_was() {
    let db = Keyspace::new();
    db.run("CREATE TYPE address (street text, zips frozen<list<int>>)");
    let columns: Vec<String> = TYPES.iter().enumerate().map(|(i, (theirs, ..))| format!("c{i:02} {theirs}")).collect();
    let columns = columns.join(", ");
    db.run(&format!("CREATE TABLE a (id int PRIMARY KEY, {columns}); CREATE TABLE b (id int PRIMARY KEY, {columns})"));
    // A row of NULLs, and rows of each type's values.
    let most = TYPES.iter().map(|(.., values)| values.len()).max().unwrap();
    let names: Vec<String> = (0..TYPES.len()).map(|i| format!("c{i:02}")).collect();
    for n in 0..=most {
        let values: Vec<&str> = TYPES.iter().map(|(.., values)| if n == 0 { "null" } else { values[(n - 1) % values.len()].0 }).collect();
        db.run(&format!("INSERT INTO a (id, {}) VALUES ({n}, {})", names.join(", "), values.join(", ")));
    }
    let declared: Vec<String> = TYPES.iter().enumerate().map(|(i, (_, ours, _))| format!("c{i:02} {ours}")).collect();
    let declared = declared.join(", ");
    let tables = format!(
        "CREATE TABLE a {};\nCREATE TABLE b (id INT, {declared}, PRIMARY KEY (id) NOT ENFORCED) {};",
        db.with("a", ""),
        db.with("b", "")
    );
    let ended = db.shell(&format!("{tables}\nSELECT * FROM a ORDER BY id;")).ok();
    let found = format!("(id INT, {declared}, PRIMARY KEY (id)) PARTITIONED BY (id)");
    assert!(ended.err.contains(&found) || ended.out.contains(&found), "not {found}\n{ended}");
    let mut lines = ended.out.lines().filter(|line| !line.contains("columns found")).skip(1);
    for n in 0..=most {
        let values: Vec<&str> = TYPES.iter().map(|(.., values)| if n == 0 { "" } else { values[(n - 1) % values.len()].1 }).collect();
        // An empty text is quoted, to distinguish it from NULL.
        assert_eq!(lines.next().unwrap_or_default().replace("\"\"", ""), format!("{n},{}", values.join(",")));
    }
    db.shell(&format!("{tables}\nINSERT INTO b SELECT * FROM a;")).ok();
    for (i, (theirs, ..)) in TYPES.iter().enumerate() {
        let of = |table: &str| db.rows(&format!("SELECT id, c{i:02} FROM {table}"));
        assert_eq!(of("a"), of("b"), "{theirs}");
    }
}

#[test]
fn a_column_may_be_declared_as_another_type_that_its_values_fit() {
    let db = Keyspace::new();
    db.run(
        "CREATE TABLE d (id int PRIMARY KEY, big varint, at timestamp, day date, t time, dec decimal, n bigint);
         INSERT INTO d (id, big, at, day, t, dec, n) VALUES (1, 123456789012345678901234567890123456789012345, 1500, '2024-05-01', '12:00:00.123456789', 1.255, 300);
         INSERT INTO d (id, n) VALUES (2, 5)",
    );
    let declare = |columns: &str| format!("CREATE TABLE d (id INT, {columns}) {};", db.with("d", ""));
    let texts = declare("big STRING, at STRING, day STRING, t STRING, `dec` STRING, n STRING");
    assert_eq!(
        db.query(&texts, "SELECT * FROM d WHERE id = 1"),
        ["1,123456789012345678901234567890123456789012345,1970-01-01 00:00:01.500Z,2024-05-01,12:00:00.123456789,1.255,300"]
    );
    let others = declare("at TIMESTAMP(6), t TIME(0), `dec` DECIMAL(10, 2), n INT");
    assert_eq!(db.query(&others, "SELECT at, t, `dec`, n FROM d WHERE id = 1"), ["1970-01-01 00:00:01.500,12:00:00,1.26,300"]);
    for (columns, column, says) in [
        ("n TINYINT", "n", "column `n`: `300` is out of the declared type's range"),
        ("big DECIMAL(38, 0)", "big", "is out of the declared type's range"),
        ("at TIMESTAMP(3) NOT NULL", "at", "NULL here, and the column is declared NOT NULL"),
        ("at INT", "at", "column `at` is declared INT, and is `timestamp` in"),
        ("other INT", "other", "there is no column `other` in"),
    ] {
        let wrong = db.shell(&format!("{}\nSELECT {column} FROM d;", declare(columns)));
        assert!(wrong.err.contains(says), "{columns}: {wrong}");
    }
}

#[test]
fn counters_are_read_and_never_written() {
    let db = Keyspace::new();
    db.run("CREATE TABLE c (k text PRIMARY KEY, n counter); UPDATE c SET n = n + 5 WHERE k = 'a'");
    let table = format!("CREATE TABLE c {};", db.with("c", ""));
    assert_eq!(db.query(&table, "SELECT k, n + 1 FROM c"), ["a,6"]);
    let declared = format!("CREATE TABLE c (k STRING, n BIGINT, PRIMARY KEY (k) NOT ENFORCED) {};", db.with("c", ""));
    let said = db.shell(&format!("{declared}\nINSERT INTO c VALUES ('b', 1);"));
    assert!(said.err.contains("column `n` is a counter, which is only read"), "{said}");
}
