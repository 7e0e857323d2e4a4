//! Tests of rewritten forms of expressions: before and after.

use super::tests::{error, one, show};

#[test]
fn forms_become_calls() {
    for (sql, rewritten) in [
        ("EXTRACT(HOUR FROM ts) + extract(doy from x)", "extract('HOUR', ts) + extract('DOY', x)"),
        ("TIMESTAMPDIFF(day, a, b)", "TIMESTAMPDIFF('DAY', a, b)"),
        ("TIMESTAMPADD(SQL_TSI_MONTH, -1, ts)", "TIMESTAMPADD('MONTH', -1, ts)"),
        ("FLOOR(ts TO HOUR), CEIL(ts TO YEAR), FLOOR(x), CEIL(x)", "floor_time('HOUR', ts), ceil_time('YEAR', ts), FLOOR(x), CEIL(x)"),
        ("IF(a > 1, b, IF(c, d, e))", "CASE WHEN a > 1 THEN b ELSE CASE WHEN c THEN d ELSE e END END"),
        ("MOD(a + 1, b) * 2", "((a + 1) % b) * 2"),
        ("LISTAGG(x), LISTAGG(DISTINCT x, ';')", "LISTAGG(x, ','), LISTAGG(DISTINCT x, ';')"),
        ("UNIX_TIMESTAMP()", "UNIX_TIMESTAMP(CURRENT_TIMESTAMP)"),
        ("JSON_VALUE(j, '$.a' RETURNING INT)", "TRY_CAST(JSON_VALUE(j, '$.a') AS INT)"),
        ("JSON_EXISTS(j, '$.a' TRUE ON ERROR)", "JSON_EXISTS(j, '$.a', 'TRUE')"),
        ("JSON_OBJECT(KEY 'a' VALUE x, 'b' VALUE JSON_ARRAY(y))", "JSON_OBJECT('nvj', 'a', x, 'b', JSON_ARRAY('av', y))"),
        ("a BETWEEN SYMMETRIC b AND c", "(a BETWEEN b AND c OR a BETWEEN c AND b)"),
        ("a IS NOT JSON OBJECT AND b", "NOT is_json(a, 'OBJECT') AND b"),
        ("a LIKE 'x!%\\' ESCAPE '!'", "a LIKE 'x\\%\\\\'"),
        ("a NOT SIMILAR TO b", "NOT SIMILAR_TO(a, b)"),
        ("COUNT(DISTINCT a, b + 1)", "COUNT(DISTINCT CASE WHEN a IS NOT NULL AND (b + 1) IS NOT NULL THEN (a, b + 1) END)"),
        ("COUNT(a, b)", "COUNT(a, b)"),
        ("COLLECT(x) FILTER (WHERE y)", "ARRAY_AGG(x) FILTER (WHERE y AND x IS NOT NULL)"),
        ("CAST(a AS VARCHAR(3)), CAST(b AS CHAR(2))", "LEFT(CAST(a AS STRING), 3), RPAD(CAST(b AS STRING), 2, ' ')"),
        ("SUBSTRING(a FROM 2 FOR 3)", "SUBSTRING(a, 2, 3)"),
        ("INTERVAL '1 02:03' DAY TO MINUTE", "INTERVAL '1 DAYS 02 HOURS 03 MINUTES'"),
        ("`if`(a, b, c)", "`if`(a, b, c)"),
    ] {
        assert_eq!(show(&one(&format!("SELECT {sql} FROM t"))), format!("query: SELECT {rewritten} FROM t"), "{sql}");
    }
    let table = "CREATE TABLE t (a INT, ts TIMESTAMP(3), h AS EXTRACT(HOUR FROM ts), WATERMARK FOR ts AS TIMESTAMPADD(SECOND, -5, ts))";
    let shown = show(&one(table));
    assert!(shown.contains("h as extract('HOUR', ts)") && shown.contains("watermark(ts as TIMESTAMPADD('SECOND', -5, ts))"), "{shown}");
}

#[test]
fn columns_of_one_name_get_numbers() {
    for (sql, rewritten) in [
        ("SELECT a, a, t.a AS b, t.a FROM t", "SELECT a, a AS a0, t.a AS b, t.a AS a1 FROM t"),
        ("SELECT a, a0, a FROM t", "SELECT a, a0, a AS a1 FROM t"),
        ("SELECT a AS b, b FROM t", "SELECT a AS b, b AS b0 FROM t"),
        ("SELECT COUNT(*), COUNT(*) FROM t", "SELECT COUNT(*), COUNT(*) AS EXPR$1 FROM t"),
        ("SELECT CAST(a AS INT), a FROM t", "SELECT CAST(a AS INT) AS EXPR$0, a FROM t"),
        ("SELECT t.a, CAST(a AS INT), CAST(b AS INT) FROM t", "SELECT t.a, CAST(a AS INT) AS EXPR$1, CAST(b AS INT) FROM t"),
        ("SELECT SUM(a), SUM(CAST(b AS INT)) FROM t", "SELECT SUM(a), SUM(CAST(b AS INT)) FROM t"),
        ("SELECT SUM(a), SUM(CAST(a AS INT)) FROM t", "SELECT SUM(a), SUM(COALESCE(CAST(a AS INT))) FROM t"),
        (
            "SELECT MIN(CAST(a AS INT)), MAX(a) FROM t HAVING MIN(CAST(a AS DATE)) > 1",
            "SELECT MIN(COALESCE(CAST(a AS INT))), MAX(a) FROM t HAVING MIN(COALESCE(COALESCE(CAST(a AS DATE)))) > 1",
        ),
        (
            "SELECT a, CAST(a AS DATE) AS d FROM t GROUP BY a, CAST(a AS DATE)",
            "SELECT a, COALESCE(CAST(a AS DATE)) AS d FROM t GROUP BY a, COALESCE(CAST(a AS DATE))",
        ),
        ("SELECT l.id, r.id FROM l JOIN r ON l.k = r.k", "SELECT l.id, r.id AS id0 FROM l JOIN r ON l.k = r.k"),
        (
            "SELECT * FROM (SELECT a, a FROM t) UNION ALL SELECT b, b FROM u",
            "SELECT * FROM (SELECT a, a AS a0 FROM t) UNION ALL SELECT b, b AS b0 FROM u",
        ),
        ("WITH w AS (SELECT a, a FROM t) SELECT a0 FROM w", "WITH w AS (SELECT a, a AS a0 FROM t) SELECT a0 FROM w"),
        (
            "SELECT TUMBLE_START(ts, INTERVAL '1' DAY), TUMBLE_START(ts, INTERVAL '1' DAY) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY)",
            "SELECT window_start, window_start AS window_start0 FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' DAY)) \
             GROUP BY window_start, window_end",
        ),
        ("SELECT *, a, A FROM t", "SELECT *, a, A FROM t"),
    ] {
        assert_eq!(show(&one(sql)), format!("query: {rewritten}"), "{sql}");
    }
}

#[test]
fn an_unknown_unit_is_pointed_at() {
    let error = error("SELECT a,\n TIMESTAMPDIFF(MINUET, a, b) FROM t");
    let place = error.place().unwrap();
    assert_eq!((error.message(), place.line, place.column), ("`MINUET` is no unit of TIMESTAMPDIFF", 2, 16));
    assert!(error.hint_text().unwrap().contains("did you mean `MINUTE`?"), "{error}");
}
