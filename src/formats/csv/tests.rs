use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{Field, Fields, Schema, TimeUnit};

use super::*;
use crate::formats::{conformance, decoder, encoder};

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn keeps_to_the_contract() {
    let rows = batch(vec![
        ("id", Arc::new(Int32Array::from(vec![1, -2, 3]))),
        ("text", Arc::new(StringArray::from(vec!["a,b", "say \"x\"", "ä\nö"]))),
        ("d", Arc::new(Float64Array::from(vec![0.5, -1e300, 7.0]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("price", Arc::new(Decimal128Array::from(vec![150, -1, 0]).with_precision_and_scale(10, 2).unwrap())),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![0, 1_500, 1_714_521_600_000]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![0, 1_500, 1_714_521_600_000]).with_timezone("UTC"))),
        ("day", Arc::new(Date32Array::from(vec![0, 19_000, -1]))),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b"a", b"bc"]))),
        ("empty", Arc::new(StringArray::from(vec!["", "x", ""]))),
    ]);
    conformance::run("csv", &rows, &[b"", b"1,2", b"1,\"a,0.5,true,1,,,,,", b"1,2,3,4,5,6,7,8,9,10,11", b"\xff,,,,,,,,,"]).unwrap();
}

/// Decodes columns `id INT, name STRING, tags ARRAY<INT>, r ROW<a STRING, b INT>` to one text per message.
fn read(options: &[(&str, &str)], messages: &[&str]) -> Vec<String> {
    let pair = Fields::from(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int32, true)]);
    let schema: SchemaRef = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("tags", DataType::List(Arc::new(Field::new("item", DataType::Int32, true))), true),
        Field::new("r", DataType::Struct(pair), true),
    ]));
    let options = FormatOptions::pick("csv", "", options.iter().copied());
    let mut input = Messages::default();
    messages.iter().for_each(|m| input.push(m.as_bytes()));
    let decoded = decoder("csv", &schema, &Projection::all(&schema), &options).unwrap().decode(&input).unwrap();
    let mut lines = Messages::default();
    encoder("json", &schema, &FormatOptions::default()).unwrap().encode(&decoded.batch, &mut lines).unwrap();
    let mut rows: Vec<(u32, String)> = decoded.rejected.into_iter().map(|(i, why)| (i, format!("bad: {why}"))).collect();
    let origin = decoded.origin.unwrap_or_else(|| (0..u32::try_from(lines.len()).unwrap()).collect());
    rows.extend(origin.iter().enumerate().map(|(row, i)| (*i, String::from_utf8(lines.get(row).to_vec()).unwrap())));
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn options_are_flinks() {
    let row = |id: &str, name: &str, tags: &str, r: &str| format!("{{\"id\":{id},\"name\":{name},\"tags\":{tags},\"r\":{r}}}");
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], Vec<String>);
    let cases: Vec<Case<'_>> = vec![
        (&[], &["1,a,1;2,x;3"], vec![row("1", "\"a\"", "[1,2]", "{\"a\":\"x\",\"b\":3}")]),
        (&[], &[" 1 , a,,", ",,,"], vec![row("1", "\" a\"", "[]", "null"), row("null", "\"\"", "[]", "null")]),
        (&[("csv.null-literal", "n/a")], &["n/a,n/a,n/a,n/a"], vec![row("null", "null", "null", "null")]),
        (&[("csv.allow-comments", "true")], &["# 1", "1,#,,"], vec![row("1", "\"#\"", "[]", "null")]),
        (
            &[("csv.field-delimiter", "\\t"), ("csv.array-element-delimiter", "|")],
            &["1\ta\t1|2\t"],
            vec![row("1", "\"a\"", "[1,2]", "null")],
        ),
        (&[], &["x,a,,", "1,a"], vec!["bad: field 'id': cannot read \"x\" as INT".to_string(), "bad: 2 fields where 4 belong".to_string()]),
        (
            &[("csv.ignore-parse-errors", "true")],
            &["x,a,1;y,z;3,more", "1,a", "\"1"],
            vec![
                row("null", "\"a\"", "[1,null]", "{\"a\":\"z\",\"b\":3}"),
                row("1", "\"a\"", "null", "null"),
                "bad: a quote is not closed".to_string(),
            ],
        ),
    ];
    for (options, messages, expected) in cases {
        assert_eq!(read(options, messages), expected, "{options:?} {messages:?}");
    }
}

#[test]
fn what_is_written_can_be_read() {
    let rows = batch(vec![
        ("a", Arc::new(StringArray::from(vec![Some("#1"), Some(""), None, Some("x;y"), Some("it's")]))),
        ("b", Arc::new(TimestampMicrosecondArray::from(vec![Some(0), None, Some(1), Some(1_500_000), Some(2)]))),
    ]);
    let written = |options: &[(&str, &str)]| {
        let options = FormatOptions::pick("csv", "", options.iter().copied());
        let mut out = Messages::default();
        encoder("csv", &rows.schema(), &options).unwrap().encode(&rows, &mut out).unwrap();
        (0..out.len()).map(|i| String::from_utf8(out.get(i).to_vec()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(
        written(&[("csv.allow-comments", "true")]),
        [
            "\"#1\",1970-01-01 00:00:00",
            "\"\",",
            ",1970-01-01 00:00:00.000001",
            "x;y,1970-01-01 00:00:01.5",
            "it's,1970-01-01 00:00:00.000002"
        ]
    );
    assert_eq!(
        written(&[("csv.field-delimiter", ";"), ("csv.quote-character", "'"), ("csv.null-literal", "NULL")])[2..],
        ["NULL;1970-01-01 00:00:00.000001", "'x;y';1970-01-01 00:00:01.5", "'it''s';1970-01-01 00:00:00.000002"]
    );
    assert_eq!(
        written(&[("csv.field-delimiter", ";"), ("csv.disable-quote-character", "true"), ("csv.escape-character", "\\")])[3],
        "x\\;y;1970-01-01 00:00:01.5"
    );
}

#[test]
fn what_csv_cannot_hold_is_an_error() {
    let make = |data_type: DataType, options: &[(&str, &str)]| {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type, true)]));
        let options = FormatOptions::pick("csv", "", options.iter().copied());
        decoder("csv", &schema, &Projection::all(&schema), &options).err().map(|e| e.message().to_string())
    };
    let list = |of| DataType::List(Arc::new(Field::new("item", of, true)));
    assert_eq!(make(list(DataType::Timestamp(TimeUnit::Millisecond, None)), &[]), None);
    assert!(make(list(list(DataType::Int32)), &[]).is_some_and(|e| e.starts_with("format 'csv' cannot hold column `c`")));
    for wrong in
        [("csv.field-delimiter", "ab"), ("csv.quote-character", "ä"), ("csv.allow-comments", "yes"), ("csv.array-element-delimiter", "")]
    {
        assert!(make(DataType::Utf8, &[wrong]).is_some_and(|e| e.contains(wrong.0)), "{wrong:?}");
    }
    assert!(make(DataType::Utf8, &[("csv.quote-character", "'"), ("csv.disable-quote-character", "true")]).is_some());
}
