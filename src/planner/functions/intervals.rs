//! Intervals multiplied and divided by a number: `ts - n * INTERVAL '1' SECOND`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, IntervalMonthDayNanoArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::DFSchema;
use datafusion::error::Result as DfResult;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{ExprSchemable, ScalarUDF};
use sqlparser::ast::BinaryOperator;

use crate::common::{Error, Result};

use super::scalar::{Call, Param, Scalar};

const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
const DAY: i128 = 86_400_000_000_000;

pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![times(), divided()]
}

fn times() -> Arc<ScalarUDF> {
    Scalar::new("__interval_times", &[&[Param::Any, Param::Any]], |_| Ok(INTERVAL), |call| scaled(call, false)).udf()
}

fn divided() -> Arc<ScalarUDF> {
    Scalar::new("__interval_divided", &[&[Param::Any, Param::Any]], |_| Ok(INTERVAL), |call| scaled(call, true)).udf()
}

/// Plans `*` and `/` of an interval and a number, which DataFusion lacks.
#[derive(Debug)]
pub struct IntervalPlanner;

impl ExprPlanner for IntervalPlanner {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> DfResult<PlannerResult<RawBinaryExpr>> {
        if !matches!(expr.op, BinaryOperator::Multiply | BinaryOperator::Divide) {
            return Ok(PlannerResult::Original(expr));
        }
        // Untyped operands are left to other planners.
        let (Ok(left), Ok(right)) = (expr.left.get_type(schema), expr.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(expr));
        };
        let interval = |t: &DataType| matches!(t, DataType::Interval(_));
        let number = |t: &DataType| t.is_numeric() || t.is_null();
        Ok(match (&expr.op, interval(&left) && number(&right), number(&left) && interval(&right)) {
            (BinaryOperator::Multiply, true, _) => PlannerResult::Planned(times().call(vec![expr.left, expr.right])),
            (BinaryOperator::Multiply, _, true) => PlannerResult::Planned(times().call(vec![expr.right, expr.left])),
            (BinaryOperator::Divide, true, _) => PlannerResult::Planned(divided().call(vec![expr.left, expr.right])),
            _ => PlannerResult::Original(expr),
        })
    }
}

fn scaled(call: &Call, divide: bool) -> Result<ArrayRef> {
    let intervals = cast(&call.array(0)?, &INTERVAL)?;
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    let numbers = call.array(1)?;
    let out: IntervalMonthDayNanoArray = if numbers.data_type().is_integer() || numbers.data_type().is_null() {
        let by: ArrayRef = cast(&numbers, &DataType::Int64)?;
        let by: &Int64Array = by.as_primitive::<Int64Type>();
        let each = intervals.iter().zip(by.iter());
        each.map(|(i, n)| i.zip(n).map(|(i, n)| whole(i, n, divide)).transpose()).collect::<Result<_>>()?
    } else {
        let by: ArrayRef = cast(&numbers, &DataType::Float64)?;
        let by: &Float64Array = by.as_primitive::<Float64Type>();
        let each = intervals.iter().zip(by.iter());
        each.map(|(i, x)| i.zip(x).map(|(i, x)| part(i, x, divide)).transpose()).collect::<Result<_>>()?
    };
    Ok(Arc::new(out))
}

fn too_long() -> Error {
    Error::sql("an interval is too long")
}

/// Multiplies or divides by an integer. Days that do not divide become hours, months are truncated.
fn whole(i: IntervalMonthDayNano, n: i64, divide: bool) -> Result<IntervalMonthDayNano> {
    if !divide {
        let months = i64::from(i.months).checked_mul(n).and_then(|m| i32::try_from(m).ok());
        let days = i64::from(i.days).checked_mul(n).and_then(|d| i32::try_from(d).ok());
        let (Some(months), Some(days), Some(nanos)) = (months, days, i.nanoseconds.checked_mul(n)) else { return Err(too_long()) };
        return Ok(IntervalMonthDayNano::new(months, days, nanos));
    }
    if n == 0 {
        return Err(Error::sql("an interval is divided by zero"));
    }
    let months = i32::try_from(i64::from(i.months) / n).map_err(|_| too_long())?;
    fixed(months, (i128::from(i.days) * DAY + i128::from(i.nanoseconds)) / i128::from(n))
}

/// The same for any number.
fn part(i: IntervalMonthDayNano, x: f64, divide: bool) -> Result<IntervalMonthDayNano> {
    if divide && x == 0.0 {
        return Err(Error::sql("an interval is divided by zero"));
    }
    let of = |n: f64| if divide { n / x } else { n * x };
    let months = of(f64::from(i.months));
    #[expect(clippy::cast_precision_loss, reason = "a number that is no whole one has no more digits")]
    let nanos = of((i128::from(i.days) * DAY + i128::from(i.nanoseconds)) as f64).round();
    if !months.is_finite() || months.abs() > f64::from(i32::MAX) || !nanos.is_finite() || nanos.abs() > 1e32 {
        return Err(too_long());
    }
    #[expect(clippy::cast_possible_truncation, reason = "within bounds; parts of a month are cut")]
    fixed(months as i32, nanos as i128)
}

fn fixed(months: i32, nanos: i128) -> Result<IntervalMonthDayNano> {
    let (days, rest) = (i32::try_from(nanos / DAY), i64::try_from(nanos % DAY));
    match (days, rest) {
        (Ok(days), Ok(rest)) => Ok(IntervalMonthDayNano::new(months, days, rest)),
        _ => Err(too_long()),
    }
}
