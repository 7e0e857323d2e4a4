//! Writes dates and times as Flink does in JSON, quoted strings, and texts for error messages.

use arrow::datatypes::{DataType, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};

/// Appends `"text"` with JSON's escapes.
pub(in crate::formats) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    // Without an early exit the compiler vectorises this loop.
    let special = bytes.iter().fold(false, |any, b| any | (*b < 0x20) | (*b == b'"') | (*b == b'\\'));
    let mut from = 0;
    let escaped = if special { bytes } else { &[] };
    for (i, b) in escaped.iter().enumerate() {
        if *b >= 0x20 && *b != b'"' && *b != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..i]);
        from = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            other => out.extend_from_slice(format!("\\u{other:04X}").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

fn two(n: u32, out: &mut Vec<u8>) {
    // Values are below 100 by construction of chrono's types.
    out.push(b'0' + (n / 10 % 10) as u8);
    out.push(b'0' + (n % 10) as u8);
}

/// Appends `yyyy-MM-dd`; days are counted from 1970. Returns false if the year is not from 0001 to 9999: readers accept no other.
pub(super) fn date(days: i32, out: &mut Vec<u8>) -> bool {
    NaiveDate::from_epoch_days(days).is_some_and(|date| calendar(date, out))
}

fn calendar(date: NaiveDate, out: &mut Vec<u8>) -> bool {
    let Some(year) = u32::try_from(date.year()).ok().filter(|year| (1..=9999).contains(year)) else { return false };
    two(year / 100, out);
    two(year % 100, out);
    out.push(b'-');
    two(date.month(), out);
    out.push(b'-');
    two(date.day(), out);
    true
}

fn clock(time: NaiveTime, out: &mut Vec<u8>) {
    two(time.hour(), out);
    out.push(b':');
    two(time.minute(), out);
    out.push(b':');
    two(time.second(), out);
    let nanos = time.nanosecond() % 1_000_000_000;
    if nanos != 0 {
        let digits = format!("{nanos:09}");
        out.push(b'.');
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
}

/// Appends `HH:mm:ss[.fff]` from nanoseconds since midnight; returns false if that is more than a day.
pub(super) fn time(nanos: i64, out: &mut Vec<u8>) -> bool {
    let (Ok(secs), Ok(rest)) = (u32::try_from(nanos.div_euclid(1_000_000_000)), u32::try_from(nanos.rem_euclid(1_000_000_000))) else {
        return false;
    };
    let Some(time) = NaiveTime::from_num_seconds_from_midnight_opt(secs, rest) else { return false };
    clock(time, out);
    true
}

/// Appends `yyyy-MM-dd HH:mm:ss[.fff]` (or with a `T`), without a zero fraction and without trailing zeros.
pub(super) fn timestamp(value: i64, per_second: i64, iso: bool, utc: bool, out: &mut Vec<u8>) -> bool {
    let Ok(nanos) = u32::try_from(value.rem_euclid(per_second) * (1_000_000_000 / per_second)) else { return false };
    let Some(at) = DateTime::from_timestamp(value.div_euclid(per_second), nanos) else { return false };
    let at = at.naive_utc();
    if !calendar(at.date(), out) {
        return false;
    }
    out.push(if iso { b'T' } else { b' ' });
    clock(at.time(), out);
    if utc {
        out.push(b'Z');
    }
    true
}

/// Returns the beginning of a text, with dots if more follows.
pub(super) fn shorten(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_string(),
    }
}

/// Returns the SQL name of a type, without its nested types.
pub(super) fn sql_type(data_type: &DataType) -> String {
    let digits = |unit: &TimeUnit| match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    let name = match data_type {
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 => "TINYINT",
        DataType::Int16 => "SMALLINT",
        DataType::Int32 => "INT",
        DataType::Int64 => "BIGINT",
        DataType::Float32 => "FLOAT",
        DataType::Float64 => "DOUBLE",
        DataType::Decimal128(precision, scale) => return format!("DECIMAL({precision}, {scale})"),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "STRING",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTES (base64)",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(unit) | DataType::Time64(unit) => return format!("TIME({})", digits(unit)),
        DataType::Timestamp(unit, None) => return format!("TIMESTAMP({})", digits(unit)),
        DataType::Timestamp(unit, Some(_)) => return format!("TIMESTAMP_LTZ({})", digits(unit)),
        DataType::List(_) => "ARRAY",
        DataType::Map(..) => "MAP",
        DataType::Struct(_) => "ROW",
        other => return other.to_string(),
    };
    name.to_string()
}
