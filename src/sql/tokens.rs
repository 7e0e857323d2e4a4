//! Splits text into tokens; the error for an unterminated token points to its start. All dialects have the same tokens: the end of a
//! statement is found before its dialect is known.

use std::any::TypeId;

use sqlparser::dialect::{Dialect, GenericDialect};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError};

use crate::common::{Error, Result};

use super::ast::Pos;
use super::cursor::lower_first;
use super::text::{Text, pos};

/// The rules of sqlparser's tokenizer.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct SharedTokens;

impl Dialect for SharedTokens {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`' || ch == '"'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_string_escape_constant(&self) -> bool {
        true
    }
}

/// The tokens of a text; `None` if it cannot be tokenized.
pub fn all_tokens(text: &str) -> Option<Vec<Token>> {
    Tokenizer::new(&SharedTokens, text).tokenize().ok()
}

/// The tokens of a text that is not a script.
pub(super) fn tokens_of(text: &Text<'_>) -> Result<Vec<TokenWithSpan>> {
    match tokenize(text) {
        (tokens, None) => Ok(tokens),
        (_, Some(error)) => Err(error),
    }
}

/// All tokens up to the end, or up to the first error.
pub(super) fn tokenize(text: &Text<'_>) -> (Vec<TokenWithSpan>, Option<Error>) {
    let whole = &*text.source.text;
    // A byte-order mark counts as one character, as does the blank that replaces it.
    let without_mark = whole.strip_prefix('\u{feff}').map(|rest| format!(" {rest}"));
    let mut tokens = Vec::new();
    let mut tokenizer = Tokenizer::new(&SharedTokens, without_mark.as_deref().unwrap_or(whole));
    let broken = tokenizer.tokenize_with_location_into_buf(&mut tokens).err().map(|error| tokenizer_error(text, &tokens, error));
    (tokens, broken)
}

/// Points to the start of an unterminated token, instead of the end of the text.
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
