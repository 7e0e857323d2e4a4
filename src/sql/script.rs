//! A whole script to its statements.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use crate::common::Result;

use super::ast::{Parsed, Pos, Source, Statement};
use super::cursor::{is_space, is_word};
use super::statement::statement;
use super::text::{Text, pos};
use super::tokens::tokenize;

/// Parses all statements of a script; the semicolon behind the last one may be missing.
///
/// `EXECUTE STATEMENT SET BEGIN ... END;` comes out as the INSERTs in it: all INSERTs of a run are one job anyway.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(source: &Source) -> Result<Vec<Parsed>> {
    let text = Text::new(source);
    let (tokens, broken) = tokenize(&text);
    let mut parsed = Vec::new();
    let mut set = None;
    let mut chunks = tokens.split(|t| t.token == Token::SemiColon).peekable();
    while let Some(chunk) = chunks.next() {
        if chunks.peek().is_none() && broken.is_some() {
            break; // the tokens stop inside this statement
        }
        if let Some(chunk) = statement_set(&text, chunk, &mut set)? {
            parsed.extend(one(&text, chunk, set)?);
        }
    }
    match (broken, set) {
        (Some(error), _) => Err(error),
        (None, Some(at)) => Err(text.error(at, "this statement set is not closed").hint("it ends with `END;`")),
        (None, None) => Ok(parsed),
    }
}

/// One statement; nothing if there are only comments.
fn one(text: &Text<'_>, chunk: &[TokenWithSpan], set: Option<Pos>) -> Result<Option<Parsed>> {
    let from = chunk.iter().find(|t| !is_space(t));
    let to = chunk.iter().rev().find(|t| !is_space(t));
    let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
    if let Some(hint) = chunk.iter().find(|t| is_options_hint(t)) {
        return Err(text
            .error(pos(hint.span.start), "OPTIONS hints are not supported yet")
            .hint("set the option in the table's WITH, or with `--option TABLE.KEY=VALUE`"));
    }
    let parsed = statement(text, chunk.to_vec())?;
    if set.is_some() && !matches!(parsed, Statement::Insert(_)) {
        return Err(text
            .error(pos(from.span.start), "a statement set holds only INSERT statements")
            .hint("move other statements before it; it ends with `END;`"));
    }
    Ok(Some(Parsed {
        statement: parsed,
        text: text.slice(from.span.start, to.span.end).to_string(),
        source: text.source.clone(),
        pos: pos(from.span.start),
    }))
}

/// Opens and closes statement sets. Returns what is left of the chunk, nothing if that was all.
fn statement_set<'t>(text: &Text<'_>, chunk: &'t [TokenWithSpan], set: &mut Option<Pos>) -> Result<Option<&'t [TokenWithSpan]>> {
    let words: Vec<(usize, &TokenWithSpan)> = chunk.iter().enumerate().filter(|(_, t)| !is_space(t)).take(5).collect();
    let says = |wanted: &[&str]| words.len() >= wanted.len() && wanted.iter().zip(&words).all(|(word, (_, token))| is_word(token, word));
    let Some(at) = words.first().map(|(_, token)| pos(token.span.start)) else { return Ok(None) };
    let opened = if says(&["EXECUTE", "STATEMENT", "SET", "BEGIN"]) {
        Some(4)
    } else if says(&["BEGIN", "STATEMENT", "SET"]) && words.len() == 3 {
        Some(3)
    } else {
        None
    };
    match opened {
        Some(_) if set.is_some() => {
            Err(text.error(at, "a statement set cannot stand inside another one").hint("close the first one with `END;`"))
        }
        Some(n) => {
            *set = Some(at);
            Ok(words.get(n).map(|(i, _)| &chunk[*i..]))
        }
        None if says(&["END"]) && words.len() == 1 => match set.take() {
            Some(_) => Ok(None),
            None => Err(text.error(at, "`END` without a statement set").hint("a statement set begins with `EXECUTE STATEMENT SET BEGIN`")),
        },
        None => Ok(Some(chunk)),
    }
}

/// `/*+ OPTIONS('k' = 'v') */` changes what a query means, so it cannot be passed over as other hints can.
fn is_options_hint(token: &TokenWithSpan) -> bool {
    match &token.token {
        Token::Whitespace(Whitespace::MultiLineComment(comment)) => {
            comment.strip_prefix('+').is_some_and(|hint| hint.to_ascii_uppercase().contains("OPTIONS"))
        }
        _ => false,
    }
}
