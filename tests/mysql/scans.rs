//! Tables read as a whole: in ranges, and with pushed filters, which never change the answer.

use crate::database::TestDatabase;
use crate::servers::{Database, both};

/// Texts that collations treat as equal, or order differently from their bytes; NULLs.
fn words(db: &Database) -> String {
    db.run(
        "CREATE TABLE words (id INT PRIMARY KEY, w VARCHAR(20), l VARCHAR(20) CHARACTER SET latin1, n DECIMAL(10, 2), at TIMESTAMP(3) NULL);
         SET time_zone = '+05:00'; INSERT INTO words VALUES (1, 'a', 'a', 1.10, '2024-01-01 05:00:00'), (2, 'A', 'A', 1.1, '2024-01-01 05:00:00.001'),
         (3, 'ä', 'ä', -1, NULL), (4, 'b', 'b', 0, '2024-06-01 04:59:59.999'), (5, 'a ', 'a ', 2.5, '2024-06-01 05:00:00'), (6, NULL, NULL, NULL, NULL),
         (7, '', '', 100, '1999-12-31 00:00:00'), (8, 'Z', 'Z', 99999999.99, '2038-01-01 00:00:00'), (9, 'it''s \\\\', 'x', 3, NULL)",
    );
    format!("CREATE TABLE words {};", db.with("words", ""))
}

#[test]
fn conditions_at_the_server_change_no_answer() {
    let conditions = [
        ("w = 'a'", "`w` = 'a'"),
        ("w <> 'a'", "CAST(CONVERT(`w` USING utf8mb4) AS BINARY) <> x'61'"),
        ("w < 'a'", "CAST(CONVERT(`w` USING utf8mb4) AS BINARY) < x'61'"),
        ("w >= 'Z' AND l < 'b'", "CAST(CONVERT(`l` USING utf8mb4) AS BINARY) < x'62'"),
        ("l = 'ä' OR w = 'it''s \\'", "`w` = 'it''s \\\\'"),
        ("w IN ('a', 'A', 'Z')", "`w` = 'A'"),
        ("w NOT IN ('a', 'A')", "<> x'41'"),
        ("w LIKE 'a%'", ""),
        ("w IS NULL", "`w` IS NULL"),
        ("w IS NOT NULL AND n > 1.1", "`n` > 1.1"),
        ("n = 1.1", "`n` = 1.1"),
        ("n BETWEEN -1 AND 2.5", "`n` >= "),
        ("id > 2 AND id <= 5", "`id` > 2"),
        ("id % 2 = 1", ""),
        ("NOT (id < 4)", "`id` >= 4"),
        ("at >= TIMESTAMP '2024-01-01 00:00:00.001'", "`at` >= "),
        ("at IS NULL", ""),
        ("w = 'a' OR id % 2 = 0", ""),
    ];
    for db in both() {
        let table = words(&db);
        // Derived from the whole table, which is read without a condition: the filter applies to a copy of the columns.
        let whole = "(SELECT COALESCE(id, 0) + 0 AS id, CONCAT(w, '') AS w, CONCAT(l, '') AS l, n + CAST(0 AS DECIMAL(10, 2)) AS n, \
                     CASE WHEN id > 0 THEN at END AS at FROM words) x";
        let mut script = table.clone();
        for (condition, _) in conditions {
            script.push_str(&format!("\nSELECT 'new', id FROM words WHERE {condition} ORDER BY id;"));
            script.push_str(&format!("\nSELECT 'old', id FROM {whole} WHERE {condition} ORDER BY id;"));
        }
        let out = db.shell(&script).ok().out;
        let mut answers: Vec<Vec<&str>> = Vec::new();
        for line in out.lines().filter(|line| !line.contains("columns found")) {
            // A header starts the next answer.
            if line.ends_with(",id") { answers.push(Vec::new()) } else { answers.last_mut().unwrap().push(&line[4..]) }
        }
        assert_eq!(answers.len(), conditions.len() * 2, "{out}");
        for (pair, (condition, _)) in answers.chunks(2).zip(conditions) {
            assert_eq!(pair[0], pair[1], "{} WHERE {condition}", db.address);
        }
        let explains: String =
            conditions.iter().map(|(condition, _)| format!("\nEXPLAIN SELECT id FROM words WHERE {condition};")).collect();
        let out = db.shell(&format!("{table}{explains}")).ok().out;
        let scans: Vec<&str> = out.lines().filter(|line| line.contains("MySqlScanExec")).collect();
        assert_eq!(scans.len(), conditions.len(), "{out}");
        for (scan, (condition, part)) in scans.iter().zip(conditions) {
            assert!(scan.contains(part) && scan.contains("WHERE") != part.is_empty(), "{condition}: {scan}");
        }
    }
}

#[test]
fn ranges_leave_no_row_out() {
    for db in both() {
        db.run("CREATE TABLE r (k BIGINT UNSIGNED PRIMARY KEY, v INT, o INT)");
        let values: Vec<String> =
            (0..1000_u64).map(|i| format!("({}, {i}, IF({i} % 10 = 0, NULL, {i}))", i * 18_446_744_073_709_551)).collect();
        db.run(&format!("INSERT INTO r VALUES (18446744073709551615, -1, -5), {}", values.join(", ")));
        let by = |column: &str, more: &str| {
            let options = format!(", 'scan.partition.column' = '{column}', 'scan.partition.num' = '7'{more}");
            format!("CREATE TABLE r (k DECIMAL(20, 0), v INT, o INT) {};", db.with("r", &options))
        };
        let tables = [
            by("v", ""),
            by("o", ""),
            by("o", ", 'scan.partition.lower-bound' = '100', 'scan.partition.upper-bound' = '200'"),
            format!("CREATE TABLE r {};", db.with("r", ", 'scan.partition.num' = '3', 'scan.fetch-size' = '10'")),
            format!("CREATE TABLE r (v INT, o INT) {};", db.with("r", "")),
        ];
        for table in tables {
            let rows = db.query(&table, "SELECT COUNT(*), COUNT(o), SUM(v), COUNT(DISTINCT v) FROM r");
            assert_eq!(rows.last().unwrap(), "1001,901,499499,1001", "{}: {table}", db.address);
            assert_eq!(db.query(&table, "SELECT COUNT(*) FROM r").last().unwrap(), "1001", "{table}");
        }
        let plan = db.shell(&format!("{}\nEXPLAIN SELECT v FROM r;", by("v", ""))).ok();
        assert!(plan.out.contains("7 side by side: SELECT `v` FROM") && plan.out.contains("(`v` < 142 OR `v` IS NULL)"), "{plan}");
        let one = db.shell(&format!("{}\nEXPLAIN SELECT v FROM r LIMIT 3;\nSELECT v FROM r LIMIT 3;", by("v", ""))).ok();
        assert!(one.out.contains("LIMIT 3") && one.out.lines().count() >= 5, "{one}");
    }
}

#[test]
fn a_large_table_is_never_in_memory() {
    let db = Database::new("MARIADB");
    db.run(
        "CREATE TABLE large (id INT AUTO_INCREMENT PRIMARY KEY, filler VARCHAR(1000));
         INSERT INTO large (filler) SELECT REPEAT('x', 1000) FROM seq_1_to_400000",
    );
    let table = format!("CREATE TABLE large {};", db.with("large", ""));
    let ended = db.shell(&format!("{table}\nSELECT SUM(LENGTH(filler)), COUNT(*) FROM large;")).ok();
    assert!(ended.out.contains("400000000,400000"), "{ended}");
    assert!(ended.peak < 350 << 20, "{} MB were held for 400 MB of rows", ended.peak >> 20);
    // The first rows come before the rest is read.
    let begin = std::time::Instant::now();
    let ended = db.shell(&format!("{table}\nSELECT id FROM large WHERE LENGTH(filler) > 1 LIMIT 3;")).ok();
    assert!(begin.elapsed().as_secs() < 20 && ended.out.lines().count() >= 4, "{ended}");
}

#[test]
fn tables_are_reached_shown_and_peeked_at() {
    for db in both() {
        let table = words(&db);
        let said = db.shell(&format!("{table}\n\\d words\n\\peek words 2")).ok();
        assert!(said.out.contains("w,STRING") && said.out.contains("DECIMAL(10, 2)") && said.out.contains("PRI"), "{said}");
        let last: Vec<&str> = said.out.lines().rev().take(2).collect();
        assert!(last[0].starts_with("9,it's") && last[1].starts_with("8,Z"), "{said}");
        db.home().file("t.sql", &table);
        let checked = db.home().run(&["check", "--connect", "t.sql"]).ok();
        assert!(checked.out.contains("\"w\":\"a\""), "{checked}");
        let jdbc = format!(
            "CREATE TABLE j (id INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:{}://{}/{}?useSSL=false', 'table-name' = 'words', \
             'username' = 'millstream', 'password' = 'millstream', 'driver' = 'com.mysql.cj.jdbc.Driver');",
            if db.is_mariadb { "mariadb" } else { "mysql" },
            db.address,
            db.name
        );
        assert_eq!(db.query(&jdbc, "SELECT COUNT(*) FROM j"), ["9"]);
    }
}

#[test]
fn what_is_wrong_is_said() {
    let db = Database::new("MARIADB");
    words(&db);
    let wrong = |columns: &str, options: &str, query: &str| {
        let table = format!("CREATE TABLE x {columns} WITH ('connector' = 'mysql', {options});");
        let ended = db.shell(&format!("{table}\n{query};"));
        assert!(!ended.err.contains("geheim"), "{ended}");
        ended.err
    };
    let url = format!("'url' = 'mysql://{}/{}'", db.address, db.name);
    let login = "'username' = 'millstream', 'password' = 'millstream'";
    for (columns, options, query, says) in [
        ("(a INT)", format!("{url}, {login}, 'table-name' = 'wordz'"), "SELECT * FROM x", "there is no table"),
        ("", format!("{url}, {login}, 'table-name' = 'wordz'"), "SELECT 1", "there is no table"),
        ("(wort STRING)", format!("{url}, {login}, 'table-name' = 'words'"), "SELECT * FROM x", "there is no column `wort`"),
        (
            "(a INT)",
            format!("{url}, 'table-name' = 'words', 'username' = 'me', 'password' = 'geheim'"),
            "SELECT * FROM x",
            "Access denied for user 'me'",
        ),
        (
            "(a INT)",
            format!("'url' = 'mysql://{}/nowhere', {login}, 'table-name' = 'x'", db.address),
            "SELECT * FROM x",
            "Unknown database 'nowhere'",
        ),
        ("(a INT)", "'url' = 'mysql://127.0.0.1:1/x', 'table-name' = 'x'".to_string(), "SELECT * FROM x", "nothing listens there"),
        ("(a INT)", format!("{url}, {login}"), "SELECT 1", "option `table-name` is missing"),
        (
            "(a INT)",
            "'url' = 'jdbc:postgresql://me:geheim@h/x', 'table-name' = 'x'".to_string(),
            "SELECT 1",
            "is none of a MySQL or MariaDB server",
        ),
        ("(a ARRAY<INT>)", format!("{url}, {login}, 'table-name' = 'words'"), "SELECT 1", "MySQL has no rows, arrays and maps"),
        (
            "(a INT)",
            format!("{url}, {login}, 'table-name' = 'words', 'lookup.cache' = 'PARTIAL'"),
            "SELECT 1",
            "says neither how long nor how much",
        ),
        (
            "(w STRING)",
            format!("{url}, {login}, 'table-name' = 'words', 'scan.partition.column' = 'w'"),
            "SELECT 1",
            "scan.partition.column",
        ),
    ] {
        let said = wrong(columns, &options, query);
        assert!(said.contains(says), "not {says:?}: {said}");
    }
}
