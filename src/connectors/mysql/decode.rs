//! Decodes values of the server to Arrow columns.

use std::str::from_utf8;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder,
    Int64Builder, PrimitiveBuilder, RecordBatch, RecordBatchOptions, StringBuilder,
};
use arrow::datatypes::{
    DataType, Date32Type, SchemaRef, Time32MillisecondType, Time32SecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use chrono::NaiveDate;
use sqlx::mysql::MySqlRow;

use crate::common::excerpt::excerpt_of;
use crate::common::floor::per_second;
use crate::common::{Error, Result, digits};

use super::client::cell;
use super::config::{MySqlTable, quoted};
use super::remote_table::RemoteTable;
use super::types::{Family, RemoteType};

/// The columns of a SELECT, and how they are decoded.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    pub(super) schema: SchemaRef,
    pub(super) types: Vec<RemoteType>,
}

impl Selection {
    /// Selects these columns of a table.
    ///
    /// # Errors
    /// Names the column that the table does not have.
    pub(super) fn new(table: &MySqlTable, remote: &RemoteTable, schema: &SchemaRef) -> Result<Self> {
        let types = remote.columns_of(table, schema)?.into_iter().map(|column| column.remote.clone()).collect();
        Ok(Self { schema: Arc::clone(schema), types })
    }

    /// The select list; not empty even where no column is selected.
    pub(super) fn list(&self) -> String {
        let names: Vec<String> =
            self.schema.fields().iter().zip(&self.types).map(|(field, remote)| selected(field.name(), remote)).collect();
        if names.is_empty() { "1".to_string() } else { names.join(", ") }
    }
}

/// Returns the SELECT expression of a column whose text preserves the whole value.
fn selected(name: &str, remote: &RemoteType) -> String {
    match remote.family() {
        // The server writes a FLOAT with six digits; a DOUBLE with all of them.
        Family::Float => format!("{} + 0E0", quoted(name)),
        _ => quoted(name),
    }
}

/// Collects rows for a batch.
pub(super) struct Decoder {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

struct Column {
    values: Values,
    /// Numbers are big-endian bytes.
    is_bit: bool,
}

enum Values {
    Boolean(BooleanBuilder),
    Int8(Int8Builder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    Date(PrimitiveBuilder<Date32Type>),
    Time(PrimitiveBuilder<Time32MillisecondType>),
    TimeSecond(PrimitiveBuilder<Time32SecondType>),
    Second(PrimitiveBuilder<TimestampSecondType>),
    Millisecond(PrimitiveBuilder<TimestampMillisecondType>),
    Microsecond(PrimitiveBuilder<TimestampMicrosecondType>),
    Nanosecond(PrimitiveBuilder<TimestampNanosecondType>),
}

impl Decoder {
    /// Creates a decoder of the columns of a SELECT.
    ///
    /// # Errors
    /// For a type that no table can declare.
    pub(super) fn new(Selection { schema, types }: Selection) -> Result<Self> {
        let columns = schema.fields().iter().zip(&types);
        let columns = columns.map(|(f, r)| Ok(Column { values: Values::new(f.data_type())?, is_bit: r.family() == Family::Bit }));
        let columns = columns.collect::<Result<_>>()?;
        Ok(Self { schema, columns, rows: 0 })
    }

    /// The number of rows so far.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row.
    ///
    /// # Errors
    /// For a value that does not fit the column's declared type: names the column, and shows the value.
    pub(super) fn push(&mut self, row: &MySqlRow) -> Result<()> {
        for (i, (column, field)) in self.columns.iter_mut().zip(self.schema.fields()).enumerate() {
            let text = cell(row, i).map_err(|failure| Error::unavailable(failure.message))?;
            let failed = |reason: &str| {
                let shown = text.map_or_else(|| "NULL".to_string(), |text| format!("`{}`", excerpt_of(text)));
                Error::data(format!("column `{}`: {shown} {reason}", field.name()))
            };
            let known = column.push(text).map_err(|reason| failed(reason).hint("declare the column as the table has it, or as STRING"))?;
            if !known && !field.is_nullable() {
                return Err(failed("is NULL here, and the column is declared NOT NULL").hint("leave NOT NULL out"));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Returns the rows as a batch; the decoder is empty afterwards.
    ///
    /// # Errors
    /// Never for the values of rows.
    pub(super) fn finish(&mut self) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(std::mem::take(&mut self.rows)));
        let columns = self.columns.iter_mut().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| column.values.finish(field.data_type())).collect::<Result<_>>()?;
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

impl Column {
    /// Adds a value; returns whether it is not NULL.
    fn push(&mut self, text: Option<&[u8]>) -> std::result::Result<bool, &'static str> {
        let Some(text) = text else {
            self.values.push_null();
            return Ok(false);
        };
        if self.is_bit && !matches!(self.values, Values::Bytes(_)) {
            let number = text.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            return self.values.push(number.to_string().as_bytes());
        }
        self.values.push(text)
    }
}

const NO_NUMBER: &str = "is no number of the column's type";
const NO_TEXT: &str = "is no text";
const NO_TIME_OF_DAY: &str = "is no time of a day";

fn number<T: std::str::FromStr>(text: &[u8]) -> std::result::Result<T, &'static str> {
    from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(NO_NUMBER)
}

impl Values {
    fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Boolean => Self::Boolean(BooleanBuilder::new()),
            DataType::Int8 => Self::Int8(Int8Builder::new()),
            DataType::Int16 => Self::Int16(Int16Builder::new()),
            DataType::Int32 => Self::Int32(Int32Builder::new()),
            DataType::Int64 => Self::Int64(Int64Builder::new()),
            DataType::Float32 => Self::Float32(Float32Builder::new()),
            DataType::Float64 => Self::Float64(Float64Builder::new()),
            DataType::Decimal128(p, s) => Self::Decimal(Decimal128Builder::new().with_precision_and_scale(*p, *s)?, *p, *s),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::Date32 => Self::Date(PrimitiveBuilder::new()),
            DataType::Time32(TimeUnit::Second) => Self::TimeSecond(PrimitiveBuilder::new()),
            DataType::Time32(_) => Self::Time(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Second, _) => Self::Second(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Self::Millisecond(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => Self::Microsecond(PrimitiveBuilder::new()),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => Self::Nanosecond(PrimitiveBuilder::new()),
            other => return Err(Error::internal(format!("MySQL has no column of type {other}"))),
        })
    }

    fn push_null(&mut self) {
        match self {
            Self::Boolean(b) => b.append_null(),
            Self::Int8(b) => b.append_null(),
            Self::Int16(b) => b.append_null(),
            Self::Int32(b) => b.append_null(),
            Self::Int64(b) => b.append_null(),
            Self::Float32(b) => b.append_null(),
            Self::Float64(b) => b.append_null(),
            Self::Decimal(b, ..) => b.append_null(),
            Self::Text(b) => b.append_null(),
            Self::Bytes(b) => b.append_null(),
            Self::Date(b) => b.append_null(),
            Self::Time(b) => b.append_null(),
            Self::TimeSecond(b) => b.append_null(),
            Self::Second(b) => b.append_null(),
            Self::Millisecond(b) => b.append_null(),
            Self::Microsecond(b) => b.append_null(),
            Self::Nanosecond(b) => b.append_null(),
        }
    }

    fn push(&mut self, text: &[u8]) -> std::result::Result<bool, &'static str> {
        match self {
            Self::Boolean(b) => b.append_value(number::<i64>(text)? != 0),
            Self::Int8(b) => b.append_value(number(text)?),
            Self::Int16(b) => b.append_value(number(text)?),
            Self::Int32(b) => b.append_value(number(text)?),
            Self::Int64(b) => b.append_value(number(text)?),
            Self::Float32(b) => b.append_value(number(text)?),
            Self::Float64(b) => b.append_value(number(text)?),
            Self::Decimal(b, p, s) => b.append_value(decimal(text, *p, *s).ok_or(NO_NUMBER)?),
            Self::Text(b) => b.append_value(from_utf8(text).map_err(|_| NO_TEXT)?),
            Self::Bytes(b) => b.append_value(text),
            Self::Date(b) => {
                let days = date(text).map(|day| day.to_epoch_days());
                b.append_option(days);
                return Ok(days.is_some());
            }
            Self::Time(b) => b.append_value(time_of_day(text).ok_or(NO_TIME_OF_DAY)?),
            Self::TimeSecond(b) => b.append_value(time_of_day(text).ok_or(NO_TIME_OF_DAY)? / 1000),
            Self::Second(b) => return Ok(moment(text, TimeUnit::Second, |value| b.append_option(value))),
            Self::Millisecond(b) => return Ok(moment(text, TimeUnit::Millisecond, |value| b.append_option(value))),
            Self::Microsecond(b) => return Ok(moment(text, TimeUnit::Microsecond, |value| b.append_option(value))),
            Self::Nanosecond(b) => return Ok(moment(text, TimeUnit::Nanosecond, |value| b.append_option(value))),
        }
        Ok(true)
    }

    fn finish(&mut self, data_type: &DataType) -> Result<ArrayRef> {
        Ok(match self {
            Self::Boolean(b) => Arc::new(b.finish()),
            Self::Int8(b) => Arc::new(b.finish()),
            Self::Int16(b) => Arc::new(b.finish()),
            Self::Int32(b) => Arc::new(b.finish()),
            Self::Int64(b) => Arc::new(b.finish()),
            Self::Float32(b) => Arc::new(b.finish()),
            Self::Float64(b) => Arc::new(b.finish()),
            // The builder does not keep precision and scale.
            Self::Decimal(b, p, s) => Arc::new(b.finish().with_precision_and_scale(*p, *s)?),
            Self::Text(b) => Arc::new(b.finish()),
            Self::Bytes(b) => Arc::new(b.finish()),
            Self::Date(b) => Arc::new(b.finish()),
            Self::Time(b) => Arc::new(b.finish()),
            Self::TimeSecond(b) => Arc::new(b.finish()),
            Self::Second(b) => Arc::new(b.finish().with_data_type(data_type.clone())),
            Self::Millisecond(b) => Arc::new(b.finish().with_data_type(data_type.clone())),
            Self::Microsecond(b) => Arc::new(b.finish().with_data_type(data_type.clone())),
            Self::Nanosecond(b) => Arc::new(b.finish().with_data_type(data_type.clone())),
        })
    }
}

/// Parses a decimal as an unscaled number, rounded half away from zero where it has more fractional digits.
fn decimal(text: &[u8], precision: u8, scale: i8) -> Option<i128> {
    let (negative, text) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let mut parts = text.splitn(2, |byte| *byte == b'.');
    let (whole, fraction) = (parts.next()?, parts.next().unwrap_or_default());
    let scale = usize::try_from(scale).ok()?;
    let mut value: i128 = 0;
    for byte in whole.iter().chain(fraction.iter().chain(std::iter::repeat(&b'0')).take(scale)) {
        let digit = byte.is_ascii_digit().then(|| i128::from(byte - b'0'))?;
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if let Some(next) = fraction.get(scale) {
        let rest_is_digits = fraction[scale..].iter().all(u8::is_ascii_digit);
        value = value.checked_add(i128::from(rest_is_digits.then_some(*next)? >= b'5'))?;
    }
    digits::fits(value, precision).then_some(if negative { -value } else { value })
}

fn digits_of(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0_u32, |n, byte| byte.is_ascii_digit().then(|| n.checked_mul(10)?.checked_add(u32::from(byte - b'0')))?)
}

/// Parses `2024-05-01`, possibly followed by a time; a zero date, or one with a zero in it, is `None`.
fn date(text: &[u8]) -> Option<NaiveDate> {
    let day = text.get(..10)?;
    if day[4] != b'-' || day[7] != b'-' {
        return None;
    }
    let year = i32::try_from(digits_of(&day[..4])?).ok().filter(|year| *year > 0)?;
    NaiveDate::from_ymd_opt(year, digits_of(&day[5..7])?, digits_of(&day[8..])?)
}

/// Parses `12:00:00.123456` as seconds and nanoseconds, if it is a time of day.
fn clock(text: &[u8]) -> Option<(i64, i64)> {
    let (time, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let mut parts = time.split(|byte| *byte == b':');
    let (hours, minutes, seconds) = (digits_of(parts.next()?)?, digits_of(parts.next()?)?, digits_of(parts.next()?)?);
    let nanos = fraction.iter().chain(std::iter::repeat(&b'0')).take(9).copied().collect::<Vec<u8>>();
    let of_a_day = hours < 24 && minutes < 60 && seconds < 60 && parts.next().is_none();
    of_a_day.then_some((i64::from(hours * 3600 + minutes * 60 + seconds), i64::from(digits_of(&nanos)?)))
}

fn time_of_day(text: &[u8]) -> Option<i32> {
    let (seconds, nanos) = clock(text)?;
    i32::try_from(seconds * 1000 + nanos / 1_000_000).ok()
}

/// Parses a date and time in a unit, further digits truncated; appends `None` for a zero date. Returns whether the text is valid.
fn moment(text: &[u8], unit: TimeUnit, append: impl FnOnce(Option<i64>)) -> bool {
    let value = || {
        let day = date(text)?;
        let (seconds, nanos) = match text.get(11..).filter(|clock| !clock.is_empty()) {
            Some(text) => clock(text)?,
            None => (0, 0),
        };
        let seconds = i64::from(day.to_epoch_days()) * 86_400 + seconds;
        let per_second = per_second(unit);
        seconds.checked_mul(per_second)?.checked_add(nanos / (1_000_000_000 / per_second))
    };
    let value = value();
    append(value);
    value.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_of_every_scale() {
        for (text, precision, scale, expected) in [
            ("123.45", 10, 2, Some(12_345)),
            ("-0.005", 10, 2, Some(-1)),
            ("0.004", 10, 2, Some(0)),
            ("7", 10, 3, Some(7_000)),
            ("18446744073709551615", 20, 0, Some(18_446_744_073_709_551_615)),
            ("100", 2, 0, None),
            ("1e3", 10, 0, None),
            ("", 10, 0, None),
        ] {
            assert_eq!(decimal(text.as_bytes(), precision, scale), expected, "{text}");
        }
    }

    #[test]
    fn dates_and_times() {
        let micros = |text: &str| {
            let mut found = None;
            moment(text.as_bytes(), TimeUnit::Microsecond, |value| found = value);
            found
        };
        assert_eq!(micros("1970-01-02 00:00:01.5"), Some(86_401_500_000));
        assert_eq!(micros("1969-12-31 23:59:59.999999"), Some(-1));
        assert_eq!(micros("1970-01-02"), Some(86_400_000_000));
        for zero in ["0000-00-00 00:00:00", "2024-00-15 00:00:00", "2024-02-30 00:00:00", "0000-01-01 00:00:00", ""] {
            assert_eq!(micros(zero), None, "{zero}");
        }
        for (text, expected) in [("23:59:59.9999", Some(86_399_999)), ("24:00:00", None), ("-01:00:00", None), ("838:59:59", None)] {
            assert_eq!(time_of_day(text.as_bytes()), expected, "{text}");
        }
    }
}
