//! Formats a row as Java's `Row.toString` does.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Time32MillisecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, NaiveDate, NaiveTime, Timelike};

/// Appends `+I[a, b]`, with `kind` instead of `+I`.
pub(super) fn row(kind: &str, columns: &[ArrayRef], row: usize, out: &mut String) {
    out.push_str(kind);
    out.push('[');
    list(columns.iter(), row, out);
    out.push(']');
}

fn list<'a>(columns: impl Iterator<Item = &'a ArrayRef>, row: usize, out: &mut String) {
    for (i, column) in columns.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        value(column, row, out);
    }
}

fn value(array: &ArrayRef, row: usize, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    // Writing to a String does not fail.
    let _ = match array.data_type() {
        DataType::Utf8 => write!(out, "{}", array.as_string::<i32>().value(row)),
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row)), array, row, out),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row), array, row, out),
        DataType::Binary => {
            // Java's bytes are signed.
            let bytes: Vec<i8> = array.as_binary::<i32>().value(row).iter().map(|b| b.cast_signed()).collect();
            write!(out, "{bytes:?}")
        }
        DataType::Date32 => match NaiveDate::from_epoch_days(array.as_primitive::<Date32Type>().value(row)) {
            Some(date) => write!(out, "{date}"),
            None => fallback(array, row, out),
        },
        DataType::Time32(TimeUnit::Millisecond) => {
            let millis = u32::try_from(array.as_primitive::<Time32MillisecondType>().value(row)).unwrap_or(u32::MAX);
            match NaiveTime::from_num_seconds_from_midnight_opt(millis / 1_000, millis % 1_000 * 1_000_000) {
                Some(time) => clock(time, false, out),
                None => fallback(array, row, out),
            }
        }
        DataType::Timestamp(unit, zone) => match timestamp(array, row, *unit) {
            Some(at) => {
                let _ = write!(out, "{}T", at.date_naive());
                let written = clock(at.time(), zone.is_some(), out);
                if zone.is_some() {
                    out.push('Z');
                }
                written
            }
            None => fallback(array, row, out),
        },
        DataType::List(_) => {
            let values = array.as_list::<i32>().value(row);
            out.push('[');
            for i in 0..values.len() {
                if i > 0 {
                    out.push_str(", ");
                }
                value(&values, i, out);
            }
            write!(out, "]")
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            out.push('{');
            for i in 0..entries.len() {
                if i > 0 {
                    out.push_str(", ");
                }
                value(entries.column(0), i, out);
                out.push('=');
                value(entries.column(1), i, out);
            }
            write!(out, "}}")
        }
        DataType::Struct(_) => {
            out.push_str("+I[");
            list(array.as_struct().columns().iter(), row, out);
            write!(out, "]")
        }
        _ => fallback(array, row, out),
    };
}

fn timestamp(array: &ArrayRef, row: usize, unit: TimeUnit) -> Option<DateTime<chrono::Utc>> {
    match unit {
        TimeUnit::Second => DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0),
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(array.as_primitive::<TimestampMillisecondType>().value(row)),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(array.as_primitive::<TimestampNanosecondType>().value(row))),
    }
}

/// Appends a time as Java's `LocalTime` prints it: seconds only if there are any (an `Instant` always has them), the fraction in groups of
/// three digits.
fn clock(time: NaiveTime, seconds: bool, out: &mut String) -> std::fmt::Result {
    write!(out, "{:02}:{:02}", time.hour(), time.minute())?;
    let nanos = time.nanosecond() % 1_000_000_000;
    if seconds || time.second() > 0 || nanos > 0 {
        write!(out, ":{:02}", time.second())?;
    }
    match nanos {
        0 => Ok(()),
        n if n % 1_000_000 == 0 => write!(out, ".{:03}", n / 1_000_000),
        n if n % 1_000 == 0 => write!(out, ".{:06}", n / 1_000),
        n => write!(out, ".{n:09}"),
    }
}

fn float(value: f64, array: &ArrayRef, row: usize, out: &mut String) -> std::fmt::Result {
    match value {
        v if v.is_nan() => write!(out, "NaN"),
        v if v.is_infinite() => write!(out, "{}Infinity", if v < 0.0 { "-" } else { "" }),
        _ => fallback(array, row, out),
    }
}

fn fallback(array: &ArrayRef, row: usize, out: &mut String) -> std::fmt::Result {
    match ArrayFormatter::try_new(array, &FormatOptions::default()) {
        Ok(formatter) => write!(out, "{}", formatter.value(row)),
        Err(_) => write!(out, "?"),
    }
}
