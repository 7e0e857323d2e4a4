use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions as Shown};

use super::*;
use crate::common::{Projection, WEIGHT};
use crate::formats::{FormatOptions, Messages, conformance, decoder, encoder};

fn schema(not_null: bool) -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("name", DataType::Utf8, !not_null),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]))
}

fn options(pairs: &[(&str, &str)]) -> FormatOptions {
    FormatOptions::pick(NAME, "value.", pairs.iter().copied())
}

fn messages(lines: &[&str]) -> Messages {
    let mut all = Messages::default();
    lines.iter().for_each(|line| all.push(line.as_bytes()));
    all
}

/// Returns `weight id|name|...` per row, and the rejected messages.
fn read(schema: &SchemaRef, projection: &[usize], options: &FormatOptions, lines: &[&str]) -> (Vec<String>, Vec<(u32, String)>) {
    let mut decoder = decoder(NAME, schema, &Projection::columns(schema, projection).unwrap(), options).unwrap();
    let decoded = decoder.decode(&messages(lines)).unwrap();
    assert_eq!(decoded.batch.schema(), decoder.schema());
    assert_eq!(decoded.batch.schema().fields().last().unwrap().name(), WEIGHT);
    let (weights, columns) = decoded.batch.columns().split_last().unwrap();
    let shown = Shown::default().with_null("NULL");
    let cells: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c, &shown).unwrap()).collect();
    let row = |(i, w): (usize, &i64)| format!("{w:+} {}", cells.iter().map(|c| c.value(i).to_string()).collect::<Vec<_>>().join("|"));
    (weights.as_primitive::<Int64Type>().values().iter().enumerate().map(row).collect(), decoded.rejected)
}

const LIFE: [&str; 4] = [
    r#"{"before":null,"after":{"id":1,"name":"a","ts":"2024-05-01 12:00:00"},"op":"r","ts_ms":5,"source":{"db":"shop"}}"#,
    r#"{"before":null,"after":{"id":2,"name":"b"},"op":"c"}"#,
    r#"{"before":{"id":1,"name":"a","ts":"2024-05-01 12:00:00"},"after":{"id":1,"name":"z"},"op":"u"}"#,
    r#"{"before":{"id":2,"name":"b"},"after":null,"op":"d"}"#,
];

#[test]
fn images_come_with_weights() {
    let (rows, bad) = read(&schema(true), &[0, 1], &options(&[]), &LIFE);
    assert_eq!((rows, bad.len()), (["+1 1|a", "+1 2|b", "-1 1|a", "+1 1|z", "-1 2|b"].map(String::from).to_vec(), 0));
    let (rows, _) = read(&schema(true), &[], &options(&[]), &LIFE);
    assert_eq!(rows, ["+1 ", "+1 ", "-1 ", "+1 ", "-1 "]);
    let (rows, _) = read(&schema(true), &[2], &options(&[]), &LIFE[..1]);
    assert_eq!(rows, ["+1 2024-05-01T12:00:00"]);
}

#[test]
fn with_a_key_the_row_that_goes_need_not_be_told() {
    let keyed = options(&[]).keyed(&["id".to_string()]);
    let lines = [LIFE[2], r#"{"before":null,"after":{"id":1,"name":"y"},"op":"u"}"#, r#"{"before":{"id":1},"op":"d"}"#];
    let (rows, bad) = read(&schema(false), &[0, 1], &keyed, &lines);
    assert_eq!((rows, bad.len()), (["+1 1|z", "+1 1|y", "-1 1|NULL"].map(String::from).to_vec(), 0));
}

#[test]
fn an_update_may_move_the_key() {
    let keyed = options(&[]).keyed(&["id".to_string()]);
    let lines = [
        r#"{"before":{"id":1,"name":"a"},"after":{"id":2,"name":"a"},"op":"u"}"#,
        r#"{"before":{"id":2},"after":{"id":3,"name":"a"},"op":"u"}"#,
        r#"{"before":{"name":"a"},"after":{"id":4,"name":"a"},"op":"u"}"#,
        r#"{"before":{"id":4,"name":"a"},"after":{"id":4,"name":"b"},"op":"u"}"#,
    ];
    let (rows, bad) = read(&schema(false), &[0, 1], &keyed, &lines);
    assert_eq!((rows, bad.len()), (["-1 1|a", "+1 2|a", "-1 2|NULL", "+1 3|a", "+1 4|a", "+1 4|b"].map(String::from).to_vec(), 0));
}

#[test]
fn a_payload_may_stand_beside_its_schema() {
    let lines: Vec<String> = LIFE.iter().map(|line| format!(r#"{{"schema":{{"type":"struct"}},"payload":{line}}}"#)).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let (rows, _) = read(&schema(true), &[0], &options(&[("value.debezium-json.schema-include", "true")]), &lines);
    assert_eq!(rows, ["+1 1", "+1 2", "-1 1", "+1 1", "-1 2"]);
    let (rows, bad) = read(&schema(true), &[0], &options(&[]), &lines[..1]);
    assert_eq!((rows.len(), bad[0].1.as_str()), (0, "`op` is missing: this is no message of Debezium"));
}

#[test]
fn what_is_no_change_is_set_aside() {
    for (line, reason) in [
        (
            r#"{"before":null,"after":{"id":1,"name":"a"},"op":"u"}"#,
            "`before` of an update is missing; for PostgreSQL set REPLICA IDENTITY",
        ),
        (r#"{"before":{"id":1,"name":"a"},"after":null,"op":"u"}"#, "`after` of an update is missing"),
        (r#"{"before":null,"after":null,"op":"d"}"#, "`before` of a delete is missing"),
        (r#"{"before":null,"after":null,"op":"c"}"#, "`after` of an insert is missing"),
        (r#"{"before":null,"after":{"id":1,"name":"a"},"op":"t"}"#, "op 't' is none of c, r, u, d"),
        (r#"{"before":{"id":1},"after":{"id":1,"name":"a"},"op":"u"}"#, "field 'name' is NOT NULL"),
        (r#"{"before":null,"after":{"id":"x","name":"a"},"op":"c"}"#, "id"),
        ("{", ""),
    ] {
        let (rows, bad) = read(&schema(true), &[0, 1], &options(&[]), &[LIFE[0], line, LIFE[1]]);
        assert_eq!((rows, bad.len(), bad[0].0), (["+1 1|a", "+1 2|b"].map(String::from).to_vec(), 1, 1), "{line}: {bad:?}");
        assert!(bad[0].1.contains(reason), "{line}: {}", bad[0].1);
    }
}

#[test]
fn rows_are_written_as_flink_writes_them() {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)]));
    let columns = || vec![Arc::new(Int64Array::from(vec![1, 2])) as _, Arc::new(StringArray::from(vec![Some("a"), None])) as _];
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns()).unwrap();
    let mut fields = schema.fields().to_vec();
    fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
    let mut changed = columns();
    changed.push(Arc::new(Int64Array::from(vec![-1, 1])));
    let changes = RecordBatch::try_new(Arc::new(Schema::new(fields)), changed).unwrap();
    let mut encoder = encoder(NAME, &schema, &options(&[])).unwrap();
    let mut out = Messages::default();
    encoder.encode(&rows, &mut out).unwrap();
    encoder.encode(&changes, &mut out).unwrap();
    let text: Vec<_> = (0..out.len()).map(|i| String::from_utf8(out.get(i).to_vec()).unwrap()).collect();
    assert_eq!(
        text,
        [
            r#"{"before":null,"after":{"id":1,"name":"a"},"op":"c"}"#,
            r#"{"before":null,"after":{"id":2,"name":null},"op":"c"}"#,
            r#"{"before":{"id":1,"name":"a"},"after":null,"op":"d"}"#,
            r#"{"before":null,"after":{"id":2,"name":null},"op":"c"}"#,
        ]
    );
}

#[test]
fn keeps_to_the_contract() {
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)]));
    let good = RecordBatch::try_new(
        schema,
        vec![Arc::new(Int64Array::from_iter_values(0..5)), Arc::new(StringArray::from_iter_values(["a", "b", "c", "d", "e"]))],
    );
    conformance::run(
        NAME,
        &good.unwrap(),
        &[b"{", b"", b"1", br#"{"op":"x"}"#, br#"{"before":null,"after":{"id":1,"name":"a"},"op":"u"}"#],
    )
    .unwrap();
}
