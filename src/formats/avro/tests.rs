use arrow::array::*;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, Schema, TimeUnit};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::formats::{conformance, decoder, encoder};

fn options(pairs: &[(&str, &str)]) -> FormatOptions {
    FormatOptions::pick("avro", "", pairs.iter().copied())
}

fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", of, true)))
}

/// Returns rows with every type, without NULLs.
fn rows() -> RecordBatch {
    let pair = Fields::from(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Int8, true)]);
    let columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from(vec!["x", "", "ä"])), Arc::new(Int8Array::from(vec![1, -2, 3]))];
    let mut map = MapBuilder::new(
        Some(MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() }),
        StringBuilder::new(),
        Int64Builder::new(),
    );
    for n in 0..3 {
        map.keys().append_value("k");
        map.values().append_value(n);
        map.append(true).unwrap();
    }
    let all: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int32Array::from(vec![1, -2, i32::MAX]))),
        ("tiny", Arc::new(Int8Array::from(vec![1, -128, 127]))),
        ("small", Arc::new(Int16Array::from(vec![1, -2, 3]))),
        ("big", Arc::new(Int64Array::from(vec![i64::MIN, 0, 3]))),
        ("f", Arc::new(Float32Array::from(vec![0.5, -1.0, 3.0]))),
        ("d", Arc::new(Float64Array::from(vec![0.5, -1e300, 3.0]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, false, true]))),
        ("text", Arc::new(StringArray::from(vec!["a", "", "ä"]))),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"\x00\xff"[..], b"", b"bc"]))),
        ("price", Arc::new(Decimal128Array::from(vec![150, -1, 0]).with_precision_and_scale(10, 2).unwrap())),
        ("day", Arc::new(Date32Array::from(vec![0, 19_000, -1]))),
        ("clock", Arc::new(Time32MillisecondArray::from(vec![0, 1, 86_399_999]))),
        ("ts", Arc::new(TimestampMillisecondArray::from(vec![0, 1_500, -1]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![0, 1_500, -1]).with_timezone("UTC"))),
        (
            "numbers",
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), Some(vec![]), Some(vec![Some(3)])])),
        ),
        ("r", Arc::new(StructArray::new(pair, columns, None))),
        ("m", Arc::new(map.finish())),
    ];
    RecordBatch::try_from_iter_with_nullable(all.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn encoded(rows: &RecordBatch, options: &FormatOptions) -> Messages {
    let mut out = Messages::default();
    encoder("avro", &rows.schema(), options).unwrap().encode(rows, &mut out).unwrap();
    out
}

#[test]
fn keeps_to_the_contract() {
    let good = encoded(&rows(), &options(&[])).get(0).to_vec();
    let longer: Vec<u8> = good.iter().copied().chain([0]).collect();
    let twice: Vec<u8> = good.iter().chain(&FRAME).chain(&good).copied().collect();
    conformance::run("avro", &rows(), &[b"", &good[..good.len() - 1], &longer, &twice, b"\x04", b"{\"id\":1}"]).unwrap();
}

/// Compares with Avro's specification, byte by byte: longs are zigzag, a union's branch precedes its value.
#[test]
fn bytes_are_those_of_the_specification() {
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int32, false),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Decimal128(5, 2), true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![-3, 64])),
        Arc::new(StringArray::from(vec![Some("ab"), None])),
        Arc::new(Decimal128Array::from(vec![Some(150), None]).with_precision_and_scale(5, 2).unwrap()),
        Arc::new(TimestampMillisecondArray::from(vec![Some(1), None])),
    ];
    let rows = RecordBatch::try_new(schema, columns).unwrap();
    let out = encoded(&rows, &options(&[]));
    assert_eq!(out.get(0), [5, 2, 4, b'a', b'b', 2, 4, 0, 150, 2, 2]);
    assert_eq!(out.get(1), [0x80, 1, 0, 0, 0]);
    let schema = rows.schema();
    let read = decoder("avro", &schema, &Projection::all(&schema), &options(&[])).unwrap().decode(&out).unwrap();
    assert_eq!((read.batch, read.rejected), (rows, vec![]));
}

#[test]
fn what_does_not_fit_is_set_aside() {
    let wide = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1, 300, 2])) as ArrayRef)]).unwrap();
    let mut messages = encoded(&wide, &options(&[]));
    messages.push(b"\xff");
    let narrow: SchemaRef = Arc::new(Schema::new(vec![Field::new("n", DataType::Int8, false)]));
    let read = decoder("avro", &narrow, &Projection::all(&narrow), &options(&[])).unwrap().decode(&messages).unwrap();
    assert_eq!(read.batch.column(0).as_primitive::<arrow::datatypes::Int8Type>().values(), &[1, 2]);
    assert_eq!(read.origin, Some(vec![0, 2]));
    assert_eq!(read.rejected[0], (1, "field 'n': out of range".to_string()));
    assert_eq!(read.rejected[1].0, 3);
}

/// Any bytes of a message either decode to a row or are refused.
#[test]
fn garbage_is_refused() {
    let (rows, mut random) = (rows(), StdRng::seed_from_u64(55));
    let schema = rows.schema();
    let good = encoded(&rows, &options(&[]));
    let mut reader = decoder("avro", &schema, &Projection::all(&schema), &options(&[])).unwrap();
    for _ in 0..300 {
        let mut messages = Messages::default();
        for _ in 0..5 {
            let mut message = good.get(random.random_range(0..3)).to_vec();
            for _ in 0..random.random_range(0..4) {
                let at = random.random_range(0..message.len());
                message[at] = random.random();
            }
            messages.push(&message);
        }
        let read = reader.decode(&messages).unwrap();
        assert_eq!(read.batch.num_rows() + read.rejected.len(), messages.len());
    }
}

#[test]
fn timestamps_are_mapped_as_flink_does() {
    let micros = |zone: Option<&str>| DataType::Timestamp(TimeUnit::Microsecond, zone.map(Into::into));
    let new: &[(&str, &str)] = &[("avro.timestamp_mapping.legacy", "false")];
    let json = |data_type: DataType, options: &[(&str, &str)]| {
        let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("c", data_type, false)]));
        AvroTable::new(&schema, super::super::legacy(&self::options(options)).unwrap()).map(|table| table.json)
    };
    for (data_type, options, logical) in [
        (DataType::Timestamp(TimeUnit::Millisecond, None), &[][..], "\"timestamp-millis\""),
        (DataType::Timestamp(TimeUnit::Millisecond, None), new, "\"local-timestamp-millis\""),
        (micros(None), new, "\"local-timestamp-micros\""),
        (micros(Some("UTC")), new, "\"timestamp-micros\""),
    ] {
        let got = json(data_type.clone(), options).unwrap();
        assert!(got.contains(logical), "{data_type} {options:?}: {got}");
    }
    for wrong in [micros(None), DataType::Time64(TimeUnit::Microsecond), list(DataType::UInt64)] {
        assert!(json(wrong.clone(), &[]).is_err(), "{wrong}");
    }
    let named: SchemaRef = Arc::new(Schema::new(vec![Field::new("a-b", DataType::Int32, false)]));
    assert!(AvroTable::new(&named, true).is_err());
    assert!(super::super::legacy(&options(&[("avro.encoding", "json")])).is_err());
}

/// Encodes a record of a DECIMAL, a DATE, a TIMESTAMP and a BOOLEAN, as any writer may do.
fn odd(decimal: i64, day: i64, millis: i64, flag: u8) -> Vec<u8> {
    let long = |value: i64| {
        let (mut rest, mut bytes) = ((value << 1 ^ value >> 63).cast_unsigned(), Vec::new());
        while rest >= 128 {
            bytes.push((rest & 127) as u8 | 128);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    };
    [&[16][..], &decimal.to_be_bytes(), &long(day), &long(millis), &[flag]].concat()
}

#[test]
fn values_that_no_column_holds_are_bad_records() {
    let (last_day, last) = (2_932_896, 253_402_300_799_999);
    let fields = vec![
        Field::new("price", DataType::Decimal128(10, 2), false),
        Field::new("day", DataType::Date32, false),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("flag", DataType::Boolean, false),
    ];
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let most = 9_999_999_999;
    let cases = [
        (odd(most, last_day, last, 1), None),
        (odd(most + 1, 0, 0, 1), Some("field 'price': out of range")),
        (odd(-most, -719_162, 0, 0), None),
        (odd(i64::MIN, 0, 0, 1), Some("field 'price': out of range")),
        (odd(0, last_day + 1, 0, 1), Some("field 'day': out of range")),
        (odd(0, i64::from(i32::MAX), 0, 1), Some("field 'day': out of range")),
        (odd(0, 0, last + 1, 1), Some("field 'at': out of range")),
        (odd(0, 0, i64::MAX, 1), Some("field 'at': out of range")),
        (odd(0, 0, i64::MIN, 1), Some("field 'at': out of range")),
        (odd(0, 0, 0, 2), Some("a boolean is neither 0 nor 1")),
    ];
    let mut messages = Messages::default();
    cases.iter().for_each(|(message, _)| messages.push(message));
    let mut reader = decoder("avro", &schema, &Projection::all(&schema), &options(&[])).unwrap();
    let read = reader.decode(&messages).unwrap();
    assert_eq!(read.origin, Some(vec![0, 2]));
    assert_eq!(read.batch.column(0).as_primitive::<arrow::datatypes::Decimal128Type>().values(), &[i128::from(most), -i128::from(most)]);
    let wrong: Vec<(u32, String)> = (0..).zip(cases).filter_map(|(n, (_, why))| Some((n, why?.to_string()))).collect();
    assert_eq!(read.rejected, wrong);
}
