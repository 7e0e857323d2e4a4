//! Tests of parsing scripts, and of the errors of invalid ones.

use super::ast::*;
use super::{parse, types};
use crate::common::{Error, Result};

pub(super) fn script(text: &str) -> Result<Vec<Parsed>> {
    parse(&Source::new("a.sql", text))
}

/// The only statement of a text.
pub(super) fn one(text: &str) -> Statement {
    let mut parsed = script(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(parsed.len(), 1, "{text}");
    parsed.remove(0).statement
}

pub(super) fn error(text: &str) -> Error {
    script(text).map(|parsed| panic!("{text} parsed as {:#?}", parsed.iter().map(|p| show(&p.statement)).collect::<Vec<_>>())).unwrap_err()
}

/// A statement formatted in one line, with everything in it.
pub(super) fn show(statement: &Statement) -> String {
    let flag = |set: bool, name: &str| if set { format!(" {name}") } else { String::new() };
    match statement {
        Statement::CreateTable(t) => {
            let columns: Vec<_> = t.columns.iter().map(show_column).collect();
            let options: Vec<_> = t.options.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let watermark = t.watermark.as_ref().map(|w| format!(" watermark({} as {})", w.column, w.expr)).unwrap_or_default();
            let key = if t.primary_key.is_empty() { String::new() } else { format!(" key({})", t.primary_key.join(", ")) };
            let comment = t.comment.as_ref().map(|c| format!(" comment({c})")).unwrap_or_default();
            let parts = if t.partitioned_by.is_empty() { String::new() } else { format!(" by({})", t.partitioned_by.join(", ")) };
            let like = t.like.as_ref().map(|l| format!(" like {} {:?}", l.source, l.rules)).unwrap_or_default();
            let query = t.query.as_ref().map(|q| format!(": {}", show_query(q))).unwrap_or_default();
            format!(
                "table{}{}{} {} ({}){watermark}{key}{comment}{parts} [{}]{like}{query}",
                flag(t.or_replace, "or-replace"),
                flag(t.temporary, "temporary"),
                flag(t.if_not_exists, "if-not-exists"),
                t.name,
                columns.join(", "),
                options.join(", ")
            )
        }
        Statement::CreateView(v) => format!(
            "{}view{}{}{} {} ({}): {}",
            if v.materialized { "materialized " } else { "" },
            flag(v.or_replace, "or-replace"),
            flag(v.temporary, "temporary"),
            flag(v.if_not_exists, "if-not-exists"),
            v.name,
            v.columns.join(", "),
            show_query(&v.query)
        ),
        Statement::CreateDatabase(d) => {
            format!("database{} {} {}", flag(d.if_not_exists, "if-not-exists"), d.name, d.comment.as_deref().unwrap_or(""))
        }
        Statement::CreateFunction(f) => {
            let parameters: Vec<_> = f.parameters.iter().map(|p| format!("{} {}", p.name, p.sql_type.text)).collect();
            format!(
                "function{}{}{} {}({}) {}: {}",
                flag(f.or_replace, "or-replace"),
                flag(f.temporary, "temporary"),
                flag(f.if_not_exists, "if-not-exists"),
                f.name,
                parameters.join(", "),
                f.returns.as_ref().map_or("", |t| &t.text),
                f.body
            )
        }
        Statement::Drop(d) => {
            format!("drop {}{}{} {}", d.kind.what(), flag(d.if_exists, "if-exists"), flag(d.cascade, "cascade"), d.name)
        }
        Statement::Alter(a) => format!("alter {}{} {} {}", a.kind.what(), flag(a.if_exists, "if-exists"), a.name, show_change(&a.change)),
        Statement::Insert(i) => {
            let options: Vec<_> = i.options.iter().map(|(k, v)| format!(" {k}={v}")).collect();
            let columns = i.columns.join(", ");
            format!("insert{} {}{} ({columns}): {}", flag(i.values, "values"), i.table, options.concat(), show_query(&i.query))
        }
        Statement::Show(s) => format!("show {:?} {:?} {:?}", s.what, s.from, s.like),
        Statement::Describe(name) => format!("describe {name}"),
        Statement::Use(name) => format!("use {name}"),
        Statement::Query(q) => format!("query: {}", show_query(q)),
        Statement::Explain(e) => {
            let shown: Vec<_> = e.statements.iter().map(show).collect();
            format!("explain{} {}", flag(e.analyze, "analyze"), shown.join("; "))
        }
        Statement::Set(s) => format!("set {} = {}", s.key, s.value),
        Statement::Copy(copy) => format!("copy to {}", copy.path),
        Statement::StopJob(name) => format!("stop {name}"),
        Statement::AnalyzeJob(name) => format!("analyze job {name}"),
        Statement::Reset(key) => format!("reset {}", key.as_deref().unwrap_or("all")),
    }
}

fn show_change(change: &Change) -> String {
    let parts = |p: &Parts| {
        let columns: Vec<_> = p.columns.iter().map(|(c, at)| format!("{} {at:?}", show_column(c))).collect();
        let watermark = p.watermark.as_ref().map(|w| format!(" watermark({} as {})", w.column, w.expr)).unwrap_or_default();
        format!("({}){watermark} key({})", columns.join(", "), p.primary_key.join(", "))
    };
    match change {
        Change::Add(p) => format!("add {}", parts(p)),
        Change::Modify(p) => format!("modify {}", parts(p)),
        Change::As(query, text) => format!("as {} [{text}]", show_query(query)),
        Change::Set(options) => format!("set {:?}", options.iter().collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

fn show_column(c: &Column) -> String {
    let of_type = c.data_type.as_ref().map(|t| format!(" {}", types::display(t))).unwrap_or_default();
    let null = if c.nullable { "" } else { " not null" };
    let kind = match &c.kind {
        ColumnKind::Physical => String::new(),
        ColumnKind::Metadata { key, is_virtual } => format!(" metadata {key}{}", if *is_virtual { " virtual" } else { "" }),
        ColumnKind::Computed(expr) => format!(" as {expr}"),
    };
    let comment = c.comment.as_ref().map(|c| format!(" comment({c})")).unwrap_or_default();
    format!("{}{of_type}{null}{kind}{comment}", c.name)
}

fn show_query(q: &Query) -> String {
    let emit = match q.emit {
        Emit::Default => "",
        Emit::Changes => " | changes",
        Emit::Final => " | final",
    };
    format!("{}{emit}", q.query)
}

#[test]
fn the_three_scripts_of_the_main_job() {
    let shown = |text: &str| {
        let parsed = script(text).unwrap();
        assert!(parsed.iter().all(|p| !p.text.starts_with("--") && !p.text.ends_with(';')));
        parsed.iter().map(|p| show(&p.statement)).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(include_str!("../../sql/transactions/flink/1_source.sql")),
        ["table or-replace transactions_table (event_timestamp TIMESTAMP(3), transaction_id INT, user_id STRING, total_paid INT, \
          status STRING, flink_timestamp TIMESTAMP(3) metadata timestamp) watermark(event_timestamp as event_timestamp) \
          [connector=kafka, topic=transactions, properties.bootstrap.servers=kafka:29092, properties.group.id=flink, \
          scan.startup.mode=earliest-offset, format=json]"]
    );
    assert_eq!(
        shown(include_str!("../../sql/transactions/flink/2_sink.sql")),
        ["table or-replace transactions_paid_agg_table (window_start TIMESTAMP(3), window_end TIMESTAMP(3), total_paid INT, \
          total_transactions BIGINT, average_transaction_value BIGINT) [connector=kafka, topic=transactions_aggregate_flink, \
          properties.bootstrap.servers=kafka:29092, properties.allow.auto.create.topics=true, format=json]"]
    );
    assert_eq!(
        shown(include_str!("../../sql/transactions/flink/3_insert.sql")),
        ["insert transactions_paid_agg_table (): SELECT window_start, window_end, SUM(total_paid) AS total_paid, \
          COUNT(*) AS total_transactions, SUM(total_paid) / COUNT(*) AS average_transaction_value \
          FROM TABLE(TUMBLE((SELECT * FROM transactions_table), DESCRIPTOR(event_timestamp), INTERVAL '3' SECONDS)) \
          WHERE status = 'Paid' GROUP BY window_start, window_end"]
    );
}

#[test]
fn tables() {
    for (sql, shown) in [
        ("create table t (a int) with ('connector'='x')", "table t (a INT) [connector=x]"),
        (
            "CREATE TEMPORARY TABLE IF NOT EXISTS `my table` (`a b` INT, \"c\" STRING)",
            "table temporary if-not-exists my table (a b INT, c STRING) []",
        ),
        (
            "CREATE TABLE T (Id BIGINT NOT NULL COMMENT 'the key', v DOUBLE NULL, PRIMARY KEY (Id) NOT ENFORCED) COMMENT 'it''s'",
            "table T (Id BIGINT not null comment(the key), v DOUBLE) key(Id) comment(it's) []",
        ),
        ("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, b INT)", "table t (a INT not null, b INT) key(a) []"),
        (
            "CREATE TABLE t (a INT, b INT, CONSTRAINT pk PRIMARY KEY (b, a) NOT ENFORCED)",
            "table t (a INT not null, b INT not null) key(b, a) []",
        ),
        (
            "CREATE TABLE t (`offset` BIGINT METADATA VIRTUAL, ts TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp', p INT METADATA FROM 'partition' VIRTUAL COMMENT 'x')",
            "table t (offset BIGINT metadata offset virtual, ts TIMESTAMP_LTZ(3) not null metadata timestamp, p INT metadata partition virtual comment(x)) []",
        ),
        (
            "CREATE TABLE t (a INT, b AS a * 2 + 1 COMMENT 'twice', c AS (a), pt AS PROCTIME())",
            "table t (a INT, b as a * 2 + 1 comment(twice), c as (a), pt as PROCTIME()) []",
        ),
        (
            "CREATE TABLE t (s STRING, ts AS TO_TIMESTAMP(s), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, n INT)",
            "table t (s STRING, ts as TO_TIMESTAMP(s), n INT) watermark(ts as ts - INTERVAL '5' SECOND) []",
        ),
        (
            "CREATE TABLE t (r ROW<a INT, b ARRAY<MAP<STRING, INT>>>, d DECIMAL(10,2))",
            "table t (r ROW<a INT, b ARRAY<MAP<STRING, INT>>>, d DECIMAL(10, 2)) []",
        ),
        (
            "CREATE TABLE t (watermark INT, `primary` INT, `constraint` STRING, timestamp TIMESTAMP(3))",
            "table t (watermark INT, primary INT, constraint STRING, timestamp TIMESTAMP(3)) []",
        ),
        ("CREATE TABLE t (a INT) WITH ('k' = 'it''s; -- no comment', 'x' = '')", "table t (a INT) [k=it's; -- no comment, x=]"),
        ("CREATE OR REPLACE TABLE t (a INT) WITH ('k'='${env:X:-a}')", "table or-replace t (a INT) [k=${env:X:-a}]"),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn other_statements() {
    for (sql, shown) in [
        ("CREATE VIEW v AS SELECT 1", "view v (): SELECT 1"),
        (
            "CREATE OR REPLACE TEMPORARY VIEW v (a, b COMMENT 'x') COMMENT 'y' AS WITH q AS (SELECT 1, 2) SELECT * FROM q EMIT CHANGES",
            "view or-replace temporary v (a, b): WITH q AS (SELECT 1, 2) SELECT * FROM q | changes",
        ),
        ("CREATE VIEW IF NOT EXISTS v AS (SELECT 1)", "view if-not-exists v (): (SELECT 1)"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT k, COUNT(*) FROM t GROUP BY k",
            "materialized view v (): SELECT k, COUNT(*) FROM t GROUP BY k",
        ),
        (
            "create or replace materialized view if not exists v (a, `b c`) as select 1, 2 emit changes",
            "materialized view or-replace if-not-exists v (a, b c): SELECT 1, 2 | changes",
        ),
        ("CREATE VIEW materialized AS SELECT 1", "view materialized (): SELECT 1"),
        ("DROP MATERIALIZED VIEW v", "drop materialized view v"),
        ("DROP MATERIALIZED VIEW IF EXISTS `a b`", "drop materialized view if-exists a b"),
        ("DROP TABLE t", "drop table t"),
        ("DROP TEMPORARY VIEW IF EXISTS `a b`", "drop view if-exists a b"),
        ("INSERT INTO t VALUES (1, 'a'), (2, NULL)", "insert values t (): VALUES (1, 'a'), (2, NULL)"),
        ("EXECUTE INSERT INTO t (a, `b c`) SELECT * FROM s", "insert t (a, b c): SELECT * FROM s"),
        ("INSERT INTO t (SELECT 1)", "insert t (): (SELECT 1)"),
        ("INSERT INTO t (a) ((SELECT 1))", "insert t (a): ((SELECT 1))"),
        ("SELECT * FROM t EMIT CHANGES", "query: SELECT * FROM t | changes"),
        ("SELECT * FROM t EMIT CHANGES LIMIT 3", "query: SELECT * FROM t LIMIT 3 | changes"),
        ("select a from t where b = 'emit final' emit /* now */ final -- done", "query: SELECT a FROM t WHERE b = 'emit final' | final"),
        ("SELECT emit FROM emit", "query: SELECT emit FROM emit"),
        ("VALUES (1), (2)", "query: VALUES (1), (2)"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "query: WITH a AS (SELECT 1) SELECT * FROM a"),
        ("(SELECT 1) UNION ALL (SELECT 2)", "query: (SELECT 1) UNION ALL (SELECT 2)"),
        ("EXPLAIN SELECT 1", "explain query: SELECT 1"),
        ("EXPLAIN PLAN FOR INSERT INTO t SELECT 1", "explain insert t (): SELECT 1"),
        ("EXPLAIN ANALYZE SELECT 1", "explain analyze query: SELECT 1"),
        ("EXPLAIN ANALYZE INSERT INTO t SELECT 1", "explain analyze insert t (): SELECT 1"),
        ("EXPLAIN ANALYZE JOB 'per-item'", "analyze job per-item"),
        ("explain analyze job /* which */ sums", "analyze job sums"),
        ("EXPLAIN CHANGELOG_MODE, PLAN_ADVICE SELECT 1 EMIT FINAL", "explain query: SELECT 1 | final"),
        ("SET 'checkpoint.interval' = '5 s'", "set checkpoint.interval = 5 s"),
        ("SET execution.runtime-mode = batch", "set execution.runtime-mode = batch"),
        ("set table.exec.mini-batch.allow-latency=5 s", "set table.exec.mini-batch.allow-latency = 5 s"),
        ("SET 'a' = ''", "set a = "),
        ("SET a='it''s'", "set a = it's"),
        ("SET x = \"y\"", "set x = y"),
        ("RESET", "reset all"),
        ("RESET 'a.b'", "reset a.b"),
        ("RESET pipeline.name", "reset pipeline.name"),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn flink_forms_inside_queries() {
    for (sql, shown) in [
        (
            "SELECT * FROM HOP(DATA => TABLE t, TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTES)",
            "query: SELECT * FROM HOP(DATA => (SELECT * FROM t), TIMECOL => DESCRIPTOR(ts), SLIDE => INTERVAL '1' MINUTE, SIZE => INTERVAL '5' MINUTES)",
        ),
        (
            "SELECT * FROM TABLE(SESSION(TABLE `T t` PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' HOUR)) AS w",
            "query: SELECT * FROM TABLE(SESSION((SELECT * FROM `T t` DISTRIBUTE BY k), DESCRIPTOR(ts), INTERVAL '1' HOUR)) AS w",
        ),
        (
            "SELECT * FROM TABLE(SESSION(TABLE t PARTITION BY (a, b), DESCRIPTOR(ts), INTERVAL '1' HOUR))",
            "query: SELECT * FROM TABLE(SESSION((SELECT * FROM t DISTRIBUTE BY a, b), DESCRIPTOR(ts), INTERVAL '1' HOUR))",
        ),
        ("SELECT * FROM f(TABLE (SELECT 1))", "query: SELECT * FROM f((SELECT 1))"),
        ("SELECT MAP['a', 1, 'b', 2], MAP[], map[1]", "query: SELECT MAP {'a': 1, 'b': 2}, MAP {}, map[1]"),
        ("SELECT ARRAY[1, 2][1], a.b.c", "query: SELECT ARRAY[1, 2][1], a.b.c"),
        ("SELECT CAST(a AS TIMESTAMP_LTZ(3)), CAST(b AS STRING)", "query: SELECT CAST(a AS TIMESTAMP_LTZ(3)), CAST(b AS STRING)"),
        ("SELECT COUNT(*) FILTER (WHERE a > 1) FROM t", "query: SELECT COUNT(*) FILTER (WHERE a > 1) FROM t"),
        ("SELECT a FROM t CROSS JOIN UNNEST(b) AS u (c)", "query: SELECT a FROM t CROSS JOIN UNNEST(b) AS u (c)"),
        (
            "SELECT a FROM t /*+ OPTIONS('k' = 'it''s', 'l'='m') */ AS x JOIN d.t /*+ options('n'='o') */ ON a = b",
            "query: SELECT a FROM t.`OPTIONS('k' = 'it''s', 'l' = 'm')` AS x JOIN d.t.`OPTIONS('n' = 'o')` ON a = b",
        ),
        (
            "SELECT * FROM TABLE(TUMBLE(TABLE t /*+ OPTIONS('a'='b') */, DESCRIPTOR(ts), INTERVAL '1' HOUR))",
            "query: SELECT * FROM TABLE(TUMBLE((SELECT * FROM t.`OPTIONS('a' = 'b')`), DESCRIPTOR(ts), INTERVAL '1' HOUR))",
        ),
        (
            "SELECT o.a FROM o JOIN c FOR SYSTEM_TIME AS OF o.pt AS x ON o.a = x.a",
            "query: SELECT o.a FROM o JOIN c AS x FOR SYSTEM_TIME AS OF o.pt ON o.a = x.a",
        ),
        ("SELECT Größe FROM `straße`", "query: SELECT Größe FROM `straße`"),
    ] {
        assert_eq!(show(&one(sql)), shown, "{sql}");
    }
}

#[test]
fn scripts_are_cut_at_their_semicolons_only() {
    let parsed = script(
        "\u{feff}-- a comment; with a semicolon\n;;\n  SELECT ';' AS `a;b`, \"c;d\", $$e;f$$, $x$g;h$x$ /* i;j */ ; -- k;l\n\
         /* 'unclosed */ SELECT 'two\nlines' -- and a comment's quote\n , 2 ;\r\n\tSELECT 3 -- the last",
    )
    .unwrap();
    let texts: Vec<_> = parsed.iter().map(|p| (p.text.as_str(), p.pos.line, p.pos.column)).collect();
    assert_eq!(
        texts,
        [
            ("SELECT ';' AS `a;b`, \"c;d\", $$e;f$$, $x$g;h$x$", 3, 3),
            ("SELECT 'two\nlines' -- and a comment's quote\n , 2", 4, 17),
            ("SELECT 3", 7, 2),
        ]
    );
    for empty in ["", ";", " \n", "-- nothing", "/* nothing */;", ";;;"] {
        assert!(script(empty).unwrap().is_empty(), "{empty}");
    }
}

#[test]
fn a_statement_set_is_its_inserts() {
    for text in [
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; SET x = y",
        "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; SET x = y;",
    ] {
        let parsed = script(text).unwrap();
        let shown: Vec<_> = parsed.iter().map(|p| show(&p.statement)).collect();
        assert_eq!(shown, ["insert a (): SELECT 1", "insert b (): SELECT 2", "set x = y"]);
        assert_eq!(parsed[0].text, "INSERT INTO a SELECT 1");
    }
}

#[test]
fn an_explained_statement_set_is_one_statement() {
    for (text, shown) in [
        (
            "EXPLAIN STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END",
            "explain insert a (): SELECT 1; insert b (): SELECT 2",
        ),
        ("EXPLAIN ANALYZE STATEMENT SET /* both */ BEGIN\n  INSERT INTO a SELECT 1;\nEND", "explain analyze insert a (): SELECT 1"),
        ("explain changelog_mode, plan_advice statement set begin; insert into a select 1; end", "explain insert a (): SELECT 1"),
        ("EXPLAIN EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END", "explain insert a (): SELECT 1"),
    ] {
        let parsed = script(&format!("SET x = y; {text} ; SET x = z")).unwrap();
        let all: Vec<_> = parsed.iter().map(|p| show(&p.statement)).collect();
        assert_eq!(all, ["set x = y", shown, "set x = z"], "{text}");
        assert_eq!((parsed[1].text.as_str(), parsed[1].pos.column), (text, 12));
    }
}

/// The message, line and column, and a part of the hint.
#[test]
fn errors_say_what_where_and_what_would_be_right() {
    for (sql, message, line, column, hint) in [
        // Statements.
        ("SELCT 1", "unknown statement `SELCT`", 1, 1, "did you mean `SELECT`?"),
        ("SET a = b;\n  SHOW TABELS", "expected what to show, found `TABELS`", 2, 8, "did you mean `TABLES`?"),
        ("ALTER CATALOG c", "expected TABLE or VIEW, found `CATALOG`", 1, 7, "CREATE OR REPLACE"),
        ("UPDATE t SET a = 1", "UPDATE is not supported", 1, 1, "primary key"),
        ("CREATE TEMPORARY MATERIALIZED VIEW v AS SELECT 1", "a materialized view cannot be TEMPORARY", 1, 18, "plain VIEW"),
        ("CREATE MATERIALIZED TABLE t AS SELECT 1", "materialized tables are not supported", 1, 21, "MATERIALIZED VIEW"),
        ("CREATE MATERIALIZED v AS SELECT 1", "expected VIEW behind MATERIALIZED, found `v`", 1, 21, ""),
        ("CREATE MATERIALISED VIEW v AS SELECT 1", "expected TABLE or VIEW, found `MATERIALISED`", 1, 8, "did you mean `MATERIALIZED`?"),
        ("CREATE MATERIALIZED VIEW v", "expected `AS`, found the end of the statement", 1, 27, ""),
        ("DROP MATERIALIZED VIEW 'v'", "expected the name of a materialized view, found `'v'`", 1, 24, "backticks"),
        ("EXPLAIN ANALYZE SET a = b", "expected an INSERT or a query to explain, found `SET`", 1, 17, ""),
        ("EXPLAIN JOB sums", "a job that runs is explained with what it does", 1, 9, "EXPLAIN ANALYZE JOB 'name'"),
        ("EXPLAIN ANALYZE JOB", "expected the name of a job, found the end of the statement", 1, 20, ""),
        ("EXPLAIN ANALYZE JOB sums SELECT 1", "expected", 1, 26, ""),
        ("EXPLAIN STATEMENT SET BEGIN; END", "there is no INSERT to explain in this statement set", 1, 1, ""),
        ("SELECT 1;\nEXPLAIN STATEMENT SET BEGIN INSERT INTO t SELECT 1;", "this statement set is not closed", 2, 1, "END;"),
        ("EXPLAIN STATEMENT SET BEGIN SELECT 1; END", "a statement set holds only INSERT", 1, 29, ""),
        ("EXPLAIN SET a = b", "expected an INSERT or a query to explain, found `SET`", 1, 9, ""),
        ("'a'", "expected a statement, found `'a'`", 1, 1, ""),
        ("CREATE CATALOG c", "CREATE CATALOG is not supported", 1, 8, "there is one catalog"),
        ("CREATE TABEL t (a INT)", "expected TABLE or VIEW, found `TABEL`", 1, 8, "did you mean `TABLE`?"),
        ("CREATE", "expected TABLE or VIEW, found the end of the statement", 1, 7, ""),
        ("INSERT OVERWRITE t SELECT 1", "INSERT OVERWRITE is not supported", 1, 8, "INSERT INTO"),
        ("INSERT INTO t PARTITION (p = 1) SELECT 1", "INSERT ... PARTITION is not supported yet", 1, 15, ""),
        ("INSERT INTO t", "expected a query", 1, 14, ""),
        ("INSERT INTO t (a, a) SELECT 1", "column `a` is given twice", 1, 19, ""),
        ("INSERT INTO c.d.t SELECT 1", "there is no catalog `c`", 1, 13, "`default_catalog` is the only one"),
        ("INSERT INTO a.b.c.d SELECT 1", "a name has at most three parts", 1, 13, "backticks"),
        ("INSERT INTO 't' SELECT 1", "expected the name of a table, found `'t'`", 1, 13, "quote a name with backticks: `t`"),
        // Queries.
        ("SELECT a\nFORM t WHERE x", "expected the end of the statement, found `t`", 2, 6, "did you mean `FROM` instead of `FORM`?"),
        ("SELECT FROM t", "expected an expression, found `FROM`", 1, 8, ""),
        ("SELECT a, FROM t", "expected an expression, found `FROM`", 1, 11, ""),
        ("SELECT (1 + 2", "expected ), found the end of the statement", 1, 14, ""),
        ("SELECT a FROM t EMIT CHANGE", "expected CHANGES or FINAL behind EMIT, found `CHANGE`", 1, 22, ""),
        ("SELECT * FROM t MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)", "MATCH_RECOGNIZE is not supported", 1, 17, "LAG"),
        ("SELECT /*+ OPTIONS('a' = 'b') */ 1", "an OPTIONS hint stands behind the name of a table", 1, 8, "FROM t /*+"),
        ("SELECT /*+ STATE_TTL('t' = '1d') */ 1", "the hint STATE_TTL is not supported", 1, 8, "table.exec.state.ttl"),
        ("SELECT * FROM t /*+ OPTION('a' = 'b') */", "unknown hint `OPTION`", 1, 17, "did you mean `OPTIONS`?"),
        // Tables.
        ("CREATE TABLE t (\n  a INT,\n)", "expected the name of a column, found `)`", 3, 1, ""),
        ("CREATE TABLE t ()", "expected the name of a column, found `)`", 1, 17, ""),
        ("CREATE TABLE t (a STIRNG)", "unknown type `STIRNG`", 1, 19, "did you mean `STRING`?"),
        ("CREATE TABLE t (a INT b INT)", "expected `,`, `)`, NOT NULL", 1, 23, ""),
        ("CREATE TABLE t (a INT, a INT)", "column `a` is declared twice", 1, 24, ""),
        ("CREATE TABLE t (a INT DEFAULT 1)", "DEFAULT is not supported for a column", 1, 23, ""),
        ("CREATE TABLE t (a INT PRIMARY KEY)", "a primary key is not checked", 1, 31, "NOT ENFORCED"),
        ("CREATE TABLE t (a INT, PRIMARY KEY (b) NOT ENFORCED)", "the primary key names column `b`", 1, 37, "known: `a`"),
        ("CREATE TABLE t (a INT, b AS a, PRIMARY KEY (b) NOT ENFORCED)", "column `b` is not a field of the record", 1, 45, ""),
        ("CREATE TABLE t (a INT PRIMARY KEY NOT ENFORCED, PRIMARY KEY (a) NOT ENFORCED)", "a table has only one primary key", 1, 49, ""),
        ("CREATE TABLE t (tss TIMESTAMP(3), WATERMARK FOR ts AS ts)", "the watermark names column `ts`", 1, 49, "did you mean `tss`?"),
        ("CREATE TABLE t (ts STRING, WATERMARK FOR ts AS ts)", "a watermark needs a TIMESTAMP", 1, 42, "computed column"),
        ("CREATE TABLE t (a INT METADATA FROM x)", "expected a metadata key, found `x`", 1, 37, "single quotes: 'x'"),
        ("CREATE TABLE t (a AS )", "expected an expression, found `)`", 1, 22, ""),
        ("CREATE TABLE t", "expected columns, LIKE or AS, found the end", 1, 15, "CREATE TABLE t (column TYPE"),
        ("CREATE TABLE t (a INT) PARTITIONED BY (b)", "PARTITIONED BY names column `b`", 1, 39, "known: `a`"),
        ("CREATE TABLE t LIKE u (OVERWRITING CONSTRAINTS)", "OVERWRITING CONSTRAINTS is not possible", 1, 24, "INCLUDING"),
        ("CREATE TABLE t LIKE u (INCLUDING ALL EXCLUDING ALL)", "ALL is said twice", 1, 38, ""),
        ("CREATE TABLE t LIKE u (INCLUDING EVERYTHING)", "expected ALL, CONSTRAINTS", 1, 34, ""),
        // Options.
        ("CREATE TABLE t (a INT) WITH ()", "expected an option: 'key' = 'value', found `)`", 1, 30, ""),
        ("CREATE TABLE t (a INT) WITH ('a' = 'b',)", "expected an option: 'key' = 'value', found `)`", 1, 40, ""),
        ("CREATE TABLE t (a INT) WITH (topic = 'b')", "expected an option: 'key' = 'value', found `topic`", 1, 30, "'topic'"),
        ("CREATE TABLE t (a INT) WITH ('a' = 5)", "expected the option's value, found `5`", 1, 36, "'5'"),
        ("CREATE TABLE t (a INT) WITH ('a' = 'b' 'c' = 'd')", "expected `,` or `)`, found `'c'`", 1, 40, ""),
        ("CREATE TABLE t (a INT) WITH ('a' = 'b', 'a' = 'c')", "option `a` is given twice", 1, 41, ""),
        ("CREATE TABLE t (a INT) WITH ('a' = 'b'", "expected `,` or `)`, found the end of the statement", 1, 39, ""),
        // Settings.
        ("SET 'a'", "expected `=`, found the end of the statement", 1, 8, ""),
        ("SET a b = c", "`a b` is not a key", 1, 5, ""),
        ("SET a =", "expected a value, found the end of the statement", 1, 8, ""),
        ("SET a = 'b' c", "expected the end of the statement, found `c`", 1, 13, ""),
        // Unterminated parts.
        ("SELECT 1;\nSELECT 'a", "this text has no closing quote", 2, 8, ""),
        ("SELECT `a", "this quoted name has no closing quote", 1, 8, ""),
        ("SELECT 1 /* a", "this comment has no closing `*/`", 1, 10, ""),
        ("SELCT 1; SELECT 'a", "unknown statement `SELCT`", 1, 1, ""),
        ("BEGIN STATEMENT SET; INSERT INTO a SELECT 1", "this statement set is not closed", 1, 1, "END;"),
        ("EXECUTE STATEMENT SET BEGIN SELECT 1; END", "a statement set holds only INSERT", 1, 29, ""),
        ("END", "`END` without a statement set", 1, 1, ""),
    ] {
        let error = error(sql);
        let place = error.place().unwrap_or_else(|| panic!("{sql}: no place: {error}"));
        assert!(error.message().starts_with(message), "{sql}\n{error}");
        assert_eq!((place.line, place.column), (line, column), "{sql}\n{error}");
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{sql}\n{error}");
    }
}

#[test]
fn an_error_points_at_its_place() {
    let error = error("SET a = b;\nCREATE TABLE t (\n  ä STRING, b STIRNG\n);");
    let text = error.to_string();
    assert!(
        text.starts_with(
            "unknown type `STIRNG`\n --> a.sql:3:15\n3 |   ä STRING, b STIRNG\n  |               ^\nhint: did you mean `STRING`?"
        ),
        "{text}"
    );
}

#[test]
fn positions_of_options_and_columns_are_kept() {
    let Statement::CreateTable(table) = one("CREATE TABLE t (\n  a INT,\n  b VARCHAR( 5 )\n)\nWITH ('connector' = 'x',\n 'topic' = 'y')")
    else {
        panic!("not a table")
    };
    assert_eq!(table.options.pos("topic"), Pos { line: 6, column: 2 });
    assert_eq!(table.columns[1].pos, Pos { line: 3, column: 3 });
    assert_eq!(table.columns[1].text, "VARCHAR( 5 )");
}
