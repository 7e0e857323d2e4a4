use super::*;
use crate::formats::conformance;
use arrow::array::*;
use arrow::datatypes::{Int32Type, TimeUnit};

fn messages<T: AsRef<[u8]>>(texts: &[T]) -> Messages {
    let mut messages = Messages::default();
    texts.iter().for_each(|text| messages.push(text.as_ref()));
    messages
}

fn transactions() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("event_timestamp", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("transaction_id", DataType::Int32, true),
        Field::new("user_id", DataType::Utf8, true),
        Field::new("status", DataType::Utf8, true),
    ]))
}

fn with(options: &[(&str, &str)], fields: Vec<Field>, texts: &[&str]) -> Decoded {
    let schema = Arc::new(Schema::new(fields));
    let all: Vec<usize> = (0..schema.fields().len()).collect();
    let options = FormatOptions::pick("json", "", options.iter().copied());
    JsonDecoder::new(&schema, &all, &options).unwrap().decode(&messages(texts)).unwrap()
}

fn reasons(decoded: &Decoded) -> Vec<(u32, &str)> {
    decoded.rejected.iter().map(|(i, reason)| (*i, reason.as_str())).collect()
}

#[test]
fn keeps_to_the_contract() {
    let n = 40;
    let batch = RecordBatch::try_new(
        transactions(),
        vec![
            Arc::new(TimestampMillisecondArray::from_iter_values((0..n).map(|i| 1_675_882_862_345 + i))),
            Arc::new(Int32Array::from_iter_values((0..n).map(|i| i as i32 - 3))),
            Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("u\"\\\n{i} ä")))),
            Arc::new(StringArray::from_iter_values((0..n).map(|_| "Paid"))),
        ],
    )
    .unwrap();
    let bad: Vec<&[u8]> = vec![
        b"",
        b"  \n",
        b"{",
        b"{\"a\"",
        b"nonsense",
        b"{\"transaction_id\":1}{\"transaction_id\":2}",
        b"{\"transaction_id\":1} x",
        b"{\"status\":\"Pa",
        b"{\"status\":tru}",
        b"{\"status\":\"\xff\xfe\"}",
        b"12",
        b"\"text\"",
        b"null",
        b"[1,2]",
        b"[{},3]",
        b"}",
        b"{\"user_id\":\"\\uD800\\u0041\"}",
    ];
    conformance::run("json", &batch, &bad).unwrap();
}

#[test]
fn wrong_types_and_overflow_are_rejected_and_missing_fields_are_null() {
    let fields = vec![Field::new("n", DataType::Int32, true), Field::new("N", DataType::Utf8, true)];
    let texts =
        ["{\"n\":1}", "{\"n\":\"abc\"}", "{\"n\":3000000000}", "{\"n\":{\"x\":1}}", "{\"n\":\"7\",\"N\":12}", "{\"n\":null,\"z\":[{}]}"];
    let decoded = with(&[], fields, &texts);
    assert_eq!(decoded.batch.column(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), vec![Some(1), Some(7), None]);
    assert_eq!(decoded.batch.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), vec![None, Some("12"), None]);
    assert_eq!(decoded.origin, Some(vec![0, 4, 5]));
    assert_eq!(
        reasons(&decoded),
        [
            (1, "field 'n': failed to parse \"abc\" as Int32"),
            (2, "field 'n': failed to parse 3000000000 as Int32"),
            (3, "field 'n': expected primitive got {\"x\": 1}"),
        ]
    );
}

#[test]
fn ignore_parse_errors_makes_them_null_as_in_flink() {
    let fields = vec![Field::new("n", DataType::Int32, true), Field::new("d", DataType::Decimal128(4, 1), true)];
    let decoded = with(&[("json.ignore-parse-errors", "true")], fields, &["{\"n\":\"abc\",\"d\":1.25}", "{\"n\":1,\"d\":\"x\"}", "{"]);
    assert_eq!(decoded.batch.num_rows(), 2);
    assert_eq!(decoded.batch.column(0).null_count() + decoded.batch.column(1).null_count(), 2);
    assert_eq!(decoded.batch.column(1).as_primitive::<arrow::datatypes::Decimal128Type>().value(0), 13);
    assert_eq!(decoded.rejected.len(), 1);
}

#[test]
fn not_null_and_missing_fields() {
    let fields = || vec![Field::new("a", DataType::Int32, false), Field::new("b", DataType::Int32, true)];
    let texts = ["{\"a\":1}", "{\"b\":1}", "{\"a\":null}", "{\"a\":2,\"b\":null}"];
    let decoded = with(&[], fields(), &texts);
    assert_eq!(decoded.origin, Some(vec![0, 3]));
    assert_eq!(reasons(&decoded)[0], (1, "field 'a' is NOT NULL, but null or missing"));
    let decoded = with(&[("json.fail-on-missing-field", "true")], fields(), &texts);
    assert_eq!(decoded.origin, Some(vec![3]));
    assert_eq!(reasons(&decoded)[0], (0, "field 'b' is missing"));
}

#[test]
fn arrays_explode_and_a_scalar_fills_the_only_column() {
    let one = || vec![Field::new("n", DataType::Int32, false)];
    let texts = ["[{\"n\":1},{\"n\":2}]", "{\"n\":3}", "4", " 5 ", "[]", "[{\"n\":6},{\"n\":null}]", "\"7\"", "8 9", "[{\"n\":10}]"];
    let decoded = with(&[], one(), &texts);
    let values: Vec<i32> = decoded.batch.column(0).as_primitive::<Int32Type>().values().to_vec();
    assert_eq!(values, [1, 2, 3, 4, 5, 7, 10]);
    assert_eq!(decoded.origin, Some(vec![0, 0, 1, 2, 3, 6, 8]));
    assert_eq!(decoded.rejected.iter().map(|r| r.0).collect::<Vec<_>>(), [5, 7]);
}

#[test]
fn bytes_decimals_and_nested_values_come_back() {
    let inner = DataType::Struct(vec![Field::new("b", DataType::Binary, true), Field::new("d", DataType::Decimal128(38, 2), true)].into());
    let list = DataType::List(Arc::new(Field::new("element", inner, true)));
    let fields = vec![Field::new("l", list, true), Field::new("t", DataType::Time32(TimeUnit::Millisecond), true)];
    let long = "1".repeat(400);
    let texts = [
        "{\"l\":[{\"b\":\"aGk=\",\"d\":\"1.005\"},{\"b\":\"aGk\",\"d\":12345678901234567890123456.78},null],\"t\":\"12:00:00.5\"}"
            .to_string(),
        "{\"l\":[{\"b\":\"!\"}]}".to_string(),
        format!("{{\"l\":[{{\"d\":{long}}}]}}"),
    ];
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let decoded = with(&[], fields, &texts);
    assert_eq!(decoded.rejected.len(), 2, "{:?}", decoded.rejected);
    let rows = decoded.batch.column(0).as_list::<i32>().value(0);
    assert_eq!(rows.as_struct().column(0).as_binary::<i32>().value(1), b"hi");
    assert_eq!(rows.as_struct().column(1).as_primitive::<arrow::datatypes::Decimal128Type>().value(0), 101);
    assert!(rows.is_null(2));
}

#[test]
fn a_bottomless_message_is_refused() {
    let deep = format!("{{\"n\":{}", "[".repeat(300_000));
    let closed = format!("{{\"n\":{}{}}}", "[".repeat(300_000), "]".repeat(300_000));
    let decoded = with(&[], vec![Field::new("n", DataType::Int32, true)], &[&deep, "{\"n\":1}", &closed]);
    assert_eq!(decoded.origin, Some(vec![1]));
}

#[test]
fn many_bad_ones_among_many_good_ones() {
    let texts: Vec<String> = (0..20_000)
        .map(|i| match i % 10 {
            3 => format!("{{\"n\":{i}"),
            7 => format!("{{\"n\":\"x{i}\"}}"),
            _ => format!("{{\"n\":{i}}}"),
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let decoded = with(&[], vec![Field::new("n", DataType::Int32, true)], &texts);
    assert_eq!(decoded.batch.num_rows(), 16_000);
    assert_eq!(decoded.rejected.len(), 4_000);
    let values = decoded.batch.column(0).as_primitive::<Int32Type>().values();
    assert!(decoded.origin.unwrap().iter().zip(values).all(|(o, v)| *o as i32 == *v));
}
