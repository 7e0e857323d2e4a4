//! The options of a generated field: a column, or a nested value.

use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::datatypes::{DataType, TimeUnit};
use chrono::Utc;

use crate::common::digits::greatest;
use crate::common::{Error, Result, units};
use crate::sql::ast::Options;

/// What a field needs to read its options.
pub(super) struct Scope<'a> {
    pub(super) options: &'a Options,
    pub(super) rate: Option<i64>,
}

/// One column, or an element, key, value or field of one.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) data_type: DataType,
    pub(super) null_rate: f64,
    /// A sequence; else values are random.
    pub(super) sequence: Option<Sequence>,
    /// Inclusive bounds of random integers; for DECIMAL of the unscaled values.
    pub(super) whole: (i128, i128),
    /// Bounds of random floating-point numbers.
    pub(super) float: (f64, f64),
    /// The length of strings, bytes and collections.
    pub(super) length: usize,
    pub(super) var_len: bool,
    /// How far back random times go, in nanoseconds.
    pub(super) max_past: u64,
    /// The fields inside an ARRAY, MAP or ROW.
    pub(super) inner: Vec<Field>,
}

/// A sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequence {
    /// Integers, as text for STRING. With a declared end the table ends there; otherwise they start again.
    Numbers { start: i128, last: i128, ends: bool },
    /// Times in nanoseconds since 1970: row k is `start + k * step.0 / step.1`.
    Times { start: i128, step: (i128, i128) },
    /// Times tied to the wall clock: row k (counted from 1970) is `k * step.0 / step.1`, plus the difference between the starts of this
    /// column and of the first one.
    Relative { ago: i128, step: (i128, i128) },
}

impl Sequence {
    /// The number of values, if the sequence ends.
    pub(super) fn length(&self) -> Option<i64> {
        match self {
            Self::Numbers { start, last, ends: true } => Some(i64::try_from(last - start + 1).unwrap_or(i64::MAX)),
            _ => None,
        }
    }
}

impl Field {
    pub(super) fn read(scope: &Scope<'_>, path: &str, data_type: &DataType, nullable: bool) -> Result<Self> {
        let get = |name: &str| scope.options.get(&format!("{path}.{name}"));
        let null_rate = number::<f64>(scope, path, "null-rate")?.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&null_rate) {
            return Err(wrong(path, "null-rate", get("null-rate").unwrap_or_default(), "give a number from 0 to 1"));
        }
        if null_rate > 0.0 && !nullable {
            return Err(Error::option(&format!("{path}.null-rate"), "needs a column that can be NULL"));
        }
        let sequence = match get("kind") {
            None | Some("random") => None,
            Some("sequence") => Some(sequence(scope, path, data_type)?),
            Some(other) => return Err(wrong(path, "kind", other, "give `random` or `sequence`")),
        };
        let inner = match data_type {
            DataType::List(element) => vec![Self::read(scope, &format!("{path}.element"), element.data_type(), element.is_nullable())?],
            DataType::Struct(fields) => fields
                .iter()
                .map(|f| Self::read(scope, &format!("{path}.{}", f.name()), f.data_type(), f.is_nullable()))
                .collect::<Result<_>>()?,
            DataType::Map(entries, _) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => ["key", "value"]
                    .iter()
                    .zip(fields)
                    .map(|(name, f)| Self::read(scope, &format!("{path}.{name}"), f.data_type(), f.is_nullable()))
                    .collect::<Result<_>>()?,
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let default_length = if inner.is_empty() { 100 } else { 3 };
        let max_past = get("max-past").map(units::duration).transpose()?.unwrap_or_default();
        Ok(Self {
            whole: whole(scope, path, data_type)?,
            float: float(scope, path, data_type)?,
            length: number(scope, path, "length")?.unwrap_or(default_length),
            var_len: number(scope, path, "var-len")?.unwrap_or(false),
            max_past: u64::try_from(max_past.as_nanos()).unwrap_or(u64::MAX),
            data_type: data_type.clone(),
            null_rate,
            sequence,
            inner,
        })
    }
}

fn wrong(path: &str, name: &str, value: &str, hint: &str) -> Error {
    Error::option(&format!("{path}.{name}"), format!("cannot be '{value}'")).hint(hint)
}

fn number<T: std::str::FromStr>(scope: &Scope<'_>, path: &str, name: &str) -> Result<Option<T>> {
    let Some(text) = scope.options.get(&format!("{path}.{name}")) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| wrong(path, name, text, "give a number, or `true` or `false` for `var-len`"))
}

/// Returns the bounds of an integer type, or of DECIMAL.
fn range(data_type: &DataType) -> Option<(i128, i128)> {
    Some(match data_type {
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int64 => (i64::MIN.into(), i64::MAX.into()),
        DataType::Decimal128(precision, _) => (0, greatest(*precision)),
        _ => return None,
    })
}

fn whole(scope: &Scope<'_>, path: &str, data_type: &DataType) -> Result<(i128, i128)> {
    let Some((least, most)) = range(data_type) else { return Ok((0, 0)) };
    let bound = |name: &str, otherwise: i128| -> Result<i128> {
        let Some(text) = scope.options.get(&format!("{path}.{name}")) else { return Ok(otherwise) };
        let value = unscaled(text, data_type).ok_or_else(|| wrong(path, name, text, "give a number of the column's type"))?;
        let lowest = if matches!(data_type, DataType::Decimal128(..)) { -most } else { least };
        if (lowest..=most).contains(&value) { Ok(value) } else { Err(wrong(path, name, text, "it does not fit the column's type")) }
    };
    let (min, max) = (bound("min", least)?, bound("max", most)?);
    if min > max {
        return Err(Error::option(&format!("{path}.min"), format!("is greater than `{path}.max`")));
    }
    Ok((min, max))
}

/// Parses a number for its type: DECIMAL as the unscaled value.
fn unscaled(text: &str, data_type: &DataType) -> Option<i128> {
    let text = text.trim();
    let DataType::Decimal128(_, scale) = data_type else { return text.parse().ok() };
    let scale = usize::try_from(*scale).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > scale || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{fraction:0<scale$}").parse().ok()
}

fn float(scope: &Scope<'_>, path: &str, data_type: &DataType) -> Result<(f64, f64)> {
    let (least, most) = match data_type {
        DataType::Float32 => (f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX)),
        DataType::Float64 => (f64::MIN_POSITIVE, f64::MAX),
        _ => return Ok((0.0, 0.0)),
    };
    let (min, max) = (number(scope, path, "min")?.unwrap_or(least), number(scope, path, "max")?.unwrap_or(most));
    if min > max {
        return Err(Error::option(&format!("{path}.min"), format!("is greater than `{path}.max`")));
    }
    Ok((min, max))
}

fn sequence(scope: &Scope<'_>, path: &str, data_type: &DataType) -> Result<Sequence> {
    let get = |name: &str| scope.options.get(&format!("{path}.{name}"));
    let Some(start) = get("start") else {
        return Err(Error::option(&format!("{path}.start"), "is missing").hint("a sequence needs its first value"));
    };
    if let DataType::Timestamp(..) = data_type {
        return times(scope, path, start);
    }
    let (least, most) = match data_type {
        DataType::Utf8 => (i64::MIN.into(), i64::MAX.into()),
        DataType::Float32 | DataType::Float64 => (-(1 << 53), 1 << 53),
        other => range(other).ok_or_else(|| {
            Error::sql("a sequence of that type cannot be made")
                .in_option(&format!("{path}.kind"))
                .hint("numbers, STRING and TIMESTAMP can count up")
        })?,
    };
    let bound = |name: &str, text: &str| -> Result<i128> {
        let value = text.trim().parse::<i128>().ok().filter(|v| (least..=most).contains(v));
        value.ok_or_else(|| wrong(path, name, text, "give a whole number that fits the column's type"))
    };
    let start = bound("start", start)?;
    let end = get("end").map(|end| bound("end", end)).transpose()?;
    if end.is_some_and(|end| end < start) {
        return Err(Error::option(&format!("{path}.end"), format!("is less than `{path}.start`")));
    }
    let greatest = match data_type {
        // The unscaled bound includes the fractional digits.
        DataType::Decimal128(_, scale) => most / 10_i128.pow(u32::from(scale.unsigned_abs())),
        _ => most,
    };
    Ok(Sequence::Numbers { start, last: end.unwrap_or(greatest).max(start), ends: end.is_some() })
}

fn times(scope: &Scope<'_>, path: &str, start: &str) -> Result<Sequence> {
    let step = match (scope.options.get(&format!("{path}.step")), scope.rate) {
        (Some(step), _) => (i128::try_from(units::duration(step)?.as_nanos()).unwrap_or(i128::MAX), 1),
        (None, Some(rate)) => (1_000_000_000, i128::from(rate)),
        (None, None) => {
            return Err(Error::option(&format!("{path}.step"), "is missing")
                .hint("without `rows-per-second` a sequence of times needs a step, for example '200 us'"));
        }
    };
    if let Some(ago) = ago(start) {
        if scope.options.get(&format!("{path}.step")).is_some() {
            return Err(Error::option(&format!("{path}.step"), "cannot be used with a start relative to now")
                .hint("rows come at the pace of the wall clock then: set `rows-per-second`"));
        }
        return Ok(Sequence::Relative { ago, step });
    }
    let at = string_to_datetime(&Utc, start.trim())
        .map_err(|_| wrong(path, "start", start, "give a time ('2024-05-01 12:00:00') or one relative to now ('-30 s')"))?;
    let nanos = i128::from(at.timestamp()) * 1_000_000_000 + i128::from(at.timestamp_subsec_nanos());
    Ok(Sequence::Times { start: nanos, step })
}

/// Converts nanoseconds to the unit of a timestamp; saturates where the calendar ends anyway.
pub(super) fn in_unit(nanos: i128, unit: TimeUnit) -> i64 {
    let divisor = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    i64::try_from(nanos.div_euclid(divisor)).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

/// Parses `-30 s` as nanoseconds; `None` if the text is not relative to now.
fn ago(text: &str) -> Option<i128> {
    let duration = units::duration(text.trim().strip_prefix('-')?).ok()?;
    i128::try_from(duration.as_nanos()).ok()
}
