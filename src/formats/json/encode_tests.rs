use super::*;
use arrow::array::*;
use arrow::datatypes::{Field, Schema};

fn lines(options: &[(&str, &str)], columns: Vec<(&str, ArrayRef)>) -> Vec<String> {
    let fields: Vec<Field> = columns.iter().map(|(name, c)| Field::new(*name, c.data_type().clone(), true)).collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.into_iter().map(|(_, c)| c).collect()).unwrap();
    let options = FormatOptions::pick("json", "", options.iter().copied());
    let mut out = Messages::default();
    JsonEncoder::new(&schema, &options).unwrap().encode(&batch, &mut out).unwrap();
    (0..out.len()).map(|i| String::from_utf8(out.get(i).to_vec()).unwrap()).collect()
}

#[test]
fn a_window_looks_as_flink_writes_it() {
    let at = |ms: i64| Arc::new(TimestampMillisecondArray::from(vec![ms])) as ArrayRef;
    let columns = vec![
        ("window_start", at(1_714_564_800_000)),
        ("window_end", at(1_714_564_803_000)),
        ("total_paid", Arc::new(Int32Array::from(vec![825_200])) as ArrayRef),
        ("total_transactions", Arc::new(Int64Array::from(vec![14_973]))),
    ];
    assert_eq!(
        lines(&[], columns),
        [
            "{\"window_start\":\"2024-05-01 12:00:00\",\"window_end\":\"2024-05-01 12:00:03\",\"total_paid\":825200,\"total_transactions\":14973}"
        ]
    );
}

#[test]
fn times_floats_decimals_and_nulls() {
    let micros = Arc::new(TimestampMicrosecondArray::from(vec![Some(1_714_564_800_345_000), Some(-500_000), None]));
    let zoned = Arc::new(TimestampMillisecondArray::from(vec![Some(500), Some(0), None]).with_timezone("UTC"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("m", micros),
        ("z", zoned),
        ("d", Arc::new(Date32Array::from(vec![Some(19_844), Some(-1), None]))),
        ("t", Arc::new(Time32MillisecondArray::from(vec![Some(43_200_500), Some(0), None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1.0), Some(f64::NAN), None]))),
        ("x", Arc::new(Decimal128Array::from(vec![Some(-5), Some(100), None]).with_precision_and_scale(5, 2).unwrap())),
        ("b", Arc::new(BinaryArray::from(vec![Some(b"hi".as_ref()), Some(b""), None]))),
    ];
    assert_eq!(
        lines(&[], columns.clone()),
        [
            "{\"m\":\"2024-05-01 12:00:00.345\",\"z\":\"1970-01-01 00:00:00.5Z\",\"d\":\"2024-05-01\",\"t\":\"12:00:00.5\",\"f\":1.0,\"x\":-0.05,\"b\":\"aGk=\"}",
            "{\"m\":\"1969-12-31 23:59:59.5\",\"z\":\"1970-01-01 00:00:00Z\",\"d\":\"1969-12-31\",\"t\":\"00:00:00\",\"f\":\"NaN\",\"x\":1.00,\"b\":\"\"}",
            "{\"m\":null,\"z\":null,\"d\":null,\"t\":null,\"f\":null,\"x\":null,\"b\":null}",
        ]
    );
    let iso = lines(&[("json.timestamp-format.standard", "ISO-8601"), ("json.encode.ignore-null-fields", "true")], columns);
    assert!(iso[0].starts_with("{\"m\":\"2024-05-01T12:00:00.345\",\"z\":\"1970-01-01T00:00:00.5Z\""), "{}", iso[0]);
    assert_eq!(iso[2], "{}");
}

#[test]
fn nested_values_and_null_keys() {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    map.keys().append_value("a\u{1}");
    map.values().append_value(1);
    map.append(true).unwrap();
    let map: ArrayRef = Arc::new(map.finish());
    let list: ArrayRef = Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None])]));
    let row: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(Field::new("in", DataType::Boolean, true)), {
        Arc::new(BooleanArray::from(vec![true])) as ArrayRef
    })]));
    assert_eq!(lines(&[], vec![("m", map), ("l", list), ("r", row)]), ["{\"m\":{\"a\\u0001\":1},\"l\":[1,null],\"r\":{\"in\":true}}"]);
}
