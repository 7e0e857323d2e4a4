//! Late rows in a late-rows table, and partitions that wait for each other while a job catches up.

use millstream::jobs::Settings;

use crate::embedded::{BOUNDED, Place};

const SOURCE: &str = "CREATE TABLE s (id BIGINT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json'{options});
CREATE TABLE counts (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'counts', 'format' = 'json');
CREATE TABLE late (window_end TIMESTAMP(3), id BIGINT, k STRING) WITH ('connector' = 'kafka', 'topic' = 'late', 'format' = 'json');
";
const COUNT: &str = "INSERT INTO counts SELECT window_end, COUNT(id) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
  GROUP BY window_start, window_end;";

fn script(options: &str, query: &str) -> String {
    format!("{}{query}", SOURCE.replace("{options}", options))
}

fn row(id: i64, second: i64) -> String {
    let at = chrono::DateTime::from_timestamp(1_714_564_800 + second, 0).unwrap().format("%Y-%m-%d %H:%M:%S");
    format!(r#"{{"id":{id},"k":"k{id}","ts":"{at}"}}"#)
}

#[tokio::test(flavor = "multi_thread")]
async fn late_rows_go_to_their_table_with_the_columns_that_the_query_reads() {
    let place = Place::new();
    place.put("s", 1, [(1, 5), (2, 30), (3, 6), (4, 31), (5, 7)].map(|(id, second)| (0, row(id, second))));
    let watched = place.run(&script(", 'late-rows.table' = 'late'", COUNT), BOUNDED, 1).await;
    // The query does not read `k`, so a late row does not have it.
    let expected = [3, 5].map(|id| format!(r#"{{"window_end":"2024-05-01 12:00:10","id":{id},"k":null}}"#)).to_vec();
    assert_eq!(place.read("late").await, expected);
    assert_eq!(place.read("counts").await.len(), 2);
    let status = watched.last();
    assert_eq!((status.late, status.late_by_node.into_iter().collect::<Vec<_>>()), (2, vec![(0, 2)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_late_for_over_by_time_go_to_their_table() {
    let place = Place::new();
    place.put("s", 1, [(1, 5), (2, 30), (3, 6), (4, 31), (5, 29)].map(|(id, second)| (0, row(id, second))));
    let first = "CREATE TABLE firsts (id BIGINT, k STRING) WITH ('connector' = 'kafka', 'topic' = 'firsts', 'format' = 'json');
      INSERT INTO firsts SELECT id, k FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY k ORDER BY ts) AS rn FROM s) WHERE rn = 1;";
    let watched = place.run(&script(", 'late-rows.table' = 'late'", first), BOUNDED, 1).await;
    // W is 29 s before row 4 and 30 s after it: a row at W is in time, one before is not.
    let expected = [3, 5].map(|id| format!(r#"{{"window_end":null,"id":{id},"k":"k{id}"}}"#)).to_vec();
    assert_eq!(place.read("late").await, expected);
    let expected = [1, 2, 4].map(|id| format!(r#"{{"id":{id},"k":"k{id}"}}"#)).to_vec();
    assert_eq!(place.read("firsts").await, expected);
    assert_eq!(watched.last().late, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_cannot_take_late_rows_is_refused_when_the_job_is_planned() {
    let cases = [
        ("nowhere", "", "no table is called `nowhere`"),
        ("counts", "", "has a column `n`, which a late row of `s` has not"),
        ("other", "CREATE TABLE other (id STRING) WITH ('connector' = 'print');", "column `id` is STRING, the query gives BIGINT"),
        ("other", "CREATE TABLE other (k STRING) WITH ('connector' = 'print');", "none of the columns of the late rows"),
        (
            "other",
            "CREATE TABLE other (id BIGINT, k STRING NOT NULL) WITH ('connector' = 'print');",
            "column `k` may not be NULL and is not listed",
        ),
    ];
    for (target, declaration, says) in cases {
        let place = Place::new();
        place.put("s", 1, []);
        let sql = script(&format!(",\n 'late-rows.table' = '{target}'"), &format!("{declaration}\n{COUNT}"));
        let error = place.plan(&sql, BOUNDED, Settings::default()).await.unwrap_err().to_string();
        assert!(error.contains(says) && error.contains("`late-rows.table`") && error.contains("test.sql:3:"), "{target}: {error}");
    }
}

/// A partition that is days ahead is paused until the other one has caught up, or has no more rows.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_ahead_waits_for_the_others() {
    const ROWS: i64 = 400;
    const DAY: i64 = 86_400;
    // Each row has a window of its own.
    let rows = (0..ROWS).flat_map(|i| [(0, row(2 * i, 10 * i)), (1, row(2 * i + 1, 3 * DAY + 10 * i))]).collect::<Vec<_>>();
    // The maximum drift, and whether few windows are open at the same time.
    for (drift, aligned) in [("", true), (", 'scan.watermark.alignment.max-drift' = '0 s'", false)] {
        let place = Place::new();
        place.put("s", 2, rows.clone());
        let watched = place.run(&script(drift, COUNT), BOUNDED, 20).await;
        let most = watched.most(|s| s.state_rows);
        assert_eq!(place.read("counts").await.len(), 2 * ROWS as usize);
        assert_eq!(watched.last().late, 0);
        assert_eq!(most < 50, aligned, "{most} windows open");
    }
}

/// Sources do not matter: the job waits for its slowest partition.
#[tokio::test(flavor = "multi_thread")]
async fn two_sources_of_a_job_wait_for_each_other() {
    const ROWS: i64 = 300;
    let place = Place::new();
    place.put("s", 1, (0..ROWS).map(|i| (0, row(i, 10 * i))));
    place.put("t", 1, (0..ROWS).map(|i| (0, row(i, 3600 + 10 * i))));
    let second = "CREATE TABLE t (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json');
      INSERT INTO counts SELECT window_end, COUNT(*) FROM TABLE(TUMBLE(TABLE (SELECT ts FROM s UNION ALL SELECT ts FROM t),
      DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end;";
    let watched = place.run(&script("", second), BOUNDED, 10).await;
    let most = watched.most(|s| s.state_rows);
    assert_eq!(place.read("counts").await.len(), 2 * ROWS as usize);
    assert!(most < 60, "{most} windows open");
}

/// With allowed lateness a window emits its result when it ends, and not before; then each row within the lateness corrects it.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_with_allowed_lateness_answers_when_it_ends_and_again_for_late_rows() {
    let place = Place::new();
    // W is one second behind: row 4 closes the first window, 5 is within the lateness, 7 is too late.
    let seconds = [(1, 1), (2, 2), (3, 3), (4, 12), (5, 4), (6, 18), (7, 5), (8, 21)];
    place.put("s", 1, seconds.map(|(id, second)| (0, row(id, second))));
    let query = "SET 'table.exec.emit.allow-lateness' = '5 s';
      CREATE TABLE changes (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'changes', 'format' = 'debezium-json');
      INSERT INTO changes SELECT window_end, COUNT(id) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
      GROUP BY window_start, window_end;";
    // One commit per epoch, so that the topic has every change.
    let settings = Settings { checkpoint_interval: std::time::Duration::ZERO, ..Settings::default() };
    let watched = place.run_with(&script(", 'late-rows.table' = 'late'", query), BOUNDED, 1, settings).await;
    let mut changes: Vec<String> = Vec::new();
    for change in place.read("changes").await {
        let change: serde_json::Value = serde_json::from_str(&change).unwrap();
        for (image, sign) in [("before", '-'), ("after", '+')] {
            if let Some(window) = change[image]["window_end"].as_str() {
                changes.push(format!("{sign}{} {}", &window[17..], change[image]["n"]));
            }
        }
    }
    changes.sort();
    assert_eq!(changes, ["+10 3", "+10 4", "+20 2", "+30 1", "-10 3"]);
    assert_eq!(place.read("late").await, [r#"{"window_end":"2024-05-01 12:00:10","id":7,"k":null}"#]);
    assert_eq!(watched.last().late, 1);
}

/// Sixty windows contain each row; it is reported once.
#[tokio::test(flavor = "multi_thread")]
async fn windows_that_overlap_keep_a_row_once() {
    const ROWS: i64 = 200;
    for (call, windows) in [
        ("HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '60' SECOND)", ROWS + 59),
        ("CUMULATE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '60' SECOND)", 240),
    ] {
        let place = Place::new();
        place.put("s", 1, (0..ROWS).map(|i| (0, row(i, i))));
        let count = format!("INSERT INTO counts SELECT window_end, COUNT(id) FROM TABLE({call}) GROUP BY window_start, window_end;");
        let watched = place.run(&script("", &count), BOUNDED, 1).await;
        assert_eq!(place.read("counts").await.len() as i64, windows, "{call}");
        let most = watched.most(|s| s.state_rows);
        assert!(most < 70, "{call}: {most} rows kept");
    }
}

/// Two tables whose queries read different columns, and two views of windows over them.
const SETS: &str = "CREATE TABLE s (id BIGINT, k STRING, v BIGINT, unread STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json', 'late-rows.table' = 'late');
CREATE TABLE t (id BIGINT, k STRING, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 't', 'format' = 'json', 'late-rows.table' = 'late_t');
CREATE TABLE late (id BIGINT, k STRING, v BIGINT, unread STRING, ts TIMESTAMP(3), window_start TIMESTAMP(3), window_end TIMESTAMP(3),
  window_time TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'late', 'format' = 'json', 'json.encode.ignore-null-fields' = 'true');
CREATE TABLE late_t (id BIGINT, ts TIMESTAMP(3), window_time TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'late_t', 'format' = 'json');
CREATE TABLE a (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'a', 'format' = 'json');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'b', 'format' = 'json');
CREATE VIEW w AS SELECT * FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND));
CREATE VIEW hops AS SELECT * FROM TABLE(HOP(TABLE s, DESCRIPTOR(ts), INTERVAL '5' SECOND, INTERVAL '10' SECOND));
";

/// Returns the late-rows record of a row of `s`.
fn told(id: i64, second: i64, columns: &str, window: Option<(i64, i64)>) -> String {
    let at = |millis: i64| {
        let at = chrono::DateTime::from_timestamp_millis(1_714_564_800_000 + millis).unwrap();
        at.format(if millis % 1000 == 0 { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S%.3f" }).to_string()
    };
    let window = window.map_or_else(String::new, |(start, end)| {
        let (start, end, time) = (at(start * 1000), at(end * 1000), at(end * 1000 - 1));
        format!(r#","window_start":"{start}","window_end":"{end}","window_time":"{time}""#)
    });
    let columns = columns.replace("K", &format!(r#""k":"k{id}","#)).replace("V", &format!(r#""v":{},"#, 10 * id));
    format!(r#"{{"id":{id},{columns}"ts":"{}"{window}}}"#, at(second * 1000))
}

/// Rows 3, 5 and 6 are late when rows come one by one: for the first window, 6 also for the second.
async fn late_of_s(queries: &str, epoch_rows: usize) -> (Vec<String>, u64) {
    let place = Place::new();
    let seconds = [(1, 5), (2, 30), (3, 6), (4, 41), (5, 7), (6, 18)];
    let with_value = |(id, second): (i64, i64)| row(id, second).replacen('{', &format!(r#"{{"v":{},"unread":"x","#, 10 * id), 1);
    place.put("s", 1, seconds.map(|at| (0, with_value(at))));
    place.put("t", 1, []);
    let watched = place.run(&format!("{SETS}{queries}"), BOUNDED, epoch_rows).await;
    (place.read("late").await, watched.last().late)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_row_has_every_column_that_the_queries_read_and_comes_once() {
    const WINDOWS: [(i64, i64, (i64, i64)); 3] = [(3, 6, (0, 10)), (5, 7, (0, 10)), (6, 18, (10, 20))];
    let all = |columns: &str| WINDOWS.map(|(id, second, window)| told(id, second, columns, Some(window))).to_vec();
    let cases = [
        // The window's bounds and `ts` are not in the result.
        ("INSERT INTO a SELECT COUNT(id) FROM w GROUP BY window_start, window_end;", all("")),
        // Only a condition reads `k`.
        ("INSERT INTO a SELECT COUNT(id) FROM w WHERE k <> 'x' GROUP BY window_start, window_end;", all("K")),
        ("INSERT INTO a SELECT SUM(w2.v) FROM (SELECT id AS number, v, window_time FROM w) w2 GROUP BY window_time, number;", all("V")),
        // Two queries of one window view read different columns.
        (
            "EXECUTE STATEMENT SET BEGIN
               INSERT INTO a SELECT COUNT(id) FROM w GROUP BY window_start, window_end;
               INSERT INTO b SELECT SUM(v) FROM w WHERE k <> 'x' GROUP BY k, window_start, window_end;
             END;",
            all("KV"),
        ),
        // One of them takes only some rows: no query reads `v` of the others.
        (
            "EXECUTE STATEMENT SET BEGIN
               INSERT INTO a SELECT COUNT(id) FROM w WHERE k <> 'x' GROUP BY window_start, window_end;
               INSERT INTO b SELECT SUM(v) FROM w WHERE id = 5 GROUP BY window_start, window_end;
             END;",
            vec![told(3, 6, "K", Some((0, 10))), told(5, 7, "KV", Some((0, 10))), told(6, 18, "K", Some((10, 20)))],
        ),
        // Other operators: other windows, and none. A row is late for each of the windows that have closed.
        (
            "EXECUTE STATEMENT SET BEGIN
               INSERT INTO a SELECT COUNT(id) FROM hops GROUP BY window_start, window_end;
               INSERT INTO b SELECT rn FROM (SELECT ROW_NUMBER() OVER (PARTITION BY id ORDER BY ts) AS rn FROM s) WHERE rn = 1;
             END;",
            [(3, 6), (5, 7), (6, 18)]
                .into_iter()
                .flat_map(|(id, second)| {
                    let start = second / 5 * 5;
                    let windows = [Some((start - 5, start + 5)), Some((start, start + 10)), None];
                    // Rows with equal times are ordered by all columns.
                    windows.map(|window| told(id, second, if window.is_some() { "" } else { r#"KV"unread":"x","# }, window))
                })
                .collect(),
        ),
        // The session that the row alone would form.
        (
            "INSERT INTO a SELECT COUNT(id) FROM TABLE(SESSION(TABLE s PARTITION BY k, DESCRIPTOR(ts), INTERVAL '2' SECOND))
             GROUP BY k, window_start, window_end;",
            WINDOWS.map(|(id, second, _)| told(id, second, "K", Some((second, second + 2)))).to_vec(),
        ),
        // Both sides of a join drop the same rows.
        (
            "INSERT INTO a SELECT x.id FROM s x JOIN s y ON x.id = y.id AND x.ts BETWEEN y.ts - INTERVAL '1' SECOND AND y.ts;",
            WINDOWS.map(|(id, second, _)| told(id, second, "", None)).to_vec(),
        ),
    ];
    for (queries, mut expected) in cases {
        expected.sort();
        let (rows, counted) = late_of_s(queries, 1).await;
        assert_eq!(rows, expected, "{queries}");
        assert_eq!(counted, expected.len() as u64, "{queries}");
        // In one epoch no row is late.
        assert_eq!(late_of_s(queries, 100).await, (Vec::new(), 0), "{queries}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn late_rows_of_a_union_go_to_the_table_of_their_own() {
    let place = Place::new();
    place.put("s", 1, [(1, 5), (2, 30), (3, 6), (4, 31)].map(|(id, second)| (0, row(id, second))));
    place.put("t", 1, [(11, 5), (12, 30), (13, 7), (14, 31)].map(|(id, second)| (0, row(id, second))));
    let query =
        "INSERT INTO a SELECT COUNT(*) FROM TABLE(TUMBLE(TABLE (SELECT id, ts FROM s UNION ALL SELECT id, ts FROM t WHERE k <> 'x'),
      DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE id > 0 GROUP BY window_start, window_end;";
    let watched = place.run(&format!("{SETS}{query}"), BOUNDED, 1).await;
    assert_eq!(place.read("late").await, [told(3, 6, "", Some((0, 10)))]);
    let expected = r#"{"id":13,"ts":"2024-05-01 12:00:07","window_time":"2024-05-01 12:00:09.999"}"#;
    assert_eq!(place.read("late_t").await, [expected]);
    assert_eq!(watched.last().late, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn late_rows_that_no_query_keeps_are_counted_once() {
    let count = |condition: &str| format!("SELECT COUNT(id) FROM w {condition} GROUP BY window_start, window_end;");
    // Conditions that both rows pass, or one of them, or neither; the first query reads all columns, or the same, or others.
    for (first, second, expected) in [
        ("", "", 2),
        ("", "WHERE k <> 'x'", 2),
        ("WHERE k <> 'y'", "WHERE k <> 'x'", 2),
        ("WHERE id = 3", "WHERE id = 5", 2),
        ("WHERE id < 5", "WHERE id < 4", 1),
        ("WHERE id = 3", "WHERE id = 1", 1),
        ("WHERE id = 1", "WHERE id = 2", 0),
    ] {
        let place = Place::new();
        place.put("s", 1, [(1, 5), (2, 30), (3, 6), (4, 31), (5, 7)].map(|(id, second)| (0, row(id, second))));
        place.put("t", 1, []);
        let sql = SETS.replace(", 'late-rows.table' = 'late'", "");
        let queries = format!("EXECUTE STATEMENT SET BEGIN INSERT INTO a {} INSERT INTO b {} END;", count(first), count(second));
        let watched = place.run(&format!("{sql}{queries}"), BOUNDED, 1).await;
        assert_eq!(watched.last().late, expected, "{first}, {second}");
    }
}
