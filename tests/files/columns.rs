//! Columns of Parquet, Arrow and Avro files: casts of them in filters, and times of 96 bits.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::ipc::writer::FileWriter;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::data_type::{Int64Type, Int96, Int96Type};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use datafusion::parquet::schema::parser::parse_message_type;

use crate::place::Place;

/// Writes a batch as Parquet with so many rows in a group.
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
    // 1.25, 1.00, 2.00, 1.34, -0.50: each in a group of rows of its own, so that one that is left out is missed.
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

#[tokio::test]
async fn nanoseconds_in_96_bits_reach_the_end_of_the_calendar() {
    let place = Place::new();
    let schema = "message m { required int64 id; optional int96 t; optional group s { optional int96 t; } }";
    // 1970-01-01, 2024-05-01 12:00, 9999-12-31 23:59:59.999999, 0001-01-01, as Julian days and nanoseconds of the day.
    let moments: [(u32, u64); 4] = [(2_440_588, 0), (2_460_432, 43_200_000_000_000), (5_373_484, 86_399_999_999_000), (1_721_426, 0)];
    let values: Vec<Int96> = moments
        .iter()
        .map(|(day, nanos)| {
            let mut value = Int96::new();
            value.set_data(*nanos as u32, (*nanos >> 32) as u32, *day);
            value
        })
        .collect();
    let file = File::create(place.path("t.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, Arc::new(parse_message_type(schema).unwrap()), Arc::default()).unwrap();
    let mut group: SerializedRowGroupWriter<'_, File> = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 2, 3, 4], None, None).unwrap();
    column.close().unwrap();
    for level in [1, 2] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int96Type>().write_batch(&values, Some(&[level; 4]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    let shown = [
        "1|1970-01-01T00:00:00|1970-01-01T00:00:00",
        "2|2024-05-01T12:00:00|2024-05-01T12:00:00",
        "3|9999-12-31T23:59:59.999999|9999-12-31T23:59:59.999999",
        "4|0001-01-01T00:00:00|0001-01-01T00:00:00",
    ];
    assert_eq!(place.rows("SELECT id, t, s.t FROM 'DIR/t.parquet'").await, shown);
    let declared =
        "CREATE TABLE t (id BIGINT, t TIMESTAMP(6), s ROW<t TIMESTAMP(6)>) WITH ('connector' = 'filesystem', 'path' = 'DIR/t.parquet');";
    assert_eq!(place.rows(&format!("{declared} SELECT id, t, s.t FROM t")).await, shown);
    let extremes = "SELECT MIN(t), MAX(t) FROM 'DIR/t.parquet'; SELECT id FROM 'DIR/t.parquet' WHERE t > TIMESTAMP '9000-01-01 00:00:00';
                    SELECT id FROM 'DIR/t.parquet' WHERE s.t < TIMESTAMP '1900-01-01 00:00:00'";
    assert_eq!(place.rows(extremes).await, ["0001-01-01T00:00:00|9999-12-31T23:59:59.999999", "3", "4"]);
}
