//! Functions that convert between text, numbers and times. The session's zone is UTC.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Date32Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use datafusion::logical_expr::ScalarUDF;

use crate::common::java_parse::{Style, day_of_month};
use crate::common::java_time::Pattern;
use crate::common::{Error, Result};

use super::args::Times;
use super::compiled::Compiled;
use super::rows::{ColumnValue, returns};
use super::scalar::{Call, Param, Row, Scalar, TIMESTAMP};

const DEFAULT: &str = "yyyy-MM-dd HH:mm:ss";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Any, Int, Text, Time};
    let patterns = || Compiled::new(Pattern::parse);
    let (format, unixtime, parse, unix, date, zone) = (patterns(), patterns(), patterns(), patterns(), patterns(), patterns());
    [
        Scalar::new("date_format", &[&[Text, Text], &[Time, Text]], returns::<String>, move |call| date_format(call, &format)),
        Scalar::new("from_unixtime", &[&[Int], &[Int, Text]], returns::<String>, move |call| {
            formatted(call, &unixtime, |row| Some(DateTime::from_timestamp(row.int(0)?, 0)?.naive_utc()))
        }),
        Scalar::new("to_timestamp", &[&[Text], &[Text, Text]], timestamp_type, move |call| {
            Times::array(parsed(call, &parse, to_timestamp)?, &TIMESTAMP)
        }),
        Scalar::new("to_timestamp_ltz", &[&[Any], &[Any, Int], &[Text, Text], &[Text, Text, Text]], ltz_type, move |call| {
            to_timestamp_ltz(call, &zone)
        }),
        Scalar::new("unix_timestamp", &[&[Text], &[Time], &[Text, Text]], returns::<i64>, move |call| {
            let seconds = |row: &Row<'_>, pattern: &Pattern| match row.time(0) {
                Some(time) => Some(time.and_utc().timestamp()),
                // As in Flink, an invalid time is the least number, and fractions of a second are truncated towards 1970.
                None => Some(pattern.read(row.text(0)?, Style::Simple).map_or(i64::MIN, |time| time.and_utc().timestamp_millis() / 1000)),
            };
            Ok(Arc::new(Int64Array::from(parsed(call, &unix, seconds)?)))
        }),
        Scalar::new(
            "to_date",
            &[&[Text], &[Text, Text]],
            |_| Ok(DataType::Date32),
            move |call| {
                let days = |row: &Row<'_>, pattern: &Pattern| {
                    let date = if row.len() > 1 { pattern.read(row.text(0)?, Style::Simple)?.date() } else { plain_date(row.text(0)?)? };
                    Some(date.num_days_from_ce() - EPOCH)
                };
                Ok(Arc::new(Date32Array::from(parsed(call, &date, days)?)))
            },
        ),
        Scalar::rows("convert_tz", &[&[Text, Text, Text]], |row| {
            let time = plain_time(row.text(0)?, ' ')?.and_local_timezone(zone_of(row.text(1)?)?).earliest()?;
            Some(time.with_timezone(&zone_of(row.text(2)?)?).format("%Y-%m-%d %H:%M:%S").to_string())
        }),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// Days from the first day of year 1 to 1970-01-01.
const EPOCH: i32 = 719_163;

fn timestamp_type(_: &[DataType]) -> Result<DataType> {
    Ok(TIMESTAMP)
}

fn ltz_type(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
}

/// `DATE_FORMAT(time, pattern)`; text is a time in the default pattern.
fn date_format(call: &Call, patterns: &Compiled<Pattern>) -> Result<ArrayRef> {
    let default = Pattern::parse(DEFAULT)?;
    formatted(call, patterns, |row| row.time(0).or_else(|| default.read(row.text(0)?, Style::Simple)))
}

/// Times as text by the pattern in the second argument, else by the default.
fn formatted(call: &Call, patterns: &Compiled<Pattern>, time: impl Fn(&Row<'_>) -> Option<NaiveDateTime>) -> Result<ArrayRef> {
    Ok(String::array(parsed(call, patterns, |row, pattern| Some(pattern.format(time(row)?)))?))
}

/// Applies `body` to each row and the pattern in the second argument, or the default.
fn parsed<T>(call: &Call, patterns: &Compiled<Pattern>, body: impl Fn(&Row<'_>, &Pattern) -> Option<T>) -> Result<Vec<Option<T>>> {
    let (args, mut batch) = (call.row_args()?, patterns.batch());
    let rows = (0..call.rows).map(|row| {
        let row = args.row(row);
        let pattern = if row.len() > 1 { row.text(1) } else { Some(DEFAULT) };
        Ok(match pattern {
            Some(pattern) => body(&row, batch.get(pattern)?),
            None => None,
        })
    });
    rows.collect()
}

/// `TO_TIMESTAMP(text [, pattern])`.
fn to_timestamp(row: &Row<'_>, pattern: &Pattern) -> Option<NaiveDateTime> {
    let text = row.text(0)?;
    if row.len() == 1 {
        return plain_time(text, ' ').or_else(|| plain_time(text, 'T'));
    }
    pattern.read(text, Style::Formatter).or_else(|| plain_time(text.trim(), ' '))
}

/// `TO_TIMESTAMP_LTZ(number [, 0 | 3])` or `TO_TIMESTAMP_LTZ(text [, pattern [, zone]])`.
fn to_timestamp_ltz(call: &Call, patterns: &Compiled<Pattern>) -> Result<ArrayRef> {
    let first = call.array(0)?;
    if first.data_type().is_string() {
        let local = |row: &Row<'_>, pattern: &Pattern| {
            let time = to_timestamp(row, pattern)?;
            match row.len() {
                3 => Some(time.and_local_timezone(zone_of(row.text(2)?)?).earliest()?.naive_utc()),
                _ => Some(time),
            }
        };
        return Times::array(parsed(call, patterns, local)?, &ltz_type(&[])?);
    }
    if !(first.data_type().is_numeric() || first.data_type().is_null()) {
        let shown = crate::sql::types::display(first.data_type());
        return Err(Error::sql(format!("{shown} is neither a number nor a text")));
    }
    let precision = call.args.len().checked_sub(1).filter(|n| *n > 0).map(|_| call.int(1)).transpose()?;
    let mut times = Vec::with_capacity(call.rows);
    // Seconds may have a fraction.
    let seconds = cast(&first, &DataType::Float64)?;
    let whole = cast(&first, &DataType::Int64)?;
    for row in 0..call.rows {
        let exact = whole.as_primitive::<Int64Type>();
        let millis = match precision.as_ref().map_or(Some(3), |p| p.get(row)) {
            _ if arrow::array::Array::is_null(exact, row) => None,
            None => None,
            Some(3) => Some(exact.value(row)),
            Some(0) if first.data_type().is_integer() => exact.value(row).checked_mul(1000),
            Some(0) => Some((seconds.as_primitive::<arrow::datatypes::Float64Type>().value(row) * 1000.0) as i64),
            Some(other) => return Err(Error::sql(format!("the precision is 0 for seconds or 3 for milliseconds, not {other}"))),
        };
        times.push(millis.and_then(DateTime::from_timestamp_millis).map(|t| t.naive_utc()).filter(|t| (0..=9999).contains(&t.year())));
    }
    Times::array(times, &ltz_type(&[])?)
}

fn zone_of(name: &str) -> Option<Tz> {
    Tz::from_str(name).ok()
}

/// Parses `2024-5-1`, optionally followed by `12:0:0` and a fraction, which is truncated to milliseconds.
pub(super) fn plain_time(text: &str, between: char) -> Option<NaiveDateTime> {
    let (date, time) = text.split_once(between).map_or((text, None), |(date, time)| (date, Some(time)));
    let mut parts = date.split('-');
    let year = parts.next().filter(|year| year.len() == 4).and_then(digits)?;
    let (month, day) = (short(parts.next()?)?, short(parts.next()?)?);
    let date = day_of_month(i32::try_from(year).ok()?, month, day).filter(|_| parts.next().is_none())?;
    let Some(time) = time else { return date.and_hms_opt(0, 0, 0) };
    let (time, fraction) = time.split_once('.').map_or((time, ""), |(time, fraction)| (time, fraction));
    let mut parts = time.split(':');
    let mut next = || u32::try_from(short(parts.next()?)?).ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis: u32 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    date.and_hms_milli_opt(hour, minute, second, millis)
}

/// Parses one or two digits.
fn short(text: &str) -> Option<i64> {
    digits(text).filter(|_| text.len() <= 2)
}

fn digits(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Parses `2024-5-1`, `2024-5` or `2024`; a time may follow after a blank.
fn plain_date(text: &str) -> Option<NaiveDate> {
    let date = text.split_once(' ').filter(|(date, _)| !date.is_empty()).map_or(text, |(date, _)| date);
    let parts: Vec<i64> = date.split('-').map(|part| digits(part.trim())).collect::<Option<_>>()?;
    let [year, rest @ ..] = parts.as_slice() else { return None };
    if rest.len() > 2 {
        return None;
    }
    let of = |n: usize| u32::try_from(rest.get(n).copied().unwrap_or(1)).ok();
    NaiveDate::from_ymd_opt(i32::try_from(*year).ok()?, of(0)?, of(1)?)
}
