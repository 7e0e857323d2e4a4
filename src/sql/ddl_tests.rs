//! Tests of the declarations of Flink's and DataFusion's forms.

use super::tests::{error, one, show};

#[test]
fn tables_from_elsewhere() {
    for (sql, shown) in [
        ("CREATE TABLE c.t (a INT)", "table c.t (a INT) []"),
        ("CREATE TABLE default_catalog.d.t (a INT)", "table d.t (a INT) []"),
        ("CREATE TABLE `a.b` (a INT)", "table `a.b` (a INT) []"),
        ("CREATE TABLE t (a INT, p STRING) PARTITIONED BY (p) WITH ('x'='y')", "table t (a INT, p STRING) by(p) [x=y]"),
        ("CREATE TABLE t LIKE s", "table t () [] like s []"),
        (
            "CREATE TABLE t (b AS a + 1) WITH ('x'='y') LIKE d.s (EXCLUDING ALL INCLUDING GENERATED OVERWRITING OPTIONS)",
            "table t (b as a + 1) [x=y] like d.s [(All, Excluding), (Generated, Including), (Options, Overwriting)]",
        ),
        ("CREATE TABLE t WITH ('x'='y') AS SELECT a FROM s", "table t () [x=y]: SELECT a FROM s"),
        ("REPLACE TABLE t AS SELECT 1", "table or-replace t () []: SELECT 1"),
        (
            "CREATE TABLE t (PRIMARY KEY (a) NOT ENFORCED) WITH ('x'='y') AS SELECT a FROM s EMIT CHANGES",
            "table t () key(a) [x=y]: SELECT a FROM s | changes",
        ),
        (
            "CREATE EXTERNAL TABLE t (a INT) STORED AS PARQUET LOCATION 's3://b/t/'",
            "table t (a INT) [connector=filesystem, path=s3://b/t/, format=parquet]",
        ),
        (
            "CREATE EXTERNAL TABLE IF NOT EXISTS t STORED AS CSV PARTITIONED BY (y) LOCATION 'd' OPTIONS ('has_header' 'true', format.delimiter ';')",
            "table if-not-exists t () by(y) [connector=filesystem, path=d, format=csv, has_header=true, format.delimiter=;]",
        ),
        (
            "CREATE EXTERNAL TABLE t (a INT) STORED AS KAFKA LOCATION 'h1:9092,h2:9092/top' OPTIONS ('format' = 'json')",
            "table t (a INT) [connector=kafka, topic=top, properties.bootstrap.servers=h1:9092,h2:9092, format=json]",
        ),
        (
            "CREATE EXTERNAL TABLE t (a INT) STORED AS KAFKA OPTIONS (topic 'x', scan.parallelism 4)",
            "table t (a INT) [connector=kafka, topic=x, scan.parallelism=4]",
        ),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn functions_databases_and_changes() {
    for (sql, shown) in [
        ("CREATE DATABASE IF NOT EXISTS d COMMENT 'c' WITH ('a'='b')", "database if-not-exists d c"),
        ("CREATE FUNCTION f(x INT, y STRING) RETURNS INT AS x + 1", "function f(x INT, y STRING) INT: x + 1"),
        ("CREATE OR REPLACE TEMPORARY FUNCTION d.f() RETURN 1", "function or-replace temporary d.f() : 1"),
        (
            "CREATE TEMPORARY SYSTEM FUNCTION IF NOT EXISTS f(x DECIMAL(10, 2)) LANGUAGE SQL RETURN x",
            "function temporary if-not-exists f(x DECIMAL(10, 2)) : x",
        ),
        ("DROP DATABASE IF EXISTS d CASCADE", "drop database if-exists cascade d"),
        ("DROP DATABASE d RESTRICT", "drop database d"),
        ("DROP TEMPORARY FUNCTION d.f", "drop function d.f"),
        ("USE d", "use d"),
        ("USE default_catalog.d", "use d"),
        ("USE CATALOG default_catalog", "use default_database"),
        ("ALTER TABLE IF EXISTS d.t RENAME TO u", "alter table if-exists d.t RenameTo(\"u\")"),
        ("ALTER TABLE t RENAME a TO `b c`", "alter table t RenameColumn(\"a\", \"b c\")"),
        ("ALTER TABLE t SET ('a' = 'b')", "alter table t set [(\"a\", \"b\")]"),
        ("ALTER TABLE t RESET ('a', 'b')", "alter table t Reset([\"a\", \"b\"])"),
        ("ALTER TABLE t ADD a INT COMMENT 'x' FIRST", "alter table t add (a INT comment(x) First) key()"),
        (
            "ALTER TABLE t ADD (a INT AFTER b, WATERMARK FOR ts AS ts, c AS a, PRIMARY KEY (a) NOT ENFORCED)",
            "alter table t add (a INT After(\"b\"), c as a Default) watermark(ts as ts) key(a)",
        ),
        ("ALTER TABLE t MODIFY COLUMN a BIGINT NOT NULL", "alter table t modify (a BIGINT not null Default) key()"),
        ("ALTER TABLE t DROP (a, b)", "alter table t DropColumns([\"a\", \"b\"])"),
        ("ALTER TABLE t DROP a", "alter table t DropColumns([\"a\"])"),
        ("ALTER TABLE t DROP PRIMARY KEY", "alter table t DropKey"),
        ("ALTER TABLE t DROP WATERMARK", "alter table t DropWatermark"),
        ("ALTER VIEW v RENAME TO w", "alter view v RenameTo(\"w\")"),
        ("ALTER VIEW v AS SELECT 1 /* one */, 2", "alter view v as SELECT 1, 2 [SELECT 1 /* one */, 2]"),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn what_can_be_shown() {
    for (sql, shown) in [
        ("SHOW TABLES", "show Tables None None"),
        ("SHOW TABLES FROM d NOT LIKE 'a%'", "show Tables Some(\"d\") Some(Pattern { pattern: \"a%\", not: true, any_case: false })"),
        (
            "SHOW VIEWS IN default_catalog.d ILIKE 'A'",
            "show Views Some(\"d\") Some(Pattern { pattern: \"A\", not: false, any_case: true })",
        ),
        ("SHOW USER FUNCTIONS", "show Functions { user: true } None None"),
        ("SHOW CREATE TABLE d.t", "show Create(Table, \"d.t\") None None"),
        ("SHOW COLUMNS FROM t", "show Columns Some(\"t\") None"),
        ("SHOW CURRENT DATABASE", "show CurrentDatabase None None"),
        ("SHOW JOBS", "show Jobs None None"),
        ("SET", "show Settings None None"),
        ("DESCRIBE EXTENDED d.t", "describe d.t"),
        ("DESC t", "describe t"),
        ("INSERT INTO d.t /*+ OPTIONS('a'='b') */ (x) SELECT 1", "insert d.t a=b (x): SELECT 1"),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn declarations_that_are_refused() {
    for (sql, message, line, column, hint) in [
        ("CREATE FUNCTION f AS 'com.x.Y' LANGUAGE JAVA", "functions of classes and scripts are not supported", 1, 22, "RETURNS STRING AS"),
        ("CREATE FUNCTION f(x INT) LANGUAGE PYTHON AS x", "only functions of SQL expressions are supported", 1, 35, ""),
        ("CREATE FUNCTION f(x INT, x INT) AS x", "parameter `x` is given twice", 1, 26, ""),
        ("CREATE FUNCTION f(x)", "expected a type, found `)`", 1, 20, ""),
        ("CREATE FUNCTION f", "expected `(` and the parameters", 1, 18, ""),
        ("CREATE TEMPORARY DATABASE d", "a database is neither replaced nor temporary", 1, 18, ""),
        ("CREATE DATABASE other.d", "there is no catalog `other`", 1, 17, "`default_catalog` is the only one"),
        ("USE CATALOG c", "there is no catalog `c`", 1, 13, ""),
        ("USE MODULES hive", "USE MODULES is not supported", 1, 5, ""),
        ("CREATE EXTERNAL TABLE t LOCATION 'x'", "expected STORED AS, found the end", 1, 37, "STORED AS PARQUET"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV WITH ORDER (a)", "WITH ORDER is not supported", 1, 39, ""),
        ("SHOW JARS", "SHOW JARS is not supported", 1, 6, "no JVM"),
        ("SHOW COLUMNS", "expected FROM and the name of a table", 1, 13, ""),
        ("SHOW TABLES LIKE x", "expected a pattern, found `x`", 1, 18, ""),
        ("ALTER TABLE t DROP", "expected the name of a column", 1, 19, ""),
        ("ALTER TABLE t FROB", "expected RENAME, SET, RESET, ADD, MODIFY or DROP, found `FROB`", 1, 15, ""),
        ("ALTER VIEW v SET ('a'='b')", "expected RENAME TO or AS", 1, 14, ""),
        ("DROP CATALOG c", "DROP CATALOG is not supported", 1, 6, "one catalog"),
        ("COMPILE PLAN 'f' FOR INSERT INTO t SELECT 1", "COMPILE is not supported", 1, 1, "EXPLAIN"),
    ] {
        let error = error(sql);
        let place = error.place().unwrap_or_else(|| panic!("{sql}: no place: {error}"));
        assert!(error.message().starts_with(message), "{sql}\n{error}");
        assert_eq!((place.line, place.column), (line, column), "{sql}\n{error}");
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{sql}\n{error}");
    }
}
