//! LIMIT of a live query, as a count.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use sqlparser::ast::{Expr, LimitClause, Value};

use crate::common::WEIGHT;
use crate::sql::ast::Query;

/// How many rows are still wanted, if not all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(Option<u64>);

impl Limit {
    /// All.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// At most this many rows.
    pub(super) fn rows(rows: u64) -> Self {
        Self(Some(rows))
    }

    /// The part of a batch that is still wanted, and whether it is the last one. Rows that go are not counted.
    pub fn cut(&mut self, batch: RecordBatch) -> (RecordBatch, bool) {
        let Some(left) = &mut self.0 else { return (batch, false) };
        if *left == 0 {
            return (batch.slice(0, 0), true);
        }
        let weights = batch.column_by_name(WEIGHT).and_then(|weights| weights.as_primitive_opt::<Int64Type>());
        let comes = |row: &usize| weights.is_none_or(|weights| weights.value(*row) > 0);
        let wanted = usize::try_from(*left - 1).unwrap_or(usize::MAX);
        if let Some(last) = (0..batch.num_rows()).filter(comes).nth(wanted) {
            *left = 0;
            return (batch.slice(0, last + 1), true);
        }
        *left -= (0..batch.num_rows()).filter(comes).count() as u64;
        (batch, false)
    }
}

/// A query without its LIMIT, and that, if it can be a count: it is a number, and no order says which rows it means.
pub(super) fn without_limit(query: &Query) -> Option<(Query, u64)> {
    let Some(LimitClause::LimitOffset { limit: Some(Expr::Value(value)), offset: None, .. }) = &query.query.limit_clause else {
        return None;
    };
    let Value::Number(number, _) = &value.value else { return None };
    let limit = number.to_string().parse().ok()?;
    if query.query.order_by.is_some() && !query.ends {
        return None;
    }
    let mut endless = query.clone();
    endless.query.limit_clause = None;
    Some((endless, limit))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    #[test]
    fn rows_that_go_are_not_counted() {
        let column = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", column(&[1, 1, 2, 3])), (WEIGHT, column(&[-1, 1, 1, 1]))]).unwrap();
        for (limit, expected) in [(0, (0, true)), (1, (2, true)), (2, (3, true)), (3, (4, true)), (4, (4, false))] {
            let (cut, over) = Limit::rows(limit).cut(batch.clone());
            assert_eq!((cut.num_rows(), over), expected, "{limit}");
        }
        let mut limit = Limit::rows(4);
        assert_eq!((limit.cut(batch.clone()).1, limit.cut(batch.clone()).0.num_rows()), (false, 2));
        assert_eq!(Limit::none().cut(batch).0.num_rows(), 4);
    }
}
