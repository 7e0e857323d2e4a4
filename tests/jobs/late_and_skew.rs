//! Late rows that go to a table, and partitions that wait for each other while a job catches up.

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
    // The query does not read `k`, so a late row has none.
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

/// A partition that is days ahead is not read until the other one has come near, or has nothing more to give.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_is_ahead_waits_for_the_others() {
    const ROWS: i64 = 400;
    const DAY: i64 = 86_400;
    // Each row a window of its own.
    let rows = (0..ROWS).flat_map(|i| [(0, row(2 * i, 10 * i)), (1, row(2 * i + 1, 3 * DAY + 10 * i))]).collect::<Vec<_>>();
    // The drift, and whether few windows are open together.
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

/// One source is as good as another: the slowest partition of the whole job is waited for.
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

/// With allowed lateness a window answers when it ends, and not before; then each row that comes soon enough corrects it.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_with_allowed_lateness_answers_when_it_ends_and_again_for_late_rows() {
    let place = Place::new();
    // W is a second behind: row 4 closes the first window, 5 comes for it, 7 comes too late.
    let seconds = [(1, 1), (2, 2), (3, 3), (4, 12), (5, 4), (6, 18), (7, 5), (8, 21)];
    place.put("s", 1, seconds.map(|(id, second)| (0, row(id, second))));
    let query = "SET 'table.exec.emit.allow-lateness' = '5 s';
      CREATE TABLE changes (window_end TIMESTAMP(3), n BIGINT) WITH ('connector' = 'kafka', 'topic' = 'changes', 'format' = 'debezium-json');
      INSERT INTO changes SELECT window_end, COUNT(id) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
      GROUP BY window_start, window_end;";
    // A commit for each epoch, so that the topic has every change.
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

/// Sixty windows hold each row; it is kept once.
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
