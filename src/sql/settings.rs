//! Parses `SET 'key' = 'value'` and `RESET`, also without quotes, as in Flink's client.

use std::borrow::Cow;

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::common::{Error, Result};

use super::ast::{Setting, Show, ShowWhat, Statement};
use super::cursor::Cursor;

const HINT: &str = "write SET 'key' = 'value'";

/// Parses the rest of SET.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.at_end() {
        return Ok(Statement::Show(Show { what: ShowWhat::Settings, from: None, like: None }));
    }
    let key = key(cursor)?;
    if !cursor.take_symbol(&Token::Eq) {
        return Err(cursor.expected("`=`").hint(HINT));
    }
    let value = value(cursor)?;
    Ok(Statement::Set(Setting { key, value }))
}

/// Parses the rest of RESET.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.at_end() {
        return Ok(Statement::Reset(None));
    }
    Ok(Statement::Reset(Some(key(cursor)?)))
}

/// A quoted key, or words joined by dots and hyphens.
fn key(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Token::SingleQuotedString(key) = &cursor.peek().token {
        let key = key.clone();
        if key.is_empty() {
            return Err(cursor.error("an empty key").hint(HINT));
        }
        cursor.next();
        return Ok(key);
    }
    let mut tokens = Vec::new();
    while matches!(cursor.peek().token, Token::Word(_) | Token::Period | Token::Minus | Token::Number(..)) {
        tokens.push(cursor.next());
    }
    match raw(cursor, &tokens).as_ref() {
        "" => Err(cursor.expected("a key").hint(HINT)),
        key if key.contains(char::is_whitespace) => Err(wrong_key(cursor, &tokens, key)),
        key => Ok(key.to_string()),
    }
}

fn wrong_key(cursor: &Cursor<'_>, tokens: &[TokenWithSpan], key: &str) -> Error {
    let at = tokens.first().map(|t| super::text::pos(t.span.start)).unwrap_or_default();
    let key: Vec<_> = key.split_whitespace().collect();
    cursor.text.error(at, format!("`{}` is not a key", key.join(" "))).hint(HINT)
}

/// A value in single quotes, or everything up to the end.
fn value(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Token::SingleQuotedString(value) | Token::Word(Word { value, quote_style: Some(_), .. }) = &cursor.peek().token {
        let value = value.clone();
        cursor.next();
        return Ok(value); // tokens after it are rejected at the end of the statement
    }
    let mut tokens = Vec::new();
    while !cursor.at_end() {
        if let Token::SingleQuotedString(_) = cursor.peek().token {
            return Err(cursor.error("a value is either wholly in single quotes or not at all").hint(HINT));
        }
        tokens.push(cursor.next());
    }
    match raw(cursor, &tokens).as_ref() {
        "" => Err(cursor.expected("a value").hint(HINT)),
        value => Ok(value.to_string()),
    }
}

/// The text from the first to the last of these tokens.
fn raw<'a>(cursor: &Cursor<'a>, tokens: &[TokenWithSpan]) -> Cow<'a, str> {
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => cursor.text.slice(first.span.start, last.span.end),
        _ => Cow::Borrowed(""),
    }
}
