//! Columns of scalar values: numbers, texts, times. Values go straight from the message into the vectors that become Arrow's buffers.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::compute::kernels::cast_utils::Parser;
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::error::ArrowError;

use crate::common::calendar;

use super::cursor::{Cursor, Quoted, Syntax};
use super::{base64, compact, decimal, moment};

/// Values of one type, without their NULLs: a NULL has an arbitrary value.
#[derive(Debug)]
pub(super) enum Leaf {
    Boolean(Vec<bool>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    UInt8(Vec<u8>),
    UInt16(Vec<u16>),
    UInt32(Vec<u32>),
    UInt64(Vec<u64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Date32(Vec<i32>),
    Date64(Vec<i64>),
    Time32Second(Vec<i32>),
    Time32Millisecond(Vec<i32>),
    Time64Microsecond(Vec<i64>),
    Time64Nanosecond(Vec<i64>),
    Timestamp(Vec<i64>, Moments),
    /// With precision and scale.
    Decimal(Vec<i128>, u8, i8),
    Text(Bytes),
    Binary(Bytes),
}

/// Timestamps of one unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moments {
    unit: TimeUnit,
    zone: Option<Tz>,
    /// Whether a text without an offset is UTC.
    utc: bool,
}

/// Values of variable length, end to end.
#[derive(Debug)]
pub(super) struct Bytes {
    /// The beginning of each value, and the end of the last one.
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

/// Applies an expression to the vector of any variant.
macro_rules! each {
    ($leaf:expr, $values:pat => $vector:expr, $bytes:pat => $text:expr) => {
        match $leaf {
            Self::Boolean($values) => $vector,
            Self::Int8($values) => $vector,
            Self::Int16($values) => $vector,
            Self::Int32($values) | Self::Date32($values) | Self::Time32Second($values) | Self::Time32Millisecond($values) => $vector,
            Self::Int64($values) | Self::Date64($values) | Self::Time64Microsecond($values) | Self::Time64Nanosecond($values) => $vector,
            Self::UInt8($values) => $vector,
            Self::UInt16($values) => $vector,
            Self::UInt32($values) => $vector,
            Self::UInt64($values) => $vector,
            Self::Float32($values) => $vector,
            Self::Float64($values) => $vector,
            Self::Timestamp($values, _) => $vector,
            Self::Decimal($values, ..) => $vector,
            Self::Text($bytes) | Self::Binary($bytes) => $text,
        }
    };
}

impl Leaf {
    /// Creates an empty column; `None` for a type that is not scalar.
    pub(super) fn from_type(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => Self::Boolean(Vec::new()),
            DataType::Int8 => Self::Int8(Vec::new()),
            DataType::Int16 => Self::Int16(Vec::new()),
            DataType::Int32 => Self::Int32(Vec::new()),
            DataType::Int64 => Self::Int64(Vec::new()),
            DataType::UInt8 => Self::UInt8(Vec::new()),
            DataType::UInt16 => Self::UInt16(Vec::new()),
            DataType::UInt32 => Self::UInt32(Vec::new()),
            DataType::UInt64 => Self::UInt64(Vec::new()),
            DataType::Float32 => Self::Float32(Vec::new()),
            DataType::Float64 => Self::Float64(Vec::new()),
            DataType::Date32 => Self::Date32(Vec::new()),
            DataType::Date64 => Self::Date64(Vec::new()),
            DataType::Time32(TimeUnit::Second) => Self::Time32Second(Vec::new()),
            DataType::Time32(_) => Self::Time32Millisecond(Vec::new()),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time64Microsecond(Vec::new()),
            DataType::Time64(_) => Self::Time64Nanosecond(Vec::new()),
            DataType::Timestamp(unit, None) => Self::Timestamp(Vec::new(), Moments { unit: *unit, zone: None, utc: true }),
            DataType::Timestamp(unit, Some(name)) => {
                let utc = matches!(name.as_ref(), "UTC" | "+00:00" | "Z");
                Self::Timestamp(Vec::new(), Moments { unit: *unit, zone: Some(name.parse().ok()?), utc })
            }
            DataType::Decimal128(precision, scale) => Self::Decimal(Vec::new(), *precision, *scale),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text(Bytes::default()),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Self::Binary(Bytes::default()),
            _ => return None,
        })
    }

    /// Reserves space for this many more values.
    pub(super) fn reserve(&mut self, rows: usize) {
        each!(self, values => values.reserve(rows), bytes => bytes.offsets.reserve(rows));
    }

    /// Removes all values from `len` on, and any unfinished value.
    pub(super) fn truncate(&mut self, len: usize) {
        each!(self, values => values.truncate(len), bytes => bytes.truncate(len));
    }

    /// Appends arbitrary values for this many NULLs.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        each!(self, values => values.resize(values.len() + count, Default::default()), bytes => (0..count).for_each(|_| bytes.end()));
    }

    /// Reads the value at the cursor, which is not `null`. If it does not fit, it is skipped, nothing is appended, and false is returned.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        match self {
            Self::Int32(values) => number::<Int32Type>(values, cursor),
            Self::Int64(values) => number::<Int64Type>(values, cursor),
            Self::Text(bytes) => bytes.read_text(cursor),
            Self::Timestamp(values, moments) => moments.read(values, cursor),
            Self::Float64(values) => number::<Float64Type>(values, cursor),
            Self::Boolean(values) => match cursor.peek() {
                b't' => cursor.literal(b"true").map(|()| push(values, Some(true))),
                b'f' => cursor.literal(b"false").map(|()| push(values, Some(false))),
                _ => cursor.skip().map(|()| false),
            },
            Self::Decimal(values, precision, scale) => {
                let text = match cursor.peek() {
                    b'"' => plain(&cursor.string()?),
                    b'-' | b'0'..=b'9' => {
                        let from = cursor.position();
                        cursor.number()?;
                        utf8(cursor.since(from)).map(Cow::Borrowed)
                    }
                    _ => return cursor.skip().map(|()| false),
                };
                Ok(push(values, text.and_then(|text| decimal::parse(&text, *precision, *scale))))
            }
            Self::Binary(bytes) => bytes.read_base64(cursor),
            Self::Int8(values) => number::<Int8Type>(values, cursor),
            Self::Int16(values) => number::<Int16Type>(values, cursor),
            Self::UInt8(values) => number::<UInt8Type>(values, cursor),
            Self::UInt16(values) => number::<UInt16Type>(values, cursor),
            Self::UInt32(values) => number::<UInt32Type>(values, cursor),
            Self::UInt64(values) => number::<UInt64Type>(values, cursor),
            Self::Float32(values) => number::<Float32Type>(values, cursor),
            Self::Date32(values) => within(values, cursor, number::<Date32Type>, |days| calendar::has_day(i64::from(days))),
            Self::Date64(values) => within(values, cursor, number::<Date64Type>, |at| calendar::has_time(at, TimeUnit::Millisecond)),
            Self::Time32Second(values) => number::<Time32SecondType>(values, cursor),
            Self::Time32Millisecond(values) => number::<Time32MillisecondType>(values, cursor),
            Self::Time64Microsecond(values) => number::<Time64MicrosecondType>(values, cursor),
            Self::Time64Nanosecond(values) => number::<Time64NanosecondType>(values, cursor),
        }
    }

    /// Returns the column with type `data_type`, and empties it.
    pub(super) fn finish(&mut self, data_type: &DataType, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        match self {
            Self::Boolean(values) => Ok(Arc::new(BooleanArray::new(std::mem::take(values).into(), nulls))),
            Self::Int8(values) => numbers::<Int8Type>(values, data_type, nulls),
            Self::Int16(values) => numbers::<Int16Type>(values, data_type, nulls),
            Self::Int32(values) => numbers::<Int32Type>(values, data_type, nulls),
            Self::Int64(values) => numbers::<Int64Type>(values, data_type, nulls),
            Self::UInt8(values) => numbers::<UInt8Type>(values, data_type, nulls),
            Self::UInt16(values) => numbers::<UInt16Type>(values, data_type, nulls),
            Self::UInt32(values) => numbers::<UInt32Type>(values, data_type, nulls),
            Self::UInt64(values) => numbers::<UInt64Type>(values, data_type, nulls),
            Self::Float32(values) => numbers::<Float32Type>(values, data_type, nulls),
            Self::Float64(values) => numbers::<Float64Type>(values, data_type, nulls),
            Self::Date32(values) => numbers::<Date32Type>(values, data_type, nulls),
            Self::Date64(values) => numbers::<Date64Type>(values, data_type, nulls),
            Self::Time32Second(values) => numbers::<Time32SecondType>(values, data_type, nulls),
            Self::Time32Millisecond(values) => numbers::<Time32MillisecondType>(values, data_type, nulls),
            Self::Time64Microsecond(values) => numbers::<Time64MicrosecondType>(values, data_type, nulls),
            Self::Time64Nanosecond(values) => numbers::<Time64NanosecondType>(values, data_type, nulls),
            Self::Timestamp(values, Moments { unit: TimeUnit::Second, .. }) => numbers::<TimestampSecondType>(values, data_type, nulls),
            Self::Timestamp(values, Moments { unit: TimeUnit::Millisecond, .. }) => {
                numbers::<TimestampMillisecondType>(values, data_type, nulls)
            }
            Self::Timestamp(values, Moments { unit: TimeUnit::Microsecond, .. }) => {
                numbers::<TimestampMicrosecondType>(values, data_type, nulls)
            }
            Self::Timestamp(values, Moments { unit: TimeUnit::Nanosecond, .. }) => {
                numbers::<TimestampNanosecondType>(values, data_type, nulls)
            }
            Self::Decimal(values, ..) => numbers::<Decimal128Type>(values, data_type, nulls),
            Self::Text(text) => {
                let Bytes { offsets, bytes } = std::mem::take(text);
                let array = StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(bytes), nulls)?;
                if *data_type == DataType::Utf8 { Ok(Arc::new(array)) } else { cast(&array, data_type) }
            }
            Self::Binary(binary) => {
                let Bytes { offsets, bytes } = std::mem::take(binary);
                let array = BinaryArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(bytes), nulls)?;
                if *data_type == DataType::Binary { Ok(Arc::new(array)) } else { cast(&array, data_type) }
            }
        }
    }
}

fn numbers<P: ArrowPrimitiveType>(
    values: &mut Vec<P::Native>,
    data_type: &DataType,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(PrimitiveArray::<P>::try_new(std::mem::take(values).into(), nulls)?.with_data_type(data_type.clone())))
}

/// Reads a value; one beyond the calendar does not fit either.
#[inline]
fn within<T: Copy>(
    values: &mut Vec<T>,
    cursor: &mut Cursor<'_>,
    read: impl FnOnce(&mut Vec<T>, &mut Cursor<'_>) -> Result<bool, Syntax>,
    fits: impl FnOnce(T) -> bool,
) -> Result<bool, Syntax> {
    if !read(values, cursor)? {
        return Ok(false);
    }
    let inside = values.last().is_none_or(|value| fits(*value));
    if !inside {
        values.pop();
    }
    Ok(inside)
}

#[inline]
fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let fits = value.is_some();
    values.extend(value);
    fits
}

fn utf8(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok()
}

/// Returns the text of a string, with its escapes resolved.
fn plain<'a>(quoted: &Quoted<'a>) -> Option<Cow<'a, str>> {
    if !quoted.escaped {
        return utf8(quoted.text).map(Cow::Borrowed);
    }
    let mut text = Vec::with_capacity(quoted.text.len());
    quoted.append_to(&mut text);
    String::from_utf8(text).ok().map(Cow::Owned)
}

/// Numbers as JSON writes them.
trait Number: Sized {
    fn of_integer(value: i64) -> Option<Self>;
    fn of_text(text: &str) -> Option<Self>;
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Number for $type {
            #[inline]
            fn of_integer(value: i64) -> Option<Self> {
                Self::try_from(value).ok()
            }

            /// A fraction is truncated, as Flink does.
            fn of_text(text: &str) -> Option<Self> {
                let whole = text.parse::<i128>().ok();
                Self::try_from(whole.or_else(|| text.parse::<f64>().ok().map(|value| value as i128))?).ok()
            }
        }
    )+};
}
integers!(i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! floats {
    ($($type:ty),+) => {$(
        impl Number for $type {
            #[inline]
            fn of_integer(value: i64) -> Option<Self> {
                Some(value as $type)
            }

            fn of_text(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )+};
}
floats!(f32, f64);

/// Reads a number, or a string that holds one (or a date, or another text form of `P`).
#[inline]
fn number<P>(values: &mut Vec<P::Native>, cursor: &mut Cursor<'_>) -> Result<bool, Syntax>
where
    P: ArrowPrimitiveType + Parser,
    P::Native: Number,
{
    if let Some(value) = integer(cursor) {
        return Ok(push(values, P::Native::of_integer(value)));
    }
    let value = match cursor.peek() {
        b'"' => plain(&cursor.string()?).and_then(|text| P::parse(&text)),
        b'-' | b'0'..=b'9' => {
            let from = cursor.position();
            cursor.number()?;
            utf8(cursor.since(from)).and_then(P::Native::of_text)
        }
        _ => return cursor.skip().map(|()| false),
    };
    Ok(push(values, value))
}

/// Reads an integer of at most 18 digits; `None`, without reading, for anything else.
#[inline]
fn integer(cursor: &mut Cursor<'_>) -> Option<i64> {
    let text = cursor.rest();
    let negative = text.first() == Some(&b'-');
    let from = usize::from(negative);
    let mut at = from;
    let mut value = 0_i64;
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        if at - from == 18 {
            return None;
        }
        value = value * 10 + i64::from(digit);
        at += 1;
    }
    let zero_in_front = at - from > 1 && text.get(from) == Some(&b'0');
    // Only floating point has a negative zero.
    if at == from || zero_in_front || (negative && value == 0) || matches!(text.get(at), Some(b'.' | b'e' | b'E')) {
        return None;
    }
    cursor.advance(at);
    Some(if negative { -value } else { value })
}

impl Moments {
    #[inline]
    fn read(self, values: &mut Vec<i64>, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        if self.utc
            && let Some((value, len)) = moment::quoted(cursor.beyond(), self.unit)
            && cursor.has(len)
        {
            cursor.advance(len);
            values.push(value);
            return Ok(true);
        }
        self.read_any(values, cursor)
    }

    /// Reads any text that arrow can parse, or a number: milliseconds for TIMESTAMP(3) and so on.
    fn read_any(self, values: &mut Vec<i64>, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        if cursor.peek() == b'"' {
            let value = plain(&cursor.string()?).and_then(|text| moment::parse(&text, self.unit, self.zone));
            return Ok(push(values, value));
        }
        within(values, cursor, number::<Int64Type>, |value| calendar::has_time(value, self.unit))
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self { offsets: vec![0], bytes: Vec::new() }
    }
}

impl Bytes {
    fn truncate(&mut self, len: usize) {
        self.offsets.truncate(len + 1);
        self.bytes.truncate(self.offsets.last().map_or(0, |end| *end as usize));
    }

    /// Ends a value. All messages of a run have less than 2 GiB, and no value is longer than its text, so this cannot overflow.
    #[inline]
    fn end(&mut self) {
        self.offsets.push(self.bytes.len() as i32);
    }

    #[inline]
    fn read_text(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        let from = cursor.position();
        match cursor.peek() {
            b'"' => cursor.string()?.append_to(&mut self.bytes),
            // As Flink does: its JSON text, without whitespace between values.
            b'{' | b'[' => {
                cursor.skip()?;
                compact::append(cursor.since(from), &mut self.bytes);
            }
            // Other values are read as their JSON text.
            _ => {
                cursor.skip()?;
                self.bytes.extend_from_slice(cursor.since(from));
            }
        }
        self.end();
        Ok(true)
    }

    fn read_base64(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Syntax> {
        if cursor.peek() != b'"' {
            return cursor.skip().map(|()| false);
        }
        let quoted = cursor.string()?;
        let fits = match plain(&quoted) {
            Some(text) => base64::read(text.as_bytes(), &mut self.bytes),
            None => false,
        };
        if fits {
            self.end();
        }
        Ok(fits)
    }
}
