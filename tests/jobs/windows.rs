//! TUMBLE, HOP, CUMULATE and SESSION as relations, in queries that end: written cases, random rows compared with the definition of each
//! window, and errors of invalid calls.

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt;
use millstream::common::Error;
use millstream::planner::Mode;
use millstream::sql::ast::{Source, Statement};
use millstream::sql::parse;
use millstream::workspace::Connection;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::embedded::Place;

/// Rows that most cases share: times on 2024-05-01 past 12:00, a key and a number.
const DATA: &str = "(SELECT CAST(ts AS TIMESTAMP(3)) AS ts, k, v FROM (VALUES
    ('2024-05-01 12:00:00', 'a', 1), ('2024-05-01 12:04:59.999', 'b', 2), ('2024-05-01 12:05:00', 'a', 3),
    ('2024-05-01 12:17:30', 'a', 4), (NULL, 'a', 5)) AS t(ts, k, v))";

/// A query, with `$DATA` for the rows, and its answer: columns separated by blanks, minutes of the hour for times.
const CASES: &[(&str, &[&str])] = &[
    (
        "SELECT v, window_start, window_end FROM TABLE(TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE))",
        &["1 00:00 05:00", "2 00:00 05:00", "3 05:00 10:00", "4 15:00 20:00"],
    ),
    // Without TABLE(), with an offset and an alias; window_time is the last millisecond of the window.
    (
        "SELECT w.v, w.window_start, w.window_time FROM TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTES, INTERVAL '1' MINUTES) AS w",
        &["1 56:00 00:59.999", "2 01:00 05:59.999", "3 01:00 05:59.999", "4 16:00 20:59.999"],
    ),
    (
        "SELECT v, window_start, window_end FROM TABLE(HOP($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '10' MINUTE))",
        &[
            "1 55:00 05:00",
            "1 00:00 10:00",
            "2 55:00 05:00",
            "2 00:00 10:00",
            "3 00:00 10:00",
            "3 05:00 15:00",
            "4 10:00 20:00",
            "4 15:00 25:00",
        ],
    ),
    // A slide that does not divide the size.
    (
        "SELECT v, window_start, window_end FROM HOP($DATA, DESCRIPTOR(ts), INTERVAL '4' MINUTE, INTERVAL '6' MINUTE) WHERE v > 1",
        &["2 00:00 06:00", "2 04:00 10:00", "3 00:00 06:00", "3 04:00 10:00", "4 12:00 18:00", "4 16:00 22:00"],
    ),
    // A slide above the size leaves gaps, with rows in none of the windows.
    (
        "SELECT v, window_start, window_end FROM HOP($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' MINUTE)",
        &["1 00:00 01:00", "3 05:00 06:00"],
    ),
    (
        "SELECT v, window_start, window_end FROM CUMULATE($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '15' MINUTE) WHERE v <> 3",
        &[
            "1 00:00 05:00",
            "1 00:00 10:00",
            "1 00:00 15:00",
            "2 00:00 05:00",
            "2 00:00 10:00",
            "2 00:00 15:00",
            "4 15:00 20:00",
            "4 15:00 25:00",
            "4 15:00 30:00",
        ],
    ),
    // Rows exactly the gap apart are one session.
    (
        "SELECT v, window_start, window_end, window_time FROM SESSION($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE)",
        &["1 00:00 10:00 09:59.999", "2 00:00 10:00 09:59.999", "3 00:00 10:00 09:59.999", "4 17:30 22:30 22:29.999"],
    ),
    (
        "SELECT k, window_start, window_end, SUM(v) FROM TABLE(SESSION(DATA => TABLE rows_of PARTITION BY k, TIMECOL => DESCRIPTOR(ts),
           GAP => INTERVAL '5' MINUTE)) GROUP BY k, window_start, window_end",
        &["a 00:00 10:00 4", "a 17:30 22:30 4", "b 04:59.999 09:59.999 2"],
    ),
    (
        "SELECT k, window_start, COUNT(*) FROM TABLE(SESSION(TABLE rows_of PARTITION BY (k, v), DESCRIPTOR(ts), INTERVAL '1' HOUR))
         GROUP BY k, window_start, window_end",
        &["a 00:00 1", "a 05:00 1", "a 17:30 1", "b 04:59.999 1"],
    ),
    (
        "SELECT k, window_start, SUM(v) FROM SESSION(TABLE (SELECT * FROM rows_of WHERE v > 1) PARTITION BY k, DESCRIPTOR(ts), INTERVAL '1' HOUR)
         GROUP BY k, window_start, window_end",
        &["a 05:00 7", "b 04:59.999 2"],
    ),
    // A filter on the rows of the window function must not change the sessions; one on the partition may run before.
    ("SELECT v, window_start, window_end FROM SESSION($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE) WHERE v = 3", &["3 00:00 10:00"]),
    (
        "SELECT v, window_start FROM SESSION(TABLE rows_of PARTITION BY k, DESCRIPTOR(ts), INTERVAL '20' MINUTE) WHERE k = 'a' AND v > 3",
        &["4 00:00"],
    ),
    // Names of arguments in any order and case; a time column with another name and precision, which is not selected.
    (
        "SELECT n, window_start FROM TABLE(HOP(size => INTERVAL '10' MINUTE, SLIDE => INTERVAL '5' MINUTE, `OFFSET` => INTERVAL '2' MINUTE,
           TIMECOL => DESCRIPTOR(AT_), DATA => TABLE (SELECT v AS n, CAST(ts AS TIMESTAMP(6)) AS at_ FROM rows_of))) WHERE n < 3",
        &["1 52:00", "1 57:00", "2 57:00", "2 02:00"],
    ),
    // Windows over windows, and joins and aggregates of windows.
    (
        "SELECT window_start, window_end, SUM(n) FROM TUMBLE((
           SELECT window_time AS at, COUNT(*) AS n FROM TUMBLE(TABLE rows_of, DESCRIPTOR(ts), INTERVAL '5' MINUTE)
           GROUP BY window_start, window_end, window_time), DESCRIPTOR(at), INTERVAL '10' MINUTE) GROUP BY window_start, window_end",
        &["00:00 10:00 3", "10:00 20:00 1"],
    ),
    (
        "WITH a AS (SELECT * FROM rows_of WHERE k = 'a'), b AS (SELECT * FROM rows_of WHERE k = 'b')
         SELECT l.v, r.v, l.window_end FROM HOP(TABLE a, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '10' MINUTE) AS l
         JOIN HOP(TABLE b, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '10' MINUTE) AS r
         ON l.window_start = r.window_start AND l.window_end = r.window_end",
        &["1 2 05:00", "1 2 10:00", "3 2 10:00"],
    ),
    ("SELECT COUNT(*) FROM CUMULATE(TABLE rows_of, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '1' HOUR)", &["214"]),
    (
        "SELECT v FROM rows_of WHERE v IN (SELECT MAX(v) FROM SESSION(TABLE rows_of, DESCRIPTOR(ts), INTERVAL '6' MINUTE)
         GROUP BY window_start, window_end)",
        &["3", "4"],
    ),
];

/// An invalid call, its error, and the hint.
const WRONG: &[(&str, &str, &str)] = &[
    ("TUMBLE($DATA, DESCRIPTOR(v), INTERVAL '5' MINUTE)", "DESCRIPTOR(v) is BIGINT", "TIMESTAMP"),
    ("TUMBLE($DATA, DESCRIPTOR(tss), INTERVAL '5' MINUTE)", "`DESCRIPTOR(tss)` names no column of the table", "did you mean `ts`"),
    ("TUMBLE($DATA, ts, INTERVAL '5' MINUTE)", "`ts` is no DESCRIPTOR of one column", "write TUMBLE("),
    ("TUMBLE(rows_of, DESCRIPTOR(ts), INTERVAL '5' MINUTE)", "`rows_of` is no table", "TABLE name"),
    ("TUMBLE($DATA, DESCRIPTOR(ts))", "TUMBLE lacks its argument SIZE", "write TUMBLE("),
    ("TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '0' MINUTE)", "the SIZE of a window has to be positive", ""),
    ("TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '1' MONTH)", "`INTERVAL '1' MONTH` is not a fixed length of time", "INTERVAL '3' SECOND"),
    ("TUMBLE($DATA, DESCRIPTOR(ts), 5)", "`5` is not a fixed length of time", "INTERVAL '3' SECOND"),
    ("TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '110000' DAY)", "the SIZE of a window is longer than 292 years", ""),
    ("TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '5' MINUTE)", "an OFFSET of 300000 ms", "less than SIZE"),
    ("TUMBLE($DATA, DESCRIPTOR(ts), SIZ => INTERVAL '5' MINUTE)", "TUMBLE has no argument `SIZ`", "did you mean `SIZE`"),
    ("TUMBLE($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, SIZE => INTERVAL '5' MINUTE)", "TUMBLE has the argument SIZE twice", "write"),
    (
        "TUMBLE(TABLE rows_of PARTITION BY k, DESCRIPTOR(ts), INTERVAL '5' MINUTE)",
        "TUMBLE takes each row by itself",
        "leave PARTITION BY out",
    ),
    ("HOP($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE)", "HOP lacks its argument SIZE", "slide, size"),
    ("HOP($DATA, DESCRIPTOR(ts), INTERVAL '-5' MINUTE, INTERVAL '1' HOUR)", "the SLIDE of a window has to be positive", ""),
    (
        "CUMULATE($DATA, DESCRIPTOR(ts), INTERVAL '1' HOUR, INTERVAL '5' MINUTE)",
        "CUMULATE needs a SIZE that is a whole multiple of STEP, but 300000 ms is no multiple of 3600000 ms",
        "STEP comes first",
    ),
    ("SESSION($DATA, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '5' MINUTE)", "SESSION takes at most 3 arguments", "GAP"),
    (
        "SESSION(TABLE rows_of PARTITION BY kk, DESCRIPTOR(ts), INTERVAL '5' MINUTE)",
        "PARTITION BY `kk` names no column",
        "known: `ts`, `k`, `v`",
    ),
    ("SESSION(TABLE rows_of PARTITION BY v + 1, DESCRIPTOR(ts), INTERVAL '5' MINUTE)", "only columns can stand there", ""),
    (
        "TUMBLE((SELECT ts, window_end FROM TUMBLE(TABLE rows_of, DESCRIPTOR(ts), INTERVAL '5' MINUTE)), DESCRIPTOR(ts), INTERVAL '1' HOUR)",
        "a window function adds `window_end`, but its table has a column of this name",
        "SELECT window_end AS inner_window_end",
    ),
];

/// Returns a connection with the view `rows_of` and a topic.
fn connection(records: Vec<String>) -> Connection {
    let place = Place::new();
    place.put("events", 3, (0..).zip(records).map(|(i, record)| (i % 3, record)));
    let (connection, _) = place.connection(
        &format!(
            "CREATE VIEW rows_of AS SELECT * FROM {DATA};
             CREATE TABLE events (id BIGINT, ms BIGINT, k STRING, ts AS TO_TIMESTAMP_MILLIS(ms), pt AS PROCTIME())
             WITH ('connector' = 'kafka', 'topic' = 'events', 'properties.bootstrap.servers' = 'x', 'format' = 'json');"
        ),
        &[],
    );
    connection
}

async fn answer(connection: &Connection, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let sql = sql.replace("$DATA", DATA);
    let parsed = parse(&Source::new("<sql>", sql.as_str()))?;
    let Statement::Query(query) = &parsed[0].statement else { panic!("{sql}") };
    let (_, rows) = connection.session(Mode::Batch)?.run(query).await?;
    Ok(rows.try_collect().await?)
}

/// Returns values as text; of times only the minutes and smaller units.
fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let mut lines = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let value = |column: &ArrayRef| {
                let text = array_value_to_string(column, row).unwrap();
                text.strip_prefix("2024-05-01T12:").or_else(|| text.strip_prefix("2024-05-01T11:")).unwrap_or(&text).to_string()
            };
            lines.push(batch.columns().iter().map(value).collect::<Vec<_>>().join(" "));
        }
    }
    lines.sort();
    lines
}

#[tokio::test]
async fn written_cases() {
    let connection = connection(Vec::new());
    for (sql, expected) in CASES {
        let got = answer(&connection, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(lines(&got), expected, "{sql}");
    }
}

#[tokio::test]
async fn calls_that_mean_nothing() {
    let connection = connection(Vec::new());
    for (call, message, hint) in WRONG {
        let error = answer(&connection, &format!("SELECT * FROM TABLE({call})")).await.unwrap_err().to_string();
        assert!(error.contains(message) && error.contains(hint), "{call}: {error}");
    }
}

/// Returns the windows of rows `(time, key)`, as rows `(id, start, end)`, by the definition of each function.
fn by_definition(function: &str, [a, b, offset]: [i64; 3], rows: &[(Option<i64>, i64)]) -> Vec<[i64; 3]> {
    let mut expected = Vec::new();
    for (id, (time, key)) in rows.iter().enumerate() {
        let (Some(time), id) = (*time, id as i64) else { continue };
        match function {
            "SESSION" => {
                // Extends the session from row to row while the next one is within the gap.
                let (mut first, mut last) = (time, time);
                let near = |t: i64| rows.iter().filter(|(_, k)| k == key).filter_map(|r| r.0).filter(move |o| (o - t).abs() <= a);
                while let Some(earlier) = near(first).filter(|o| *o < first).min() {
                    first = earlier;
                }
                while let Some(later) = near(last).filter(|o| *o > last).max() {
                    last = later;
                }
                expected.push([id, first, last + a]);
            }
            "CUMULATE" => {
                let start = time - (time - offset).rem_euclid(b);
                expected.extend((1..=b / a).map(|n| start + n * a).filter(|end| *end > time).map(|end| [id, start, end]));
            }
            _ => {
                let (slide, size) = if function == "HOP" { (a, b) } else { (a, a) };
                let around = (time - offset).div_euclid(slide);
                let starts = (around - size / slide - 2..around + 2).map(|n| n * slide + offset);
                expected.extend(starts.filter(|start| (*start..start + size).contains(&time)).map(|start| [id, start, start + size]));
            }
        }
    }
    expected.sort_unstable();
    expected
}

#[tokio::test]
async fn random_rows_against_the_definition() {
    for seed in 0..4 {
        let mut random = StdRng::seed_from_u64(seed);
        // Around 1970, so that some times are negative; far enough apart for several sessions.
        let rows: Vec<(Option<i64>, i64)> = (0..300)
            .map(|_| (random.random_bool(0.95).then(|| random.random_range(-20_000..20_000) * 10), random.random_range(0..4)))
            .collect();
        let record = |(id, (time, key)): (usize, &(Option<i64>, i64))| serde_json::json!({"id": id, "ms": time, "k": key.to_string()});
        let connection = connection(rows.iter().enumerate().map(|row| record(row).to_string()).collect());
        let interval = |ms: i64| format!("INTERVAL '{}.{:03}' SECOND", ms / 1000, ms % 1000);
        let keyless: Vec<_> = rows.iter().map(|(time, _)| (*time, 0)).collect();
        for (function, numbers) in [
            ("TUMBLE", [3_000, 0, 0]),
            ("TUMBLE", [7_010, 0, 2_500]),
            ("HOP", [1_000, 5_000, 0]),
            ("HOP", [4_000, 6_000, 700]),
            ("HOP", [6_000, 1_500, 0]),
            ("HOP", [20, 30_000, 0]),
            ("CUMULATE", [1_000, 4_000, 0]),
            ("CUMULATE", [500, 30_000, 123]),
            ("SESSION", [1_500, 0, 0]),
            ("SESSION", [5_000, 0, 0]),
            ("KEYED", [10_000, 0, 0]),
            ("KEYED", [30, 0, 0]),
        ] {
            let [a, b, offset] = numbers;
            let (name, by) = if function == "KEYED" { ("SESSION", "PARTITION BY k") } else { (function, "") };
            let mut lengths = interval(a);
            if b > 0 {
                lengths += &format!(", {}", interval(b));
            }
            if offset > 0 {
                lengths += &format!(", {}", interval(offset));
            }
            let sql = format!(
                "SELECT id, CAST(window_start AS TIMESTAMP(3)), CAST(window_end AS TIMESTAMP(3)), CAST(window_time AS TIMESTAMP(3))
                 FROM TABLE({name}(TABLE events {by}, DESCRIPTOR(ts), {lengths}))"
            );
            let batches = answer(&connection, &sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
            let mut got = Vec::new();
            for batch in &batches {
                assert!(batch.num_rows() <= 8192, "{sql}: a batch of {} rows", batch.num_rows());
                let numbers = |i: usize| cast(batch.column(i), &DataType::Int64).unwrap().as_primitive::<Int64Type>().values().to_vec();
                let (ids, starts, ends, times) = (numbers(0), numbers(1), numbers(2), numbers(3));
                assert!(ends.iter().zip(times).all(|(end, time)| end - 1 == time), "{sql}");
                got.extend((0..batch.num_rows()).map(|i| [ids[i], starts[i], ends[i]]));
            }
            got.sort_unstable();
            let expected = by_definition(name, numbers, if by.is_empty() { &keyless } else { &rows });
            assert!(expected.len() > 200 || function == "HOP" && a > b, "{sql}: {}", expected.len());
            let wrong = got.iter().zip(&expected).find(|(got, expected)| got != expected);
            assert!(got == expected, "{sql}, seed {seed}: {} rows instead of {}, {wrong:?}", got.len(), expected.len());
        }
    }
}

#[tokio::test]
async fn the_clock_as_a_time_column() {
    let connection = connection((0..5).map(|id| serde_json::json!({"id": id}).to_string()).collect());
    let before = chrono::Utc::now().timestamp_millis();
    let sql =
        "SELECT window_start, window_end, COUNT(*), MIN(pt), MAX(pt) FROM TABLE(TUMBLE(TABLE events, DESCRIPTOR(pt), INTERVAL '1' DAY))
               GROUP BY window_start, window_end";
    let batches = answer(&connection, sql).await.unwrap();
    let after = chrono::Utc::now().timestamp_millis();
    let row = batches.iter().find(|b| b.num_rows() == 1).unwrap();
    assert_eq!(row.column(3).data_type(), &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    let number = |i: usize| cast(row.column(i), &DataType::Int64).unwrap().as_primitive::<Int64Type>().value(0);
    assert_eq!((number(2), number(3)), (5, number(4)));
    assert!((before..=after).contains(&number(3)) && (number(0)..number(1)).contains(&number(3)));
    let same = answer(&connection, "SELECT PROCTIME() = DATE_TRUNC('millisecond', now())").await.unwrap();
    assert_eq!(lines(&same), ["true"]);
}
