//! Numbers that DataFusion would parse as an inexact DOUBLE: integers beyond BIGINT, and numbers that become DECIMALs. They are rewritten
//! as `CAST('0.5' AS DECIMAL(2, 1))`.

use sqlparser::ast::{CastKind, DataType, ExactNumberInfo, Expr, Query, SetExpr, UnaryOperator, Value};

use crate::sql::ast_builder::text;

/// The maximum number of digits of a DECIMAL.
const MOST: usize = 38;
/// The absolute value of the least BIGINT, which is not a BIGINT itself.
const LEAST: &str = "9223372036854775808";

/// An integer beyond BIGINT as a DECIMAL; `-9223372036854775808` is not beyond it.
pub(in crate::sql) fn large_integer(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.parse::<i64>().is_err() && digits.bytes().all(|b| b.is_ascii_digit()) => typed(digits),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if typed(LEAST).is_some_and(|least| least == **expr) => {
            Some(cast(text(format!("-{LEAST}")), DataType::BigInt(None)))
        }
        _ => None,
    }
}

/// Turns a number that is cast to a DECIMAL into a string, which is parsed digit by digit.
pub(in crate::sql) fn of_cast(expr: &mut Expr) {
    if let Expr::Cast { expr, data_type: DataType::Decimal(_) | DataType::Dec(_) | DataType::Numeric(_), .. } = expr
        && let Some(digits) = digits(expr)
    {
        **expr = text(digits);
    }
}

/// Gives the numbers in VALUES the type DECIMAL in these columns.
pub fn decimals_of_values(query: &mut Query, is_decimal: impl Fn(usize) -> bool) {
    let SetExpr::Values(values) = query.body.as_mut() else { return };
    for row in &mut values.rows {
        for (_, cell) in row.content.iter_mut().enumerate().filter(|(i, _)| is_decimal(*i)) {
            if let Some(exact) = digits(cell).and_then(|digits| typed(&digits)) {
                *cell = exact;
            }
        }
    }
}

/// `CAST('0.5' AS DECIMAL(2, 1))`, if there is such a type.
fn typed(number: &str) -> Option<Expr> {
    let (whole, fraction) = number.trim_start_matches('-').split_once('.').unwrap_or((number.trim_start_matches('-'), ""));
    let (whole, scale) = (whole.trim_start_matches('0').len().max(1), fraction.len());
    let info = ExactNumberInfo::PrecisionAndScale((whole + scale) as u64, i64::try_from(scale).ok()?);
    (whole + scale <= MOST).then(|| cast(text(number), DataType::Decimal(info)))
}

/// A number with its sign, without an exponent.
fn digits(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) if digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') => Some(digits.clone()),
            _ => None,
        },
        Expr::Nested(inner) => digits(inner),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => digits(expr),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            let digits = digits(expr)?;
            Some(digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), ToString::to_string))
        }
        _ => None,
    }
}

fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}
