//! Rewrites expressions with special syntax as those that the planner supports.
//!
//! | as Flink writes it | becomes |
//! |---|---|
//! | `EXTRACT(HOUR FROM ts)` | `extract('HOUR', ts)`, which gives BIGINT |
//! | `TIMESTAMPDIFF(DAY, a, b)`, `TIMESTAMPADD(DAY, n, ts)` | the unit as a text |
//! | `FLOOR(ts TO DAY)`, `CEIL(ts TO DAY)` | `floor_time('DAY', ts)`, `ceil_time('DAY', ts)` |
//! | `IF(a, b, c)` | `CASE WHEN a THEN b ELSE c END` |
//! | `MOD(a, b)` | `(a % b)` |
//! | `LISTAGG(x)` | `LISTAGG(x, ',')` |
//! | `COUNT(DISTINCT a, b)` | `COUNT(DISTINCT CASE WHEN a IS NOT NULL AND b IS NOT NULL THEN (a, b) END)` |
//! | `COLLECT(x)` | `ARRAY_AGG(x) FILTER (WHERE x IS NOT NULL)` |
//! | `GROUPING_ID(a, b)` | `GROUPING(a, b)` |
//! | `UNIX_TIMESTAMP()` | `UNIX_TIMESTAMP(CURRENT_TIMESTAMP)`: by the one clock of the query |
//! | `TIMESTAMP '2024-05-01 12:00:00.5'` | a `TIMESTAMP(3)`, or (6) or (9) if it has more digits, not always (9) |
//! | `SUBSTRING(a FROM b FOR c)`, `OVERLAY(a PLACING b FROM c)`, `POSITION(a IN b)` | plain calls |
//! | `a SIMILAR TO b` | `similar_to(a, b)` |
//! | `a LIKE 'x!%' ESCAPE '!'` | `a LIKE 'x\%'`, the only escape that DataFusion knows |
//! | `CAST(a AS VARCHAR(3))`, `CAST(a AS CHAR(3))` | `LEFT(CAST(a AS STRING), 3)`, `RPAD(CAST(a AS STRING), 3, ' ')` |
//! | `99999999999999999999`, `CAST(0.1 AS DECIMAL(2, 1))` | `CAST('...' AS DECIMAL(20, 0))`, `CAST('0.1' AS DECIMAL(2, 1))`, which are exact |
//! | `LAG(a, 1, b)`, `LEAD` | `CASE WHEN LAG(TRUE, 1) ... IS NULL THEN b ELSE LAG(a, 1) ... END`; DataFusion accepts only a literal |
//! | `CAST(a AS TIMESTAMP(1))`, with a number of digits that Arrow has no unit for | `__floor_digits('1', CAST(a AS TIMESTAMP(3)))` |
//! | `a[1].field`, `(a).field` | `a[1].'field'` |
//! | `(a, b) OVERLAPS (c, d)` | a condition over beginnings and ends |
//!
//! Calls are in `calls.rs`, JSON functions in `json_calls.rs`, intervals of several units in `intervals.rs`.

use std::ops::ControlFlow;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, CharacterLength, DataType, DateTimeField, Expr, TypedString, UnaryOperator, Value,
    VisitMut, VisitorMut,
};

use crate::common::floor::digits_text;
use crate::common::{Error, Result};

use super::{calls, intervals};
use crate::sql::ast_builder;
use crate::sql::ast_builder::text;
use crate::sql::rewrites::numbers;
use crate::sql::text::{Text, pos};
use crate::sql::types;

/// Rewrites all such expressions in a query or an expression.
pub(in crate::sql::flink) fn rewrite(tree: &mut impl VisitMut, text: &Text<'_>) -> Result<()> {
    match tree.visit(&mut Rewrite { text }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// The number of digits of a second in a timestamp's text, rounded up to a precision that Arrow has a unit for.
fn precision_of(text: &str) -> u64 {
    let digits = text.split_once('.').map_or(0, |(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    match digits {
        0..=3 => 3,
        4..=6 => 6,
        _ => 9,
    }
}

struct Rewrite<'a> {
    text: &'a Text<'a>,
}

impl VisitorMut for Rewrite<'_> {
    type Break = Box<Error>;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        match expr {
            Expr::Extract { field, expr: of, .. } => *expr = by_unit("extract", field, of),
            Expr::Floor { expr: of, field: CeilFloorKind::DateTimeField(field) } if *field != DateTimeField::NoDateTime => {
                *expr = by_unit("floor_time", field, of);
            }
            Expr::Ceil { expr: of, field: CeilFloorKind::DateTimeField(field) } if *field != DateTimeField::NoDateTime => {
                *expr = by_unit("ceil_time", field, of);
            }
            Expr::TypedString(TypedString { data_type: DataType::Timestamp(precision @ None, _), value, .. }) => {
                *precision = value.value.clone().into_string().as_deref().map(precision_of);
            }
            Expr::Substring { expr: of, substring_from, substring_for, .. } => {
                let from = substring_from.as_deref().cloned().unwrap_or_else(|| Expr::Value(Value::Number("1".into(), false).into()));
                *expr = ast_builder::call("SUBSTRING", [of.as_ref().clone(), from].into_iter().chain(substring_for.as_deref().cloned()));
            }
            Expr::Overlay { expr: of, overlay_what, overlay_from, overlay_for } => {
                let args = [of, overlay_what, overlay_from].map(|arg| arg.as_ref().clone());
                *expr = ast_builder::call("OVERLAY", args.into_iter().chain(overlay_for.as_deref().cloned()));
            }
            Expr::Position { expr: part, r#in } => *expr = ast_builder::call("POSITION", [part.as_ref().clone(), r#in.as_ref().clone()]),
            Expr::SimilarTo { negated, expr: of, pattern, .. } => {
                *expr = not(*negated, ast_builder::call("SIMILAR_TO", [of.as_ref().clone(), pattern.as_ref().clone()]));
            }
            Expr::Like { pattern, escape_char: escape @ Some(_), .. } | Expr::ILike { pattern, escape_char: escape @ Some(_), .. } => {
                let at = escape.as_ref().map(|value| pos(value.span.start)).unwrap_or_default();
                let of = escape.take().and_then(|value| value.value.into_string()).unwrap_or_default();
                let mut chars = of.chars();
                let (Some(of), None) = (chars.next(), chars.next()) else {
                    return ControlFlow::Break(Box::new(self.text.error(at, format!("ESCAPE '{of}' is not one character"))));
                };
                let Some(given) = string_of(pattern) else {
                    return ControlFlow::Break(Box::new(self.text.error(at, "the pattern of LIKE ... ESCAPE has to be a literal")));
                };
                **pattern = text(escaped(&given, of));
            }
            Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => {
                if let Some(condition) = overlaps(left, right) {
                    *expr = condition;
                }
            }
            Expr::Interval(interval) => {
                if let Err(error) = intervals::rewrite(interval, self.text) {
                    return ControlFlow::Break(Box::new(error));
                }
            }
            Expr::Value(_) | Expr::UnaryOp { .. } if let Some(exact) = numbers::large_integer(expr) => *expr = exact,
            Expr::Value(value) if matches!(value.value, Value::UnicodeStringLiteral(_)) => {
                *expr = text(value.value.clone().into_string().unwrap_or_default());
            }
            Expr::TypedString(TypedString { data_type: DataType::Time(Some(_), _), value, .. }) => {
                let error = self.text.error(pos(value.span.start), "a TIME in the text of a query has no precision");
                return ControlFlow::Break(Box::new(error.hint("write TIME '12:00:00.123', or CAST('12:00:00.123' AS TIME(3))")));
            }
            // A name after the dot is a field.
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        *access = AccessExpr::Dot(text(field.value.clone()));
                    }
                }
            }
            Expr::Cast { .. } => {
                numbers::of_cast(expr);
                if let Some(other) = sized(expr).or_else(|| with_digits(expr)) {
                    *expr = other;
                }
            }
            Expr::Function(function) => match calls::rewrite(function, self.text) {
                Ok(Some(other)) => *expr = other,
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `function('UNIT', expr)`.
fn by_unit(function: &str, unit: &DateTimeField, expr: &Expr) -> Expr {
    ast_builder::call(function, [text(unit.to_string().trim_matches('\'').to_uppercase()), expr.clone()])
}

fn not(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) } } else { expr }
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

fn string_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => value.value.clone().into_string(),
        _ => None,
    }
}

/// Rewrites a LIKE pattern with another escape character to one with backslashes.
fn escaped(pattern: &str, escape: char) -> String {
    let (mut out, mut chars) = (String::new(), pattern.chars());
    while let Some(c) = chars.next() {
        match c {
            c if c == escape => out.extend(std::iter::once('\\').chain(chars.next())),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out
}

/// `CAST(expr AS VARCHAR(length))`, or AS CHAR, which is padded with blanks.
fn sized(cast: &mut Expr) -> Option<Expr> {
    let Expr::Cast { data_type, .. } = cast else { return None };
    let (length, fill) = match data_type {
        DataType::Varchar(Some(length)) | DataType::CharacterVarying(Some(length)) | DataType::CharVarying(Some(length)) => (length, false),
        DataType::Char(Some(length)) | DataType::Character(Some(length)) => (length, true),
        _ => return None,
    };
    let CharacterLength::IntegerLength { length, .. } = length else { return None };
    let length = Expr::Value(Value::Number(length.to_string(), false).into());
    *data_type = DataType::String(None);
    let args = [cast.clone(), length].into_iter().chain(fill.then(|| text(" ")));
    Some(ast_builder::call(if fill { "RPAD" } else { "LEFT" }, args))
}

/// `CAST(expr AS data_type)`.
pub(super) fn cast(expr: Expr, data_type: DataType) -> Expr {
    let mut cast = Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None };
    with_digits(&mut cast).unwrap_or(cast)
}

/// A CAST to a type whose times have a number of digits that Arrow has no unit for: casts to the next finer unit and truncates.
fn with_digits(cast: &mut Expr) -> Option<Expr> {
    let Expr::Cast { data_type, .. } = cast else { return None };
    let digits = types::fewer_digits(&data_type.to_string())?;
    if let DataType::Timestamp(Some(digits), _) = data_type {
        // DataFusion has no unit for these.
        *digits = match digits {
            0 => return None,
            1..=3 => 3,
            4..=6 => 6,
            _ => 9,
        };
    }
    Some(ast_builder::call("__floor_digits", [text(digits_text(&digits)), cast.clone()]))
}

/// `(a, b) OVERLAPS (c, d)`: each side is a start and an end, or a start and a duration.
fn overlaps(left: &Expr, right: &Expr) -> Option<Expr> {
    let ends = |side: &Expr| {
        let Expr::Tuple(parts) = side else { return None };
        let [begin, end] = parts.as_slice() else { return None };
        let long = matches!(end, Expr::Interval(_));
        let end = if long { binary(begin.clone(), BinaryOperator::Plus, end.clone()) } else { end.clone() };
        let pair = |name| ast_builder::call(name, [begin.clone(), end.clone()]);
        Some((pair("LEAST"), pair("GREATEST")))
    };
    let ((a, b), (c, d)) = (ends(left)?, ends(right)?);
    Some(binary(binary(b, BinaryOperator::GtEq, c), BinaryOperator::And, binary(d, BinaryOperator::GtEq, a)))
}
