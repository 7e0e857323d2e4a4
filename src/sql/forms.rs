//! Expressions that are more than a call, written anew as what the planner knows.
//!
//! | as Flink writes it | becomes |
//! |---|---|
//! | `EXTRACT(HOUR FROM ts)` | `extract('HOUR', ts)`, which gives BIGINT |
//! | `TIMESTAMPDIFF(DAY, a, b)`, `TIMESTAMPADD(DAY, n, ts)` | the unit as a text |
//! | `FLOOR(ts TO DAY)`, `CEIL(ts TO DAY)` | `floor_time('DAY', ts)`, `ceil_time('DAY', ts)` |
//! | `IF(a, b, c)` | `CASE WHEN a THEN b ELSE c END` |
//! | `MOD(a, b)` | `(a % b)` |
//! | `LISTAGG(x)` | `LISTAGG(x, ',')` |
//! | `UNIX_TIMESTAMP()` | `UNIX_TIMESTAMP(CURRENT_TIMESTAMP)`: of the one clock that there is |
//! | `TIMESTAMP '2024-05-01 12:00:00.5'` | a `TIMESTAMP(3)`, or (6) or (9) if it has more digits, not always (9) |
//! | `JSON_VALUE(json, path RETURNING INT)` | `TRY_CAST(JSON_VALUE(json, path) AS INT)` |

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, Ident, TypedString, Value, VisitMut, VisitorMut,
};

use crate::common::{Error, Result, suggest};

use super::build;
use super::text::{Text, pos};

/// Units of `TIMESTAMPDIFF` and `TIMESTAMPADD`.
const UNITS: [&str; 9] = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"];

/// Rewrites all such expressions in a query or an expression.
pub(super) fn rewrite(tree: &mut impl VisitMut, text: &Text<'_>) -> Result<()> {
    match tree.visit(&mut Rewrite { text }) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(*error),
    }
}

/// As many digits of a second as a timestamp's text has, of the precisions that Arrow has a unit for.
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
            Expr::Function(function) => match self.call(function) {
                Ok(Some(other)) => *expr = other,
                Ok(None) => {}
                Err(error) => return ControlFlow::Break(Box::new(error)),
            },
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Rewrite<'_> {
    /// What a call becomes, if it becomes something else; arguments are changed in place.
    fn call(&self, function: &mut Function) -> Result<Option<Expr>> {
        let [name] = function.name.0.as_slice() else { return Ok(None) };
        let Some(Ident { value, quote_style: None, .. }) = name.as_ident() else { return Ok(None) };
        let name = value.to_ascii_uppercase();
        let FunctionArguments::List(list) = &mut function.args else { return Ok(None) };
        let args = &mut list.args;
        match (name.as_str(), args.len()) {
            ("TIMESTAMPDIFF" | "TIMESTAMPADD", 3) => {
                if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(unit))) = args.first_mut() {
                    self.unit(&name, unit)?;
                }
            }
            ("IF", 3) => {
                let mut args = args.drain(..).filter_map(plain);
                let (Some(condition), Some(result), Some(other)) = (args.next(), args.next(), args.next()) else { return Ok(None) };
                return Ok(Some(Expr::Case {
                    case_token: AttachedToken::empty(),
                    end_token: AttachedToken::empty(),
                    operand: None,
                    conditions: vec![CaseWhen { condition, result }],
                    else_result: Some(Box::new(other)),
                }));
            }
            ("MOD", 2) => {
                let mut args = args.drain(..).filter_map(plain).map(bracketed);
                let (Some(left), Some(right)) = (args.next(), args.next()) else { return Ok(None) };
                let modulo = Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Modulo, right: Box::new(right) };
                return Ok(Some(Expr::Nested(Box::new(modulo))));
            }
            ("LISTAGG", 1) => args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(text(",")))),
            ("UNIX_TIMESTAMP", 0) => {
                let mut clock = build::call("CURRENT_TIMESTAMP", []);
                if let Expr::Function(clock) = &mut clock {
                    clock.args = FunctionArguments::None;
                }
                args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(clock)));
            }
            ("JSON_VALUE", 2) => {
                let returning = list.clauses.iter().position(|c| matches!(c, FunctionArgumentClause::JsonReturningClause(_)));
                if let Some(FunctionArgumentClause::JsonReturningClause(returning)) = returning.map(|i| list.clauses.remove(i)) {
                    return Ok(Some(Expr::Cast {
                        kind: CastKind::TryCast,
                        expr: Box::new(Expr::Function(function.clone())),
                        data_type: returning.data_type,
                        array: false,
                        format: None,
                    }));
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// A bare word as the text that the function takes.
    fn unit(&self, function: &str, unit: &mut Expr) -> Result<()> {
        let Expr::Identifier(word) = unit else { return Ok(()) };
        let name = word.value.to_ascii_uppercase();
        let name = name.strip_prefix("SQL_TSI_").unwrap_or(&name);
        if !UNITS.contains(&name) {
            let error = self.text.error(pos(word.span.start), format!("`{}` is no unit of {function}", word.value));
            return Err(error.hint(suggest::hint(name, &UNITS)));
        }
        *unit = text(name);
        Ok(())
    }
}

fn plain(arg: FunctionArg) -> Option<Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// In brackets, unless it is a single thing.
fn bracketed(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Function(_) | Expr::Nested(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}

/// `function('UNIT', expr)`.
fn by_unit(function: &str, unit: &DateTimeField, expr: &Expr) -> Expr {
    build::call(function, [text(unit.to_string().trim_matches('\'').to_uppercase()), expr.clone()])
}

fn text(value: impl Into<String>) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.into()).into())
}
