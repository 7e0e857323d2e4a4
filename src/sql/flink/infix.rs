//! Parses conditions of Flink that sqlparser does not know: `a BETWEEN SYMMETRIC b AND c` and `text IS JSON OBJECT`; and `a IS DISTINCT
//! FROM b`, whose right side sqlparser would extend over AND and OR.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::sql::ast_builder;

/// Parses the rest of a condition after its keywords.
type Read = fn(&mut Parser, &Expr, u8) -> Result<Expr, ParserError>;

/// Parses such a condition on `left` if one comes next.
pub(super) fn condition(parser: &mut Parser, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
    let words = [0, 1, 2, 3].map(|n| match &parser.peek_nth_token_ref(n).token {
        Token::Word(w) if w.quote_style.is_none() => w.value.to_ascii_uppercase(),
        _ => String::new(),
    });
    let words = words.each_ref().map(String::as_str);
    let (condition, skip, negated): (Read, _, _) = match words {
        ["BETWEEN", "SYMMETRIC", ..] => (symmetric, 2, false),
        ["BETWEEN", "ASYMMETRIC", ..] => (asymmetric, 2, false),
        ["NOT", "BETWEEN", "SYMMETRIC", _] => (symmetric, 3, true),
        ["NOT", "BETWEEN", "ASYMMETRIC", _] => (asymmetric, 3, true),
        ["IS", "DISTINCT", "FROM", _] => (distinct, 3, false),
        ["IS", "NOT", "DISTINCT", "FROM"] => (not_distinct, 4, false),
        ["IS", "JSON", ..] => (is_json, 2, false),
        ["IS", "NOT", "JSON", _] => (is_json, 3, true),
        _ => return None,
    };
    for _ in 0..skip {
        parser.advance_token();
    }
    Some(
        condition(parser, left, precedence)
            .map(|condition| if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(condition) } } else { condition }),
    )
}

/// Whether `IS [NOT] DISTINCT FROM` comes next.
pub(super) fn is_distinct(parser: &Parser) -> bool {
    let [first, second, third] = parser.peek_tokens_ref();
    let word = |token: &TokenWithSpan| match &token.token {
        Token::Word(w) if w.quote_style.is_none() => w.keyword,
        _ => Keyword::NoKeyword,
    };
    let words = (word(first), word(second), word(third));
    matches!(words, (Keyword::IS, Keyword::DISTINCT, _) | (Keyword::IS, Keyword::NOT, Keyword::DISTINCT))
}

fn between(left: &Expr, low: Expr, high: Expr) -> Expr {
    Expr::Between { expr: Box::new(left.clone()), negated: false, low: Box::new(low), high: Box::new(high) }
}

fn bounds(parser: &mut Parser, precedence: u8) -> Result<(Expr, Expr), ParserError> {
    let low = parser.parse_subexpr(precedence)?;
    parser.expect_keyword_is(Keyword::AND)?;
    Ok((low, parser.parse_subexpr(precedence)?))
}

fn asymmetric(parser: &mut Parser, left: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    let (low, high) = bounds(parser, precedence)?;
    Ok(Expr::Nested(Box::new(between(left, low, high))))
}

/// `BETWEEN SYMMETRIC`: the bounds in either order.
fn symmetric(parser: &mut Parser, left: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    let (low, high) = bounds(parser, precedence)?;
    let (one, other) = (between(left, low.clone(), high.clone()), between(left, high, low));
    let either = Expr::BinaryOp { left: Box::new(one), op: BinaryOperator::Or, right: Box::new(other) };
    Ok(Expr::Nested(Box::new(either)))
}

fn distinct(parser: &mut Parser, left: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    Ok(Expr::IsDistinctFrom(Box::new(left.clone()), Box::new(parser.parse_subexpr(precedence)?)))
}

fn not_distinct(parser: &mut Parser, left: &Expr, precedence: u8) -> Result<Expr, ParserError> {
    Ok(Expr::IsNotDistinctFrom(Box::new(left.clone()), Box::new(parser.parse_subexpr(precedence)?)))
}

/// `IS JSON [VALUE | SCALAR | ARRAY | OBJECT]` as `is_json(text, 'VALUE')`.
fn is_json(parser: &mut Parser, left: &Expr, _: u8) -> Result<Expr, ParserError> {
    let kind = match &parser.peek_token_ref().token {
        Token::Word(w) if w.quote_style.is_none() => w.value.to_ascii_uppercase(),
        _ => String::new(),
    };
    let known = ["VALUE", "SCALAR", "ARRAY", "OBJECT"].contains(&kind.as_str());
    if known {
        parser.advance_token();
    }
    let kind = if known { kind } else { "VALUE".to_string() };
    Ok(ast_builder::call("is_json", [left.clone(), ast_builder::text(kind)]))
}
