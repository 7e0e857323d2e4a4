//! `PERCENTILE_CONT` in full precision: DataFusion's keeps all values too, but interpolates between two of them in millionths.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Schema};
use datafusion::error::Result as DfResult;
use datafusion::functions_aggregate::percentile_cont::percentile_cont_udaf;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, EmitTo, GroupsAccumulator};
use datafusion::scalar::ScalarValue;

use crate::common::{Error, Result};

use super::inherited::inherited;

/// The function, which also has Flink's name.
pub(super) fn function() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::new_from_impl(Percentile {
        of: percentile_cont_udaf(),
        aliases: vec!["percentile".into(), "quantile_cont".into()],
    }))
}

/// DataFusion's function with another final step.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    of: Arc<AggregateUDF>,
    aliases: Vec<String>,
}

/// The requested percentile.
#[derive(Debug, Clone)]
struct Asked {
    /// Between 0 and 1.
    share: f64,
    descending: bool,
    distinct: bool,
    data_type: DataType,
}

impl Asked {
    fn new(args: &AccumulatorArgs<'_>) -> Result<Self> {
        let share = args.exprs.get(1).ok_or_else(|| Error::internal("PERCENTILE_CONT without a share"))?;
        let wrong = || Error::sql("the share of PERCENTILE_CONT has to be a number between 0 and 1");
        let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let Ok(ColumnarValue::Scalar(share)) = share.evaluate(&nothing) else { return Err(wrong()) };
        let ScalarValue::Float64(Some(share)) = share.cast_to(&DataType::Float64)? else { return Err(wrong()) };
        if !(0.0..=1.0).contains(&share) {
            return Err(wrong());
        }
        let descending = args.order_bys.first().is_some_and(|by| by.options.descending);
        Ok(Self { share, descending, distinct: args.is_distinct, data_type: args.return_field.data_type().clone() })
    }

    /// Sorts the values, and removes duplicates with DISTINCT.
    fn sort(&self, values: &mut Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        if self.distinct {
            values.dedup_by(|a, b| a.total_cmp(b).is_eq());
        }
    }

    /// The percentile of these values, as in Flink: the value at position `share * (n - 1)`.
    fn value(&self, mut values: Vec<f64>) -> Option<f64> {
        self.sort(&mut values);
        if self.descending {
            values.reverse();
        }
        let last = values.len().checked_sub(1)?;
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let (below, part) = {
            let place = self.share * last as f64;
            (place as usize, place.fract())
        };
        let low = values.get(below).copied()?;
        let high = values.get(below + 1).copied().filter(|high| part > 0.0 && high.total_cmp(&low).is_ne());
        // Not `low + part * (high - low)`, whose difference may overflow a DOUBLE.
        Some(high.map_or(low, |high| (1.0 - part) * low + part * high))
    }

    fn scalar(&self, values: Vec<f64>) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.value(values)).cast_to(&self.data_type)?)
    }
}

/// The values that are not NULL.
fn floats(values: &ArrayRef) -> Result<Vec<f64>> {
    Ok(cast(values, &DataType::Float64)?.as_primitive::<Float64Type>().iter().flatten().collect())
}

/// The accumulator without groups, for sliding frames and for DISTINCT.
#[derive(Debug)]
struct Single {
    asked: Asked,
    values: Vec<f64>,
}

impl Accumulator for Single {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for values in values.iter().take(1) {
            self.values.extend(floats(values)?);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DfResult<()> {
        for values in values.iter().take(1) {
            for gone in floats(values)? {
                // Frames slide: the removed value is among the oldest.
                let place = self.values.iter().position(|value| value.total_cmp(&gone).is_eq());
                self.values.remove(place.ok_or_else(|| Error::internal("a value leaves a frame that it is not in"))?);
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DfResult<()> {
        for lists in states.iter().take(1) {
            for list in lists.as_list::<i32>().iter().flatten() {
                self.update_batch(&[list])?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> DfResult<Vec<ScalarValue>> {
        if self.asked.distinct {
            self.asked.sort(&mut self.values);
        }
        let values: ArrayRef = Arc::new(Float64Array::from(self.values.clone()));
        let values = cast(&values, &self.asked.data_type)?;
        let list = datafusion::common::utils::SingleRowListArrayBuilder::new(values).build_list_scalar();
        Ok(vec![list])
    }

    fn evaluate(&mut self) -> DfResult<ScalarValue> {
        Ok(self.asked.scalar(self.values.clone())?)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<f64>()
    }
}

/// The accumulator for groups: DataFusion collects the values.
struct Groups {
    values: Box<dyn GroupsAccumulator>,
    asked: Asked,
}

impl GroupsAccumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef], groups: &[usize], filter: Option<&BooleanArray>, total: usize) -> DfResult<()> {
        self.values.update_batch(values, groups, filter, total)
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> DfResult<()> {
        self.values.merge_batch(values, groups, total)
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DfResult<ArrayRef> {
        let state = self.values.state(emit_to)?;
        let lists = state.first().ok_or_else(|| Error::internal("percentiles without values"))?;
        let values = lists.as_list::<i32>().iter().map(|list| list.map_or(Ok(Vec::new()), |list| floats(&list)));
        let found: Float64Array = values.map(|values| Ok(self.asked.value(values?))).collect::<Result<_>>()?;
        Ok(cast(&found, &self.asked.data_type)?)
    }

    fn state(&mut self, emit_to: EmitTo) -> DfResult<Vec<ArrayRef>> {
        self.values.state(emit_to)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DfResult<Vec<ArrayRef>> {
        self.values.convert_to_state(values, filter)
    }

    fn size(&self) -> usize {
        self.values.size()
    }
}

impl AggregateUDFImpl for Percentile {
    fn accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn Accumulator>> {
        let asked = Asked::new(&args)?;
        if args.expr_fields.first().is_none_or(|field| field.data_type().is_null()) {
            return self.of.accumulator(args);
        }
        Ok(Box::new(Single { asked, values: Vec::new() }))
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> DfResult<Box<dyn GroupsAccumulator>> {
        let asked = Asked::new(&args)?;
        Ok(Box::new(Groups { values: self.of.create_groups_accumulator(args)?, asked }))
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    // The other methods are DataFusion's.

    inherited!(name, signature, return_type, state_fields, groups_accumulator_supported, documentation);

    fn supports_within_group_clause(&self) -> bool {
        true
    }
}
