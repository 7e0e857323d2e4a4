//! The state that functions OVER rows in order of time need of rows that were emitted already.

use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{NullTreatment, WindowFunctionParams};
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowFunctionDefinition};
use datafusion::scalar::ScalarValue;

use crate::operators::over::Past;

use super::copied;
use super::over_plan::function;

const DAY: i64 = 86_400_000;

/// The state that `expr` needs of rows whose time, column `time` of `schema`, W has passed; `nulls`: the time may be NULL. `None`: its
/// value for a row is not final at that point, because later rows can change it.
pub(super) fn past(expr: &Expr, schema: &DFSchema, time: usize, nulls: bool) -> Option<Past> {
    let function = function(expr)?;
    let params = &function.params;
    let by_time = |e: &Expr| copied(e, schema) == Some(time);
    if params.partition_by.iter().any(by_time) {
        // Every partition is complete.
        return Some(Past::Nothing);
    }
    let order = params.order_by.first().filter(|first| by_time(&first.expr))?;
    // Rows without a time become complete last.
    if !order.asc || (order.nulls_first && nulls) {
        return None;
    }
    let frame = &params.window_frame;
    let running = frame.start_bound.is_unbounded() && matches!(frame.end_bound, WindowFrameBound::CurrentRow);
    let plain = !params.distinct && params.null_treatment != Some(NullTreatment::IgnoreNulls);
    match &function.fun {
        WindowFunctionDefinition::WindowUDF(udf) => match udf.name() {
            "row_number" | "rank" | "dense_rank" => Some(Past::Totals),
            "lag" => lag(params, plain),
            "first_value" if plain && frame.start_bound.is_unbounded() && !matches!(frame.end_bound, WindowFrameBound::Preceding(_)) => {
                Some(Past::Totals)
            }
            "first_value" | "last_value" | "nth_value" => framed(frame),
            // lead, ntile, percent_rank and cume_dist look at rows to come.
            _ => None,
        },
        WindowFunctionDefinition::AggregateUDF(udf) if running && plain => {
            let kind = expr.to_field(schema).ok()?.1;
            match udf.name() {
                "count" => Some(Past::Totals),
                "sum" if kind.data_type().is_numeric() => Some(Past::Totals),
                "min" | "max" if !kind.data_type().is_nested() => Some(Past::Totals),
                _ => framed(frame),
            }
        }
        WindowFunctionDefinition::AggregateUDF(_) => framed(frame),
    }
}

/// The common state of two functions of one partition and order; `None` if separate state is better.
pub(super) fn both(a: Past, b: Past) -> Option<Past> {
    match (a, b) {
        (Past::Totals, Past::Totals) => Some(a),
        (Past::Totals, _) | (_, Past::Totals) => None,
        (Past::Nothing, other) | (other, Past::Nothing) => Some(other),
        (Past::Everything, _) | (_, Past::Everything) => Some(Past::Everything),
        (Past::Last(a), Past::Last(b)) => Some(Past::Last(a.max(b))),
        (Past::Within(a), Past::Within(b)) => Some(Past::Within(a.max(b))),
        (Past::Last(_), Past::Within(_)) | (Past::Within(_), Past::Last(_)) => None,
    }
}

/// The rows that LAG needs.
fn lag(params: &WindowFunctionParams, plain: bool) -> Option<Past> {
    let offset = match params.args.get(1) {
        None => 1,
        Some(Expr::Literal(value, _)) => match value.cast_to(&arrow::datatypes::DataType::Int64).ok()? {
            ScalarValue::Int64(offset) => offset?,
            _ => return None,
        },
        Some(_) => return None,
    };
    match u64::try_from(offset).ok()? {
        0 => Some(Past::Nothing),
        _ if !plain => Some(Past::Everything),
        rows => Some(Past::Last(rows)),
    }
}

/// The rows that a frame needs, if it ends at the current row.
fn framed(frame: &WindowFrame) -> Option<Past> {
    if matches!(frame.end_bound, WindowFrameBound::Following(_)) {
        return None;
    }
    match (&frame.start_bound, frame.units) {
        (WindowFrameBound::Following(_), _) => None,
        // Rows of equal time are emitted together.
        (WindowFrameBound::CurrentRow, _) => Some(Past::Nothing),
        (WindowFrameBound::Preceding(ScalarValue::UInt64(Some(rows))), WindowFrameUnits::Rows) => {
            Some(if *rows == 0 { Past::Nothing } else { Past::Last(*rows) })
        }
        (WindowFrameBound::Preceding(age), WindowFrameUnits::Range) => Some(millis(age).map_or(Past::Everything, Past::Within)),
        (WindowFrameBound::Preceding(_), _) => Some(Past::Everything),
    }
}

/// An interval in milliseconds, rounded up: keeping a row for too long is harmless.
fn millis(interval: &ScalarValue) -> Option<i64> {
    let (months, days, nanos) = match interval {
        ScalarValue::IntervalMonthDayNano(Some(i)) => (i.months, i.days, i.nanoseconds),
        ScalarValue::IntervalDayTime(Some(i)) => (0, i.days, i64::from(i.milliseconds).saturating_mul(1_000_000)),
        ScalarValue::IntervalYearMonth(Some(months)) => (*months, 0, 0),
        _ => return None,
    };
    let days = i64::from(months).saturating_mul(31).saturating_add(i64::from(days));
    Some(days.saturating_mul(DAY).saturating_add(nanos.saturating_add(999_999).div_euclid(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::IntervalMonthDayNano;

    #[test]
    fn frames_reach_back_as_far_as_they_say() {
        let rows = |n| WindowFrameBound::Preceding(ScalarValue::UInt64(n));
        let second = WindowFrameBound::Preceding(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, 0, 1_000_000_000))));
        let month = WindowFrameBound::Preceding(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(1, 0, 0))));
        let ahead = WindowFrameBound::Following(ScalarValue::UInt64(Some(1)));
        let now = || WindowFrameBound::CurrentRow;
        use WindowFrameUnits::{Groups, Range, Rows};
        for (units, start, end, expected) in [
            (Rows, rows(Some(3)), now(), Some(Past::Last(3))),
            (Rows, rows(Some(5)), rows(Some(2)), Some(Past::Last(5))),
            (Rows, rows(Some(0)), now(), Some(Past::Nothing)),
            (Rows, rows(None), rows(Some(1)), Some(Past::Everything)),
            (Rows, rows(Some(3)), ahead.clone(), None),
            (Range, now(), now(), Some(Past::Nothing)),
            (Range, second, now(), Some(Past::Within(1000))),
            (Range, month, now(), Some(Past::Within(31 * DAY))),
            (Groups, rows(Some(1)), now(), Some(Past::Everything)),
            (Range, rows(None), ahead, None),
        ] {
            assert_eq!(framed(&WindowFrame::new_bounds(units, start.clone(), end.clone())), expected, "{units:?} {start:?} {end:?}");
        }
    }
}
