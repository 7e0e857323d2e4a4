//! Functions over the fields of a time. Units are text here: `sql/rewrites/forms.rs` rewrites `EXTRACT(HOUR FROM ts)`, `TIMESTAMPDIFF(DAY,
//! a, b)` and `FLOOR(ts TO DAY)` as calls of these functions.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array};
use arrow::compute::{DatePart, cast, date_part};
use arrow::datatypes::{DataType, Int64Type};
use chrono::{Datelike, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use datafusion::logical_expr::{Expr, ScalarUDF, lit};
use datafusion::scalar::ScalarValue;

use crate::common::floor::{self, floored_to};
use crate::common::{Error, Result};

use super::args::Times;
use super::rows::returns;
use super::scalar::{Call, Param, Scalar, TIMESTAMP, nth};

/// The function of `FLOOR(ts TO DAY)`, which a CAST to fewer digits applies first.
pub const FLOOR: &str = "floor_time";
/// The function that a CAST applies for numbers of digits without a unit.
pub const DIGITS: &str = "__floor_digits";
/// The function of `CEIL(ts TO DAY)`.
pub const CEIL: &str = "ceil_time";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::{Any, Int, Moment, Text, Time};
    // YEAR(ts) is EXTRACT(YEAR FROM ts).
    macro_rules! parts {
        ($($name:literal => $unit:literal),*) => {
            [$(Scalar::new($name, &[&[Time]], returns::<i64>, |call| extract(&call.array(0)?, $unit))),*]
        };
    }
    let parts = parts! {
        "year" => "YEAR", "quarter" => "QUARTER", "month" => "MONTH", "week" => "WEEK", "dayofyear" => "DOY", "dayofmonth" => "DAY",
        "dayofweek" => "DOW", "hour" => "HOUR", "minute" => "MINUTE", "second" => "SECOND"
    };
    let more = [
        Scalar::new("extract", &[&[Text, Any]], returns::<i64>, |call| extract(&call.array(1)?, &unit(call)?)),
        Scalar::new("timestampdiff", &[&[Text, Time, Time]], returns::<i32>, |call| {
            let unit = unit(call)?;
            let rows = call.map(|row| Some((row.time(1)?, row.time(2)?)))?;
            let rows = rows.into_iter().map(|pair| pair.map(|(a, b)| between(&unit, a, b)).transpose());
            let rows = rows.map(|n| Ok(n?.and_then(|n| i32::try_from(n).ok())));
            Ok(Arc::new(rows.collect::<Result<Int32Array>>()?))
        }),
        Scalar::new("timestampadd", &[&[Text, Int, Time]], nth::<2>, |call| {
            let unit = unit(call)?;
            let rows = call.map(|row| Some((row.int(1)?, row.time(2)?)))?;
            let rows = rows.into_iter().map(|pair| pair.map_or(Ok(None), |(n, time)| add(&unit, n, time)));
            Times::array(rows.collect::<Result<_>>()?, call.array(2)?.data_type())
        }),
        Scalar::new(FLOOR, &[&[Text, Moment]], nth::<1>, |call| rounded(call, false)),
        Scalar::new(CEIL, &[&[Text, Moment]], nth::<1>, |call| rounded(call, true)),
    ];
    parts.into_iter().chain(more).map(Scalar::udf).chain([digits(), floored_for()]).collect()
}

fn digits() -> Arc<ScalarUDF> {
    let cut = |call: &Call| {
        let text = call.text(0)?;
        let digits: Vec<Option<u32>> = text.get(0).unwrap_or_default().split(',').map(|digits| digits.parse().ok()).collect();
        Ok(floor::with_digits(&call.array(1)?, &digits))
    };
    Scalar::new(DIGITS, &[&[Param::Text, Param::Any]], nth::<1>, cut).udf()
}

/// A value whose times are cut to these digits of a second, in its own type; see [`floor::with_digits`].
pub fn with_digits(value: Expr, digits: &[Option<u32>]) -> Expr {
    self::digits().call(vec![lit(floor::digits_text(digits)), value])
}

fn floored_for() -> Arc<ScalarUDF> {
    Scalar::new("__floored_for", &[&[Param::Any, Param::Any]], nth::<0>, |call| {
        Ok(floor::floored(&call.array(0)?, call.array(1)?.data_type()))
    })
    .udf()
}

/// A value whose times are cut as a CAST to another type cuts them, in its own type.
///
/// # Errors
/// When there is no NULL of that type.
pub fn cut_for(value: Expr, to: &DataType) -> Result<Expr> {
    Ok(self::floored_for().call(vec![value, lit(ScalarValue::try_from(to)?)]))
}

/// The unit in the first argument.
fn unit(call: &Call) -> Result<String> {
    Ok(call.text(0)?.get(0).unwrap_or_default().to_uppercase())
}

fn unknown(unit: &str) -> Error {
    Error::sql(format!("`{unit}` is no unit of time here")).hint("units are YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE, SECOND")
}

/// A field of times, dates and intervals, as BIGINT.
fn extract(times: &ArrayRef, unit: &str) -> Result<ArrayRef> {
    let part = match unit {
        "YEAR" => DatePart::Year,
        "ISOYEAR" => DatePart::YearISO,
        "QUARTER" => DatePart::Quarter,
        "MONTH" => DatePart::Month,
        "WEEK" => DatePart::Week,
        "DAY" => DatePart::Day,
        "DOY" => DatePart::DayOfYear,
        "DOW" => DatePart::DayOfWeekSunday0,
        "ISODOW" => DatePart::DayOfWeekMonday0,
        "HOUR" => DatePart::Hour,
        "MINUTE" => DatePart::Minute,
        "SECOND" => DatePart::Second,
        "MILLISECOND" => DatePart::Millisecond,
        "MICROSECOND" => DatePart::Microsecond,
        "NANOSECOND" => DatePart::Nanosecond,
        "EPOCH" => return epoch(times),
        "DECADE" | "CENTURY" | "MILLENNIUM" => {
            let years = extract(times, "YEAR")?;
            let years = years.as_primitive::<Int64Type>();
            return Ok(Arc::new(years.unary::<_, Int64Type>(|year| match unit {
                "DECADE" => year.div_euclid(10),
                "CENTURY" => (year - 1).div_euclid(100) + 1,
                _ => (year - 1).div_euclid(1000) + 1,
            })));
        }
        _ => return Err(unknown(unit)),
    };
    if times.data_type().is_null() {
        return Ok(cast(times, &DataType::Int64)?);
    }
    // Text is read as a time, as in other functions.
    let times = match times.data_type() {
        text if text.is_string() => &cast(times, &TIMESTAMP)?,
        _ => times,
    };
    let parts = cast(&date_part(times, part)?, &DataType::Int64)?;
    // Days of a week count from 1, fractions of a second within the second.
    let parts = parts.as_primitive::<Int64Type>();
    Ok(match unit {
        "DOW" | "ISODOW" => Arc::new(parts.unary::<_, Int64Type>(|n| n + 1)),
        _ => Arc::new(parts.clone()),
    })
}

/// Seconds since 1970.
fn epoch(times: &ArrayRef) -> Result<ArrayRef> {
    let times = match times.data_type() {
        DataType::Timestamp(..) => Arc::clone(times),
        _ => cast(times, &TIMESTAMP)?,
    };
    let times = Times::new(&times)?;
    Ok(Arc::new((0..times.len()).map(|row| Some(times.get(row)?.and_utc().timestamp())).collect::<Int64Array>()))
}

/// The number of whole units between two times.
fn between(unit: &str, from: NaiveDateTime, to: NaiveDateTime) -> Result<i64> {
    let span = to - from;
    Ok(match unit {
        "MILLISECOND" => span.num_milliseconds(),
        "SECOND" => span.num_seconds(),
        "MINUTE" => span.num_minutes(),
        "HOUR" => span.num_hours(),
        "DAY" => span.num_days(),
        "WEEK" => span.num_weeks(),
        "MONTH" => months(from, to),
        "QUARTER" => months(from, to) / 3,
        "YEAR" => months(from, to) / 12,
        _ => return Err(unknown(unit)),
    })
}

fn months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    let months = |t: NaiveDateTime| i64::from(t.year()) * 12 + i64::from(t.month0());
    let whole = months(to) - months(from);
    let (from, to) = ((from.day(), from.time()), (to.day(), to.time()));
    if whole > 0 && to < from {
        whole - 1
    } else if whole < 0 && to > from {
        whole + 1
    } else {
        whole
    }
}

/// A time some units later; `None` if there is no such time.
fn add(unit: &str, n: i64, time: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    let months = match unit {
        "MONTH" => 1,
        "QUARTER" => 3,
        "YEAR" => 12,
        _ => {
            let millis = match unit {
                "MICROSECOND" => return Ok(time.checked_add_signed(Duration::microseconds(n))),
                "MILLISECOND" => 1,
                "SECOND" => 1_000,
                "MINUTE" => 60_000,
                "HOUR" => 3_600_000,
                "DAY" => 86_400_000,
                "WEEK" => 7 * 86_400_000,
                _ => return Err(unknown(unit)),
            };
            let span = n.checked_mul(millis).and_then(Duration::try_milliseconds);
            return Ok(span.and_then(|span| time.checked_add_signed(span)));
        }
    };
    let Some(months) = n.checked_mul(months) else { return Ok(None) };
    let Ok(count) = u32::try_from(months.unsigned_abs()) else { return Ok(None) };
    Ok(if months < 0 { time.checked_sub_months(Months::new(count)) } else { time.checked_add_months(Months::new(count)) })
}

fn rounded(call: &Call, up: bool) -> Result<ArrayRef> {
    let unit = unit(call)?;
    if let Some(floored) = (!up).then(|| cut(&unit, call)).transpose()?.flatten() {
        return Ok(floored);
    }
    let times = call.map(|row| row.time(1))?;
    let round = |time: NaiveDateTime| {
        let floor = floor(&unit, time)?;
        if up && floor.is_some_and(|floor| floor < time) {
            return floor.map_or(Ok(None), |floor| add(&unit, 1, floor));
        }
        Ok(floor)
    };
    let times = times.into_iter().map(|time| time.map_or(Ok(None), round));
    Times::array(times.collect::<Result<_>>()?, call.array(1)?.data_type())
}

/// Like [`floor`], for units that are the same in every zone and need no calendar; casts use them.
fn cut(unit: &str, call: &Call) -> Result<Option<ArrayRef>> {
    let per_second = match unit {
        "SECOND" => 1,
        "MILLISECOND" => 1_000,
        "MICROSECOND" => 1_000_000,
        _ => return Ok(None),
    };
    let times = call.array(1)?;
    let DataType::Timestamp(own, _) = times.data_type() else { return Ok(None) };
    Ok(Some(floored_to(&times, floor::per_second(*own) / per_second)))
}

/// The start of the unit that contains a time; weeks begin on Sunday.
fn floor(unit: &str, time: NaiveDateTime) -> Result<Option<NaiveDateTime>> {
    let date = time.date();
    let month = |month: u32| NaiveDate::from_ymd_opt(date.year(), month, 1);
    let day = match unit {
        "YEAR" => month(1),
        "QUARTER" => month(date.month0() / 3 * 3 + 1),
        "MONTH" => month(date.month()),
        "WEEK" => date.checked_sub_signed(Duration::days(i64::from(date.weekday().num_days_from_sunday()))),
        "DAY" => Some(date),
        "HOUR" => return Ok(date.and_hms_opt(time.hour(), 0, 0)),
        "MINUTE" => return Ok(date.and_hms_opt(time.hour(), time.minute(), 0)),
        "SECOND" => return Ok(time.with_nanosecond(0)),
        "MILLISECOND" => return Ok(time.with_nanosecond(time.nanosecond() / 1_000_000 * 1_000_000)),
        "MICROSECOND" => return Ok(time.with_nanosecond(time.nanosecond() / 1_000 * 1_000)),
        _ => return Err(unknown(unit)),
    };
    Ok(day.map(|day| day.and_time(NaiveTime::MIN)))
}
