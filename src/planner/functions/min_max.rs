//! `MIN` and `MAX` over floats in a total order: NaN is above all other values, as in Flink, and −0 is below 0.
//!
//! DataFusion's result depends on the order of rows if one of them is NaN. Its group accumulators start from the least finite number, so
//! the maximum of `-Infinity` alone would be that number.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, SetMonotonicity, StatisticsArgs,
};
use datafusion::scalar::ScalarValue;
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;

use super::inherited::inherited;

/// Both functions.
pub(super) fn functions() -> [Arc<AggregateUDF>; 2] {
    [(max_udaf(), true), (min_udaf(), false)].map(|(of, max)| Arc::new(AggregateUDF::new_from_impl(Extreme { of, max })))
}

/// MAX.
pub fn max() -> Arc<AggregateUDF> {
    let [max, _] = functions();
    max
}

/// MIN.
pub fn min() -> Arc<AggregateUDF> {
    let [_, min] = functions();
    min
}

/// DataFusion's function, replaced for floats only.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Extreme {
    of: Arc<AggregateUDF>,
    max: bool,
}

/// Whether `one` is to be kept rather than `other`.
fn better(max: bool, one: f64, other: f64) -> bool {
    let (one, other) = if max { (one, other) } else { (other, one) };
    // The sign of a NaN is not visible, so all NaN are equal.
    !other.is_nan() && (one.is_nan() || one.total_cmp(&other).is_gt())
}

/// The accumulator for groups. Any value is at least as good as `worst`.
fn groups<T: ArrowPrimitiveType + Send>(max: bool, data_type: &DataType, worst: T::Native) -> Box<dyn GroupsAccumulator>
where
    T::Native: Into<f64>,
{
    let keep = move |best: &mut T::Native, new: T::Native| {
        if better(max, new.into(), (*best).into()) {
            *best = new;
        }
    };
    Box::new(PrimitiveGroupsAccumulator::<T, _>::new(data_type, keep).with_starting_value(worst))
}

/// The accumulator without groups. Every `FLOAT` fits in a `DOUBLE`.
#[derive(Debug)]
struct Single {
    max: bool,
    data_type: DataType,
    best: Option<f64>,
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for values in values {
            for value in cast(values, &DataType::Float64)?.as_primitive::<Float64Type>().iter().flatten() {
                if self.best.is_none_or(|best| better(self.max, value, best)) {
                    self.best = Some(value);
                }
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        ScalarValue::Float64(self.best).cast_to(&self.data_type)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

impl AggregateUDFImpl for Extreme {
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        match args.return_field.data_type() {
            float @ (DataType::Float32 | DataType::Float64) => Ok(Box::new(Single { max: self.max, data_type: float.clone(), best: None })),
            _ => self.of.accumulator(args),
        }
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        Ok(match args.return_field.data_type() {
            float @ DataType::Float32 => groups::<Float32Type>(self.max, float, if self.max { f32::NEG_INFINITY } else { f32::NAN }),
            float @ DataType::Float64 => groups::<Float64Type>(self.max, float, if self.max { f64::NEG_INFINITY } else { f64::NAN }),
            _ => return self.of.create_groups_accumulator(args),
        })
    }

    // The other methods are DataFusion's.

    inherited!(name, signature, coerce_types, return_type, groups_accumulator_supported, order_sensitivity, documentation);

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        self.of.create_sliding_accumulator(args)
    }

    fn is_descending(&self) -> Option<bool> {
        self.of.is_descending()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.of.reverse_udf()
    }

    fn value_from_stats(&self, statistics: &StatisticsArgs<'_>) -> Option<ScalarValue> {
        self.of.value_from_stats(statistics)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.of.inner().set_monotonicity(data_type)
    }
}
