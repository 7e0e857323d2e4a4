//! Tests every type, both ways, on both servers.

use crate::database::TestDatabase;
use crate::servers::both;

/// MySQL's type, the SQL type, and values as MySQL's literals and as our queries show them.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const TYPES: [Case; 33] = [
    ("TINYINT(1)", "BOOLEAN", &[("1", "true"), ("0", "false")]),
    ("BIT(1)", "BOOLEAN", &[("b'1'", "true"), ("b'0'", "false")]),
    ("BIT(12)", "BYTES", &[("b'101010101010'", "0aaa"), ("0", "0000")]),
    ("TINYINT", "TINYINT", &[("-128", "-128"), ("127", "127")]),
    ("TINYINT UNSIGNED", "SMALLINT", &[("255", "255")]),
    ("SMALLINT", "SMALLINT", &[("-32768", "-32768")]),
    ("SMALLINT UNSIGNED", "INT", &[("65535", "65535")]),
    ("MEDIUMINT", "INT", &[("-8388608", "-8388608")]),
    ("MEDIUMINT UNSIGNED", "INT", &[("16777215", "16777215")]),
    ("INT", "INT", &[("-2147483648", "-2147483648")]),
    ("INT UNSIGNED", "BIGINT", &[("4294967295", "4294967295")]),
    ("BIGINT", "BIGINT", &[("-9223372036854775808", "-9223372036854775808")]),
    ("BIGINT UNSIGNED", "DECIMAL(20, 0)", &[("18446744073709551615", "18446744073709551615")]),
    ("DECIMAL(38, 10)", "DECIMAL(38, 10)", &[("-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789")]),
    (
        "DECIMAL(65, 2)",
        "STRING",
        &[(
            "'123456789012345678901234567890123456789012345678901234567890123.45'",
            "123456789012345678901234567890123456789012345678901234567890123.45",
        )],
    ),
    ("FLOAT", "FLOAT", &[("0.1", "0.1"), ("16777216", "16777216.0"), ("1.17549435e-38", "1.1754944e-38")]),
    ("DOUBLE", "DOUBLE", &[("0.1e0", "0.1"), ("1.7976931348623157e308", "1.7976931348623157e308"), ("-1e-300", "-1e-300")]),
    ("CHAR(5)", "STRING", &[("'a'", "a"), ("'äöü€😀'", "äöü€😀")]),
    ("VARCHAR(20)", "STRING", &[("'it''s a \\\\ '", "it's a \\ "), ("''", "")]),
    ("VARCHAR(20) CHARACTER SET latin1", "STRING", &[("'Ärger'", "Ärger")]),
    ("LONGTEXT", "STRING", &[("'Text'", "Text")]),
    ("ENUM('red','green')", "STRING", &[("'green'", "green")]),
    ("SET('x','y')", "STRING", &[("'x,y'", "\"x,y\"")]),
    ("JSON", "STRING", &[("'[1, 2]'", "\"[1, 2]\"")]),
    ("BLOB", "BYTES", &[("x'00ff27'", "00ff27")]),
    ("VARBINARY(4)", "BYTES", &[("x'5c00'", "5c00")]),
    ("BINARY(3)", "BYTES", &[("x'01'", "010000")]),
    ("DATE", "DATE", &[("'1000-01-01'", "1000-01-01"), ("'9999-12-31'", "9999-12-31")]),
    ("TIME(3)", "TIME(3)", &[("'23:59:59.999'", "23:59:59.999"), ("'00:00:00'", "00:00:00")]),
    ("YEAR", "INT", &[("1901", "1901"), ("2155", "2155")]),
    ("DATETIME", "TIMESTAMP(3)", &[("'2024-05-01 12:00:00'", "2024-05-01 12:00:00")]),
    ("DATETIME(6)", "TIMESTAMP(6)", &[("'1969-12-31 23:59:59.999999'", "1969-12-31 23:59:59.999999")]),
    ("TIMESTAMP(3) NULL", "TIMESTAMP_LTZ(3)", &[("'2024-05-01 12:00:00.5'", "2024-05-01 12:00:00.500Z")]),
];

#[test]
fn every_type_is_read_as_what_it_is_and_written_as_it_was() {
    for db in both() {
        let columns: Vec<String> = TYPES.iter().enumerate().map(|(i, (theirs, ..))| format!("c{i} {theirs}")).collect();
        let columns = columns.join(", ");
        db.run(&format!("CREATE TABLE a (id INT PRIMARY KEY, {columns}); CREATE TABLE b (id INT PRIMARY KEY, {columns})"));
        // A row of NULLs, and rows of each type's values.
        let most = TYPES.iter().map(|(.., values)| values.len()).max().unwrap();
        let row = |n: usize| {
            let values: Vec<&str> =
                TYPES.iter().map(|(.., values)| if n == 0 { "NULL" } else { values[(n - 1) % values.len()].0 }).collect();
            format!("({n}, {})", values.join(", "))
        };
        let all: Vec<String> = (0..=most).map(row).collect();
        db.run(&format!("SET time_zone = '+00:00'; INSERT INTO a VALUES {}", all.join(", ")));

        let declared: Vec<String> = TYPES.iter().enumerate().map(|(i, (_, ours, _))| format!("c{i} {ours}")).collect();
        let declared = declared.join(", ");
        let tables = format!(
            "CREATE TABLE a {};\nCREATE TABLE b (id INT, {declared}, PRIMARY KEY (id) NOT ENFORCED) {};",
            db.with("a", ""),
            db.with("b", "")
        );
        let ended = db.shell(&format!("{tables}\nSELECT * FROM a ORDER BY id;")).ok();
        let found = format!("(id INT, {}, PRIMARY KEY (id))", declared);
        assert!(ended.err.contains(&found) || ended.out.contains(&found), "{}: not {found}\n{ended}", db.address);
        let mut lines = ended.out.lines().filter(|line| !line.contains("columns found")).skip(1);
        for n in 0..=most {
            let values: Vec<&str> = TYPES.iter().map(|(.., values)| if n == 0 { "" } else { values[(n - 1) % values.len()].1 }).collect();
            let expected = format!("{n},{}", values.join(","));
            let shown = lines.next().unwrap_or_default();
            // An empty text is quoted, to distinguish it from NULL.
            assert_eq!(shown.replace("\"\"", ""), expected, "{}", db.address);
        }
        db.shell(&format!("{tables}\nINSERT INTO b SELECT * FROM a;")).ok();
        for (i, (theirs, ..)) in TYPES.iter().enumerate() {
            let same = db
                .rows(&format!("SELECT COUNT(*) FROM a JOIN b ON a.id = b.id AND a.c{i} <=> b.c{i} AND LENGTH(a.c{i}) <=> LENGTH(b.c{i})"));
            let shown = || db.rows(&format!("SELECT a.c{i}, b.c{i} FROM a LEFT JOIN b ON a.id = b.id"));
            assert_eq!(same, [(most + 1).to_string()], "{} {theirs}: {:?}", db.address, shown());
        }
    }
}

#[test]
fn what_is_no_value_here_is_null_or_an_error() {
    for db in both() {
        db.run(
            "CREATE TABLE d (id INT PRIMARY KEY, day DATE NOT NULL, at DATETIME(3) NOT NULL, span TIME, flag TINYINT(1), small DECIMAL(5, 2));
             SET sql_mode = ''; INSERT INTO d VALUES (1, '0000-00-00', '0000-00-00 00:00:00', '12:00:00', 5, 1.25),
             (2, '2024-00-15', '2024-05-00 10:00:00', '-01:00:00', -1, 999.99), (3, '2024-05-01', '2024-05-01 10:00:00', '838:59:59', 0, 0)",
        );
        let table = format!("CREATE TABLE d {};", db.with("d", ""));
        let dates = db.query(&table, "SELECT id, day, at, flag FROM d WHERE at IS NULL OR day > DATE '2024-01-01' ORDER BY id");
        let dates: Vec<&str> = dates.iter().map(String::as_str).filter(|line| !line.contains("found")).collect();
        assert_eq!(dates, ["1,,,true", "2,,,true", "3,2024-05-01,2024-05-01 10:00:00,false"], "{}", db.address);
        let none = db.query(&table, "SELECT id FROM d WHERE day < DATE '2024-01-01'");
        assert_eq!(none, Vec::<String>::new(), "{}: a zero date is before nothing", db.address);
        // A time span is not a time of day; as text it is unchanged.
        let wrong = db.shell(&format!("{table}\nSELECT span FROM d;"));
        assert!(wrong.err.contains("column `span`: `-01:00:00` is no time of a day"), "{wrong}");
        let texts = format!("CREATE TABLE d (id INT, span STRING, day STRING) {};", db.with("d", ""));
        assert_eq!(db.query(&texts, "SELECT span, day FROM d WHERE id = 2"), ["-01:00:00,2024-00-15"]);
        let narrow = format!("CREATE TABLE d (id INT, small INT) {};", db.with("d", ""));
        let wrong = db.shell(&format!("{narrow}\nSELECT small FROM d;"));
        assert!(wrong.err.contains("column `small`: `1.25` is no number of the column's type"), "{wrong}");
        let strict = format!("CREATE TABLE d (id INT, day DATE NOT NULL) {};", db.with("d", ""));
        let wrong = db.shell(&format!("{strict}\nSELECT day FROM d;"));
        assert!(wrong.err.contains("column `day`: `0000-00-00` is NULL here, and the column is declared NOT NULL"), "{wrong}");
    }
}
