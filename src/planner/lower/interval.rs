//! Finds the interval of event time within which a join matches.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::expr::{Cast, ScalarFunction, TryCast};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Join, Operator};
use datafusion::scalar::ScalarValue;

use crate::common::floor::cuts;

use super::super::functions::calendar::{CEIL, FLOOR};
use super::copied;
use crate::planner::properties::{Domain, Role, StreamProperties, Time};

/// Bounds of `left time − right time` in milliseconds; `None`: unbounded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub least: Option<i64>,
    pub most: Option<i64>,
}

/// Event-time columns of both sides, and the bounds of their difference.
#[derive(Debug, Clone)]
pub(super) struct Interval {
    pub left: (usize, Time),
    pub right: (usize, Time),
    pub bounds: Bounds,
}

impl Interval {
    /// Whether both ends are known.
    pub fn bounded(&self) -> bool {
        self.bounds.least.is_some() && self.bounds.most.is_some()
    }

    /// Its width in milliseconds, if both ends are known.
    pub fn width(&self) -> i64 {
        let Bounds { least, most } = self.bounds;
        least.zip(most).map_or(0, |(least, most)| most.saturating_sub(least).max(0))
    }

    /// Per side the time column, and by how many milliseconds W must have passed a row's time for the row to have no further matches.
    pub fn until(&self) -> [Option<(usize, i64)>; 2] {
        let left = self.bounds.least.map(|least| (self.left.0, 1i64.saturating_sub(least).max(1)));
        let right = self.bounds.most.map(|most| (self.right.0, 1i64.saturating_add(most).max(1)));
        [left, right]
    }

    /// The time attribute of a node over both sides.
    pub fn time(&self) -> Time {
        let ((_, left), (_, right)) = (&self.left, &self.right);
        Time {
            sources: left.sources.union(&right.sources).cloned().collect(),
            watermark_delay: left.watermark_delay.max(right.watermark_delay),
            ..left.clone()
        }
    }

    /// The time attributes of the output: side, column in it, and time.
    pub fn times(&self) -> impl Iterator<Item = (usize, usize, Time)> {
        let time = self.time();
        let older = |by: Option<i64>| {
            by.map(|by| Time { watermark_delay: time.watermark_delay.saturating_add(by.max(0)), guarded: true, ..time.clone() })
        };
        let left = older(self.bounds.least.map(i64::saturating_neg)).map(|t| (0, self.left.0, t));
        let right = older(self.bounds.most).map(|t| (1, self.right.0, t));
        left.into_iter().chain(right).filter(|_| self.bounded())
    }
}

/// Finds the conditions of a join that bound the times of its sides relative to each other.
pub(super) fn interval(join: &Join, left: &StreamProperties, right: &StreamProperties) -> Option<Interval> {
    let sides = [(join.left.schema(), left), (join.right.schema(), right)];
    let mut found: Option<Interval> = None;
    let mut note = |l: usize, r: usize, bounds: Bounds| {
        let (Some(lt), Some(rt)) = (row_time(left, l), row_time(right, r)) else { return };
        let interval = found.get_or_insert_with(|| Interval { left: (l, lt), right: (r, rt), bounds: Bounds::default() });
        if (interval.left.0, interval.right.0) == (l, r) {
            let known = &mut interval.bounds;
            known.least = known.least.max(bounds.least);
            known.most = [known.most, bounds.most].into_iter().flatten().min();
        }
    };
    let equal = join.on.iter().map(|(l, r)| (l, Operator::Eq, r));
    let compared = join.filter.iter().flat_map(split_conjunction).flat_map(|condition| match condition {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => vec![(left.as_ref(), *op, right.as_ref())],
        Expr::Between(b) if !b.negated => {
            vec![(b.expr.as_ref(), Operator::GtEq, b.low.as_ref()), (b.expr.as_ref(), Operator::LtEq, b.high.as_ref())]
        }
        _ => Vec::new(),
    });
    for (a, op, b) in equal.chain(compared) {
        let (Some(a), Some(b)) = (term(a, &sides), term(b, &sides)) else { continue };
        let (l, r, op) = match (a.side, b.side) {
            (0, 1) => (a, b, op),
            (1, 0) => match op.swap() {
                Some(op) => (b, a, op),
                None => continue,
            },
            _ => continue,
        };
        // left + a op right + b, so left − right op b − a, where a and b are ranges.
        let least = r.from.saturating_sub(l.to);
        let most = r.to.saturating_sub(l.from);
        let bounds = match op {
            Operator::Gt | Operator::GtEq => Bounds { least: Some(least), most: None },
            Operator::Lt | Operator::LtEq => Bounds { least: None, most: Some(most) },
            Operator::Eq | Operator::IsNotDistinctFrom => Bounds { least: Some(least), most: Some(most) },
            _ => continue,
        };
        note(l.column, r.column, bounds);
    }
    found.filter(|i| i.bounds != Bounds::default())
}

fn row_time(properties: &StreamProperties, column: usize) -> Option<Time> {
    properties.times.get(&column).filter(|t| t.domain == Domain::Event && matches!(t.role, Role::Row | Role::Last)).cloned()
}

/// A column of one side, plus a range of milliseconds: truncation by casts differs from row to row. Whole milliseconds, so that the
/// bounds hold for times rounded to milliseconds as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Term {
    side: usize,
    column: usize,
    from: i64,
    to: i64,
}

impl Term {
    fn plus(self, (from, to): (i64, i64)) -> Self {
        Self { from: self.from.saturating_add(from), to: self.to.saturating_add(to), ..self }
    }

    /// Extends the range downwards by this many milliseconds.
    fn cut(self, by: i64) -> Self {
        self.plus((by.saturating_neg(), 0))
    }
}

fn term(expr: &Expr, sides: &[(&Arc<DFSchema>, &StreamProperties); 2]) -> Option<Term> {
    match expr {
        Expr::Alias(alias) => term(&alias.expr, sides),
        Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
            let inner = term(expr, sides)?;
            let given = expr.get_type(sides.get(inner.side)?.0.as_ref()).ok()?;
            Some(inner.cut(cast_loss(&given, field.data_type())?))
        }
        Expr::Column(_) => (0..2).find_map(|side| Some(Term { side, column: copied(expr, sides[side].0)?, from: 0, to: 0 })),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match op {
            Operator::Plus => match millis(right) {
                Some(by) => Some(term(left, sides)?.plus(by)),
                None => Some(term(right, sides)?.plus(millis(left)?)),
            },
            Operator::Minus => {
                millis(right).and_then(|(from, to)| Some(term(left, sides)?.plus((to.saturating_neg(), from.saturating_neg()))))
            }
            _ => None,
        },
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let [Expr::Literal(unit, _), time] = args.as_slice() else { return None };
            let length = length(unit.try_as_str()??)?;
            let inner = term(time, sides)?;
            match func.name() {
                FLOOR | "date_trunc" => Some(inner.cut(length)),
                CEIL => Some(inner.plus((0, length))),
                _ => None,
            }
        }
        _ => None,
    }
}

/// By how many milliseconds a cast may truncate a time; `None`: it is not a truncation.
fn cast_loss(from: &DataType, to: &DataType) -> Option<i64> {
    let utc = |zone: &Option<Arc<str>>| zone.as_deref().is_none_or(|zone| matches!(zone, "UTC" | "+00:00"));
    match (from, to) {
        // A cast between time zones moves a time by hours.
        (DataType::Timestamp(_, a), DataType::Timestamp(unit, b)) if a == b || utc(a) && utc(b) => match unit {
            _ if !cuts(from, to) => Some(0),
            TimeUnit::Second => Some(1_000),
            _ => Some(1),
        },
        (DataType::Timestamp(_, zone), DataType::Date32 | DataType::Date64) if utc(zone) => Some(DAY),
        (DataType::Date32 | DataType::Date64, DataType::Timestamp(_, zone)) if utc(zone) => Some(0),
        (DataType::Date32 | DataType::Date64, DataType::Date32 | DataType::Date64) => Some(0),
        _ => None,
    }
}

/// The maximum length of a unit of time, in milliseconds.
fn length(unit: &str) -> Option<i64> {
    Some(match unit.to_uppercase().as_str() {
        "NANOSECOND" | "MICROSECOND" | "MILLISECOND" => 1,
        "SECOND" => 1_000,
        "MINUTE" => 60_000,
        "HOUR" => 3_600_000,
        "DAY" => DAY,
        "WEEK" => 7 * DAY,
        "MONTH" => 31 * DAY,
        "QUARTER" => 92 * DAY,
        "YEAR" => 366 * DAY,
        _ => return None,
    })
}

const DAY: i64 = 86_400_000;

/// A fixed interval in milliseconds, between whole ones.
fn millis(expr: &Expr) -> Option<(i64, i64)> {
    const NANOS: i64 = 1_000_000;
    match expr {
        Expr::Alias(alias) => millis(&alias.expr),
        Expr::Cast(cast) if matches!(cast.field.data_type(), DataType::Interval(_)) => millis(&cast.expr),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(i)), _) if i.months == 0 => {
            let days = i64::from(i.days) * DAY;
            let (floor, part) = (i.nanoseconds.div_euclid(NANOS), i.nanoseconds.rem_euclid(NANOS));
            Some((days + floor, days + floor + i64::from(part > 0)))
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(i)), _) => {
            let all = i64::from(i.days) * DAY + i64::from(i.milliseconds);
            Some((all, all))
        }
        _ => None,
    }
}
