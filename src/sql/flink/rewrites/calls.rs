//! Rewrites calls and their arguments; see the table in `forms.rs`.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    NullTreatment, ObjectName, TimezoneInfo, Value, visit_expressions,
};

use crate::common::{Result, suggest};

use super::forms;
use crate::sql::ast_builder;
use crate::sql::ast_builder::text;
use crate::sql::text::{Text, pos};

/// Units of `TIMESTAMPDIFF` and `TIMESTAMPADD`.
const UNITS: [&str; 9] = ["YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND"];

/// Whether an expression may differ from row to row.
fn reads_columns(expr: &Expr) -> bool {
    let mut reads = false;
    let _ = visit_expressions(expr, |part| {
        reads |= matches!(part, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } | Expr::Function(_));
        ControlFlow::<()>::Continue(())
    });
    reads
}

/// Rewrites a call: returns its replacement, if it has one; arguments are changed in place.
pub(super) fn rewrite(function: &mut Function, place: &Text<'_>) -> Result<Option<Expr>> {
    let [name] = function.name.0.as_slice() else { return Ok(None) };
    let Some(Ident { value, quote_style: None, span: at }) = name.as_ident() else { return Ok(None) };
    let name = value.to_ascii_uppercase();
    let FunctionArguments::List(list) = &mut function.args else { return Ok(None) };
    let args = &mut list.args;
    match (name.as_str(), args.len()) {
        ("TIMESTAMPDIFF" | "TIMESTAMPADD", 3) => {
            if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(unit))) = args.first_mut() {
                unit_of(&name, unit, place)?;
            }
        }
        ("IF", 3) => {
            let mut args = args.drain(..).filter_map(plain);
            let (Some(condition), Some(result), Some(other)) = (args.next(), args.next(), args.next()) else { return Ok(None) };
            return Ok(Some(case(condition, result, Some(other))));
        }
        ("MOD", 2) => {
            let mut args = args.drain(..).filter_map(plain).map(bracketed);
            let (Some(left), Some(right)) = (args.next(), args.next()) else { return Ok(None) };
            let modulo = Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Modulo, right: Box::new(right) };
            return Ok(Some(Expr::Nested(Box::new(modulo))));
        }
        ("LAG" | "LEAD", 3) if args.last().cloned().and_then(plain).is_some_and(|default| reads_columns(&default)) => {
            let Some(default) = args.pop().and_then(plain) else { return Ok(None) };
            let value = Expr::Function(function.clone());
            if function.null_treatment == Some(NullTreatment::IgnoreNulls) {
                return Ok(Some(ast_builder::call("COALESCE", [value, default])));
            }
            let FunctionArguments::List(list) = &mut function.args else { return Ok(None) };
            if let Some(first) = list.args.first_mut() {
                *first = FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(Value::Boolean(true).into())));
            }
            return Ok(Some(case(Expr::IsNull(Box::new(Expr::Function(function.clone()))), default, Some(value))));
        }
        ("LISTAGG", 1) => args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(text(",")))),
        ("UNIX_TIMESTAMP", 0) => {
            let mut clock = ast_builder::call("CURRENT_TIMESTAMP", []);
            if let Expr::Function(clock) = &mut clock {
                clock.args = FunctionArguments::None;
            }
            args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(clock)));
        }
        ("COLLECT", 1) => {
            let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(value))) = args.first() else { return Ok(None) };
            let there = Expr::IsNotNull(Box::new(bracketed(value.clone())));
            let filter = match function.filter.take() {
                Some(filter) => Expr::BinaryOp { left: Box::new(bracketed(*filter)), op: BinaryOperator::And, right: Box::new(there) },
                None => there,
            };
            function.filter = Some(Box::new(filter));
            function.name = ObjectName::from(vec![Ident::new("ARRAY_AGG")]);
        }
        ("COUNT", 2..) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) => {
            let values: Vec<Expr> = args.drain(..).filter_map(plain).collect();
            let there = values.iter().map(|value| Expr::IsNotNull(Box::new(bracketed(value.clone()))));
            let all = |left, right| Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::And, right: Box::new(right) };
            let Some(condition) = there.reduce(all) else { return Ok(None) };
            args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(case(condition, Expr::Tuple(values), None))));
        }
        ("CURRENT_TIMESTAMP" | "LOCALTIMESTAMP" | "CURRENT_TIME" | "LOCALTIME", 1) => {
            let digits = args.first().cloned().and_then(plain).and_then(|arg| match arg {
                Expr::Value(value) => value.value.to_string().parse().ok().filter(|digits| *digits <= 9_u64),
                _ => None,
            });
            let Some(digits) = digits else {
                let error = place.error(pos(at.start), format!("the precision of {name} has to be a number from 0 to 9"));
                return Err(error.hint(format!("write {name} or {name}(3)")));
            };
            function.args = FunctionArguments::None;
            let data_type = match name.as_str() {
                "CURRENT_TIMESTAMP" => ltz(digits),
                "LOCALTIMESTAMP" => DataType::Timestamp(Some(digits), TimezoneInfo::None),
                // It has whole seconds already.
                _ => return Ok(Some(Expr::Function(function.clone()))),
            };
            let clock = Expr::Function(function.clone());
            // The clock has three digits.
            return Ok(Some(if digits == 3 { clock } else { forms::cast(clock, data_type) }));
        }
        ("GROUPING_ID", _) => function.name = ObjectName::from(vec![Ident::new("GROUPING")]),
        _ => {}
    }
    Ok(None)
}

/// `TIMESTAMP_LTZ(n)`.
fn ltz(digits: u64) -> DataType {
    DataType::Custom(ObjectName::from(vec![Ident::new("TIMESTAMP_LTZ")]), vec![digits.to_string()])
}

fn case(condition: Expr, result: Expr, other: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: other.map(Box::new),
    }
}

/// Turns a bare word into the string that the function takes.
fn unit_of(function: &str, unit: &mut Expr, place: &Text<'_>) -> Result<()> {
    let Expr::Identifier(word) = unit else { return Ok(()) };
    let name = word.value.to_ascii_uppercase();
    let name = name.strip_prefix("SQL_TSI_").unwrap_or(&name);
    if !UNITS.contains(&name) {
        let error = place.error(pos(word.span.start), format!("`{}` is no unit of {function}", word.value));
        return Err(error.hint(suggest::hint(name, &UNITS)));
    }
    *unit = text(name);
    Ok(())
}

fn plain(arg: FunctionArg) -> Option<Expr> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    }
}

/// Adds parentheses, unless the expression is atomic.
fn bracketed(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Function(_) | Expr::Nested(_) => expr,
        other => Expr::Nested(Box::new(other)),
    }
}
