//! Extracts predicates on metadata columns from filters: `offset BETWEEN 5 AND 9 AND ts >= TIMESTAMP '...'`.

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::connectors::{Intervals, MetadataPredicate};

/// Extracts the metadata predicate from a conjunction of filters. `column` returns the expression of a table's column over the columns that
/// are read, `metadata` the key and the type of a column that is read.
pub(super) struct PredicateExtractor<C, M> {
    pub(super) column: C,
    pub(super) metadata: M,
}

impl<C, M> PredicateExtractor<C, M>
where
    C: Fn(&str) -> Option<Expr>,
    M: Fn(&str) -> Option<(String, DataType)>,
{
    /// The predicate that holds for all rows that pass these filters.
    pub(super) fn all<'a>(&self, filters: impl IntoIterator<Item = &'a Expr>) -> MetadataPredicate {
        filters.into_iter().map(|filter| self.of_filter(filter)).fold(MetadataPredicate::default(), MetadataPredicate::and)
    }

    fn of_filter(&self, filter: &Expr) -> MetadataPredicate {
        match filter {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => self.of_filter(left).and(self.of_filter(right)),
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => self.of_filter(left).or(&self.of_filter(right)),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let turned = || Some(self.comparison(self.key(right)?, op.swap()?, left));
                self.key(left).map(|key| self.comparison(key, *op, right)).or_else(turned).flatten().unwrap_or_default()
            }
            Expr::Between(between) if !between.negated => self
                .key(&between.expr)
                .and_then(|key| {
                    let low = self.comparison(key.clone(), Operator::GtEq, &between.low)?;
                    Some(low.and(self.comparison(key, Operator::LtEq, &between.high)?))
                })
                .unwrap_or_default(),
            Expr::InList(InList { expr, list, negated: false }) => self
                .key(expr)
                .and_then(|key| {
                    let each = list.iter().map(|value| allowed(Operator::Eq, value)).collect::<Option<Vec<_>>>()?;
                    Some(MetadataPredicate::new(&key, each.iter().fold(Intervals::between(1, 0), |all, one| all.or(one))))
                })
                .unwrap_or_default(),
            _ => MetadataPredicate::default(),
        }
    }

    fn comparison(&self, key: String, op: Operator, literal: &Expr) -> Option<MetadataPredicate> {
        Some(MetadataPredicate::new(&key, allowed(op, literal)?))
    }

    /// The key of the metadata that an expression copies.
    fn key(&self, expr: &Expr) -> Option<String> {
        self.copied(expr).map(|(key, _)| key)
    }

    /// The same with the kind of its value.
    fn copied(&self, expr: &Expr) -> Option<(String, Kind)> {
        match expr {
            Expr::Column(column) => self.read(&(self.column)(&column.name)?),
            _ => through_cast(expr, |inner| self.copied(inner)),
        }
    }

    /// The same for an expression over the columns that are read.
    fn read(&self, expr: &Expr) -> Option<(String, Kind)> {
        match expr {
            Expr::Column(column) => {
                let (key, data_type) = (self.metadata)(&column.name)?;
                Some((key, Kind::from_type(&data_type)?))
            }
            _ => through_cast(expr, |inner| self.read(inner)),
        }
    }
}

/// The types that keep a metadata value unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A whole number.
    Number,
    /// A time, no coarser than milliseconds and in UTC.
    Time,
}

impl Kind {
    fn from_type(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Timestamp(TimeUnit::Second, _) => None,
            DataType::Timestamp(_, zone) => zone.as_deref().is_none_or(|zone| matches!(zone, "UTC" | "+00:00")).then_some(Self::Time),
            other => other.is_integer().then_some(Self::Number),
        }
    }
}

fn through_cast(expr: &Expr, inner: impl Fn(&Expr) -> Option<(String, Kind)>) -> Option<(String, Kind)> {
    match expr {
        Expr::Alias(alias) => inner(&alias.expr),
        // A cast between times and numbers changes the value.
        Expr::Cast(cast) => inner(&cast.expr).filter(|(_, kind)| Kind::from_type(cast.field.data_type()) == Some(*kind)),
        _ => None,
    }
}

/// The values that satisfy `value op literal`.
fn allowed(op: Operator, literal: &Expr) -> Option<Intervals> {
    let Expr::Literal(value, _) = literal else { return None };
    let (first, after) = place(value)?;
    // Below the smallest number nothing can be subtracted.
    let below = |n: i64| n.checked_sub(1).map_or(Intervals::between(1, 0), |last| Intervals::between(i64::MIN, last));
    let from = |n: i64| Intervals::between(n, i64::MAX);
    Some(match op {
        Operator::Eq | Operator::IsNotDistinctFrom => from(first).and(&below(after)),
        Operator::NotEq => below(first).or(&from(after)),
        Operator::Lt => below(first),
        Operator::LtEq => below(after),
        Operator::Gt => from(after),
        Operator::GtEq => from(first),
        _ => return None,
    })
}

/// The least integer (or millisecond) not below a value, and the least one above it.
fn place(value: &ScalarValue) -> Option<(i64, i64)> {
    let parts = |value: i64, per_milli: i64| {
        let floor = value.div_euclid(per_milli);
        let exact = value.rem_euclid(per_milli) == 0;
        Some((if exact { floor } else { floor + 1 }, floor.checked_add(1)?))
    };
    match value {
        ScalarValue::TimestampMillisecond(Some(v), _) => parts(*v, 1),
        ScalarValue::TimestampMicrosecond(Some(v), _) => parts(*v, 1_000),
        ScalarValue::TimestampNanosecond(Some(v), _) => parts(*v, 1_000_000),
        whole if whole.data_type().is_integer() => match whole.cast_to(&DataType::Int64).ok()? {
            ScalarValue::Int64(v) => parts(v?, 1),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::{col, lit};

    fn micros(v: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(Some(v), None))
    }

    /// Columns: `o` is the offset, `copy` a wider copy of it, `ts` the time with six digits, `x` not metadata.
    fn found(filter: &Expr) -> Vec<(&'static str, Vec<(i64, i64)>)> {
        let copy = |name: &str| match name {
            "copy" => Some(datafusion::prelude::cast(col("o"), DataType::Int64)),
            "sum" => Some(col("o") + lit(1)),
            other => Some(col(other)),
        };
        let metadata = |name: &str| match name {
            "o" => Some(("offset".to_string(), DataType::Int32)),
            "ts" => Some(("timestamp".to_string(), DataType::Timestamp(TimeUnit::Microsecond, None))),
            "s" => Some(("timestamp".to_string(), DataType::Timestamp(TimeUnit::Second, None))),
            _ => None,
        };
        let bounds = PredicateExtractor { column: copy, metadata }.all([filter]);
        ["offset", "timestamp"].into_iter().filter_map(|key| Some((key, bounds.get(key)?.parts().to_vec()))).collect()
    }

    #[test]
    fn filters_bound_metadata() {
        const MIN: i64 = i64::MIN;
        const MAX: i64 = i64::MAX;
        type Ranges = Vec<(&'static str, Vec<(i64, i64)>)>;
        let cases: Vec<(Expr, Ranges)> = vec![
            (col("o").gt_eq(lit(5_i32)), vec![("offset", vec![(5, MAX)])]),
            (lit(5_i32).gt(col("o")), vec![("offset", vec![(MIN, 4)])]),
            (col("copy").eq(lit(7_i64)), vec![("offset", vec![(7, 7)])]),
            (col("o").not_eq(lit(7_i32)), vec![("offset", vec![(MIN, 6), (8, MAX)])]),
            (col("o").between(lit(3_i32), lit(9_i32)), vec![("offset", vec![(3, 9)])]),
            (col("o").in_list(vec![lit(9_i32), lit(1_i32), lit(2_i32)], false), vec![("offset", vec![(1, 2), (9, 9)])]),
            (col("o").lt(lit(5_i32)).or(col("o").gt(lit(8_i32))), vec![("offset", vec![(MIN, 4), (9, MAX)])]),
            (col("o").lt(lit(5_i32)).or(col("x").gt(lit(8_i32))), vec![]),
            (col("o").lt(lit(5_i32)).and(col("x").gt(lit(8_i32))), vec![("offset", vec![(MIN, 4)])]),
            (col("ts").gt_eq(micros(2_000)), vec![("timestamp", vec![(2, MAX)])]),
            (col("ts").gt_eq(micros(2_001)), vec![("timestamp", vec![(3, MAX)])]),
            (col("ts").gt(micros(2_001)), vec![("timestamp", vec![(3, MAX)])]),
            (col("ts").gt(micros(2_000)), vec![("timestamp", vec![(3, MAX)])]),
            (col("ts").lt_eq(micros(2_001)), vec![("timestamp", vec![(MIN, 2)])]),
            (col("ts").lt(micros(2_000)), vec![("timestamp", vec![(MIN, 1)])]),
            (col("ts").lt(micros(2_001)), vec![("timestamp", vec![(MIN, 2)])]),
            (col("ts").eq(micros(2_001)), vec![("timestamp", vec![])]),
            (col("ts").eq(micros(-1_000)), vec![("timestamp", vec![(-1, -1)])]),
            // Nothing is known of sums, other columns, rounded times, non-literals and NOT.
            (col("sum").eq(lit(7_i64)), vec![]),
            (col("x").eq(lit(7_i64)), vec![]),
            (col("s").eq(micros(1)), vec![]),
            (col("o").eq(col("x")), vec![]),
            (col("o").in_list(vec![lit(9_i32)], true), vec![]),
            (col("o").eq(lit(ScalarValue::Int32(None))), vec![]),
            (col("o").lt(lit(5_u64)), vec![("offset", vec![(MIN, 4)])]),
            (col("o").lt(lit(u64::MAX)), vec![]),
        ];
        for (filter, expected) in cases {
            assert_eq!(found(&filter), expected, "{filter}");
        }
    }
}
