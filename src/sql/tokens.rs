//! A text to its tokens, with an error where the thing begins that does not end.

use sqlparser::tokenizer::{TokenWithSpan, Tokenizer, TokenizerError};

use crate::common::{Error, Result};

use super::ast::Pos;
use super::cursor::lower_first;
use super::dialect::MillstreamDialect;
use super::text::{Text, pos};

/// The tokens of a text that is no script.
pub(super) fn tokens_of(text: &Text<'_>) -> Result<Vec<TokenWithSpan>> {
    match tokenize(text) {
        (tokens, None) => Ok(tokens),
        (_, Some(error)) => Err(error),
    }
}

/// All tokens up to the end, or up to where they cannot be made out.
pub(super) fn tokenize(text: &Text<'_>) -> (Vec<TokenWithSpan>, Option<Error>) {
    let whole = &*text.source.text;
    // A byte-order mark counts as one character, as the blank does that takes its place.
    let without_mark = whole.strip_prefix('\u{feff}').map(|rest| format!(" {rest}"));
    let mut tokens = Vec::new();
    let mut tokenizer = Tokenizer::new(&MillstreamDialect, without_mark.as_deref().unwrap_or(whole));
    let broken = tokenizer.tokenize_with_location_into_buf(&mut tokens).err().map(|error| tokenizer_error(text, &tokens, error));
    (tokens, broken)
}

/// Says where the thing begins that does not end, instead of where the text ends.
fn tokenizer_error(text: &Text<'_>, tokens: &[TokenWithSpan], error: TokenizerError) -> Error {
    let begin = tokens.last().map_or(Pos { line: 1, column: 1 }, |t| pos(t.span.end));
    let (message, at) = match error.message.as_str() {
        "Unterminated string literal" => ("this text has no closing quote".to_string(), begin),
        "Unexpected EOF while in a multi-line comment" => ("this comment has no closing `*/`".to_string(), begin),
        message if message.starts_with("Expected close delimiter") => ("this quoted name has no closing quote".to_string(), begin),
        message if message.starts_with("Unterminated dollar-quoted") => ("this text has no closing `$`".to_string(), begin),
        message => (lower_first(message), pos(error.location)),
    };
    text.error(at, message)
}
