//! Encodes Arrow values as literals of a statement. Sessions use a mode with backslash escapes, and the zone +00:00.

use std::fmt::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use chrono::{DateTime, NaiveDate};

/// Why a value cannot be a literal.
pub(super) type Reason = String;

/// The maximum number of fractional digits of a second.
pub(super) const MOST_DIGITS: u8 = 6;

/// Appends the value of a row, a time with as many fractional digits as its column has: the server would round further digits.
///
/// # Errors
/// For a value that MySQL cannot hold: not a number, a year beyond four digits.
pub(super) fn append(array: &dyn Array, row: usize, digits: u8, out: &mut String) -> Result<(), Reason> {
    if array.is_null(row) {
        out.push_str("NULL");
        return Ok(());
    }
    let written = match array.data_type() {
        DataType::Boolean => write!(out, "{}", u8::from(array.as_boolean().value(row))),
        DataType::Int8 => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => {
            // As a DOUBLE: the server would read a FLOAT's own digits as a DECIMAL of another value.
            let value = array.as_primitive::<Float32Type>().value(row);
            return float(f64::from(value), out);
        }
        DataType::Float64 => return float(array.as_primitive::<Float64Type>().value(row), out),
        DataType::Decimal128(..) => write!(out, "{}", array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Utf8 => {
            text(array.as_string::<i32>().value(row), out);
            return Ok(());
        }
        DataType::Binary => {
            bytes(array.as_binary::<i32>().value(row), out);
            return Ok(());
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let day = NaiveDate::from_epoch_days(days).filter(|day| has_year(*day)).ok_or(BEYOND)?;
            write!(out, "'{day}'")
        }
        DataType::Time32(unit) => {
            let millis = match unit {
                TimeUnit::Second => i64::from(array.as_primitive::<Time32SecondType>().value(row)) * 1000,
                _ => i64::from(array.as_primitive::<Time32MillisecondType>().value(row)),
            };
            let seconds = millis.div_euclid(1000);
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            let text = format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}000", millis.rem_euclid(1000));
            write!(out, "'{}'", cut(&text, digits))
        }
        DataType::Timestamp(unit, _) => {
            let time = match unit {
                TimeUnit::Second => DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0),
                TimeUnit::Millisecond => DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row)),
                TimeUnit::Microsecond => DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)),
                TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))),
            };
            let time = time.map(|time| time.naive_utc()).filter(|time| has_year(time.date())).ok_or(BEYOND)?;
            write!(out, "'{}'", cut(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string(), digits))
        }
        other => return Err(format!("there is no literal for {other}")),
    };
    written.map_err(|_| "no room".to_string())
}

/// Truncates a time with six fractional digits.
fn cut(text: &str, digits: u8) -> &str {
    let drop = usize::from(MOST_DIGITS.saturating_sub(digits)) + usize::from(digits == 0);
    text.get(..text.len().saturating_sub(drop)).unwrap_or(text)
}

const BEYOND: &str = "the year has more than four digits";

fn has_year(day: NaiveDate) -> bool {
    (0..=9999).contains(&chrono::Datelike::year(&day))
}

fn float(value: f64, out: &mut String) -> Result<(), Reason> {
    if !value.is_finite() {
        return Err(format!("MySQL has no {value}"));
    }
    // An exponent makes it a DOUBLE for the server, too.
    write!(out, "{value:e}").map_err(|_| "no room".to_string())
}

/// Appends a text literal.
pub(super) fn text(text: &str, out: &mut String) {
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("''"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            c => out.push(c),
        }
    }
    out.push('\'');
}

/// Appends a bytes literal.
pub(super) fn bytes(bytes: &[u8], out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push_str("x'");
    for byte in bytes {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
    out.push('\'');
}

/// Returns a text literal.
pub(super) fn quoted_text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    text(value, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, StringArray, Time32MillisecondArray,
        TimestampMicrosecondArray, TimestampNanosecondArray,
    };

    use super::*;

    #[test]
    fn values_of_every_type() {
        let cases: [(ArrayRef, &str); 10] = [
            (Arc::new(BooleanArray::from(vec![true])), "1"),
            (Arc::new(Float32Array::from(vec![0.1])), "1.0000000149011612e-1"),
            (Arc::new(Float64Array::from(vec![-1e300])), "-1e300"),
            (Arc::new(Decimal128Array::from(vec![-5]).with_precision_and_scale(10, 3).unwrap()), "-0.005"),
            (Arc::new(StringArray::from(vec!["it's\\ \0 \n ä"])), "'it''s\\\\ \\0 \n ä'"),
            (Arc::new(BinaryArray::from(vec![&b"\x00\xff'"[..]])), "x'00ff27'"),
            (Arc::new(Date32Array::from(vec![-1])), "'1969-12-31'"),
            (Arc::new(Time32MillisecondArray::from(vec![3_661_005])), "'01:01:01.005000'"),
            (Arc::new(TimestampMicrosecondArray::from(vec![-1])), "'1969-12-31 23:59:59.999999'"),
            (Arc::new(TimestampNanosecondArray::from(vec![-1])), "'1969-12-31 23:59:59.999999'"),
        ];
        for (array, expected) in cases {
            let mut out = String::new();
            append(array.as_ref(), 0, MOST_DIGITS, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn digits_that_a_column_has_not_are_cut_off() {
        let time = TimestampMicrosecondArray::from(vec![-1]);
        for (digits, expected) in [(0, "'1969-12-31 23:59:59'"), (1, "'1969-12-31 23:59:59.9'"), (6, "'1969-12-31 23:59:59.999999'")] {
            let mut out = String::new();
            append(&time, 0, digits, &mut out).unwrap();
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn values_that_mysql_does_not_hold() {
        let cases: [(ArrayRef, &str); 3] = [
            (Arc::new(Float64Array::from(vec![f64::NAN])), "MySQL has no NaN"),
            (Arc::new(Float32Array::from(vec![f32::INFINITY])), "MySQL has no inf"),
            (Arc::new(Date32Array::from(vec![i32::MAX])), BEYOND),
        ];
        for (array, expected) in cases {
            assert_eq!(append(array.as_ref(), 0, MOST_DIGITS, &mut String::new()).unwrap_err(), expected);
        }
    }
}
