//! What a join says about the times of its sides.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Join, Operator};
use datafusion::scalar::ScalarValue;

use super::super::traits::{Domain, Role, Time, Traits};
use super::copied;

/// `left time − right time` lies between these, in milliseconds; `None`: nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    pub least: Option<i64>,
    pub most: Option<i64>,
}

/// Event-time columns of both sides and how far apart they may be.
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

    /// How wide it is, in milliseconds, if both ends are known.
    pub fn width(&self) -> i64 {
        let Bounds { least, most } = self.bounds;
        least.zip(most).map_or(0, |(least, most)| most.saturating_sub(least).max(0))
    }

    /// Per side the time and how many milliseconds after it W says that nothing of the other side can meet the row.
    pub fn until(&self) -> [Option<(usize, i64)>; 2] {
        let left = self.bounds.least.map(|least| (self.left.0, 1i64.saturating_sub(least).max(1)));
        let right = self.bounds.most.map(|most| (self.right.0, 1i64.saturating_add(most).max(1)));
        [left, right]
    }

    /// What moves a node over both sides.
    pub fn time(&self) -> Time {
        let ((_, left), (_, right)) = (&self.left, &self.right);
        Time { sources: left.sources.union(&right.sources).cloned().collect(), hold: left.hold.max(right.hold), ..left.clone() }
    }

    /// The times of what comes out: side, column in it, and how old they may be.
    pub fn times(&self) -> impl Iterator<Item = (usize, usize, Time)> {
        let time = self.time();
        let older = |by: Option<i64>| by.map(|by| Time { hold: time.hold.saturating_add(by.max(0)), guarded: true, ..time.clone() });
        let left = older(self.bounds.least.map(i64::saturating_neg)).map(|t| (0, self.left.0, t));
        let right = older(self.bounds.most).map(|t| (1, self.right.0, t));
        left.into_iter().chain(right).filter(|_| self.bounded())
    }
}

/// Finds the conditions of a join that bound the times of its sides against each other.
pub(super) fn interval(join: &Join, left: &Traits, right: &Traits) -> Option<Interval> {
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
    for (l, r) in &join.on {
        if let (Some(l), Some(r)) = (copied(l, join.left.schema()), copied(r, join.right.schema())) {
            note(l, r, Bounds { least: Some(0), most: Some(0) });
        }
    }
    for condition in join.filter.iter().flat_map(split_conjunction) {
        let comparisons = match condition {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => vec![(left.as_ref(), *op, right.as_ref())],
            Expr::Between(b) if !b.negated => {
                vec![(b.expr.as_ref(), Operator::GtEq, b.low.as_ref()), (b.expr.as_ref(), Operator::LtEq, b.high.as_ref())]
            }
            _ => continue,
        };
        for (a, op, b) in comparisons {
            let (Some(a), Some(b)) = (term(a, &sides), term(b, &sides)) else { continue };
            let (l, r, op) = match (a.side, b.side) {
                (0, 1) => (a, b, op),
                (1, 0) => match op.swap() {
                    Some(op) => (b, a, op),
                    None => continue,
                },
                _ => continue,
            };
            // left + a op right + b, so left − right op b − a.
            let difference = r.plus.saturating_sub(l.plus);
            let bounds = match op {
                Operator::Gt | Operator::GtEq => Bounds { least: Some(difference), most: None },
                Operator::Lt | Operator::LtEq => Bounds { least: None, most: Some(difference) },
                Operator::Eq => Bounds { least: Some(difference), most: Some(difference) },
                _ => continue,
            };
            note(l.column, r.column, bounds);
        }
    }
    found.filter(|i| i.bounds != Bounds::default())
}

fn row_time(traits: &Traits, column: usize) -> Option<Time> {
    traits.times.get(&column).filter(|t| t.domain == Domain::Event && matches!(t.role, Role::Row | Role::Last)).cloned()
}

/// A column of one side, plus milliseconds.
struct Term {
    side: usize,
    column: usize,
    plus: i64,
}

fn term(expr: &Expr, sides: &[(&Arc<DFSchema>, &Traits); 2]) -> Option<Term> {
    match expr {
        Expr::Alias(alias) => term(&alias.expr, sides),
        // Between units of time; whatever it cuts off is less than a millisecond, and bounds are only for letting go.
        Expr::Cast(cast) if matches!(cast.field.data_type(), arrow::datatypes::DataType::Timestamp(..)) => term(&cast.expr, sides),
        Expr::Column(_) => (0..2).find_map(|side| Some(Term { side, column: copied(expr, sides[side].0)?, plus: 0 })),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let (inner, by) = (term(left, sides)?, millis(right)?);
            match op {
                Operator::Plus => Some(Term { plus: inner.plus.saturating_add(by), ..inner }),
                Operator::Minus => Some(Term { plus: inner.plus.saturating_sub(by), ..inner }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// A fixed interval in milliseconds; a part of one counts in full.
fn millis(expr: &Expr) -> Option<i64> {
    const DAY: i64 = 86_400_000;
    match expr {
        Expr::Cast(cast) => millis(&cast.expr),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(i)), _) if i.months == 0 && i.nanoseconds % 1_000_000 == 0 => {
            Some(i64::from(i.days) * DAY + i.nanoseconds / 1_000_000)
        }
        Expr::Literal(ScalarValue::IntervalDayTime(Some(i)), _) => Some(i64::from(i.days) * DAY + i64::from(i.milliseconds)),
        _ => None,
    }
}
