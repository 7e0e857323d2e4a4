//! CURRENT_WATERMARK: the watermark at the start of a row's epoch. It depends on how rows arrive, so they come one by one here.

use millstream::jobs::Settings;

use crate::embedded::{BOUNDED, Place};

const SOURCE: &str = "CREATE TABLE s (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
  WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE TABLE plain (id BIGINT, ts TIMESTAMP(3), pt AS PROCTIME()) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
CREATE VIEW renamed AS SELECT id AS n, ts AS happened FROM s;
";

/// W is one second behind; rows 3 and 5 are late.
const ROWS: [(i64, i64); 5] = [(1, 5), (2, 30), (3, 6), (4, 31), (5, 7)];

fn time(second: i64) -> String {
    chrono::DateTime::from_timestamp(1_714_564_800 + second, 0).unwrap().format("%Y-%m-%d %H:%M:%S").to_string()
}

fn row(id: i64, second: i64) -> String {
    format!(r#"{{"id":{id},"ts":"{}"}}"#, time(second))
}

fn place() -> Place {
    let place = Place::new();
    place.put("s", 1, ROWS.map(|(id, second)| (0, row(id, second))));
    place
}

/// The results of a query over rows that come one by one: columns, the query, and its rows.
const CASES: &[(&str, &str, &[&str])] = &[
    (
        "id BIGINT, w TIMESTAMP(3)",
        "SELECT id, CURRENT_WATERMARK(ts) FROM s",
        &[
            r#"{"id":1,"w":null}"#,
            r#"{"id":2,"w":"2024-05-01 12:00:04"}"#,
            r#"{"id":3,"w":"2024-05-01 12:00:29"}"#,
            r#"{"id":4,"w":"2024-05-01 12:00:29"}"#,
            r#"{"id":5,"w":"2024-05-01 12:00:30"}"#,
        ],
    ),
    (
        "id BIGINT",
        "SELECT id FROM s WHERE CURRENT_WATERMARK(ts) IS NULL OR ts > CURRENT_WATERMARK(ts)",
        &[r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":4}"#],
    ),
    ("id BIGINT", "SELECT n FROM renamed WHERE happened < CURRENT_WATERMARK(happened)", &[r#"{"id":3}"#, r#"{"id":5}"#]),
    (
        "id BIGINT, late BOOLEAN, seen BOOLEAN",
        "SELECT id, ts < w, n IS NOT NULL FROM (SELECT id, ts, CURRENT_WATERMARK(ts) AS w, CAST(NOW() AS STRING) AS n FROM s) WHERE w IS NOT NULL AND id <> 4",
        &[r#"{"id":2,"late":false,"seen":true}"#, r#"{"id":3,"late":true,"seen":true}"#, r#"{"id":5,"late":true,"seen":true}"#],
    ),
    (
        "id BIGINT, w TIMESTAMP(3)",
        "SELECT id, CURRENT_WATERMARK(ts) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND)) WHERE ts < CURRENT_WATERMARK(ts) OR id = 2",
        &[r#"{"id":2,"w":"2024-05-01 12:00:04"}"#, r#"{"id":3,"w":"2024-05-01 12:00:29"}"#, r#"{"id":5,"w":"2024-05-01 12:00:30"}"#],
    ),
    // Above a window, W is the same, and the window's rows come when W has passed them.
    (
        "id BIGINT, w TIMESTAMP(3)",
        "SELECT n, CURRENT_WATERMARK(window_time) FROM (SELECT window_time, COUNT(*) AS n FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '10' SECOND))
         GROUP BY window_start, window_end, window_time) WHERE window_time < TIMESTAMP '2024-05-01 12:00:30'",
        &[r#"{"id":1,"w":"2024-05-01 12:00:04"}"#],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn rows_know_the_watermark_before_them() {
    for (columns, query, expected) in CASES {
        let place = place();
        let sink = format!("CREATE TABLE o ({columns}) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');");
        place.run(&format!("{SOURCE}{sink} INSERT INTO o {query};"), BOUNDED, 1).await;
        assert_eq!(place.read("o").await, *expected, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_has_the_zone_of_its_column() {
    let place = place();
    let sql = "CREATE TABLE s (id BIGINT, ts TIMESTAMP(3), at AS CAST(ts AS TIMESTAMP_LTZ(3)), WATERMARK FOR at AS at)
      WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'json');
      CREATE TABLE o (id BIGINT, w TIMESTAMP_LTZ(3)) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'json');
      INSERT INTO o SELECT id, CURRENT_WATERMARK(at) FROM s WHERE id = 3;";
    place.run(sql, BOUNDED, 1).await;
    assert_eq!(place.read("o").await, [r#"{"id":3,"w":"2024-05-01 12:00:30Z"}"#]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_go_take_theirs_back() {
    let place = Place::new();
    let image = |id: i64, second: i64| format!(r#"{{"id":{id},"ts":"{}"}}"#, time(second));
    let change = |before: Option<String>, after: Option<String>, op: &str| {
        let null = || "null".to_string();
        (0, format!(r#"{{"before":{},"after":{},"op":"{op}"}}"#, before.unwrap_or_else(null), after.unwrap_or_else(null)))
    };
    place.put(
        "s",
        1,
        [
            change(None, Some(image(1, 5)), "c"),
            change(None, Some(image(2, 30)), "c"),
            change(Some(image(2, 30)), Some(image(2, 40)), "u"),
            change(Some(image(1, 5)), None, "d"),
        ],
    );
    let sql = "CREATE TABLE s (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'kafka', 'topic' = 's', 'format' = 'debezium-json');
      CREATE TABLE o (id BIGINT, w TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'debezium-json');
      INSERT INTO o SELECT id, CURRENT_WATERMARK(ts) FROM s;
      CREATE TABLE p (id BIGINT, ts TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'p', 'format' = 'debezium-json');
      INSERT INTO p SELECT id, ts FROM s WHERE CURRENT_WATERMARK(ts) IS NULL OR ts > CURRENT_WATERMARK(ts);";
    let settings = Settings { checkpoint_interval: std::time::Duration::ZERO, ..Settings::default() };
    place.run_with(sql, BOUNDED, 1, settings).await;
    let lines = |rows: Vec<String>| -> Vec<String> {
        let each = |row: String| {
            let row: serde_json::Value = serde_json::from_str(&row).unwrap();
            let (sign, image) = if row["after"].is_null() { ("-", &row["before"]) } else { ("+", &row["after"]) };
            format!("{sign}{image}")
        };
        let mut lines: Vec<String> = rows.into_iter().map(each).collect();
        lines.sort();
        lines
    };
    let expected = [
        r#"+{"id":1,"w":null}"#,
        r#"+{"id":2,"w":"2024-05-01 12:00:05"}"#,
        r#"+{"id":2,"w":"2024-05-01 12:00:30"}"#,
        r#"-{"id":1,"w":null}"#,
        r#"-{"id":2,"w":"2024-05-01 12:00:05"}"#,
    ];
    assert_eq!(lines(place.read("o").await), expected);
    let expected = [
        r#"+{"id":1,"ts":"2024-05-01 12:00:05"}"#,
        r#"+{"id":2,"ts":"2024-05-01 12:00:30"}"#,
        r#"+{"id":2,"ts":"2024-05-01 12:00:40"}"#,
        r#"-{"id":1,"ts":"2024-05-01 12:00:05"}"#,
        r#"-{"id":2,"ts":"2024-05-01 12:00:30"}"#,
    ];
    assert_eq!(lines(place.read("p").await), expected);
}

/// Queries that do not plan, and why.
const WRONG: &[(&str, &str)] = &[
    ("SELECT id, CURRENT_WATERMARK(id) FROM s", "takes the time attribute of a table, not BIGINT"),
    ("SELECT id, CURRENT_WATERMARK() FROM s", "CURRENT_WATERMARK"),
    ("SELECT id, CURRENT_WATERMARK(ts) FROM plain", "it is no time attribute"),
    ("SELECT id, CURRENT_WATERMARK(pt) FROM plain", "it is no time attribute"),
    ("SELECT id, CURRENT_WATERMARK(ts + INTERVAL '1' SECOND) FROM s", "it is no time attribute"),
    ("SELECT id, MAX(CURRENT_WATERMARK(ts)) FROM s GROUP BY id", "cannot stand in Aggregate"),
    (
        "SELECT a.id, CAST(NULL AS TIMESTAMP(3)) FROM s a LEFT JOIN s b ON a.id = b.id AND a.ts > CURRENT_WATERMARK(a.ts)",
        "cannot stand in Left Join",
    ),
    ("SELECT id, ts FROM s ORDER BY CURRENT_WATERMARK(ts) LIMIT 1", "cannot stand in"),
    ("SELECT id, CURRENT_WATERMARK(m) FROM (SELECT id, MAX(ts) AS m FROM s GROUP BY id)", "it is no time attribute"),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_watermark_says_so() {
    for (query, why) in WRONG {
        let sink = "CREATE TABLE o (id BIGINT, w TIMESTAMP(3)) WITH ('connector' = 'kafka', 'topic' = 'o', 'format' = 'debezium-json');";
        let sql = format!("{SOURCE}{sink} INSERT INTO o {query};");
        let error = place().plan(&sql, BOUNDED, Settings::default()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{query}: {error}");
    }
}
