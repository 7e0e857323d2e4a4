//! Parquet files with times in 96 bits: nanoseconds of a Julian day.

use std::fs::File;
use std::sync::Arc;

use datafusion::parquet::data_type::{ByteArray, ByteArrayType, Int64Type, Int96, Int96Type};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::writer::SerializedFileWriter;
use datafusion::parquet::schema::parser::parse_message_type;

use crate::cli::Home;
use crate::place::Place;

/// Creates a time from a day and nanoseconds of the day.
fn int96((day, nanos): (u32, u64)) -> Int96 {
    let mut value = Int96::new();
    value.set_data(nanos as u32, (nanos >> 32) as u32, day);
    value
}

/// Writes ids from 1 on with a time in a column, in a row, in an array and in a map.
fn write(place: &Place, name: &str, ids: std::ops::RangeInclusive<i64>, times: &[(u32, u64)]) {
    let schema = "message m { required int64 id; optional int96 t; optional group s { optional int96 t; optional int64 n; }
        optional group l (LIST) { repeated group list { optional int96 element; } }
        optional group m (MAP) { repeated group key_value { required binary key (STRING); optional int96 value; } } }";
    let path = place.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(File::create(path).unwrap(), schema, Arc::new(WriterProperties::default())).unwrap();
    let (ids, times): (Vec<i64>, Vec<Int96>) = (ids.collect(), times.iter().copied().map(int96).collect());
    let rows = ids.len();
    let mut group = writer.next_row_group().unwrap();
    for (column, level) in [0, 1, 2, 2, 3, 2, 3].into_iter().enumerate() {
        let mut writer = group.next_column().unwrap().unwrap();
        let (levels, repeated) = (vec![level; rows], vec![0; rows]);
        let repeated = (column > 3).then_some(&repeated[..]);
        match column {
            0 => writer.typed::<Int64Type>().write_batch(&ids, None, None),
            3 => writer.typed::<Int64Type>().write_batch(&ids, Some(&levels), None),
            5 => writer.typed::<ByteArrayType>().write_batch(&vec![ByteArray::from("k"); rows], Some(&levels), repeated),
            _ => writer.typed::<Int96Type>().write_batch(&times, Some(&levels), repeated),
        }
        .unwrap();
        writer.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

/// 1970-01-01, 2024-05-01 12:00, 9999-12-31 23:59:59.999999, 0001-01-01.
const TIMES: [(u32, u64); 4] = [(2_440_588, 0), (2_460_432, 43_200_000_000_000), (5_373_484, 86_399_999_999_000), (1_721_426, 0)];
/// 10000-01-01, 0000-12-31, the first and the last day possible, and two that wrap around to near 1970 in 64-bit microseconds.
const BEYOND: [(u32, u64); 6] = [
    (5_373_485, 0),
    (1_721_425, 0),
    (i32::MAX as u32, 0),
    (i32::MIN as u32, 0),
    (215_944_571, 0),
    ((2_440_588_i32 - 213_503_982) as u32, 0),
];

const SHOWN: [&str; 4] = ["1970-01-01T00:00:00", "2024-05-01T12:00:00", "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"];
const COLUMNS: &str = "id BIGINT, t TIMESTAMP(6), s ROW<t TIMESTAMP(6), n BIGINT>, l ARRAY<TIMESTAMP(6)>, m MAP<STRING, TIMESTAMP(6)>";
const PLACES: [&str; 4] = ["t", "s.t", "l[1]", "m['k']"];

/// Checks the answer of a query over a table with declared columns, and over one with inferred columns.
async fn ask(place: &Place, name: &str, query: &str, expected: &[String]) {
    let table = format!("CREATE TABLE f ({COLUMNS}) WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}')");
    let without_s = format!("CREATE TABLE f WITH ('connector' = 'filesystem', 'path' = 'DIR/{name}')");
    for table in [table, without_s] {
        assert_eq!(place.rows(&format!("{table}; {query}")).await, expected, "{table}; {query}");
    }
}

#[tokio::test]
async fn they_reach_the_end_of_the_calendar() {
    let place = Place::new();
    write(&place, "t.parquet", 1..=4, &TIMES);
    let shown: Vec<String> = (1..).zip(SHOWN).map(|(id, time)| format!("{id}|{time}")).collect();
    for column in PLACES {
        ask(&place, "t.parquet", &format!("SELECT id, {column} FROM f"), &shown).await;
        ask(&place, "t.parquet", &format!("SELECT MIN({column}), MAX({column}) FROM f"), &[format!("{}|{}", SHOWN[3], SHOWN[2])]).await;
        for (filter, ids) in [
            ("> TIMESTAMP '9000-01-01 00:00:00'", "3"),
            ("< TIMESTAMP '1900-01-01 00:00:00'", "4"),
            ("= TIMESTAMP '2024-05-01 12:00:00'", "2"),
        ] {
            ask(&place, "t.parquet", &format!("SELECT id FROM f WHERE {column} {filter}"), &[ids.to_string()]).await;
        }
    }
    let fewer =
        |data_type: &str| format!("CREATE TABLE f (id BIGINT, t {data_type}) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.parquet');");
    let millis =
        format!("{} SELECT t FROM f WHERE id = 3; SELECT id FROM f WHERE t < TIMESTAMP '1970-01-01 00:00:00'", fewer("TIMESTAMP(3)"));
    assert_eq!(place.rows(&millis).await, ["9999-12-31T23:59:59.999", "4"]);
    assert_eq!(
        place.rows(&format!("{} SELECT t FROM f ORDER BY id", fewer("DATE"))).await,
        ["0001-01-01", "1970-01-01", "2024-05-01", "9999-12-31"]
    );
}

#[tokio::test]
async fn beyond_it_they_are_bad_records() {
    let place = Place::new();
    write(&place, "t.parquet", 1..=10, &[TIMES.as_slice(), BEYOND.as_slice()].concat());
    let shown: Vec<String> = (1..).zip(SHOWN).map(|(id, time)| format!("{id}|{time}")).collect();
    for column in PLACES {
        ask(&place, "t.parquet", &format!("SELECT id, {column} FROM f"), &shown).await;
        ask(
            &place,
            "t.parquet",
            &format!("SELECT MIN({column}), MAX({column}), COUNT(*) FROM f"),
            &[format!("{}|{}|4", SHOWN[3], SHOWN[2])],
        )
        .await;
        ask(&place, "t.parquet", &format!("SELECT id FROM f ORDER BY {column} DESC LIMIT 1"), &["3".to_string()]).await;
        let near = format!("SELECT id FROM f WHERE {column} BETWEEN TIMESTAMP '1900-01-01 00:00:00' AND TIMESTAMP '2000-01-01 00:00:00'");
        ask(&place, "t.parquet", &near, &["1".to_string()]).await;
    }
    // Columns that are not projected are not checked.
    ask(&place, "t.parquet", "SELECT COUNT(*), MAX(s.n) FROM f WHERE id > 4", &["6|10".to_string()]).await;
    for data_type in ["TIMESTAMP(3)", "TIMESTAMP(6)", "DATE"] {
        let table = format!("CREATE TABLE f (id BIGINT, t {data_type}) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.parquet');");
        assert_eq!(place.rows(&format!("{table} SELECT id FROM f WHERE t IS NOT NULL")).await, ["1", "2", "3", "4"], "{data_type}");
        let error = place.error(&format!("{} SELECT t FROM f", table.replace("');", "', 'on-error' = 'fail');"))).await.to_string();
        assert!(error.contains("t.parquet: column `t` holds a time that is not in the years 0001 to 9999"), "{data_type}: {error}");
    }
}

#[test]
fn a_job_sets_them_aside() {
    let (place, home) = (Place::new(), Home::new());
    write(&place, "in/1.parquet", 1..=4, &TIMES);
    write(&place, "in/2.parquet", 5..=10, &BEYOND);
    let dir = place.path("");
    let sql = format!(
        "CREATE TABLE f ({COLUMNS}) WITH ('connector' = 'filesystem', 'path' = '{0}in', 'format' = 'parquet');
         CREATE TABLE o (id BIGINT, l TIMESTAMP(6)) WITH ('connector' = 'filesystem', 'path' = '{0}out', 'format' = 'csv');
         INSERT INTO o SELECT id, l[1] FROM f",
        dir.display()
    );
    home.file("job.sql", &sql);
    let said = home.run(&["run", "job.sql"]);
    let text = |name: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(name.unwrap().path()).unwrap_or_default();
    let rows: String = std::fs::read_dir(place.path("out")).unwrap().map(text).collect();
    let mut ids: Vec<&str> = rows.lines().filter_map(|row| row.split_once(',').map(|(id, _)| id)).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["1", "2", "3", "4"], "{said:?}");
}
