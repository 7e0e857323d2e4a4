//! Random numbers. With a seed they are those of `java.util.Random`, as in Flink.
//!
//! A literal seed starts one sequence per session, so per bounded query and per run of a job: each row takes the next number, across
//! batches, in the order in which batches come. A seed from a column starts a new sequence in each row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};
use rand::Rng;

use crate::common::Result;

use super::rows::{ColumnValue, returns};
use super::scalar::{Call, Param, Row, Scalar};

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    use Param::Int;
    let (doubles, integers) = (Sequences::default(), Sequences::default());
    [
        Scalar::new("rand", &[&[], &[Int]], returns::<f64>, move |call| match call.args.len() {
            0 => Ok(f64::array((0..call.rows).map(|_| Some(rand::rng().random())).collect())),
            _ => doubles.draw(call, |random, _| Some(random.double())),
        }),
        Scalar::new("rand_integer", &[&[Int], &[Int, Int]], returns::<i32>, move |call| match call.args.len() {
            1 => Ok(i32::array(call.map(|row| Some(rand::rng().random_range(0..bound(row, 0)?)))?)),
            _ => integers.draw(call, |random, row| Some(random.below(bound(row, 1)?))),
        }),
    ]
    .into_iter()
    .map(|function| function.volatile().udf())
    .collect()
}

/// The exclusive upper bound of the numbers; the lower bound is zero.
fn bound(row: &Row<'_>, n: usize) -> Option<i32> {
    i32::try_from(row.int(n)?).ok().filter(|bound| *bound > 0)
}

/// The current position in the sequence of each seed.
#[derive(Default)]
struct Sequences(Mutex<HashMap<i64, JavaRandom>>);

impl Sequences {
    /// Draws a value per row, from the sequence of the seed in the first argument.
    fn draw<T: ColumnValue>(&self, call: &Call, value: impl Fn(&mut JavaRandom, &Row<'_>) -> Option<T>) -> Result<ArrayRef> {
        let goes_on = matches!(call.args.first(), Some(ColumnarValue::Scalar(_)));
        let mut sequences = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = call.map(|row| {
            let seed = row.int(0)?;
            if goes_on {
                value(sequences.entry(seed).or_insert_with(|| JavaRandom::new(seed)), row)
            } else {
                value(&mut JavaRandom::new(seed), row)
            }
        })?;
        Ok(T::array(rows))
    }
}

/// The linear congruential generator that Java's documentation specifies.
struct JavaRandom(u64);

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> Self {
        Self((seed.cast_unsigned() ^ Self::MULTIPLIER) & Self::MASK)
    }

    /// Returns this many random bits, at most 31.
    fn next(&mut self, bits: u32) -> i32 {
        self.0 = self.0.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xb) & Self::MASK;
        (self.0 >> (48 - bits)) as i32
    }

    /// `nextDouble()`: from 0 up to, but not including, 1.
    fn double(&mut self) -> f64 {
        let (high, low) = (i64::from(self.next(26)), i64::from(self.next(27)));
        ((high << 27) + low) as f64 / (1_i64 << 53) as f64
    }

    /// `nextInt(bound)`, for a positive bound.
    fn below(&mut self, bound: i32) -> i32 {
        let mut bits = self.next(31);
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(bits)) >> 31) as i32;
        }
        // Numbers from the last, incomplete round would favour the small ones.
        while (bits - bits % bound).checked_add(bound - 1).is_none() {
            bits = self.next(31);
        }
        bits % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that Java 17 returns.
    #[test]
    fn numbers_are_javas() {
        let of = |seed: i64| JavaRandom::new(seed);
        let mut random = of(42);
        assert_eq!([random.double(), random.double()], [0.7275636800328681, 0.6832234717598454]);
        let mut random = of(-1);
        assert_eq!([random.double(), random.double()], [0.26894263088050496, 0.012269981921235296]);
        let mut random = of(42);
        assert_eq!([10, 10, 10].map(|bound| random.below(bound)), [0, 3, 8]);
        // A power of two, and a bound for which many numbers are rejected.
        let mut random = of(42);
        let drawn = [16, 1_500_000_000, 1_500_000_000, 1_500_000_000, 1_500_000_000].map(|bound| random.below(bound));
        assert_eq!(drawn, [11, 117_392_763, 1_467_211_248, 102_948_884, 662_969_970]);
    }
}
