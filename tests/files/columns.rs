//! Columns of Parquet, Arrow and Avro files: casts in filters, times beyond the calendar, and names.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Date32Array, Date64Array, Decimal128Array, Int64Array, ListArray, MapArray, RecordBatch, StringArray, StructArray,
    TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{Field, Schema};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;

use crate::place::Place;

/// Writes a batch as Parquet with this many rows per row group.
fn parquet(path: &Path, batch: &RecordBatch, group: usize) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn arrow(path: &Path, batch: &RecordBatch) {
    let mut writer = FileWriter::try_new(File::create(path).unwrap(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> = columns.iter().map(|(name, column)| Field::new(*name, column.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, column)| column).collect()).unwrap()
}

fn ints(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn decimals(values: &[i128]) -> ArrayRef {
    Arc::new(Decimal128Array::from(values.to_vec()).with_precision_and_scale(10, 2).unwrap())
}

#[tokio::test]
async fn casts_in_filters_are_of_the_value_as_it_is_in_the_file() {
    let place = Place::new();
    // 1.25, 1.00, 2.00, 1.34, -0.50: each in its own row group, so that a wrongly pruned one is noticed.
    let values = batch(vec![("id", ints(&[1, 2, 3, 4, 5])), ("d", decimals(&[125, 100, 200, 134, -50]))]);
    parquet(&place.path("d.parquet"), &values, 1);
    arrow(&place.path("d.arrow"), &values);
    place.run("COPY (SELECT * FROM 'DIR/d.parquet') TO 'DIR/d.avro'").await.unwrap();
    place.run("COPY (SELECT * FROM 'DIR/d.parquet') TO 'DIR/d.csv'").await.unwrap();
    for kind in ["parquet", "arrow", "avro", "csv"] {
        let file = format!("(SELECT id, CAST(d AS DECIMAL(10, 2)) AS d FROM 'DIR/d.{kind}')");
        let from = if kind == "parquet" { format!("'DIR/d.{kind}'") } else { file };
        for (filter, ids) in [
            ("CAST(d AS INT) = 1", "1,2,4"),
            ("1 = CAST(d AS INT)", "1,2,4"),
            ("CAST(d AS INT) <> 1", "3,5"),
            ("CAST(d AS BIGINT) IN (1, 7)", "1,2,4"),
            ("CAST(d AS INT) BETWEEN 1 AND 1", "1,2,4"),
            ("TRY_CAST(d AS SMALLINT) >= 1", "1,2,3,4"),
            ("CAST(d AS INT) = 0", "5"),
            ("CAST(d AS DECIMAL(10, 1)) = 1.3", "1,4"),
            ("CAST(d AS DECIMAL(10, 1)) IN (1.3, 2.0)", "1,3,4"),
            ("CAST(d AS DECIMAL(10, 1)) > 1.2 AND id < 4", "1,3"),
            ("NOT (CAST(d AS DECIMAL(10, 1)) = 1.3)", "2,3,5"),
            ("CASE WHEN CAST(d AS INT) = 1 THEN id END > 1", "2,4"),
            ("CAST(d AS DECIMAL(12, 3)) = 1.34", "4"),
            ("d = 1.34", "4"),
        ] {
            let query = format!("SELECT STRING_AGG(CAST(id AS STRING), ',' ORDER BY id) FROM {from} AS t WHERE {filter}");
            assert_eq!(place.rows(&query).await, [ids], "{kind}: {filter}");
        }
        let join =
            format!("SELECT COUNT(*) FROM {from} AS a JOIN {from} AS b ON CAST(a.d AS INT) = CAST(b.d AS INT) WHERE CAST(a.d AS INT) = 1");
        assert_eq!(place.rows(&join).await, ["9"], "{kind}");
        let declared = format!("CREATE TABLE t (id INT, d DECIMAL(10, 1)) WITH ('connector' = 'filesystem', 'path' = 'DIR/d.{kind}');");
        for (filter, ids) in
            [("d = 1.3", "1,4"), ("d > 1.2", "1,3,4"), ("d IN (1.0, 1.3)", "1,2,4"), ("d < 1.3", "2,5"), ("CAST(d AS INT) = 1", "1,2,4")]
        {
            let query = format!("{declared} SELECT STRING_AGG(CAST(id AS STRING), ',' ORDER BY id) FROM t WHERE {filter}");
            assert_eq!(place.rows(&query).await, [ids], "{kind}: declared, {filter}");
        }
    }
}

/// Writes the same rows as Parquet, Arrow and Avro.
fn in_each_format(place: &Place, name: &str, rows: &RecordBatch) {
    parquet(&place.path(&format!("{name}.parquet")), rows, 2);
    arrow(&place.path(&format!("{name}.arrow")), rows);
    let file = File::create(place.path(&format!("{name}.avro"))).unwrap();
    let mut avro = arrow_avro::writer::AvroWriter::new(file, rows.schema().as_ref().clone()).unwrap();
    avro.write(rows).unwrap();
    avro.finish().unwrap();
}

/// 10000-01-01, in seconds since 1970.
const END: i64 = 253_402_300_800;

#[tokio::test]
async fn rows_with_times_beyond_the_calendar_are_bad_records() {
    let place = Place::new();
    let end = END * 1_000_000;
    let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX, end - 1, end, i64::MIN + 1]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![0, 1, 3_000_000, 3, 4]));
    in_each_format(&place, "t", &batch(vec![("id", ints(&[1, 2, 3, 4, 5])), ("t", times), ("d", days)]));
    for kind in ["parquet", "arrow", "avro"] {
        let from = format!("FROM 'DIR/t.{kind}'");
        let times = ["1|1970-01-01T00:00:00", "3|9999-12-31T23:59:59.999999"];
        assert_eq!(place.rows(&format!("SELECT id, t {from}")).await, times, "{kind}");
        assert_eq!(place.rows(&format!("SELECT id, t {from} ORDER BY t LIMIT 3")).await, times, "{kind}");
        assert_eq!(place.rows(&format!("SELECT id, t {from} LIMIT 2")).await, times, "{kind}");
        assert_eq!(place.rows(&format!("SELECT id, d {from} WHERE id < 4")).await, ["1|1970-01-01", "2|1970-01-02"], "{kind}");
        assert_eq!(place.rows(&format!("SELECT MAX(t), MAX(d) {from}")).await, ["1970-01-01T00:00:00|1970-01-01"], "{kind}");
        assert_eq!(place.rows(&format!("SELECT COUNT(t), MAX(EXTRACT(YEAR FROM t)) {from}")).await, ["2|9999"], "{kind}");
        for of in ["TIMESTAMP(3)", "TIMESTAMP(6)", "DATE"] {
            let table = format!("CREATE TABLE t (id INT, t {of}) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.{kind}');");
            assert_eq!(place.rows(&format!("{table} SELECT id FROM t WHERE t IS NOT NULL")).await, ["1", "3"], "{kind}, {of}");
            let table = table.replace("');", "', 'on-error' = 'fail');");
            // Columns that are not projected are not checked.
            assert_eq!(place.rows(&format!("{table} SELECT id FROM t")).await.len(), 5, "{kind}");
            let error = place.error(&format!("{table} SELECT t FROM t")).await.to_string();
            assert!(error.contains(&format!("t.{kind}: column `t` holds a time")) && error.contains("0001 to 9999"), "{kind}: {error}");
        }
    }
}

#[tokio::test]
async fn times_beyond_the_calendar_are_found_in_rows_arrays_and_maps() {
    let place = Place::new();
    let millis = |values: Vec<i64>| Arc::new(arrow::array::TimestampMillisecondArray::from(values)) as ArrayRef;
    // The first row is valid, in each of the others one of three columns is not.
    let row =
        StructArray::from(vec![(Arc::new(Field::new("t", millis(vec![]).data_type().clone(), true)), millis(vec![0, i64::MAX, 0, 0]))]);
    let item = Arc::new(Field::new_list_field(millis(vec![]).data_type().clone(), true));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([1, 0, 2, 1]), millis(vec![0, 0, i64::MIN, 0]), None);
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
    let fields = vec![
        Arc::new(Field::new("key", keys.data_type().clone(), false)),
        Arc::new(Field::new("value", millis(vec![]).data_type().clone(), true)),
    ];
    let entries = StructArray::from(fields.into_iter().zip([keys, millis(vec![0, 0, 0, END * 1_000])]).collect::<Vec<_>>());
    let of_map = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let map = MapArray::new(of_map, OffsetBuffer::from_lengths([1, 1, 1, 1]), entries, None, false);
    let rows = batch(vec![("id", ints(&[1, 2, 3, 4])), ("r", Arc::new(row)), ("l", Arc::new(list)), ("m", Arc::new(map))]);
    in_each_format(&place, "n", &rows);
    for kind in ["parquet", "arrow", "avro"] {
        let ids = |query: &str| format!("{query} FROM 'DIR/n.{kind}'");
        assert_eq!(place.rows(&ids("SELECT id, r, l, m")).await.len(), 1, "{kind}");
        for (columns, found) in [("id", 4), ("id, r", 3), ("id, l", 3), ("id, m", 3), ("id, r.t", 3), ("r.t, m", 2)] {
            assert_eq!(place.rows(&ids(&format!("SELECT {columns}"))).await.len(), found, "{kind}: {columns}");
        }
        let error = ids("CREATE TABLE n WITH ('connector' = 'filesystem', 'path' = 'DIR/n.KIND', 'on-error' = 'fail'); SELECT l FROM n --");
        let error = place.error(&error.replace("KIND", kind)).await.to_string();
        assert!(error.contains(&format!("n.{kind}: column `l` holds a time")), "{kind}: {error}");
    }
}

/// Tests times with fewer digits than the declared type.
#[tokio::test]
async fn times_beyond_the_calendar_are_bad_records_in_finer_units_too() {
    let place = Place::new();
    let millis = |values: Vec<i64>| Arc::new(arrow::array::TimestampMillisecondArray::from(values)) as ArrayRef;
    let values = || millis(vec![0, i64::MAX, END * 1_000, END * 1_000 - 1, i64::MIN]);
    let field = || Arc::new(Field::new("t", values().data_type().clone(), true));
    let row = StructArray::from(vec![(field(), values())]);
    let item = Arc::new(Field::new_list_field(row.data_type().clone(), true));
    let list = ListArray::new(item, OffsetBuffer::from_lengths([1, 1, 1, 1, 1]), Arc::new(row.clone()), None);
    let rows = batch(vec![("id", ints(&[1, 2, 3, 4, 5])), ("t", values()), ("r", Arc::new(row)), ("l", Arc::new(list))]);
    in_each_format(&place, "m", &rows);
    for kind in ["parquet", "arrow", "avro"] {
        let columns = "id INT, t TIMESTAMP(6), r ROW<t TIMESTAMP(6)>, l ARRAY<ROW<t TIMESTAMP(6)>>";
        let table = format!("CREATE TABLE t ({columns}) WITH ('connector' = 'filesystem', 'path' = 'DIR/m.{kind}');");
        let end = "9999-12-31T23:59:59.999";
        let shown = ["1|1970-01-01T00:00:00".to_string(), format!("4|{end}")];
        assert_eq!(place.rows(&format!("{table} SELECT id, t FROM t")).await, shown, "{kind}");
        assert_eq!(place.rows(&format!("{table} SELECT id, r.t FROM t")).await, shown, "{kind}");
        assert_eq!(place.rows(&format!("{table} SELECT id, l[1].t FROM t")).await, shown, "{kind}");
        let after = format!("{table} SELECT id FROM t WHERE t > TIMESTAMP '9000-01-01 00:00:00'");
        assert_eq!(place.rows(&after).await, ["4"], "{kind}");
        let table = table.replace("');", "', 'on-error' = 'fail');");
        let error = place.error(&format!("{table} SELECT r FROM t")).await.to_string();
        assert!(error.contains(&format!("m.{kind}: column `r` holds a time")), "{kind}: {error}");
    }
}

/// Tests times of types that SQL does not have: seconds, and days in 64 bits.
#[tokio::test]
async fn times_beyond_the_calendar_stay_so_when_they_are_cast() {
    let place = Place::new();
    let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![0, i64::MAX, END, END - 1, i64::MIN]));
    let days: ArrayRef = Arc::new(Date64Array::from(vec![0, i64::MAX, 86_400_000, END * 1_000, i64::MIN]));
    arrow(&place.path("s.arrow"), &batch(vec![("id", ints(&[1, 2, 3, 4, 5])), ("s", seconds), ("d", days)]));
    assert_eq!(place.rows("SELECT id, s FROM 'DIR/s.arrow'").await, ["1|1970-01-01T00:00:00", "4|9999-12-31T23:59:59"]);
    assert_eq!(place.rows("SELECT id, d FROM 'DIR/s.arrow'").await, ["1|1970-01-01", "3|1970-01-02"]);
    // Nanoseconds cannot be beyond the calendar: such a value is an error that names the file.
    let table = "CREATE TABLE t (id INT, s TIMESTAMP(9)) WITH ('connector' = 'filesystem', 'path' = 'DIR/s.arrow');";
    let error = place.error(&format!("{table} SELECT s FROM t")).await.to_string();
    assert!(error.contains("s.arrow cannot be read: "), "{error}");
}

#[tokio::test]
async fn an_error_in_the_middle_names_the_file() {
    let place = Place::new();
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..20_000).map(|i| format!("text {i}"))));
    let rows = batch(vec![("id", ints(&(0..20_000).collect::<Vec<_>>())), ("s", texts)]);
    parquet(&place.path("p/0.parquet"), &rows, 5_000);
    parquet(&place.path("p/1.parquet"), &rows, 5_000);
    place.run("COPY (SELECT * FROM 'DIR/p/0.parquet') TO 'DIR/a/0.avro'").await.unwrap();
    place.run("COPY (SELECT * FROM 'DIR/p/0.parquet') TO 'DIR/a/1.avro'").await.unwrap();
    for (name, from, len) in [("p/1.parquet", 0.7, 200), ("a/1.avro", 0.8, 400)] {
        let mut bytes = std::fs::read(place.path(name)).unwrap();
        let from = (bytes.len() as f64 * from) as usize;
        bytes[from..from + len].fill(0xff);
        place.file(name, bytes);
        let (folder, kind) = (&name[..1], &name[4..]);
        for query in ["SELECT COUNT(DISTINCT s), SUM(id) FROM", "SELECT s FROM"] {
            let error = place.error(&format!("{query} 'DIR/{folder}/*.{kind}'")).await.to_string();
            assert!(error.contains(&format!("{name} cannot be read")), "{error}");
        }
    }
}

#[tokio::test]
async fn a_value_that_does_not_fit_the_declared_type_names_the_file() {
    let place = Place::new();
    in_each_format(&place, "n", &batch(vec![("id", ints(&[1, 1 << 40]))]));
    for kind in ["parquet", "arrow", "avro"] {
        let table = format!("CREATE TABLE t (id INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/n.{kind}'); SELECT id FROM t");
        let error = place.error(&table).await.to_string();
        assert!(error.contains(&format!("n.{kind} cannot be read")), "{kind}: {error}");
    }
}

#[tokio::test]
async fn two_columns_of_one_name_are_both_there() {
    let place = Place::new();
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
    let twice = batch(vec![("a", ints(&[1, 2])), ("b", ints(&[5, 6])), ("a", texts), ("a", ints(&[3, 4]))]);
    parquet(&place.path("t.parquet"), &twice, 1);
    arrow(&place.path("t.arrow"), &twice);
    let mut stream = StreamWriter::try_new(File::create(place.path("t.arrows")).unwrap(), &twice.schema()).unwrap();
    stream.write(&twice).unwrap();
    stream.finish().unwrap();
    place.file("t.csv", "a,b,a,a\n1,5,x,3\n2,6,y,4\n");
    for kind in ["parquet", "arrow", "arrows", "csv"] {
        let file = format!("'DIR/t.{kind}'");
        assert_eq!(place.rows(&format!("SELECT * FROM {file}")).await, ["1|5|x|3", "2|6|y|4"], "{kind}");
        assert_eq!(place.rows(&format!("SELECT a_2, a_1, a FROM {file} WHERE a_2 = 4")).await, ["4|y|2"], "{kind}");
        assert_eq!(place.rows(&format!("SELECT MAX(a_1), MIN(a) FROM {file} WHERE b > 5")).await, ["y|2"], "{kind}");
        let declared = format!("CREATE TABLE t (a_1 STRING, a BIGINT) WITH ('connector' = 'filesystem', 'path' = {file}); SELECT * FROM t");
        assert_eq!(place.rows(&declared).await, ["x|1", "y|2"], "{kind}");
        let one = format!("CREATE TABLE t (a BIGINT) WITH ('connector' = 'filesystem', 'path' = {file}); SELECT * FROM t");
        let error = place.error(&one).await.to_string();
        assert!(error.contains(&format!("t.{kind} cannot be read: it has two columns of the name `a`")), "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_column_is_found_in_another_case_in_every_format() {
    let place = Place::new();
    for kind in ["parquet", "arrow", "avro", "json", "csv"] {
        place.run(&format!("COPY (SELECT 7 AS id, 'x' AS name) TO 'DIR/{kind}/a.{kind}'")).await.unwrap();
        place.run(&format!("COPY (SELECT 'y' AS `NAME`, 8 AS `ID`, 1 AS more) TO 'DIR/{kind}/b.{kind}'")).await.unwrap();
        let table = format!(
            "CREATE TABLE t (ID INT, Name STRING, absent INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/{kind}', 'format' = '{kind}', HEADER);"
        );
        let table = table.replace(", HEADER", if kind == "csv" { ", 'csv.header' = 'true'" } else { "" });
        assert_eq!(place.rows(&format!("{table} SELECT * FROM t")).await, ["7|x|NULL", "8|y|NULL"], "{kind}");
        assert_eq!(place.rows(&format!("{table} SELECT Name FROM t WHERE ID = 7")).await, ["x"], "{kind}");
        assert_eq!(place.rows(&format!("{table} SELECT MAX(Name), SUM(ID) FROM t")).await, ["y|15"], "{kind}");
        // Two columns that differ in case only are matched exactly.
        place.run(&format!("COPY (SELECT 1 AS id, 2 AS `ID`) TO 'DIR/both.{kind}'")).await.unwrap();
        for (column, value) in [("id", "1"), ("ID", "2")] {
            let table = format!("CREATE TABLE t ({column} INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/both.{kind}');");
            assert_eq!(place.rows(&format!("{table} SELECT {column} FROM t")).await, [value], "{kind}");
        }
        let table = format!("CREATE TABLE t (ID INT, id INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/both.{kind}');");
        assert_eq!(place.rows(&format!("{table} SELECT ID FROM t; SELECT id, ID FROM t")).await, ["2", "1|2"], "{kind}");
        if kind != "json" {
            let table = format!("CREATE TABLE t (Id INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/both.{kind}'); SELECT Id FROM t");
            let error = place.error(&table).await.to_string();
            assert!(error.contains("`id` and `ID` could both be `Id`"), "{kind}: {error}");
        }
    }
    // Each JSON record has its own names: an exact match takes precedence, wherever it is.
    place.file("mixed.json", "{\"ID\": 1}\n{\"id\": 2, \"ID\": 9}\n{\"ID\": 9, \"id\": 3}\n{\"Id\": 4}\n");
    let table = "CREATE TABLE t (id INT) WITH ('connector' = 'filesystem', 'path' = 'DIR/mixed.json'); SELECT id FROM t";
    assert_eq!(place.rows(table).await, ["1", "2", "3", "4"]);
}

#[tokio::test]
async fn fields_of_rows_are_found_in_another_case() {
    let place = Place::new();
    let row = "NAMED_STRUCT('id', 1, 'inner', ARRAY[NAMED_STRUCT('at', 'x')])";
    for kind in ["parquet", "arrow", "avro", "json"] {
        place.run(&format!("COPY (SELECT {row} AS r, ARRAY[{row}] AS l, MAP {{'k': {row}}} AS m) TO 'DIR/n.{kind}'")).await.unwrap();
        let of = "ROW<ID INT, `Inner` ARRAY<ROW<At STRING>>>";
        let table = format!(
            "CREATE TABLE t (R {of}, L ARRAY<{of}>, M MAP<STRING, {of}>) WITH ('connector' = 'filesystem', 'path' = 'DIR/n.{kind}');"
        );
        let shown = "{ID: 1, Inner: [{At: x}]}";
        assert_eq!(place.rows(&format!("{table} SELECT * FROM t")).await, [format!("{shown}|[{shown}]|{{k: {shown}}}")], "{kind}");
        assert_eq!(place.rows(&format!("{table} SELECT R.ID FROM t")).await, ["1"], "{kind}");
        // Of two columns that differ in case only, neither matches a third spelling.
        if kind != "json" {
            let both = "NAMED_STRUCT('id', 1, 'Id', 2)";
            place.run(&format!("COPY (SELECT {both} AS r, ARRAY[{both}] AS l, MAP {{'k': {both}}} AS m) TO 'DIR/b.{kind}'")).await.unwrap();
            for (column, of) in [("R", "ROW<ID INT>"), ("L", "ARRAY<ROW<ID INT>>"), ("M", "MAP<STRING, ROW<ID INT>>")] {
                let table = format!("CREATE TABLE t ({column} {of}) WITH ('connector' = 'filesystem', 'path' = 'DIR/b.{kind}');");
                let error = place.error(&format!("{table} SELECT * FROM t")).await.to_string();
                let says = format!("b.{kind} cannot be read: column `{column}`: its columns `id` and `Id` could both be `ID`");
                assert!(error.contains(&says), "{kind}: {error}");
            }
        }
    }
}

/// Times within rows, arrays and maps have the declared digits, not those of their unit; also before 1970.
#[tokio::test]
async fn nested_times_have_the_digits_that_are_declared() {
    let place = Place::new();
    let (t, u) = ("TIMESTAMP '1969-12-31 23:59:59.987654'", "CAST('12:00:00.987' AS TIME(3))");
    let row = format!("ROW({t}, {u}, ROW({t}))");
    let query = format!("SELECT 1 AS id, {row} AS r, ARRAY[{t}] AS a, ARRAY[{row}] AS b, MAP['k', {t}] AS m, {u} AS u");
    let inner = "ROW<t TIMESTAMP(0)>";
    let columns = format!(
        "id INT, r ROW<t TIMESTAMP(1), u TIME(0), i {inner}>, a ARRAY<TIMESTAMP(2)>, b ARRAY<ROW<t TIMESTAMP(4), u TIME(1), i {inner}>>,
         m MAP<STRING, TIMESTAMP(5)>, u TIME(2)"
    );
    for kind in ["parquet", "arrow", "avro", "json"] {
        let of_file = "id INT, r ROW<t TIMESTAMP(6), u TIME(3), i ROW<t TIMESTAMP(6)>>, a ARRAY<TIMESTAMP(6)>,
            b ARRAY<ROW<t TIMESTAMP(6), u TIME(3), i ROW<t TIMESTAMP(6)>>>, m MAP<STRING, TIMESTAMP(6)>, u TIME(3)";
        let with = format!("WITH ('connector' = 'filesystem', 'path' = 'DIR/{kind}', 'format' = '{kind}')");
        place.run(&format!("CREATE TABLE w ({of_file}) {with}; INSERT INTO w {query}")).await.unwrap();
        let all = "SELECT r.t, r.u, r.i.t, a[1], b[1].t, b[1].u, b[1].i.t, m['k'], u FROM t";
        let shown = place.rows(&format!("CREATE TABLE t ({columns}) {with}; {all}")).await;
        let at = |digits: &str| format!("1969-12-31T23:59:59{digits}");
        let expected = [
            at(".900"),
            "12:00:00".into(),
            at(""),
            at(".980"),
            at(".987600"),
            "12:00:00.900".into(),
            at(""),
            at(".987650"),
            "12:00:00.980".to_string(),
        ];
        assert_eq!(shown, [expected.join("|")], "{kind}");
        // Comparisons use the declared digits, too.
        let equal = "SELECT COUNT(*) FROM t WHERE r.t = TIMESTAMP '1969-12-31 23:59:59.9' AND a[1] = TIMESTAMP '1969-12-31 23:59:59.98'
            AND b[1].t = TIMESTAMP '1969-12-31 23:59:59.9876' AND m['k'] < TIMESTAMP '1969-12-31 23:59:59.987651'";
        assert_eq!(place.rows(&format!("CREATE TABLE t ({columns}) {with}; {equal}")).await, ["1"], "{kind}");
    } // CSV supports only arrays and rows of scalar values.
    place.file("c/1.csv", "1;1969-12-31 23:59:59.987654,12:00:00.987;1969-12-31 23:59:59.987654\n");
    let columns = "id INT, r ROW<t TIMESTAMP(1), u TIME(0)>, a ARRAY<TIMESTAMP(2)>";
    let with = "'format' = 'csv', 'csv.field-delimiter' = ';', 'csv.array-element-delimiter' = ','";
    let table = format!("CREATE TABLE t ({columns}) WITH ('connector' = 'filesystem', 'path' = 'DIR/c', {with})");
    let shown = place.rows(&format!("{table}; SELECT r.t, r.u, a[1] FROM t")).await;
    assert_eq!(shown, ["1969-12-31T23:59:59.900|12:00:00|1969-12-31T23:59:59.980"]);
}
