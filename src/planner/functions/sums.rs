//! `SUM` that never wraps: a sum beyond its type is an error, where DataFusion returns a wrong number.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Decimal128Type, Int64Type, UInt64Type};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity};
use datafusion::scalar::ScalarValue;
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::prim_op::PrimitiveGroupsAccumulator;

use crate::common::digits::fits;
use crate::common::{Error, Result};

use super::inherited::inherited;

/// The function.
pub fn checked_sum() -> Arc<AggregateUDF> {
    static SUM: LazyLock<Arc<AggregateUDF>> = LazyLock::new(|| Arc::new(AggregateUDF::new_from_impl(CheckedSum { of: sum_udaf() })));
    Arc::clone(&SUM)
}

/// DataFusion's function, replaced for integers and decimals.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CheckedSum {
    of: Arc<AggregateUDF>,
}

/// Whether sums of this type are checked.
pub(super) fn is_checked(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Int64 | DataType::UInt64 | DataType::Decimal128(..))
}

/// The name and the type of a sum.
#[derive(Debug, Clone)]
struct Total {
    name: String,
    data_type: DataType,
}

impl Total {
    fn new(args: &AccumulatorArgs<'_>) -> Self {
        Self { name: args.name.to_string(), data_type: args.return_field.data_type().clone() }
    }

    fn beyond(&self) -> Error {
        beyond(&self.name, &self.data_type)
    }
}

/// The error for a sum that overflows its type.
pub(super) fn beyond(name: &str, data_type: &DataType) -> Error {
    // Generated column names mean nothing to users.
    let name = if name.is_empty() || name.contains("__") { "a SUM or AVG".to_string() } else { format!("`{}`", first_characters(name)) };
    match data_type {
        DataType::Decimal128(precision, scale) => {
            Error::sql(format!("{name} has more digits than DECIMAL({precision}, {scale}) holds")).hint("CAST what is added to DOUBLE")
        }
        _ => Error::sql(format!("{name} is beyond BIGINT")).hint("CAST what is added to DECIMAL(28, 0)"),
    }
}

/// The beginning of an expression, enough to find it.
fn first_characters(text: &str) -> String {
    let most = 64;
    if text.chars().count() > most { text.chars().take(most).chain("...".chars()).collect() } else { text.to_string() }
}

/// Converts a sum to its type.
fn in_type(sum: Option<i128>, total: &Total) -> Result<ScalarValue> {
    let beyond = |_| total.beyond();
    Ok(match &total.data_type {
        DataType::Int64 => ScalarValue::Int64(sum.map(i64::try_from).transpose().map_err(beyond)?),
        DataType::UInt64 => ScalarValue::UInt64(sum.map(u64::try_from).transpose().map_err(beyond)?),
        DataType::Decimal128(precision, scale) => {
            if let Some(sum) = sum {
                within(sum, *precision, total)?;
            }
            ScalarValue::Decimal128(sum, *precision, *scale)
        }
        other => return Err(Error::internal(format!("a checked sum of {other}"))),
    })
}

fn within(sum: i128, precision: u8, total: &Total) -> Result<()> {
    if fits(sum, precision) { Ok(()) } else { Err(total.beyond()) }
}

/// The sum of values, and their number.
fn added(values: &ArrayRef, total: &Total) -> Result<(i128, usize)> {
    let sum = match values.data_type() {
        DataType::Int64 => values.as_primitive::<Int64Type>().iter().flatten().map(i128::from).sum(),
        DataType::UInt64 => values.as_primitive::<UInt64Type>().iter().flatten().map(i128::from).sum(),
        DataType::Decimal128(..) => {
            let values = values.as_primitive::<Decimal128Type>().iter().flatten();
            let mut sum = 0_i128;
            for value in values {
                sum = sum.checked_add(value).ok_or_else(|| total.beyond())?;
            }
            sum
        }
        other => return Err(Error::internal(format!("a checked sum of {other}"))),
    };
    Ok((sum, values.len() - values.null_count()))
}

/// The accumulator without groups, also for sliding frames.
#[derive(Debug)]
struct Single {
    total: Total,
    sum: i128,
    count: usize,
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for values in values.iter().take(1) {
            let (sum, count) = added(values, &self.total)?;
            self.sum = self.sum.checked_add(sum).ok_or_else(|| self.total.beyond())?;
            self.count += count;
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for values in values.iter().take(1) {
            let (sum, count) = added(values, &self.total)?;
            self.sum = self.sum.checked_sub(sum).ok_or_else(|| self.total.beyond())?;
            self.count -= count;
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.update_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(in_type((self.count > 0).then_some(self.sum), &self.total)?)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The accumulator for DISTINCT: DataFusion collects the values.
#[derive(Debug)]
struct Distinct {
    values: Box<dyn Accumulator>,
    total: Total,
}

impl Accumulator for Distinct {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        self.values.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        self.values.merge_batch(states)
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        self.values.state()
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        let state = self.values.state()?;
        let Some(ScalarValue::List(values)) = state.first() else { return self.values.evaluate() };
        let (sum, count) = added(&values.value(0), &self.total)?;
        Ok(in_type((count > 0).then_some(sum), &self.total)?)
    }

    fn size(&self) -> usize {
        self.values.size()
    }
}

/// The accumulator for groups. A sum that overflows its native type sets the flag.
struct Groups {
    sums: Box<dyn GroupsAccumulator>,
    overflown: Arc<AtomicBool>,
    total: Total,
}

fn groups<T: ArrowPrimitiveType + Send>(total: Total) -> Box<dyn GroupsAccumulator>
where
    T::Native: ArrowNativeTypeOp,
{
    let overflown = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&overflown);
    let add = move |sum: &mut T::Native, value: T::Native| match sum.add_checked(value) {
        Ok(more) => *sum = more,
        Err(_) => flag.store(true, Ordering::Relaxed),
    };
    let sums = Box::new(PrimitiveGroupsAccumulator::<T, _>::new(&total.data_type, add));
    Box::new(Groups { sums, overflown, total })
}

impl Groups {
    fn checked(&self) -> DfResult<()> {
        if self.overflown.load(Ordering::Relaxed) { Err(self.total.beyond().into()) } else { Ok(()) }
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> DfResult<()> {
        self.sums.update_batch(values, groups, filter, total)?;
        self.checked()
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        self.sums.merge_batch(values, groups, total)?;
        self.checked()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        let sums = self.sums.evaluate(emit_to)?;
        // Only at the highest precision can a sum fit its native value but exceed the type.
        if let DataType::Decimal128(precision @ 38, _) = self.total.data_type {
            for sum in sums.as_primitive::<Decimal128Type>().iter().flatten() {
                within(sum, precision, &self.total)?;
            }
        }
        Ok(sums)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        self.sums.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        self.sums.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.sums.size()
    }
}

impl AggregateUDFImpl for CheckedSum {
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let total = Total::new(&args);
        match (is_checked(&total.data_type), args.is_distinct) {
            (true, true) => Ok(Box::new(Distinct { values: self.of.accumulator(args)?, total })),
            (true, false) => Ok(Box::new(Single { total, sum: 0, count: 0 })),
            (false, _) => self.of.accumulator(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let total = Total::new(&args);
        if is_checked(&total.data_type) && !args.is_distinct {
            return Ok(Box::new(Single { total, sum: 0, count: 0 }));
        }
        self.of.create_sliding_accumulator(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        let total = Total::new(&args);
        Ok(match total.data_type {
            DataType::Int64 => groups::<Int64Type>(total),
            DataType::UInt64 => groups::<UInt64Type>(total),
            DataType::Decimal128(..) => groups::<Decimal128Type>(total),
            _ => return self.of.create_groups_accumulator(args),
        })
    }

    // The other methods are DataFusion's.

    inherited!(name, signature, return_type, state_fields, groups_accumulator_supported, order_sensitivity, documentation);

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.of.inner().set_monotonicity(data_type)
    }
}
