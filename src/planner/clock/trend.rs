//! The monotonicity of expressions over the clock.

use arrow::datatypes::DataType;
use datafusion::logical_expr::expr::Between;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use super::{has_clock, is_clock};

/// When a row passes a predicate by the clock.
#[derive(Debug, PartialEq)]
pub enum Passing {
    /// For one span of time: from when all of the first predicates hold until one of the second no longer does. The first turn true once
    /// and stay true, the second turn false once and stay false.
    Span(Vec<Expr>, Vec<Expr>),
    /// Repeatedly; it can change every this many milliseconds.
    Ticking(i64),
}

/// The monotonicity of an expression as the clock advances; for a condition false < NULL < true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trend {
    Constant,
    Up,
    Down,
}

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400_000;

/// Functions that preserve the order of times in their last argument, given literals for the others.
const MONOTONE: [&str; 5] = ["date_trunc", "floor_time", "ceil_time", "unix_timestamp", "to_unixtime"];

/// When a row passes `predicate`, an expression over its columns and `__clock()`.
pub fn passing(predicate: &Expr) -> Passing {
    let (mut enter, mut leave) = (Vec::new(), Vec::new());
    for conjunct in split_conjunction_owned(predicate.clone()).into_iter().flat_map(bounds) {
        match trend(&conjunct) {
            Some(Trend::Up | Trend::Constant) => enter.push(conjunct),
            Some(Trend::Down) => leave.push(conjunct),
            None => return Passing::Ticking(period(predicate)),
        }
    }
    Passing::Span(enter, leave)
}

/// The period in milliseconds at which an expression is evaluated again: a day if it reads only the day.
pub fn period(expr: &Expr) -> i64 {
    if by_day(expr) { DAY } else { SECOND }
}

/// Splits an equation and a BETWEEN into two bounds.
fn bounds(conjunct: Expr) -> Vec<Expr> {
    match conjunct {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) if has_clock(&left) || has_clock(&right) => {
            vec![left.as_ref().clone().lt_eq(right.as_ref().clone()), left.gt_eq(*right)]
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            vec![expr.as_ref().clone().gt_eq(*low), expr.lt_eq(*high)]
        }
        other => vec![other],
    }
}

/// Whether a predicate reads only the day.
fn by_day(predicate: &Expr) -> bool {
    match predicate {
        Expr::Cast(cast) if cast.field.data_type() == &DataType::Date32 => true,
        e if is_clock(e) => false,
        other => {
            let mut all = true;
            let _ = datafusion::common::tree_node::TreeNode::apply_children(other, |child| {
                all &= !has_clock(child) || by_day(child);
                Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
            });
            all
        }
    }
}

/// `None`: it is not monotone, or nothing is known of it.
fn trend(expr: &Expr) -> Option<Trend> {
    if !has_clock(expr) {
        return Some(Trend::Constant);
    }
    if is_clock(expr) {
        return Some(Trend::Up);
    }
    match expr {
        Expr::Alias(alias) => trend(&alias.expr),
        Expr::Cast(cast) if keeps_order(cast.field.data_type()) => trend(&cast.expr),
        Expr::TryCast(cast) if keeps_order(cast.field.data_type()) => trend(&cast.expr),
        Expr::Negative(inner) | Expr::Not(inner) => Some(opposite(trend(inner)?)),
        Expr::IsTrue(inner) | Expr::IsNotFalse(inner) => trend(inner),
        Expr::ScalarFunction(f) if MONOTONE.contains(&f.name()) => {
            let (last, before) = f.args.split_last()?;
            before.iter().all(|e| matches!(e, Expr::Literal(..))).then(|| trend(last))?
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (left, right) = (trend(left)?, trend(right)?);
            match op {
                Operator::Plus | Operator::And | Operator::Or => both(left, right),
                Operator::Minus | Operator::Gt | Operator::GtEq => both(left, opposite(right)),
                Operator::Lt | Operator::LtEq => both(opposite(left), right),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a cast of times preserves their order. Casts to text and to times of day do not.
fn keeps_order(to: &DataType) -> bool {
    use DataType::{Date32, Date64, Duration, Int64, Interval, Timestamp};
    matches!(to, Timestamp(..) | Date32 | Date64 | Int64 | Duration(_) | Interval(_))
}

fn opposite(trend: Trend) -> Trend {
    match trend {
        Trend::Constant => Trend::Constant,
        Trend::Up => Trend::Down,
        Trend::Down => Trend::Up,
    }
}

fn both(a: Trend, b: Trend) -> Option<Trend> {
    match (a, b) {
        (Trend::Constant, other) | (other, Trend::Constant) => Some(other),
        (a, b) => (a == b).then_some(a),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::common::DFSchema;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::logical_expr::simplify::SimplifyContext;
    use datafusion::optimizer::simplify_expressions::ExprSimplifier;

    use super::super::super::mode::Mode;
    use super::*;

    /// The numbers of predicates (0 or 1) by which rows begin and cease to pass; or the period of re-evaluation.
    fn shape(sql: &str) -> (usize, usize, Option<i64>) {
        let mut state = SessionStateBuilder::new().with_default_features().build();
        super::super::register(&mut state, Mode::Streaming).unwrap();
        let time = DataType::Timestamp(arrow::datatypes::TimeUnit::Millisecond, None);
        let fields = [("ts", time), ("d", DataType::Date32), ("v", DataType::Int64)];
        let fields = fields.map(|(name, t)| arrow::datatypes::Field::new(name, t, true)).to_vec();
        let schema = DFSchema::try_from(arrow::datatypes::Schema::new(fields)).unwrap();
        let expr = state.create_logical_expr(sql, &schema).unwrap();
        let simplifier = ExprSimplifier::new(SimplifyContext::builder().with_schema(std::sync::Arc::new(schema.clone())).build());
        let expr = simplifier.simplify(simplifier.coerce(expr, &schema).unwrap()).unwrap();
        match passing(&expr) {
            Passing::Span(enter, leave) => (enter.len(), leave.len(), None),
            Passing::Ticking(period) => (0, 0, Some(period)),
        }
    }

    #[test]
    fn predicates_that_turn_once_have_a_span() {
        let cases = [
            ("ts > now() - INTERVAL '5' MINUTE", (0, 1, None)),
            ("now() > ts", (1, 0, None)),
            ("NOT (now() > ts)", (0, 1, None)),
            ("ts BETWEEN now() - INTERVAL '1' DAY AND now()", (1, 1, None)),
            ("d = current_date", (1, 1, None)),
            ("ts > now() OR v > 3", (0, 1, None)),
            ("(ts < now() AND v > 3) OR v IS NULL", (1, 0, None)),
            ("date_trunc('hour', ts) = date_trunc('hour', localtimestamp())", (1, 1, None)),
            ("ts - now() > INTERVAL '1' HOUR", (0, 1, None)),
            ("ts <> now()", (0, 0, Some(1_000))),
            ("d <> current_date", (0, 0, Some(86_400_000))),
            ("d <> current_date OR ts > now()", (0, 0, Some(1_000))),
            ("ts > now() OR ts < now() - INTERVAL '1' HOUR", (0, 0, Some(1_000))),
            ("CAST(now() AS VARCHAR) > '2024'", (0, 0, Some(1_000))),
            ("current_time() > TIME '12:00:00'", (0, 0, Some(1_000))),
        ];
        for (sql, expected) in cases {
            assert_eq!(shape(sql), expected, "{sql}");
        }
    }
}
