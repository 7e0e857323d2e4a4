//! Tests of operator precedence: every pair of operators against the table in docs/functions.md.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, VisitMut, VisitorMut};
use sqlparser::parser::Parser;

use super::expressions::FlinkExpressions;

/// Binary operators by level; a higher level binds tighter, operators of one level group from the left.
const BETWEEN_TWO: &[(u8, &[&str])] = &[
    (1, &["OR"]),
    (2, &["AND"]),
    (5, &["=", "<>", "!=", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]),
    (
        6,
        &[
            "LIKE",
            "NOT LIKE",
            "SIMILAR TO",
            "NOT SIMILAR TO",
            "BETWEEN x AND",
            "NOT BETWEEN x AND",
            "BETWEEN SYMMETRIC x AND",
            "NOT BETWEEN ASYMMETRIC x AND",
        ],
    ),
    (7, &["|"]),
    (8, &["^", "<<", ">>"]),
    (9, &["&"]),
    (10, &["+", "-"]),
    (11, &["*", "/", "%", "||"]),
];

/// Postfix operators.
const BEHIND: &[(u8, &[&str])] = &[
    (
        4,
        &[
            "IS NULL",
            "IS NOT NULL",
            "IS TRUE",
            "IS NOT TRUE",
            "IS FALSE",
            "IS NOT FALSE",
            "IS UNKNOWN",
            "IS NOT UNKNOWN",
            "IS JSON",
            "IS NOT JSON",
            "IS JSON OBJECT",
        ],
    ),
    (6, &["IN (x)", "NOT IN (x)"]),
    (13, &["[x]", "::INT"]),
];

/// Prefix operators.
const BEFORE: &[(u8, &[&str])] = &[(3, &["NOT"]), (12, &["-", "+"])];

fn each(table: &[(u8, &[&'static str])]) -> Vec<(u8, &'static str)> {
    table.iter().flat_map(|(level, ops)| ops.iter().map(|op| (*level, *op))).collect()
}

/// An expression without the original parentheses, which its tree does not need.
fn tree(text: &str) -> Expr {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            while let Expr::Nested(inner) = expr {
                *expr = inner.as_ref().clone();
            }
            ControlFlow::Continue(())
        }
    }
    let mut parser = Parser::new(&FlinkExpressions).try_with_sql(text).unwrap();
    let mut expr = parser.parse_expr().unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(parser.peek_token().token, sqlparser::tokenizer::Token::EOF, "{text}");
    let _ = expr.visit(&mut Bare);
    expr
}

#[track_caller]
fn reads(flat: &str, grouped: &str) {
    assert_eq!(tree(flat), tree(grouped), "{flat} is to be read as {grouped}");
}

#[test]
fn between_two_operands() {
    for (first, one) in each(BETWEEN_TWO) {
        for (second, other) in each(BETWEEN_TWO) {
            let flat = format!("a {one} b {other} c");
            let grouped = if first >= second { format!("(a {one} b) {other} c") } else { format!("a {one} (b {other} c)") };
            reads(&flat, &grouped);
        }
    }
}

#[test]
fn behind_an_operand() {
    for (first, one) in each(BETWEEN_TWO) {
        for (second, other) in each(BEHIND) {
            let grouped = if first >= second { format!("(a {one} b) {other}") } else { format!("a {one} (b {other})") };
            reads(&format!("a {one} b {other}"), &grouped);
            reads(&format!("a {other} {one} b"), &format!("(a {other}) {one} b"));
        }
    }
}

#[test]
fn before_an_operand() {
    for (first, one) in each(BEFORE) {
        for (second, other) in each(BETWEEN_TWO) {
            let grouped = if first >= second { format!("({one} a) {other} b") } else { format!("{one} (a {other} b)") };
            reads(&format!("{one} a {other} b"), &grouped);
        }
        for (second, other) in each(BEHIND) {
            let grouped = if first >= second { format!("({one} a) {other}") } else { format!("{one} (a {other})") };
            reads(&format!("{one} a {other}"), &grouped);
        }
    }
    reads("a * - b + c", "(a * (- b)) + c");
    reads("a AND NOT b = c OR d", "(a AND (NOT (b = c))) OR d");
}
