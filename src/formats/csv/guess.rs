//! Infers the type of an undeclared CSV column from the text of a field.

use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Date32Type, TimeUnit};

use crate::common::calendar;
use crate::formats::json::point_in_time;

/// Returns the narrowest type that reads a field without loss; `Null` for an empty one.
pub fn guess(text: &str) -> DataType {
    let text = text.trim();
    if text.is_empty() {
        return DataType::Null;
    }
    if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        return DataType::Boolean;
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    if unsigned.bytes().all(|b| b.is_ascii_digit()) && !unsigned.is_empty() {
        return whole(text, unsigned.len());
    }
    let numeric = |b: u8| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-');
    if unsigned.bytes().all(numeric) && !text.starts_with('+') && text.parse::<f64>().is_ok() {
        return DataType::Float64;
    }
    time(text).unwrap_or(DataType::Utf8)
}

/// Returns the type of an integer, by its text.
pub fn whole(text: &str, digits: usize) -> DataType {
    match u8::try_from(digits) {
        _ if text.parse::<i64>().is_ok() => DataType::Int64,
        Ok(digits) if digits <= DECIMAL128_MAX_PRECISION => DataType::Decimal128(digits.max(20), 0),
        _ => DataType::Utf8,
    }
}

/// Returns the type of `2024-05-01`, possibly followed by a time.
fn time(text: &str) -> Option<DataType> {
    let bytes = text.as_bytes();
    let shaped = |pattern: &[u8]| {
        let fits = |(b, p): (&u8, &u8)| if *p == b'0' { b.is_ascii_digit() } else { b == p || (*p == b' ' && *b == b'T') };
        bytes.len() >= pattern.len() && bytes.iter().zip(pattern).all(fits)
    };
    if bytes.len() == 10 && shaped(b"0000-00-00") {
        let day = Date32Type::parse(text).filter(|days| calendar::has_day(i64::from(*days)));
        return day.map(|_| DataType::Date32);
    }
    if !shaped(b"0000-00-00 00:00:00") {
        return None;
    }
    let fraction = text.get(19..).and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
    let unit = match fraction.bytes().take_while(u8::is_ascii_digit).count() {
        0..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        7..=9 => TimeUnit::Nanosecond,
        _ => return None,
    };
    point_in_time(text, unit).map(|_| DataType::Timestamp(unit, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_texts() {
        use DataType::{Boolean, Date32, Decimal128, Float64, Int64, Null, Timestamp, Utf8};
        for (text, data_type) in [
            ("", Null),
            ("True", Boolean),
            ("-7", Int64),
            ("9223372036854775808", Decimal128(20, 0)),
            ("1e3", Float64),
            (".5", Float64),
            ("-", Utf8),
            ("2024-02-29", Date32),
            ("2024-02-30", Utf8),
            ("2024-02-29 10:00:00", Timestamp(TimeUnit::Millisecond, None)),
            ("2024-02-29T10:00:00.1234Z", Timestamp(TimeUnit::Microsecond, None)),
            ("2300-02-28T10:00:00.123456789", Utf8),
            ("2024-02-29 25:00:00", Utf8),
            ("192.168.0.1", Utf8),
            ("123456789012345678901234567890123456789", Utf8),
        ] {
            assert_eq!(guess(text), data_type, "{text}");
        }
    }
}
