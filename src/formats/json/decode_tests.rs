use super::*;
use crate::formats::conformance;
use arrow::array::*;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};

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
    let options = FormatOptions::pick("json", "", options.iter().copied());
    JsonDecoder::new(&schema, &Projection::all(&schema), &options).unwrap().decode(&messages(texts)).unwrap()
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
            (1, "field 'n': cannot read \"abc\" as INT"),
            (2, "field 'n': cannot read 3000000000 as INT"),
            (3, "field 'n': cannot read {\"x\":1} as INT"),
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

#[test]
fn the_last_of_two_fields_of_one_name_wins_also_over_what_does_not_fit() {
    let map = DataType::Map(
        Arc::new(Field::new(
            "entries",
            DataType::Struct(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int32, true)].into()),
            false,
        )),
        false,
    );
    let inner = DataType::Struct(vec![Field::new("x", DataType::Int32, false), Field::new("l", map, true)].into());
    let fields = vec![Field::new("r", inner, true), Field::new("s", DataType::Utf8, true)];
    let texts = [
        r#"{"r":{"x":1,"x":2},"s":"a","s":"b"}"#,
        r#"{"s":"a","r":{"x":"no"},"r":{"x":3}}"#,
        r#"{"s":"a","r":{"x":4},"r":{"x":"no"}}"#,
        r#"{"s":{},"s":"c","r":{"x":null,"x":5,"l":{"k":1,"m":2,"k":3}}}"#,
        r#"{"r":{"x":6},"r":{}}"#,
        r#"{"r":{"x":7},"r":null}"#,
    ];
    let decoded = with(&[], fields, &texts);
    assert_eq!(decoded.origin, Some(vec![0, 1, 3, 5]));
    assert_eq!(reasons(&decoded), [(2, "field 'r.x': cannot read \"no\" as INT"), (4, "field 'r.x' is NOT NULL, but null or missing")]);
    let r = decoded.batch.column(0).as_struct();
    assert_eq!(r.column(0).as_primitive::<Int32Type>().values()[..3], [2, 3, 5]);
    assert!(r.is_null(3));
    let entries = r.column(1).as_map().value(2);
    assert_eq!(entries.column(0).as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["m", "k"]);
    assert_eq!(entries.column(1).as_primitive::<Int32Type>().values()[..], [2, 3]);
    assert_eq!(decoded.batch.column(1).as_string::<i32>().iter().collect::<Vec<_>>(), [Some("b"), Some("a"), Some("c"), None]);
}

#[test]
fn reasons_name_the_place_and_the_sql_type() {
    let list = DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(vec![Field::new("d", DataType::Decimal128(4, 1), true)].into()),
        true,
    )));
    let fields = vec![
        Field::new("t", DataType::Timestamp(TimeUnit::Millisecond, None), true),
        Field::new("l", list, true),
        Field::new("b", DataType::Binary, true),
    ];
    let cases = [
        (r#"{"t":"2024-02-30 12:00:00"}"#, "field 't': cannot read \"2024-02-30 12:00:00\" as TIMESTAMP(3)"),
        (r#"{"l":[{"d":1},{"d":1234}]}"#, "field 'l[].d': cannot read 1234 as DECIMAL(4, 1)"),
        (r#"{"l":7}"#, "field 'l': cannot read 7 as ARRAY"),
        (r#"{"b":"!"}"#, "field 'b': cannot read \"!\" as BYTES (base64)"),
        ("{broken", "unexpected 'b' at byte 1"),
        ("{\"t\":\"a\u{1}b\"}", "field 't': cannot read \"a\u{1}b\" as TIMESTAMP(3)"),
        (r#"{"t":"10000-01-01T00:00:00Z"}"#, "field 't': cannot read \"10000-01-01T00:00:00Z\" as TIMESTAMP(3)"),
        (r#"{"t":9223372036854775807}"#, "field 't': cannot read 9223372036854775807 as TIMESTAMP(3)"),
        (r#"{"t":"0000-12-31 23:59:59"}"#, "field 't': cannot read \"0000-12-31 23:59:59\" as TIMESTAMP(3)"),
        (r#"{"t":"\x"}"#, "wrong escape sequence before byte 7"),
        (r#"{"t":"a"#, "ends in the middle of a value"),
        (r#"{"t":tru"#, "ends in the middle of a value"),
        ("{} {}", "more than one JSON value in one message"),
        ("[{},7]", "expected JSON objects in the array"),
        ("7", "expected a JSON object"),
    ];
    let texts: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let decoded = with(&[], fields, &texts);
    assert_eq!(decoded.batch.num_rows(), 0);
    let expected: Vec<&str> = cases.iter().map(|case| case.1).collect();
    assert_eq!(reasons(&decoded).iter().map(|r| r.1).collect::<Vec<_>>(), expected);
}

#[test]
fn texts_are_read_as_flink_reads_them() {
    let fields = vec![Field::new("s", DataType::Utf8, true)];
    let cases = [
        ("\u{feff}{\"s\":\"x\"}", "x"),
        ("{\"s\":\"a\nb\tc\u{1}\"}", "a\nb\tc\u{1}"),
        (r#"{"s": {"a" : [1, 2.50 , "x\/\u00e9\n"] , "b":{} }}"#, r#"{"a":[1,2.50,"x/é\n"],"b":{}}"#),
        (r#"{"s": [ true , null ]}"#, "[true,null]"),
        (r#"{"s": "{ }"}"#, "{ }"),
    ];
    let texts: Vec<&str> = cases.iter().map(|case| case.0).collect();
    let decoded = with(&[], fields, &texts);
    assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
    let read: Vec<&str> = decoded.batch.column(0).as_string::<i32>().iter().map(Option::unwrap).collect();
    assert_eq!(read, cases.iter().map(|case| case.1).collect::<Vec<_>>());
}

#[test]
fn keys_are_found_in_any_order_and_spacing() {
    let fields: Vec<Field> = (0..30).map(|i| Field::new(format!("k{i}"), DataType::Int32, true)).collect();
    let mut texts: Vec<String> = Vec::new();
    for turn in 0..60 {
        let space = [" ", "", "\n\t", "                                        "][turn / 2 % 4];
        let each = (0..30).map(|i| (i * 7 + turn / 3) % 30).map(|i| format!("{space}\"k{i}\"{space}:{}", i * 100 + turn));
        texts.push(format!("{{{}}}", each.collect::<Vec<_>>().join(",")));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let decoded = with(&[], fields, &texts);
    assert!(decoded.rejected.is_empty(), "{:?}", decoded.rejected);
    for (i, column) in decoded.batch.columns().iter().enumerate() {
        let expected: Vec<i32> = (0..60).map(|turn| i as i32 * 100 + turn).collect();
        assert_eq!(column.as_primitive::<Int32Type>().values()[..], expected);
    }
}
