//! Times beyond the calendar, 0001 to 9999, are bad records in every format, read and written; the job continues.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, TimestampMillisecondArray};
use datafusion::arrow::ipc::writer::FileWriter;
use datafusion::parquet::arrow::ArrowWriter;
use millstream::sql::ast::Statement;

use crate::common::process::Job;
use crate::embedded::{BOUNDED, Place};

/// Returns the ids in a topic of JSON rows, or of changes.
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

/// Runs a job that copies the ids of `s`; returns them, and how many bad records it has counted.
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
            let (connection, rest) = place.connection(&sql, &[]);
            let Statement::Insert(insert) = &rest[0].statement else { unreachable!() };
            assert_eq!(connection.insert_now(insert).await.unwrap(), 4);
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

fn write(path: &Path, rows: &RecordBatch) {
    let (file, schema) = (File::create(path).unwrap(), rows.schema());
    match path.extension().and_then(|e| e.to_str()).unwrap() {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
            writer.write(rows).unwrap();
            writer.close().unwrap();
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(file, &schema).unwrap();
            writer.write(rows).unwrap();
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = arrow_avro::writer::AvroWriter::new(file, schema.as_ref().clone()).unwrap();
            writer.write(rows).unwrap();
            writer.finish().unwrap();
        }
    }
}

/// Returns the objects in JSON files.
fn objects(folder: &Path) -> Vec<serde_json::Value> {
    let files = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with(['.', '_'])).map(std::fs::read_to_string);
    texts.flat_map(|text| text.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

/// A time at the end of the 64-bit range makes no endless windows, and no later row late.
#[test]
fn rows_of_files_with_times_out_of_the_calendar_are_bad_records_of_a_job() {
    for kind in ["parquet", "arrow", "avro"] {
        let dir = tempfile::tempdir().unwrap();
        let sql = format!("CREATE TABLE dead (`offset` BIGINT, `value` STRING, error STRING) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/dead');
            CREATE TABLE s (id BIGINT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts)
                WITH ('connector' = 'filesystem', 'format' = '{kind}', 'path' = 'DIR/in', 'dead-letter.table' = 'dead');
            CREATE TABLE o (at TIMESTAMP(3), n BIGINT, ids BIGINT) WITH ('connector' = 'filesystem', 'format' = 'json', 'path' = 'DIR/out');
            INSERT INTO o SELECT window_start, COUNT(*), SUM(id) FROM TABLE(TUMBLE(TABLE s, DESCRIPTOR(ts), INTERVAL '1' SECOND))
                GROUP BY window_start, window_end;");
        let sql = sql.replace("DIR", &dir.path().to_string_lossy());
        let script = dir.path().join("job.sql");
        std::fs::write(&script, sql).unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        let mut expected = BTreeSet::new();
        for (file, times) in (0..).zip([[0, i64::MAX, 1, 2000], [2001, i64::MIN + 1, 253_402_300_800_000, 4000]]) {
            let ids: Vec<i64> = (file * 4..).take(times.len()).collect();
            expected.extend(ids.iter().zip(times).filter(|(_, time)| !(0..10_000).contains(time)).map(|(id, _)| *id));
            let (ids, times) = (Arc::new(Int64Array::from(ids)), Arc::new(TimestampMillisecondArray::from(times.to_vec())));
            let rows = RecordBatch::try_from_iter([("id", ids as _), ("ts", times as _)]).unwrap();
            write(&dir.path().join(format!("in/{file}.{kind}")), &rows);
        }
        let said = Job::new(&script).run().code(0);
        assert!(said.contains("bad record(s) routed to the dead-letter table; one of them: table `s`: "), "{said}");
        let windows: BTreeSet<(i64, i64)> =
            objects(&dir.path().join("out")).iter().map(|row| (row["n"].as_i64().unwrap(), row["ids"].as_i64().unwrap())).collect();
        assert_eq!(windows, BTreeSet::from([(2, 2), (2, 3 + 4), (1, 7)]), "{kind}: {said}");
        let dead = objects(&dir.path().join("dead"));
        assert_eq!(dead.iter().map(|row| row["offset"].as_i64().unwrap()).collect::<BTreeSet<_>>(), expected, "{kind}");
        for row in dead {
            let (at, error) = (row["offset"].as_i64().unwrap(), row["error"].as_str().unwrap());
            assert!(error.contains(&format!("{}.{kind}, row {}: column `ts` holds a time", at / 4, at % 4 + 1)), "{error}");
            assert!(row["value"].as_str().unwrap().contains(&format!("\"id\":\"{at}\"")), "{row}");
        }
    }
}
