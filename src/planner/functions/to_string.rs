//! Values as text: the results of CAST to STRING in Flink, and TYPEOF.
//!
//! | | |
//! |---|---|
//! | BOOLEAN | `TRUE`, `FALSE` |
//! | DOUBLE, FLOAT | as in Java: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity` |
//! | TIMESTAMP(3), TIMESTAMP_LTZ(3) | `2024-05-01 12:00:00.000`: as many digits as the type has |
//! | BYTES | read as UTF-8 |
//! | ARRAY, MAP, ROW | `[1, 2]`, `{a=1}`, `(1, x)`; NULL in them is `NULL` |
//! | others | as in DataFusion |

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, TimeUnit};
use chrono::{NaiveDateTime, Timelike};
use datafusion::logical_expr::ScalarUDF;

use crate::common::Result;
use crate::sql::types::display;

use super::args::{Times, range};
use super::rows::returns;
use super::scalar::{Param, Scalar};

/// The function that CAST to STRING becomes; see `planner/rewrites/flink_casts.rs`.
pub const CAST_TO_TEXT: &str = "cast_to_string";

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [
        Scalar::new(CAST_TO_TEXT, &[&[Param::Any]], returns::<String>, |call| {
            let values = call.array(0)?;
            let (show, nulls) = (shower(&values)?, values.logical_nulls());
            let mut out = StringBuilder::new();
            for row in 0..call.rows {
                if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                    out.append_null();
                } else {
                    let mut text = String::new();
                    show(row, &mut text);
                    out.append_value(text);
                }
            }
            Ok(Arc::new(out.finish()))
        }),
        Scalar::new("typeof", &[&[Param::Any], &[Param::Any, Param::Bool]], returns::<String>, |call| {
            let types = call.types();
            let name = types.first().map(display).unwrap_or_default();
            Ok(Arc::new(arrow::array::StringArray::from(vec![name; call.rows])))
        }),
    ]
    .into_iter()
    .map(Scalar::udf)
    .collect()
}

/// Whether the text of such a value differs from DataFusion's.
pub fn differs(data_type: &DataType) -> bool {
    let plain = matches!(data_type, DataType::Boolean | DataType::Float32 | DataType::Float64 | DataType::Timestamp(..));
    plain || data_type.is_binary() || data_type.is_nested()
}

type Show = Box<dyn Fn(usize, &mut String)>;

/// A function that writes the value of a row, which is not NULL.
fn shower(values: &ArrayRef) -> Result<Show> {
    let data_type = values.data_type().clone();
    Ok(match &data_type {
        DataType::Boolean => {
            let values = values.as_boolean().clone();
            Box::new(move |row, out| out.push_str(if values.value(row) { "TRUE" } else { "FALSE" }))
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>().clone();
            Box::new(move |row, out| float(values.value(row), &format!("{:e}", values.value(row)), out))
        }
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>().clone();
            Box::new(move |row, out| float(values.value(row).into(), &format!("{:e}", values.value(row)), out))
        }
        DataType::Timestamp(unit, _) => {
            let (times, unit) = (Times::new(values)?, *unit);
            Box::new(move |row, out| {
                if let Some(time) = times.get(row) {
                    timestamp(time, unit, out);
                }
            })
        }
        bytes if bytes.is_binary() => {
            let values = cast(values, &DataType::Binary)?.as_binary::<i32>().clone();
            Box::new(move |row, out| out.push_str(&String::from_utf8_lossy(values.value(row))))
        }
        DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            return shower(&cast(values, &DataType::List(Arc::clone(field)))?);
        }
        DataType::List(_) => {
            let lists = values.as_list::<i32>().clone();
            let show = nullable(lists.values())?;
            Box::new(move |row, out| enclosed('[', range(lists.offsets(), row), ']', out, &show))
        }
        DataType::Map(..) => {
            let maps = values.as_map().clone();
            let (key, value) = (nullable(maps.keys())?, nullable(maps.values())?);
            Box::new(move |row, out| {
                enclosed('{', range(maps.offsets(), row), '}', out, &|place: usize, out: &mut String| {
                    key(place, out);
                    out.push('=');
                    value(place, out);
                });
            })
        }
        DataType::Struct(_) => {
            let shows = values.as_struct().columns().iter().map(nullable).collect::<Result<Vec<Show>>>()?;
            Box::new(move |row, out| {
                enclosed('(', 0..shows.len(), ')', out, &|field: usize, out: &mut String| {
                    if let Some(show) = shows.get(field) {
                        show(row, out);
                    }
                });
            })
        }
        _ => {
            let values = cast(values, &DataType::Utf8)?.as_string::<i32>().clone();
            Box::new(move |row, out| out.push_str(values.value(row)))
        }
    })
}

/// A function that writes the value of a row, or NULL.
fn nullable(values: &ArrayRef) -> Result<Show> {
    let (show, nulls) = (shower(values)?, values.logical_nulls());
    Ok(Box::new(move |row, out| {
        if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            out.push_str("NULL");
        } else {
            show(row, out);
        }
    }))
}

fn enclosed(open: char, places: std::ops::Range<usize>, close: char, out: &mut String, show: &dyn Fn(usize, &mut String)) {
    out.push(open);
    let first = places.start;
    for place in places {
        if place > first {
            out.push_str(", ");
        }
        show(place, out);
    }
    out.push(close);
}

/// Writes a float as Java does, from its shortest digits, such as `1.25e3`.
fn float(value: f64, shortest: &str, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let (digits, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
        let digits: String = digits.chars().filter(|c| *c != '.').collect();
        out.push_str(sign);
        match usize::try_from(exponent) {
            Ok(whole) => {
                let digits = format!("{digits:0<width$}", width = whole + 2);
                let (whole, fraction) = digits.split_at(whole + 1);
                out.push_str(&format!("{whole}.{fraction}"));
            }
            Err(_) => out.push_str(&format!("0.{}{digits}", "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0)))),
        }
        return;
    }
    let fraction = if digits.contains('.') { "" } else { ".0" };
    out.push_str(&format!("{digits}{fraction}E{exponent}"));
}

/// Writes a timestamp with as many digits of a second as its type has.
fn timestamp(time: NaiveDateTime, unit: TimeUnit, out: &mut String) {
    let least = match unit {
        TimeUnit::Second => 0,
        TimeUnit::Millisecond => 3,
        TimeUnit::Microsecond => 6,
        TimeUnit::Nanosecond => 9,
    };
    out.push_str(&time.format("%Y-%m-%d %H:%M:%S").to_string());
    if least > 0 {
        let digits = format!("{:09}", time.nanosecond() % 1_000_000_000);
        out.push('.');
        out.push_str(digits.get(..least).unwrap_or(&digits));
    }
}
