//! Fuzz tests with random schemas and messages, whole and damaged: serde_json decides what is JSON, arrow-json what it means.
//!
//! `MILLSTREAM_FUZZ_ROUNDS` (default 400, of 32 messages each) and `MILLSTREAM_FUZZ_SEED` vary the runs.

use std::sync::Arc;

use arrow::array::*;
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Fields, Int64Type, Schema, SchemaRef, TimeUnit};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use super::JsonDecoder;
use crate::common::{Projection, calendar};
use crate::formats::json::{base64, decimal};
use crate::formats::{Decoder, FormatOptions, Messages};

const PER_ROUND: usize = 32;
const NAMES: [&str; 9] = ["a", "b", "ab", "", "ä", "na\"me", "a.b", "A", "a key of more than thirty-two bytes"];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

// --- generators ---

fn data_type(rng: &mut StdRng, depth: usize) -> DataType {
    use DataType::*;
    let leaves = [
        Boolean,
        Int8,
        Int16,
        Int32,
        Int64,
        UInt64,
        Float32,
        Float64,
        Utf8,
        Utf8,
        Binary,
        Date32,
        Time32(TimeUnit::Millisecond),
        Time64(TimeUnit::Microsecond),
        Timestamp(TimeUnit::Millisecond, None),
        Timestamp(TimeUnit::Nanosecond, None),
        Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Timestamp(TimeUnit::Second, Some("Europe/Berlin".into())),
        Decimal128(10, 2),
        Decimal128(38, 10),
    ];
    match rng.random_range(0..if depth == 0 { 6 } else { 10 }) {
        6 | 7 => Struct(fields(rng, depth - 1)),
        8 => List(Arc::new(Field::new_list_field(data_type(rng, depth - 1), true))),
        9 => {
            let entries = vec![Field::new("key", Utf8, false), Field::new("value", data_type(rng, depth - 1), true)];
            Map(Arc::new(Field::new("entries", Struct(entries.into()), false)), false)
        }
        _ => leaves.choose(rng).unwrap().clone(),
    }
}

fn fields(rng: &mut StdRng, depth: usize) -> Fields {
    let mut names = NAMES.to_vec();
    let count = rng.random_range(1..5);
    (0..count).map(|_| Field::new(names.swap_remove(rng.random_range(0..names.len())), data_type(rng, depth), true)).collect()
}

/// Projects these columns, some of their ROWs with only a part of their fields.
fn pruned(rng: &mut StdRng, table: &SchemaRef, columns: &[usize]) -> Projection {
    Projection::new(columns.iter().map(|column| (*column, without_some(rng, &table.fields()[*column]))))
}

fn without_some(rng: &mut StdRng, field: &FieldRef) -> FieldRef {
    let DataType::Struct(fields) = field.data_type() else { return Arc::clone(field) };
    let kept: Vec<&FieldRef> = fields.iter().filter(|_| rng.random_ratio(3, 4)).collect();
    let kept: Vec<FieldRef> = kept.into_iter().map(|f| without_some(rng, f)).collect();
    Arc::new(field.as_ref().clone().with_data_type(DataType::Struct(kept.into())))
}

fn space(rng: &mut StdRng, out: &mut String) {
    if rng.random_ratio(1, 6) {
        out.push_str([" ", "\n", "\t \r"].choose(rng).unwrap());
    }
}

/// Appends `text` as a JSON string, with unnecessary escapes.
fn quoted(rng: &mut StdRng, text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if c < ' ' || rng.random_ratio(1, 30) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&if rng.random() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
                }
            }
            '/' if rng.random() => out.push_str("\\/"),
            c => out.push(c),
        }
    }
    out.push('"');
}

fn plain_text(rng: &mut StdRng) -> String {
    let texts = [
        "",
        "x",
        "Paid",
        "äöü",
        "𝄞 clef",
        "line\nbreak",
        "\u{1}",
        "a/b",
        "true",
        "null",
        "{\"a\":1}",
        "0123456789abcdef\"\\0123456789abcdef",
    ];
    let text = texts.choose(rng).unwrap();
    text.repeat(if rng.random_ratio(1, 10) { 5 } else { 1 })
}

fn any_number(rng: &mut StdRng) -> String {
    let digits = rng.random_range(1..24);
    let whole: u64 = rng.random::<u64>() >> rng.random_range(0..64);
    match rng.random_range(0..12) {
        0 => "0".into(),
        1 => "-0".into(),
        2 => format!("{}", rng.random::<i64>()),
        3 => format!("{whole}.{:0digits$}", rng.random_range(0..1000)),
        4 => format!("-{whole}e{}", rng.random_range(-30..30)),
        5 => format!("{}E+{}", rng.random_range(0..100), rng.random_range(0..20)),
        6 => "9".repeat(digits),
        7 => [
            "127",
            "128",
            "-128",
            "-129",
            "32768",
            "2147483647",
            "2147483648",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e400",
            "-1e-400",
            "0.5",
            "-0.5",
            "0.005",
            "1.005",
            "-0.0",
        ]
        .choose(rng)
        .unwrap()
        .to_string(),
        8 => format!("{}.0", rng.random_range(-300..300)),
        _ => format!("{}", rng.random_range(-1000..1000)),
    }
}

fn moment(rng: &mut StdRng) -> String {
    let mut text = String::new();
    let date = [
        "2024-05-01",
        "1969-12-31",
        "2024-02-29",
        "2023-02-29",
        "0001-01-01",
        "9999-12-31",
        "2024-5-1",
        "20240501",
        "2024-13-01",
        "1583-10-15",
    ];
    let time = ["12:00:00", "23:59:59", "24:00:00", "1:00", "12:30", "120000", "02:30:60", "10:00 PM"];
    if !rng.random_ratio(1, 6) {
        text.push_str(date.choose(rng).unwrap());
        text.push_str([" ", " ", "T", "", "t"].choose(rng).unwrap());
    }
    if !rng.random_ratio(1, 6) {
        text.push_str(time.choose(rng).unwrap());
        text.push_str(["", "", ".5", ".345", ".123456789", ".1234567890", ","].choose(rng).unwrap());
        text.push_str(["", "", "", "Z", "+02:00", " -05:00", "z", " Europe/Berlin"].choose(rng).unwrap());
    }
    text
}

/// Appends any JSON value.
fn anything(rng: &mut StdRng, depth: usize, out: &mut String) {
    match rng.random_range(0..if depth == 0 { 5 } else { 7 }) {
        0 => out.push_str("null"),
        1 => out.push_str(["true", "false"].choose(rng).unwrap()),
        2 => out.push_str(&any_number(rng)),
        3 => {
            let text = moment(rng);
            quoted(rng, &text, out);
        }
        4 => {
            let text = if rng.random() { plain_text(rng) } else { any_number(rng) };
            quoted(rng, &text, out);
        }
        5 => list(rng, out, |rng, out| anything(rng, depth - 1, out)),
        _ => {
            let count = rng.random_range(0..4);
            let mut names: Vec<String> = (0..count).map(|_| NAMES.choose(rng).unwrap().to_string()).collect();
            names.sort();
            names.dedup();
            object(rng, &names, out, |rng, _, out| anything(rng, depth - 1, out));
        }
    }
}

fn list(rng: &mut StdRng, out: &mut String, mut element: impl FnMut(&mut StdRng, &mut String)) {
    out.push('[');
    space(rng, out);
    for i in 0..rng.random_range(0..4) {
        if i > 0 {
            out.push(',');
            space(rng, out);
        }
        element(rng, out);
        space(rng, out);
    }
    out.push(']');
}

fn object(rng: &mut StdRng, names: &[String], out: &mut String, mut value: impl FnMut(&mut StdRng, usize, &mut String)) {
    out.push('{');
    space(rng, out);
    for (i, name) in names.iter().enumerate() {
        if i > 0 {
            out.push(',');
            space(rng, out);
        }
        quoted(rng, name, out);
        space(rng, out);
        out.push(':');
        space(rng, out);
        value(rng, i, out);
        space(rng, out);
    }
    out.push('}');
}

/// Appends an object with mostly the declared fields.
fn row(rng: &mut StdRng, fields: &Fields, out: &mut String) {
    let mut picked: Vec<Option<&FieldRef>> = fields.iter().filter(|_| true).map(Some).collect();
    if rng.random_ratio(1, 4) {
        for _ in 0..rng.random_range(1..4) {
            match rng.random_range(0..4) {
                0 if !picked.is_empty() => drop(picked.remove(rng.random_range(0..picked.len()))),
                1 => picked.push(fields.choose(rng)),
                2 => picked.insert(rng.random_range(0..=picked.len()), None),
                _ => {
                    let (i, j) = (rng.random_range(0..=picked.len()), rng.random_range(0..=picked.len()));
                    if i < picked.len() && j < picked.len() {
                        picked.swap(i, j);
                    }
                }
            }
        }
    }
    let names: Vec<String> = picked.iter().map(|f| f.map_or_else(|| "unknown".to_string(), |f| f.name().clone())).collect();
    object(rng, &names, out, |rng, i, out| match picked[i] {
        Some(field) => value(rng, field.data_type(), out),
        None => anything(rng, 3, out),
    });
}

/// Appends a value that mostly fits.
fn value(rng: &mut StdRng, data_type: &DataType, out: &mut String) {
    if rng.random_ratio(1, 12) {
        return out.push_str("null");
    }
    if rng.random_ratio(1, 25) {
        return anything(rng, 2, out);
    }
    match data_type {
        DataType::Struct(fields) => row(rng, fields, out),
        DataType::List(element) => list(rng, out, |rng, out| value(rng, element.data_type(), out)),
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { unreachable!() };
            let mut names: Vec<String> = (0..rng.random_range(0..4)).map(|_| NAMES.choose(rng).unwrap().to_string()).collect();
            // arrow-json keeps both values of a repeated key.
            names.sort();
            names.dedup();
            object(rng, &names, out, |rng, _, out| value(rng, fields[1].data_type(), out));
        }
        DataType::Boolean => out.push_str(["true", "false"].choose(rng).unwrap()),
        DataType::Utf8 => {
            let text = plain_text(rng);
            quoted(rng, &text, out);
        }
        DataType::Binary => {
            let text = ["", "aGk=", "aGk", "AAAA", "/+8=", "!"].choose(rng).unwrap();
            quoted(rng, text, out);
        }
        DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..) if rng.random_ratio(9, 10) => {
            let text = match data_type {
                DataType::Date32 => "2024-05-01".to_string(),
                DataType::Timestamp(..) => format!("2024-05-01 12:00:{:02}.{}", rng.random_range(0..60), rng.random_range(0..1000)),
                _ => "12:00:00.25".to_string(),
            };
            let text = if rng.random_ratio(1, 3) { moment(rng) } else { text };
            quoted(rng, &text, out);
        }
        _ => {
            let text = if rng.random_ratio(1, 5) { any_number(rng) } else { rng.random_range(0..100).to_string() };
            if rng.random_ratio(1, 8) { quoted(rng, &text, out) } else { out.push_str(&text) }
        }
    }
}

fn damage(rng: &mut StdRng, message: &mut Vec<u8>) {
    for _ in 0..rng.random_range(1..4) {
        if message.is_empty() {
            return;
        }
        let at = rng.random_range(0..message.len());
        match rng.random_range(0..6) {
            0 => message[at] = rng.random(),
            1 => drop(message.remove(at)),
            2 => message.insert(at, *b"{}[]\",:\\ 0-.eE1tfnu\n\x01\xff\xc3".choose(rng).unwrap()),
            3 => message.truncate(at),
            4 => message[at] ^= 1 << rng.random_range(0..8),
            _ => {
                let to = rng.random_range(at..message.len());
                let piece = message[at..=to].to_vec();
                message.splice(at..at, piece);
            }
        }
    }
}

// --- expectations ---

/// Whether it is JSON; `None` if serde_json cannot tell.
fn is_json(message: &[u8]) -> Option<(bool, Value)> {
    match serde_json::from_slice::<Value>(message) {
        Ok(value) => Some((true, value)),
        Err(e) if e.to_string().contains("number out of range") => None,
        // Control characters are accepted in strings.
        Err(_) if message.iter().any(|b| *b < 0x20) => None,
        Err(_) => Some((false, Value::Null)),
    }
}

/// The type that arrow-json reads instead: it expects hexadecimal for BYTES, and drops digits of DECIMAL.
fn stand_in(data_type: &DataType) -> DataType {
    let field = |f: &FieldRef| Arc::new(Field::new(f.name(), stand_in(f.data_type()), f.is_nullable()));
    match data_type {
        DataType::Decimal128(..) | DataType::Binary => DataType::Utf8,
        DataType::List(f) => DataType::List(field(f)),
        DataType::Map(f, _) => DataType::Map(field(f), false),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

/// Converts back to the type itself; `Err` if a value does not fit.
fn restore(array: &ArrayRef, target: &DataType, lenient: bool) -> Result<ArrayRef, ()> {
    fn each<T>(array: &ArrayRef, lenient: bool, one: impl Fn(&str) -> Option<T>) -> Result<Vec<Option<T>>, ()> {
        let values = array.as_string::<i32>().iter();
        values.map(|v| v.map(&one).map_or(Ok(None), |v| if v.is_none() && !lenient { Err(()) } else { Ok(v) })).collect()
    }
    let nulls: Option<NullBuffer> = array.nulls().cloned();
    Ok(match target {
        DataType::Decimal128(p, s) => {
            let values = each(array, lenient, |text| decimal::parse(text, *p, *s))?;
            Arc::new(Decimal128Array::from(values).with_precision_and_scale(*p, *s).unwrap())
        }
        DataType::Binary => {
            let values = each(array, lenient, |text| {
                let mut bytes = Vec::new();
                base64::read(text.as_bytes(), &mut bytes).then_some(bytes)
            })?;
            Arc::new(BinaryArray::from_iter(values))
        }
        DataType::List(field) => {
            let list = array.as_list::<i32>();
            let values = restore(list.values(), field.data_type(), lenient)?;
            Arc::new(ListArray::new(Arc::clone(field), list.offsets().clone(), values, nulls))
        }
        DataType::Map(field, sorted) => {
            let map = array.as_map();
            let entries = restore(&(Arc::new(map.entries().clone()) as ArrayRef), field.data_type(), lenient)?;
            Arc::new(MapArray::new(Arc::clone(field), map.offsets().clone(), entries.as_struct().clone(), nulls, *sorted))
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns().iter().zip(fields).map(|(c, f)| restore(c, f.data_type(), lenient));
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns.collect::<Result<_, _>>()?, nulls, array.len()).unwrap())
        }
        // A number outside of the calendar becomes the last valid time.
        DataType::Timestamp(..) => {
            let numbers = arrow::compute::cast(array, &DataType::Int64).unwrap();
            let DataType::Timestamp(unit, _) = target else { unreachable!() };
            let wrong = |v: &Option<i64>| v.is_some_and(|v| matches!(v, i64::MIN | i64::MAX) || !calendar::has_time(v, *unit));
            let numbers: Vec<Option<i64>> = numbers.as_primitive::<Int64Type>().iter().collect();
            if !lenient && numbers.iter().any(wrong) {
                return Err(());
            }
            let numbers = Int64Array::from_iter(numbers.into_iter().map(|v| v.filter(|_| !wrong(&v))));
            arrow::compute::cast(&numbers, target).unwrap()
        }
        DataType::Date32 => {
            let days: Vec<Option<i32>> = array.as_primitive::<Date32Type>().iter().collect();
            let wrong = |v: &Option<i32>| v.is_some_and(|v| !calendar::has_day(i64::from(v)));
            if !lenient && days.iter().any(wrong) {
                return Err(());
            }
            Arc::new(Date32Array::from_iter(days.into_iter().map(|v| v.filter(|_| !wrong(&v)))))
        }
        _ => Arc::clone(array),
    })
}

/// Returns the row that arrow-json reads from an object; `Err` if a value does not fit.
fn expected(schema: &SchemaRef, message: &[u8], lenient: bool) -> Result<StructArray, ()> {
    let read: Fields = schema.fields().iter().map(|f| Field::new(f.name(), stand_in(f.data_type()), true)).collect();
    let mut decoder = arrow_json::ReaderBuilder::new(Arc::new(Schema::new(read)))
        .with_coerce_primitive(true)
        .with_ignore_type_conflicts(lenient)
        .build_decoder()
        .unwrap();
    decoder.decode(message).map_err(|_| ())?;
    let batch = decoder.flush().map_err(|_| ())?.unwrap();
    let row: ArrayRef = Arc::new(StructArray::from(batch));
    restore(&row, &DataType::Struct(schema.fields().clone()), lenient).map(|row| row.as_struct().clone())
}

/// Whether a NOT NULL field is NULL or missing.
fn lacks(fields: &Fields, object: &Value, require: bool) -> bool {
    fields.iter().any(|f| object.get(f.name()).map_or(require || !f.is_nullable(), |value| wrong(f, value, require)))
}

fn wrong(field: &Field, value: &Value, require: bool) -> bool {
    match (field.data_type(), value) {
        (_, Value::Null) => !field.is_nullable(),
        (DataType::Struct(fields), Value::Object(_)) => lacks(fields, value, require),
        (DataType::List(element), Value::Array(all)) => all.iter().any(|value| wrong(element, value, require)),
        (DataType::Map(entries, _), Value::Object(all)) => {
            let DataType::Struct(entry) = entries.data_type() else { unreachable!() };
            all.values().any(|value| wrong(&entry[1], value, require))
        }
        _ => false,
    }
}

/// Whether a number or boolean is read as BYTES: arrow-json, asked for a text, takes it for base64. Or an object is read as STRING, which
/// arrow-json refuses.
fn odd_bytes(data_type: &DataType, value: &Value) -> bool {
    match (data_type, value) {
        (DataType::Binary, value) => value.is_number() || value.is_boolean(),
        (DataType::Utf8, value) => value.is_object() || value.is_array(),
        (DataType::Struct(fields), value) => fields.iter().any(|f| value.get(f.name()).is_some_and(|v| odd_bytes(f.data_type(), v))),
        (DataType::List(element), Value::Array(all)) => all.iter().any(|value| odd_bytes(element.data_type(), value)),
        (DataType::Map(entries, _), Value::Object(all)) => {
            let DataType::Struct(entry) = entries.data_type() else { unreachable!() };
            all.values().any(|value| odd_bytes(entry[1].data_type(), value))
        }
        _ => false,
    }
}

/// Returns the same fields, some of them NOT NULL.
fn stricter(rng: &mut StdRng, fields: &Fields) -> Fields {
    fields.iter().map(|f| stricter_field(rng, f)).collect()
}

fn stricter_field(rng: &mut StdRng, field: &Field) -> Field {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(stricter(rng, fields)),
        DataType::List(element) => DataType::List(Arc::new(stricter_field(rng, element))),
        other => other.clone(),
    };
    Field::new(field.name(), data_type, rng.random_ratio(2, 3))
}

fn options(lenient: bool, require: bool) -> FormatOptions {
    let (lenient, require) = (lenient.to_string(), require.to_string());
    let all = [("json.ignore-parse-errors", lenient.as_str()), ("json.fail-on-missing-field", require.as_str())];
    FormatOptions::pick("json", "", all.into_iter())
}

#[test]
fn random_messages_mean_what_others_say() {
    let rounds = number("MILLSTREAM_FUZZ_ROUNDS", 400);
    let seed = number("MILLSTREAM_FUZZ_SEED", 1);
    let (mut good, mut misfit, mut broken, mut untold) = (0, 0, 0, 0);
    for round in 0..rounds {
        let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(round));
        let rng = &mut rng;
        let physical: SchemaRef = Arc::new(Schema::new(fields(rng, 3)));
        let projection: Vec<usize> = (0..physical.fields().len()).filter(|_| rng.random_ratio(3, 4)).collect();
        let projection = pruned(rng, &physical, &projection);
        let wanted = Arc::clone(projection.schema());
        // arrow-json keeps both values of a repeated key of a MAP, which damage can create.
        let has_map = format!("{wanted:?}").contains("Map");
        let lenient = rng.random();
        let mut messages = Messages::default();
        let mut whole = Vec::new();
        for _ in 0..PER_ROUND {
            let mut text = String::new();
            space(rng, &mut text);
            row(rng, physical.fields(), &mut text);
            space(rng, &mut text);
            let mut bytes = text.into_bytes();
            let damaged = rng.random_ratio(1, 3);
            if damaged {
                damage(rng, &mut bytes);
            }
            messages.push(&bytes);
            whole.push(!damaged);
        }
        let mut decoder = JsonDecoder::new(&physical, &projection, &options(lenient, false)).unwrap();
        let decoded = decoder.decode(&messages).unwrap();
        let rows = StructArray::from(decoded.batch.clone());
        let origin = decoded.origin.clone().unwrap_or_else(|| (0..PER_ROUND as u32).collect());
        let strict_fields = stricter(rng, wanted.fields());
        let require = rng.random();
        let strict = Arc::new(Schema::new(strict_fields.clone()));
        // With an unprojected column beside them, a scalar is not a row.
        let strict_decoded =
            JsonDecoder::new(&strict, &Projection::all(&strict), &options(false, require)).unwrap().decode(&messages).unwrap();
        for (i, undamaged) in (0..PER_ROUND).zip(&whole) {
            let message = messages.get(i);
            let say =
                || format!("round {round}: {}\n{wanted:?}\nlenient {lenient}, {:?}", String::from_utf8_lossy(message), decoded.rejected);
            let rejected = decoded.rejected.iter().find(|r| r.0 == i as u32);
            let places: Vec<usize> = (0..origin.len()).filter(|row| origin[*row] == i as u32).collect();
            assert!(rejected.is_none_or(|r| places.is_empty() && !r.1.is_empty()), "{}", say());
            let Some((valid, json)) = is_json(message) else {
                untold += 1;
                continue;
            };
            if !valid {
                assert!(rejected.is_some(), "is no JSON: {}", say());
                broken += 1;
                continue;
            }
            assert!(*undamaged || !message.is_empty());
            // As a TIMESTAMP these may also be arrow-json's result for a number that is too large.
            let ends = ["9223372036854775807", "9223372036854775808"].iter().any(|end| String::from_utf8_lossy(message).contains(end));
            if ends || !json.is_object() || (has_map && !*undamaged) || odd_bytes(&DataType::Struct(wanted.fields().clone()), &json) {
                untold += 1;
                continue;
            }
            match expected(&wanted, message, lenient) {
                Ok(row) => {
                    assert!(rejected.is_none() && places.len() == 1, "fits: {}", say());
                    let (ours, theirs): (&dyn Array, &dyn Array) = (&rows.slice(places[0], 1), &row);
                    assert_eq!(ours.to_data(), theirs.to_data(), "{}", say());
                    good += 1;
                }
                Err(()) => {
                    assert!(rejected.is_some_and(|r| r.1.starts_with("field '")), "does not fit: {}", say());
                    misfit += 1;
                }
            }
            let bad = expected(&wanted, message, false).is_err() || lacks(&strict_fields, &json, require);
            let strictly = strict_decoded.rejected.iter().any(|r| r.0 == i as u32);
            assert_eq!(strictly, bad, "{}\n{strict:?}, require {require}\n{:?}", say(), strict_decoded.rejected);
        }
    }
    println!("{good} rows alike, {misfit} misfits, {broken} no JSON, {untold} without a judge");
    assert!(rounds < 100 || (good > 1_000 && misfit > 100 && broken > 500), "{good}, {misfit}, {broken}");
}

#[test]
fn bytes_at_random_are_refused_without_harm() {
    let mut rng = StdRng::seed_from_u64(number("MILLSTREAM_FUZZ_SEED", 1));
    for _ in 0..number("MILLSTREAM_FUZZ_ROUNDS", 400) {
        let physical: SchemaRef = Arc::new(Schema::new(fields(&mut rng, 3)));
        let mut messages = Messages::default();
        for _ in 0..PER_ROUND {
            let alphabet = b"{{}}[[]]\"\"\"::,,,\\ 0-.1eEtruefalsn\n\x01\xff\xc3\xa4aab";
            let bytes: Vec<u8> = (0..rng.random_range(0..24)).map(|_| *alphabet.choose(&mut rng).unwrap()).collect();
            messages.push(&bytes);
        }
        let decoded = JsonDecoder::new(&physical, &Projection::all(&physical), &options(false, false)).unwrap().decode(&messages).unwrap();
        for i in 0..PER_ROUND {
            if let Some((false, _)) = is_json(messages.get(i)) {
                assert!(decoded.rejected.iter().any(|r| r.0 == i as u32), "{:?}", String::from_utf8_lossy(messages.get(i)));
            }
        }
    }
}
