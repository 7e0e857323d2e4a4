//! Filter push-down: converts filters of a query to conditions of a SELECT.
//!
//! The query's own filters are applied again to the rows that the server returns. So a pushed condition may let too many rows through, but
//! never too few:
//!
//! * `=` on texts uses the column's collation, which treats different texts as equal but never the other way round; so an index is used.
//!   Order is that of bytes, as here.
//! * A zero date is NULL here, but not there: no condition asks the server whether a date is NULL.
//! * Only columns whose declared values equal those at the server are compared.

use arrow::array::Array;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Between, BinaryExpr, Expr, Operator};

use super::config::quoted;
use super::literal;
use super::types::{Family, RemoteType};

/// Whether a part of this filter can be pushed, whatever the types of the columns are at the server.
pub(super) fn may_push(filter: &Expr) -> bool {
    // Any type that preserves the declared values.
    predicate(filter, &|_| Some(Kind::Any)).is_some()
}

/// Returns a condition of a SELECT that is true at least where this filter is; `remote` returns the real and the declared type of a column.
/// `None` if nothing can be pushed.
pub(super) fn pushed<'a>(filter: &Expr, remote: &dyn Fn(&str) -> Option<(&'a RemoteType, &'a DataType)>) -> Option<String> {
    predicate(filter, &|name| {
        let (remote, declared) = remote(name)?;
        remote.keeps(declared).then(|| Kind::Of(remote.family(), declared.clone()))
    })
}

/// The declared and the real type of a column.
enum Kind {
    Any,
    Of(Family, DataType),
}

fn predicate(filter: &Expr, kind: &dyn Fn(&str) -> Option<Kind>) -> Option<String> {
    let both = |left: &Expr, right: &Expr| (predicate(left, kind), predicate(right, kind));
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => match both(left, right) {
            (Some(left), Some(right)) => Some(format!("({left} AND {right})")),
            (left, right) => left.or(right),
        },
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => match both(left, right) {
            (Some(left), Some(right)) => Some(format!("({left} OR {right})")),
            _ => None,
        },
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => compared(&column.name, *op, value, kind),
            (Expr::Literal(value, _), Expr::Column(column)) => compared(&column.name, op.swap()?, value, kind),
            _ => None,
        },
        Expr::Between(Between { expr, negated: false, low, high }) => match (expr.as_ref(), low.as_ref(), high.as_ref()) {
            (Expr::Column(column), Expr::Literal(low, _), Expr::Literal(high, _)) => {
                let low = compared(&column.name, Operator::GtEq, low, kind);
                let high = compared(&column.name, Operator::LtEq, high, kind);
                match (low, high) {
                    (Some(low), Some(high)) => Some(format!("({low} AND {high})")),
                    (low, high) => low.or(high),
                }
            }
            _ => None,
        },
        Expr::InList(InList { expr, list, negated: false }) => {
            let Expr::Column(column) = expr.as_ref() else { return None };
            let equal = list.iter().map(|value| match value {
                Expr::Literal(value, _) => compared(&column.name, Operator::Eq, value, kind),
                _ => None,
            });
            let equal = equal.collect::<Option<Vec<_>>>().filter(|equal| !equal.is_empty())?;
            Some(format!("({})", equal.join(" OR ")))
        }
        Expr::IsNotNull(expr) => match expr.as_ref() {
            Expr::Column(column) => kind(&column.name).map(|_| format!("{} IS NOT NULL", quoted(&column.name))),
            _ => None,
        },
        Expr::IsNull(expr) => match expr.as_ref() {
            Expr::Column(column) => match kind(&column.name)? {
                Kind::Of(Family::Date | Family::DateTime, _) => None,
                _ => Some(format!("{} IS NULL", quoted(&column.name))),
            },
            _ => None,
        },
        Expr::Column(column) => compared(&column.name, Operator::Eq, &ScalarValue::Boolean(Some(true)), kind),
        Expr::Not(expr) => match expr.as_ref() {
            Expr::Column(column) => compared(&column.name, Operator::Eq, &ScalarValue::Boolean(Some(false)), kind),
            _ => None,
        },
        _ => None,
    }
}

fn compared(name: &str, op: Operator, value: &ScalarValue, kind: &dyn Fn(&str) -> Option<Kind>) -> Option<String> {
    let sign = match op {
        Operator::Eq => "=",
        Operator::NotEq => "<>",
        Operator::Lt => "<",
        Operator::LtEq => "<=",
        Operator::Gt => ">",
        Operator::GtEq => ">=",
        _ => return None,
    };
    // A comparison with NULL is never true; the planner removes it.
    if value.is_null() {
        return None;
    }
    let column = quoted(name);
    let family = match kind(name)? {
        Kind::Any => family_of(&value.data_type())?,
        Kind::Of(family, declared) if alike(&declared, &value.data_type()) => family,
        Kind::Of(..) => return None,
    };
    if let ScalarValue::Boolean(Some(truth)) = value {
        // Every number except 0 is true.
        let holds = matches!(family, Family::Integer | Family::Bit) && matches!(op, Operator::Eq | Operator::NotEq);
        return holds.then(|| format!("{column} {} 0", if *truth == (op == Operator::Eq) { "<>" } else { "=" }));
    }
    let literal = literal_of(value)?;
    match (family, value) {
        (Family::Text, _) if op == Operator::Eq => Some(format!("{column} = {literal}")),
        (Family::Text, ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text))) => {
            let mut bytes = String::new();
            literal::bytes(text.as_bytes(), &mut bytes);
            Some(format!("CAST(CONVERT({column} USING utf8mb4) AS BINARY) {sign} {bytes}"))
        }
        (Family::Integer | Family::Decimal | Family::Bytes | Family::Date | Family::DateTime, _) => {
            Some(format!("{column} {sign} {literal}"))
        }
        // Floating-point numbers are rounded when written and read; the other types have their own sort order.
        _ => None,
    }
}

fn literal_of(value: &ScalarValue) -> Option<String> {
    let value = match value {
        ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => ScalarValue::Utf8(text.clone()),
        ScalarValue::BinaryView(bytes) | ScalarValue::LargeBinary(bytes) => ScalarValue::Binary(bytes.clone()),
        other => other.clone(),
    };
    let (array, mut out) = (value.to_array().ok()?, String::new());
    literal::append(array.as_ref() as &dyn Array, 0, literal::MOST_DIGITS, &mut out).ok()?;
    Some(out)
}

fn family_of(data_type: &DataType) -> Option<Family> {
    Some(match data_type {
        DataType::Boolean => Family::Integer,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Family::Text,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Family::Bytes,
        DataType::Decimal128(..) => Family::Decimal,
        DataType::Date32 => Family::Date,
        DataType::Timestamp(..) => Family::DateTime,
        other if other.is_integer() => Family::Integer,
        _ => return None,
    })
}

/// Whether a comparison of a column of one type with a literal of the other type needs no cast of the column.
fn alike(declared: &DataType, value: &DataType) -> bool {
    let same = |of: fn(&DataType) -> bool| of(declared) && of(value);
    declared == value || same(DataType::is_integer) || same(DataType::is_string) || same(DataType::is_binary) || {
        matches!((declared, value), (DataType::Decimal128(..), DataType::Decimal128(..)))
            || matches!((declared, value), (DataType::Timestamp(_, a), DataType::Timestamp(_, b)) if a.is_some() == b.is_some())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn remote(name: &str, full: &str, digits: u8) -> RemoteType {
        RemoteType { name: name.into(), full: full.into(), precision: 10, scale: 2, digits }
    }

    fn sql(filter: &Expr) -> Option<String> {
        let columns = [
            ("id", remote("int", "int(11)", 0), DataType::Int32),
            ("name", remote("varchar", "varchar(20)", 0), DataType::Utf8),
            ("ok", remote("tinyint", "tinyint(1)", 0), DataType::Boolean),
            ("day", remote("date", "date", 0), DataType::Date32),
            ("doc", remote("json", "json", 0), DataType::Utf8),
            ("f", remote("float", "float", 0), DataType::Float32),
            ("wrong", remote("decimal", "decimal(10,2)", 0), DataType::Int32),
            ("year", remote("year", "year(4)", 0), DataType::Int32),
        ];
        pushed(filter, &|name| columns.iter().find(|(c, ..)| *c == name).map(|(_, remote, declared)| (remote, declared)))
    }

    #[test]
    fn what_the_server_is_asked() {
        for (filter, expected) in [
            (col("id").gt(lit(3)), Some("`id` > 3")),
            (lit(3_i64).gt(col("id")), Some("`id` < 3")),
            (col("name").eq(lit("it's")), Some("`name` = 'it''s'")),
            (col("name").lt(lit("b")), Some("CAST(CONVERT(`name` USING utf8mb4) AS BINARY) < x'62'")),
            (col("name").not_eq(lit("b")), Some("CAST(CONVERT(`name` USING utf8mb4) AS BINARY) <> x'62'")),
            (col("id").eq(lit(1)).or(col("name").eq(lit("x"))), Some("(`id` = 1 OR `name` = 'x')")),
            (col("id").eq(lit(1)).and(col("f").eq(lit(0.1_f32))), Some("`id` = 1")),
            (col("id").eq(lit(1)).or(col("f").eq(lit(0.1_f32))), None),
            (col("id").in_list(vec![lit(1), lit(2)], false), Some("(`id` = 1 OR `id` = 2)")),
            (col("id").in_list(vec![lit(1)], true), None),
            (col("id").between(lit(1), lit(2)), Some("(`id` >= 1 AND `id` <= 2)")),
            (col("ok"), Some("`ok` <> 0")),
            (!col("ok"), Some("`ok` = 0")),
            (col("day").is_null(), None),
            (col("name").is_null(), Some("`name` IS NULL")),
            (col("doc").eq(lit("{}")), None),
            (col("wrong").eq(lit(1)), None),
            (col("year").eq(lit(99)), None),
            (col("id").eq(lit("1")), None),
        ] {
            assert_eq!(sql(&filter).as_deref(), expected, "{filter}");
        }
    }
}
