//! Times that the calendar does not have, from 0001 to 9999, are bad records in every format, read and written; the job goes on.

use millstream::sql::ast::Statement;

use crate::embedded::{BOUNDED, Place};

/// The ids that a topic of JSON rows, or of changes, holds.
fn ids(rows: &[String]) -> Vec<i64> {
    let id = |row: &String| {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        row.get("after").unwrap_or(&row)["id"].as_i64().unwrap()
    };
    let mut ids: Vec<i64> = rows.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

fn table(name: &str, columns: &str, format: &str) -> String {
    format!("CREATE TABLE {name} ({columns}) WITH ('connector' = 'kafka', 'topic' = '{name}', 'format' = '{format}');\n")
}

/// A job that passes the ids of `s` on, and how many bad records it has counted.
async fn passed_on(place: &Place, format: &str) -> (Vec<i64>, u64) {
    let out = if format == "debezium-json" { "debezium-json" } else { "json" };
    let sql = table("s", "id BIGINT, ts TIMESTAMP(3)", format) + &table("o", "id BIGINT", out);
    let watched = place.run(&format!("{sql} INSERT INTO o SELECT id FROM s WHERE ts IS NOT NULL;"), BOUNDED, 1).await;
    (ids(&place.read("o").await), watched.last().bad)
}

const TIMES: [&str; 4] = ["2024-05-01 12:00:00", "10000-01-01 00:00:00", "0000-12-31 23:59:59", "9999-12-31 23:59:59.999"];

#[tokio::test(flavor = "multi_thread")]
async fn records_with_times_out_of_the_calendar_are_bad_in_every_format() {
    for format in ["json", "csv", "debezium-json", "avro"] {
        let place = Place::new();
        let text = |(id, time): (i64, &str)| match format {
            "csv" => format!("{id},{time}"),
            "json" => format!(r#"{{"id":{id},"ts":"{time}"}}"#),
            _ => format!(r#"{{"before":null,"after":{{"id":{id},"ts":"{time}"}},"op":"c"}}"#),
        };
        if format == "avro" {
            place.put("s", 1, []);
            // The same bytes: a time is a number of milliseconds.
            let values = "(1, 1714564800000), (2, 253402300800000), (3, -62135596800001), (4, 253402300799999)";
            let sql = format!("{} INSERT INTO s VALUES {values};", table("s", "id BIGINT, ts BIGINT", format));
            let (workspace, rest) = place.workspace(&sql, &[]);
            let Statement::Insert(insert) = &rest[0].statement else { unreachable!() };
            assert_eq!(workspace.insert_now(insert).await.unwrap(), 4);
        } else {
            place.put("s", 1, (1..).zip(TIMES).map(|row| (0, text(row))));
        }
        assert_eq!(passed_on(&place, format).await, (vec![1, 4], 2), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_times_out_of_the_calendar_are_bad_records_of_every_sink() {
    for format in ["json", "csv", "debezium-json", "avro"] {
        let place = Place::new();
        place.put("r", 1, (1..=4).map(|id| (0, format!(r#"{{"id":{id},"ts":"2024-05-01 12:00:00"}}"#))));
        let sql = table("r", "id BIGINT, ts TIMESTAMP(3)", "json") + &table("s", "id BIGINT, ts TIMESTAMP(3)", format);
        let query = "INSERT INTO s SELECT id, CASE id WHEN 2 THEN ts + INTERVAL '8000' YEAR WHEN 4 THEN ts - INTERVAL '2024' YEAR ELSE ts END FROM r;";
        let watched = place.run(&format!("{sql}{query}"), BOUNDED, 1).await;
        assert_eq!(watched.last().bad, 2, "{format}");
        let again = Place { broker: std::sync::Arc::clone(&place.broker), ..Place::new() };
        assert_eq!(passed_on(&again, format).await, (vec![1, 3], 0), "{format}");
    }
}
