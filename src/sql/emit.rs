//! `EMIT CHANGES | FINAL`, in every dialect: removed from a query's tokens before sqlparser sees them.

use sqlparser::tokenizer::Token;

use crate::common::Result;

use super::ast::Emit;
use super::cursor::{Cursor, is_word};
use super::text::pos;

/// Removes `EMIT CHANGES` or `EMIT FINAL` from the remaining tokens, at the end or before ksql's LIMIT, and returns whether such a LIMIT
/// follows. sqlparser would parse EMIT as a table alias.
pub(super) fn emit(cursor: &mut Cursor<'_>) -> Result<(Emit, bool)> {
    let (mut n, mut depth) = (0, 0_usize);
    let tokens = cursor.rest();
    while let Some((at, token)) = tokens.get(n) {
        n += 1;
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 0 || !is_word(token, "EMIT") {
            continue;
        }
        let follows = |n: usize, word: &str| tokens.get(n).is_some_and(|(_, t)| is_word(t, word));
        if tokens.len() > n + 1 && !follows(n + 1, "LIMIT") {
            continue;
        }
        let emit = if follows(n, "CHANGES") {
            Emit::Changes
        } else if follows(n, "FINAL") {
            Emit::Final
        } else if let Some((_, wrong)) = tokens.get(n) {
            let at = pos(wrong.span.start);
            let error = cursor.text.error(at, format!("expected CHANGES or FINAL behind EMIT, found `{}`", wrong.token));
            return Err(error.hint("EMIT CHANGES shows every change, EMIT FINAL each window once when it is closed"));
        } else {
            break; // an alias
        };
        let (from, to) = (*at, tokens[n].0);
        let limited = follows(n + 1, "LIMIT");
        cursor.cut(from, to);
        return Ok((emit, limited));
    }
    Ok((Emit::Default, false))
}
