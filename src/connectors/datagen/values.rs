//! Generates values of columns, each a function of the seed, the column and the row's number alone (times "now" excepted).

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, ListArray, MapArray, StringBuilder, StructArray, Time32MillisecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, TimeUnit};

use crate::common::{Error, Result};

use super::field::{Field, Sequence, in_unit};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A small random number generator (splitmix64), cheap to create for every value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64, column: u64, row: i64) -> Self {
        let mut random = Self(seed ^ column.wrapping_mul(0xa076_1d64_78bd_642f));
        random.0 = random.next() ^ row.cast_unsigned();
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 (included) to 1 (excluded).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit exactly")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a number between both bounds, which are included.
    fn between(&mut self, (min, max): (i128, i128)) -> i128 {
        let span = max.wrapping_sub(min).cast_unsigned();
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        match span.checked_add(1) {
            // The bias of the remainder is negligible for a span of up to 127 bits.
            Some(span) => min.wrapping_add((wide % span).cast_signed()),
            None => wide.cast_signed(),
        }
    }
}

/// One value to generate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) random: Random,
    pub(super) row: i64,
}

/// The times that all values of a batch share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The wall clock in milliseconds, for random times.
    pub(super) now: i64,
    /// How far back the first relative sequence starts, if one does: rows are counted from 1970 then.
    pub(super) anchor: Option<i128>,
}

impl Field {
    /// Generates the values of these slots.
    pub(super) fn array(&self, slots: &mut [Slot], moment: Moment) -> Result<ArrayRef> {
        let nulls: Option<Vec<bool>> =
            (self.null_rate > 0.0).then(|| slots.iter_mut().map(|slot| slot.random.unit() >= self.null_rate).collect());
        let valid = |i: usize| nulls.as_ref().is_none_or(|valid| valid[i]);
        macro_rules! numbers {
            ($array:ty, $native:ty) => {{
                let value = |(i, slot): (usize, &mut Slot)| {
                    let value = self.whole_number(slot, moment);
                    valid(i).then(|| <$native>::try_from(value).unwrap_or(<$native>::MAX))
                };
                slots.iter_mut().enumerate().map(value).collect::<$array>()
            }};
        }
        macro_rules! floats {
            ($array:ty, $native:ty) => {
                slots.iter_mut().enumerate().map(|(i, slot)| valid(i).then_some(self.floating(slot, moment) as $native)).collect::<$array>()
            };
        }
        macro_rules! times {
            ($array:ty, $unit:expr, $zone:expr) => {{
                let value = |(i, slot): (usize, &mut Slot)| valid(i).then(|| in_unit(self.nanos(slot, moment), $unit));
                let array = slots.iter_mut().enumerate().map(value).collect::<$array>();
                Arc::new(array.with_timezone_opt($zone.clone()))
            }};
        }
        // All rows have the same value: dates and times of day are the current ones, as in Flink.
        let same = |value: i64| -> Vec<Option<i32>> {
            let value = i32::try_from(value).unwrap_or(i32::MAX);
            (0..slots.len()).map(|i| valid(i).then_some(value)).collect()
        };
        Ok(match &self.data_type {
            DataType::Boolean => {
                let value = |(i, slot): (usize, &mut Slot)| valid(i).then_some(slot.random.next() & 1 == 1);
                Arc::new(slots.iter_mut().enumerate().map(value).collect::<BooleanArray>())
            }
            DataType::Int8 => Arc::new(numbers!(Int8Array, i8)),
            DataType::Int16 => Arc::new(numbers!(Int16Array, i16)),
            DataType::Int32 => Arc::new(numbers!(Int32Array, i32)),
            DataType::Int64 => Arc::new(numbers!(Int64Array, i64)),
            DataType::Decimal128(precision, scale) => {
                let factor = if self.sequence.is_some() { 10_i128.pow(u32::from(scale.unsigned_abs())) } else { 1 };
                let value = |(i, slot): (usize, &mut Slot)| {
                    let value = self.whole_number(slot, moment).saturating_mul(factor);
                    valid(i).then_some(value)
                };
                let array = slots.iter_mut().enumerate().map(value).collect::<Decimal128Array>();
                Arc::new(array.with_precision_and_scale(*precision, *scale)?)
            }
            DataType::Float32 => Arc::new(floats!(Float32Array, f32)),
            DataType::Float64 => Arc::new(floats!(Float64Array, f64)),
            DataType::Utf8 => {
                let mut builder = StringBuilder::with_capacity(slots.len(), slots.len() * self.length.min(100));
                let mut text = String::new();
                for (i, slot) in slots.iter_mut().enumerate() {
                    self.text(slot, moment, &mut text);
                    builder.append_option(valid(i).then_some(&text));
                }
                Arc::new(builder.finish())
            }
            DataType::Binary => {
                let mut builder = BinaryBuilder::new();
                for (i, slot) in slots.iter_mut().enumerate() {
                    let length = self.draw_length(slot);
                    let bytes: Vec<u8> = (0..length).map(|_| slot.random.next().to_le_bytes()[0]).collect();
                    builder.append_option(valid(i).then_some(&bytes));
                }
                Arc::new(builder.finish())
            }
            DataType::Timestamp(TimeUnit::Second, zone) => times!(TimestampSecondArray, TimeUnit::Second, zone),
            DataType::Timestamp(TimeUnit::Millisecond, zone) => times!(TimestampMillisecondArray, TimeUnit::Millisecond, zone),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => times!(TimestampMicrosecondArray, TimeUnit::Microsecond, zone),
            DataType::Timestamp(TimeUnit::Nanosecond, zone) => times!(TimestampNanosecondArray, TimeUnit::Nanosecond, zone),
            DataType::Date32 => Arc::new(Date32Array::from(same(moment.now.div_euclid(DAY)))),
            DataType::Time32(TimeUnit::Millisecond) => Arc::new(Time32MillisecondArray::from(same(moment.now.rem_euclid(DAY)))),
            DataType::List(element) => {
                let (mut inner, offsets) = self.spread(slots);
                let values = self.inner(0)?.array(&mut inner, moment)?;
                Arc::new(ListArray::try_new(Arc::clone(element), offsets, values, nulls.map(NullBuffer::from))?)
            }
            DataType::Map(entries, sorted) => {
                let DataType::Struct(fields) = entries.data_type() else { return Err(unsupported(&self.data_type)) };
                let (mut inner, offsets) = self.spread(slots);
                let keys = self.inner(0)?.array(&mut inner, moment)?;
                let values = self.inner(1)?.array(&mut inner, moment)?;
                let entries_array = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
                Arc::new(MapArray::try_new(Arc::clone(entries), offsets, entries_array, nulls.map(NullBuffer::from), *sorted)?)
            }
            DataType::Struct(fields) => {
                let columns = self.inner.iter().map(|field| field.array(slots, moment)).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls.map(NullBuffer::from), slots.len())?)
            }
            other => return Err(unsupported(other)),
        })
    }

    fn inner(&self, index: usize) -> Result<&Self> {
        self.inner.get(index).ok_or_else(|| unsupported(&self.data_type))
    }

    /// Returns the slots of the elements of collections.
    fn spread(&self, slots: &mut [Slot]) -> (Vec<Slot>, OffsetBuffer<i32>) {
        let mut inner = Vec::with_capacity(slots.len() * self.length);
        for slot in slots.iter_mut() {
            inner.extend((0..self.length).map(|_| Slot { random: Random(slot.random.next()), row: slot.row }));
        }
        (inner, OffsetBuffer::from_lengths(std::iter::repeat_n(self.length, slots.len())))
    }

    fn whole_number(&self, slot: &mut Slot, moment: Moment) -> i128 {
        match self.sequence {
            Some(Sequence::Numbers { start, last, ends }) => match ends && moment.anchor.is_none() {
                true => start + i128::from(slot.row),
                false => start + i128::from(slot.row).rem_euclid(last - start + 1),
            },
            _ => slot.random.between(self.whole),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sequences of floats are within 53 bits")]
    fn floating(&self, slot: &mut Slot, moment: Moment) -> f64 {
        if self.sequence.is_some() {
            return self.whole_number(slot, moment) as f64;
        }
        let (min, max) = self.float;
        let at = slot.random.unit();
        min * (1.0 - at) + max * at
    }

    fn draw_length(&self, slot: &mut Slot) -> usize {
        if !self.var_len || self.length < 2 {
            return self.length;
        }
        usize::try_from(slot.random.between((1, self.length as i128))).unwrap_or(self.length)
    }

    fn text(&self, slot: &mut Slot, moment: Moment, out: &mut String) {
        out.clear();
        if self.sequence.is_some() {
            out.push_str(&self.whole_number(slot, moment).to_string());
            return;
        }
        let mut left = self.draw_length(slot);
        while left > 0 {
            let digits = format!("{:016x}", slot.random.next());
            let take = left.min(digits.len());
            out.push_str(&digits[..take]);
            left -= take;
        }
    }

    /// Generates a time in nanoseconds since 1970.
    fn nanos(&self, slot: &mut Slot, moment: Moment) -> i128 {
        let row = i128::from(slot.row);
        match self.sequence {
            Some(Sequence::Times { start, step: (n, d) }) => start + (row * n).div_euclid(d),
            Some(Sequence::Relative { ago, step: (n, d) }) => (row * n).div_euclid(d) + moment.anchor.unwrap_or(ago) - ago,
            _ => i128::from(moment.now) * 1_000_000 - slot.random.between((0, self.max_past.into())),
        }
    }
}

fn unsupported(data_type: &DataType) -> Error {
    Error::sql(format!("connector 'datagen' cannot make values of type {data_type}"))
}
