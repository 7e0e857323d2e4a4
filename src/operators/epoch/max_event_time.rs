//! The maximum of the watermark expression over a batch.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, make_array};
use arrow::compute::{cast, max};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::scalar::ScalarValue;

use crate::common::Result;
use crate::common::clock::Millis;

use crate::operators::to_millis;

/// Evaluates the maximum of a watermark expression with as little work as possible.
///
/// Watermarks are nearly always `ts - INTERVAL '5' SECOND`. A constant interval does not change which row is the newest (months do:
/// their length varies), so it is subtracted only once, from the maximum of `ts`:
///
/// ```text
///   max(ts - INTERVAL '5' SECOND)  =  max(ts) - INTERVAL '5' SECOND
/// ```
#[derive(Debug, Clone)]
pub(super) struct MaxEventTime {
    /// Evaluated for every row.
    time: Arc<dyn PhysicalExpr>,
    /// Evaluated once, over a batch of one row and one column: their maximum.
    rest: Option<(Operator, Arc<dyn PhysicalExpr>)>,
}

impl MaxEventTime {
    /// Splits a watermark expression.
    pub(super) fn new(watermark: &Arc<dyn PhysicalExpr>) -> Self {
        let fixed = |expr: &Arc<dyn PhysicalExpr>| match expr.downcast_ref::<Literal>().map(Literal::value) {
            Some(ScalarValue::IntervalMonthDayNano(Some(interval))) => interval.months == 0,
            Some(ScalarValue::IntervalDayTime(Some(_))) => true,
            _ => false,
        };
        match watermark.downcast_ref::<BinaryExpr>() {
            Some(shift) if matches!(shift.op(), Operator::Minus | Operator::Plus) && fixed(shift.right()) => {
                Self { time: Arc::clone(shift.left()), rest: Some((*shift.op(), Arc::clone(shift.right()))) }
            }
            _ => Self { time: Arc::clone(watermark), rest: None },
        }
    }

    /// The newest watermark of a batch; `None` if no row has one.
    ///
    /// # Errors
    /// When the expression cannot be evaluated.
    pub(super) fn evaluate(&self, batch: &RecordBatch) -> Result<Option<Millis>> {
        let times = self.time.evaluate(batch)?.into_array(batch.num_rows())?;
        let Some((op, interval)) = &self.rest else { return Ok(max(&to_millis(&times)?)) };
        let Some(newest) = newest(&times)? else { return Ok(None) };
        let schema = Arc::new(Schema::new(vec![Field::new("ts", newest.data_type().clone(), true)]));
        let shifted = BinaryExpr::new(Arc::new(Column::new("ts", 0)), *op, Arc::clone(interval));
        let one = shifted.evaluate(&RecordBatch::try_new(schema, vec![newest])?)?.into_array(1)?;
        Ok(max(&to_millis(&one)?))
    }
}

/// The newest of these timestamps, as an array of one.
fn newest(times: &ArrayRef) -> Result<Option<ArrayRef>> {
    // A timestamp of any unit and zone is an Int64.
    let numbers = make_array(times.to_data().into_builder().data_type(DataType::Int64).build()?);
    let Some(newest) = max(numbers.as_primitive::<Int64Type>()) else { return Ok(None) };
    Ok(Some(cast(&Int64Array::from(vec![newest]), times.data_type())?))
}

#[cfg(test)]
mod tests {
    use arrow::array::TimestampMillisecondArray;
    use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};

    use super::*;

    /// The newest watermark of `times` in two ways: by this evaluator, and by all rows.
    fn both(times: Vec<Option<i64>>, interval: IntervalMonthDayNano) -> [Option<Millis>; 2] {
        let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(times));
        let schema = Arc::new(Schema::new(vec![Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), true)]));
        let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
        let interval = Arc::new(Literal::new(ScalarValue::IntervalMonthDayNano(Some(interval))));
        let watermark: Arc<dyn PhysicalExpr> = Arc::new(BinaryExpr::new(Arc::new(Column::new("ts", 0)), Operator::Minus, interval));
        let all = watermark.evaluate(&batch).unwrap().into_array(batch.num_rows()).unwrap();
        [MaxEventTime::new(&watermark).evaluate(&batch).unwrap(), max(&to_millis(&all).unwrap())]
    }

    #[test]
    fn an_interval_is_taken_from_the_newest_row_alone() {
        let delay = IntervalMonthDayNano::new(0, 1, 2_500_000_000);
        let day = 86_400_000;
        assert_eq!(both(vec![Some(5 * day), None, Some(7 * day), Some(6 * day)], delay), [Some(6 * day - 2_500); 2]);
        assert_eq!(both(vec![None, None], delay), [None; 2]);
        assert_eq!(both(Vec::new(), delay), [None; 2]);
    }

    #[test]
    fn months_are_not_of_one_length() {
        // 30 March 23:00 and 31 March 01:00 of 2023: the 31st also becomes the 28th, and so the earlier of the two.
        let [found, all] = both(vec![Some(1_680_217_200_000), Some(1_680_224_400_000)], IntervalMonthDayNano::new(1, 0, 0));
        assert!(found.is_some() && found == all);
    }
}
