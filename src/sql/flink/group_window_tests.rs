//! Tests of group windows: queries before and after.

use crate::sql::tests::{error, one, show};

#[test]
fn group_windows_become_table_functions() {
    for (sql, rewritten) in [
        (
            "SELECT k, TUMBLE_START(ts, INTERVAL '1' MINUTE) AS s, COUNT(*) FROM t GROUP BY k, TUMBLE(ts, INTERVAL '1' MINUTE)",
            "SELECT k, window_start AS s, COUNT(*) FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' MINUTE)) \
             GROUP BY k, window_start, window_end",
        ),
        // In any case, the window in the middle; the WHERE goes inside.
        (
            "select b.x, tumble_end(b.ts, interval '1' day) from `a b` b where b.v > 0 group by b.x, tumble(b.ts, interval '1' day), b.y \
             having tumble_start(ts, interval '1' day) > x",
            "SELECT b.x, window_end FROM TABLE(TUMBLE((SELECT * FROM `a b` b WHERE b.v > 0), DESCRIPTOR(ts), INTERVAL '1' DAY)) \
             GROUP BY b.x, window_start, window_end, b.y HAVING window_start > x",
        ),
        // HOP: slide, then size, in both forms.
        (
            "SELECT HOP_START(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE), HOP_END(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE) FROM t \
             GROUP BY HOP(ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)",
            "SELECT window_start, window_end FROM \
             TABLE(HOP((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE)) GROUP BY window_start, window_end",
        ),
        // A row time is one more key; a processing time is the clock.
        (
            "SELECT TUMBLE_ROWTIME(ts, INTERVAL '1' HOUR) AS rt, TUMBLE_PROCTIME(ts, INTERVAL '1' HOUR) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' HOUR), a",
            "SELECT window_time AS rt, PROCTIME() FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' HOUR)) \
             GROUP BY window_start, window_end, window_time, a",
        ),
        // Nexmark q11: the other keys of a session.
        (
            "SELECT B.bidder, count(*) AS bid_count, SESSION_START(B.dateTime, INTERVAL '10' SECOND) AS starttime, \
             SESSION_END(B.dateTime, INTERVAL '10' SECOND) AS endtime FROM bid B GROUP BY B.bidder, SESSION(B.dateTime, INTERVAL '10' SECOND)",
            "SELECT B.bidder, count(*) AS bid_count, window_start AS starttime, window_end AS endtime FROM TABLE(SESSION((SELECT * FROM bid B \
             DISTRIBUTE BY bidder), DESCRIPTOR(dateTime), INTERVAL '10' SECOND)) GROUP BY B.bidder, window_start, window_end",
        ),
        (
            "SELECT COUNT(*) FROM t WHERE a = 1 GROUP BY SESSION(ts, INTERVAL '10' SECOND)",
            "SELECT COUNT(*) FROM TABLE(SESSION((SELECT * FROM t WHERE a = 1), DESCRIPTOR(ts), INTERVAL '10' SECOND)) \
             GROUP BY window_start, window_end",
        ),
        // Keys of a session that are not columns, and keys by position.
        (
            "SELECT lower(a), b FROM t GROUP BY SESSION(ts, INTERVAL '1' DAY), lower(a), 2",
            "SELECT lower(a), b FROM TABLE(SESSION((SELECT *, lower(a) AS __window_key_0 FROM t DISTRIBUTE BY __window_key_0, b), \
             DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end, lower(a), 2",
        ),
        // A time that is not just a column of the only relation.
        (
            "SELECT COUNT(*) FROM a JOIN b ON a.x = b.x GROUP BY TUMBLE(a.ts, INTERVAL '1' DAY)",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT *, a.ts AS __window_time FROM a JOIN b ON a.x = b.x), DESCRIPTOR(__window_time), \
             INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY TUMBLE(r.ts, INTERVAL '1' DAY)",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT *, r.ts AS __window_time FROM t), DESCRIPTOR(__window_time), \
             INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY TUMBLE(PROCTIME(), INTERVAL '1' DAY)",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT *, PROCTIME() AS __window_time FROM t), DESCRIPTOR(__window_time), \
             INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
        // Everywhere in a query.
        (
            "WITH w AS (SELECT COUNT(*) AS n FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY)) SELECT * FROM w \
             UNION ALL SELECT COUNT(*) FROM u GROUP BY TUMBLE(ts, INTERVAL '2' DAY)",
            "WITH w AS (SELECT COUNT(*) AS n FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' DAY)) \
             GROUP BY window_start, window_end) SELECT * FROM w UNION ALL SELECT COUNT(*) \
             FROM TABLE(TUMBLE((SELECT * FROM u), DESCRIPTOR(ts), INTERVAL '2' DAY)) GROUP BY window_start, window_end",
        ),
        // A window over a window: the inner one is rewritten in its new place.
        (
            "SELECT COUNT(*) FROM (SELECT TUMBLE_ROWTIME(ts, INTERVAL '1' DAY) AS rt FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY)) AS i \
             GROUP BY TUMBLE(i.rt, INTERVAL '7' DAY)",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT * FROM (SELECT window_time AS rt FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), \
             INTERVAL '1' DAY)) GROUP BY window_start, window_end, window_time) AS i), DESCRIPTOR(rt), INTERVAL '7' DAY)) \
             GROUP BY window_start, window_end",
        ),
        (
            "SELECT a FROM t WHERE a IN (SELECT COUNT(*) FROM u GROUP BY TUMBLE(ts, INTERVAL '1' DAY))",
            "SELECT a FROM t WHERE a IN (SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT * FROM u), DESCRIPTOR(ts), INTERVAL '1' DAY)) \
             GROUP BY window_start, window_end)",
        ),
        (
            "SELECT COUNT(*) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY) ORDER BY TUMBLE_END(ts, INTERVAL '1' DAY) DESC",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' DAY)) \
             GROUP BY window_start, window_end ORDER BY window_end DESC",
        ),
        // No group windows.
        ("SELECT tumble FROM session GROUP BY tumble", "SELECT tumble FROM session GROUP BY tumble"),
        (
            "SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end",
            "SELECT COUNT(*) FROM TABLE(TUMBLE((SELECT * FROM t), DESCRIPTOR(ts), INTERVAL '1' DAY)) GROUP BY window_start, window_end",
        ),
    ] {
        assert_eq!(show(&one(sql)), format!("query: {rewritten}"), "{sql}");
        let view = show(&one(&format!("CREATE VIEW v AS {sql}")));
        assert_eq!(view, format!("view v (): {rewritten}"));
    }
}

#[test]
fn errors_point_at_the_window() {
    for (sql, message, column, hint) in [
        ("SELECT TUMBLE_START(ts, INTERVAL '1' DAY) FROM t", "TUMBLE_START needs the same TUMBLE in GROUP BY", 8, "GROUP BY TUMBLE("),
        (
            "SELECT a, hop_end(ts, INTERVAL '1' DAY) FROM t GROUP BY a, TUMBLE(ts, INTERVAL '1' DAY)",
            "HOP_END needs the same HOP in GROUP BY",
            11,
            "slide, then size",
        ),
        (
            "SELECT TUMBLE_START(ts, INTERVAL '2' DAY) FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY)",
            "TUMBLE_START needs the same TUMBLE in GROUP BY",
            8,
            "same arguments",
        ),
        ("SELECT 1 FROM t GROUP BY a, HOP(ts, INTERVAL '1' DAY)", "HOP in GROUP BY has 3 arguments, not 2", 29, "slide, then size"),
        ("SELECT 1 FROM t GROUP BY TUMBLE(lower(a), INTERVAL '1' DAY)", "`lower(a)` is no time column", 26, "TUMBLE(time_column"),
        (
            "SELECT 1 FROM t GROUP BY TUMBLE(ts, INTERVAL '1' DAY), SESSION(ts, INTERVAL '1' DAY)",
            "SESSION has to stand alone in GROUP BY, and only once",
            56,
            "",
        ),
        (
            "SELECT 1 FROM t GROUP BY ROLLUP(a, TUMBLE(ts, INTERVAL '1' DAY))",
            "TUMBLE has to stand alone in GROUP BY, and only once",
            36,
            "GROUP BY TUMBLE(",
        ),
        ("SELECT 1 FROM t GROUP BY TUMBLE(SIZE => 1)", "TUMBLE takes no such arguments", 26, "TUMBLE(time_column"),
    ] {
        let error = error(sql);
        let place = error.place().unwrap_or_else(|| panic!("{sql}: no place: {error}"));
        assert_eq!(error.message(), message, "{sql}");
        assert_eq!((place.line, place.column), (1, column), "{sql}\n{error}");
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{sql}\n{error}");
    }
}
