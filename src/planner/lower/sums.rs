//! The stored form of an aggregate: itself, or sums that it is computed from. Their type is wider than that of the result, because an
//! intermediate sum may exceed the latter.

use datafusion::common::DFSchemaRef;
use datafusion::logical_expr::expr::{AggregateFunction, AggregateFunctionParams};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, lit, when};

use arrow::datatypes::DataType;

use crate::common::{Error, Result};

use crate::planner::functions::checked::in_type;
use crate::planner::functions::checked_sum;

/// An aggregate of a query, computed from those in a group's state.
///
/// Over changes these are sums of weighted values, so that retractions need no special case:
///
/// ```text
///   COUNT(x)   SUM(__weight) FILTER (x IS NOT NULL)
///   SUM(x)     SUM(x * __weight), NULL while the count is 0
///   AVG(x)     the quotient of both
/// ```
#[derive(Debug, Clone)]
pub(super) struct RetractableAggregate {
    kind: Kind,
    /// Its name in the query.
    name: String,
    /// The stored aggregates.
    pub parts: Vec<Expr>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Itself,
    Extreme,
    Count,
    Sum,
    Average,
}

impl RetractableAggregate {
    /// The aggregate itself, over append-only rows.
    pub(super) fn unchanged(aggregate: Expr) -> Self {
        Self { kind: Kind::Itself, name: String::new(), parts: vec![aggregate] }
    }

    /// MIN or MAX over changes, which has separate state.
    pub(super) fn extreme() -> Self {
        Self { kind: Kind::Extreme, name: String::new(), parts: Vec::new() }
    }

    /// Whether it is MIN or MAX over changes.
    pub(super) fn is_extreme(&self) -> bool {
        matches!(self.kind, Kind::Extreme)
    }

    /// Expresses the aggregate as sums over changes; `None` if it is not linear: floats (subtraction does not undo their addition),
    /// DISTINCT, extremes, ordered aggregates.
    pub(super) fn sums(expr: &Expr, schema: &DFSchemaRef, weight: &Expr) -> Result<Option<Self>> {
        let Expr::AggregateFunction(AggregateFunction { func, params }) = expr.clone().unalias() else { return Ok(None) };
        let name = expr.schema_name().to_string();
        let AggregateFunctionParams { args, distinct, filter, order_by, .. } = params;
        let [arg] = args.as_slice() else { return Ok(None) };
        if distinct || !order_by.is_empty() {
            return Ok(None);
        }
        let present = |value: &Expr| -> Result<Option<Box<Expr>>> {
            let known = match value {
                Expr::Literal(value, _) if !value.is_null() => None,
                value if !value.nullable(schema)? => None,
                value => Some(value.clone().is_not_null()),
            };
            Ok(match (known, &filter) {
                (None, None) => None,
                (None, Some(filter)) => Some(filter.clone()),
                (Some(known), None) => Some(Box::new(known)),
                (Some(known), Some(filter)) => Some(Box::new(filter.as_ref().clone().and(known))),
            })
        };
        let count = |value: &Expr| -> Result<Expr> { Ok(sum_of(weight.clone(), present(value)?)) };
        let (kind, arg) = match func.name() {
            "count" => return Ok(Some(Self { kind: Kind::Count, name, parts: vec![count(arg)?] })),
            "sum" => (Kind::Sum, Some(arg.clone())),
            "avg" => (Kind::Average, exact(arg, schema)?),
            _ => return Ok(None),
        };
        let Some(arg) = arg else { return Ok(None) };
        let Some(value) = weighted_value(&arg, schema, weight)? else { return Ok(None) };
        Ok(Some(Self { kind, name, parts: vec![sum_of(value, filter.clone()), count(&arg)?] }))
    }

    /// The aggregate by the columns that hold its parts.
    pub(super) fn result(&self, columns: Vec<Expr>, data_type: &DataType) -> Result<Expr> {
        let zero = || lit(0i64);
        let mut columns = columns.into_iter();
        let (Some(first), second) = (columns.next(), columns.next()) else {
            return Err(Error::internal("an aggregate of which nothing is kept"));
        };
        let cast = |e: Expr, to: &DataType| Expr::Cast(Cast::new(Box::new(e), to.clone()));
        Ok(match (self.kind, second) {
            (Kind::Itself | Kind::Extreme, _) => first,
            (Kind::Count, _) => when(first.clone().is_not_null(), first).otherwise(zero())?,
            (Kind::Sum, Some(count)) => when(count.gt(zero()), in_type(&self.name, first, data_type)?).end()?,
            (Kind::Average, Some(count)) => {
                let float = DataType::Float64;
                let quotient = cast(first, &float) / cast(count.clone(), &float);
                when(count.gt(zero()), cast(quotient, data_type)).end()?
            }
            _ => return Err(Error::internal("an aggregate without a count")),
        })
    }
}

/// `SUM(value) FILTER (WHERE filter)`.
pub(super) fn sum_of(value: Expr, filter: Option<Box<Expr>>) -> Expr {
    Expr::AggregateFunction(AggregateFunction::new_udf(checked_sum(), vec![value], false, filter, Vec::new(), None))
}

/// `value * weight`, in a type that adds up exactly; `None` if there is none.
fn weighted_value(value: &Expr, schema: &DFSchemaRef, weight: &Expr) -> Result<Option<Expr>> {
    Ok(match value.get_type(schema)? {
        DataType::Int64 => {
            let wide = |expr: &Expr| Expr::Cast(Cast::new(Box::new(expr.clone()), DataType::Decimal128(19, 0)));
            Some(wide(value) * wide(weight))
        }
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => {
            Some(Expr::Cast(Cast::new(Box::new(value.clone()), DataType::Int64)) * weight.clone())
        }
        // The precision of the product: weights up to 10^10.
        DataType::Decimal128(precision, scale) if precision <= 28 && scale >= 0 => {
            Some(value.clone() * Expr::Cast(Cast::new(Box::new(weight.clone()), DataType::Decimal128(38 - precision, 0))))
        }
        _ => None,
    })
}

/// The argument of an average before its cast to float: sums of integers are exact.
pub(super) fn exact(value: &Expr, schema: &DFSchemaRef) -> Result<Option<Expr>> {
    Ok(match value {
        Expr::Cast(cast) if cast.field.data_type() == &DataType::Float64 => {
            let integer = cast.expr.get_type(schema)?.is_signed_integer();
            integer.then(|| cast.expr.as_ref().clone())
        }
        _ => None,
    })
}
