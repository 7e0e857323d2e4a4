//! Hints in comments: `t /*+ OPTIONS('k' = 'v') */`.
//!
//! OPTIONS becomes the last part of the table's name (`sql/hints.rs`). LOOKUP, which tunes lookups one by one, is ignored with a warning,
//! because lookups are batched here. Hints that would change the meaning of a query, or that ask for something unsupported, are rejected:
//! ignoring them would be misleading.

use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace, Word};

use crate::common::{Error, Result, suggest};
use crate::sql::ast::{Options, Source};
use crate::sql::cursor::{Cursor, is_space};
use crate::sql::dialect::Dialect;
use crate::sql::hints::part_of_name;
use crate::sql::text::{Text, pos};
use crate::sql::tokens::tokens_of;

/// Other hints of Flink, with the error for each.
const REFUSED: [(&str, &str); 8] = [
    ("STATE_TTL", "one TTL holds for the whole job: SET 'table.exec.state.ttl' = '1 d'"),
    ("BROADCAST", "how a join runs follows from its plan; leave the hint out"),
    ("SHUFFLE_HASH", "how a join runs follows from its plan; leave the hint out"),
    ("SHUFFLE_MERGE", "how a join runs follows from its plan; leave the hint out"),
    ("NEST_LOOP", "how a join runs follows from its plan; leave the hint out"),
    ("MULTI_JOIN", "how a join runs follows from its plan; leave the hint out"),
    ("AGG_STRATEGY", "how an aggregate runs follows from its plan; leave the hint out"),
    ("JSON_AGGREGATE_WRAPPED", "it is Flink's own; leave the hint out"),
];

/// The hint that is parsed and ignored.
const LOOKUP: &str = "LOOKUP";

/// Adds OPTIONS hints to the names before them.
///
/// # Errors
/// For every other hint, and for one in another place.
pub(super) fn fold(text: &Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
    let mut folded: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for token in tokens {
        let Token::Whitespace(Whitespace::MultiLineComment(comment)) = &token.token else {
            folded.push(token.clone());
            continue;
        };
        let Some(hint) = comment.strip_prefix('+') else { continue };
        let at = pos(token.span.start);
        let Some(hint) = options(hint).map_err(|error| text.place(at, error.without_location()))? else { continue };
        while folded.last().is_some_and(is_space) {
            folded.pop();
        }
        let behind_name = matches!(folded.last().map(|t| &t.token), Some(Token::Word(word)) if !reserved(word));
        if !behind_name {
            return Err(text
                .error(at, "an OPTIONS hint stands behind the name of a table")
                .hint("write FROM t /*+ OPTIONS('key' = 'value') */"));
        }
        folded.push(TokenWithSpan { token: Token::Period, span: token.span });
        folded.push(TokenWithSpan { token: part_of_name(&hint), span: token.span });
        // The text after the hint begins a new word.
        folded.push(TokenWithSpan { token: Token::Whitespace(Whitespace::Space), span: token.span });
    }
    Ok(folded)
}

/// Words after which a hint has no table name before it.
fn reserved(word: &Word) -> bool {
    const WORDS: [&str; 9] = ["SELECT", "FROM", "WHERE", "JOIN", "ON", "BY", "AS", "INTO", "TABLE"];
    word.quote_style.is_none() && WORDS.iter().any(|w| w.eq_ignore_ascii_case(&word.value))
}

/// The options of a hint, if it has some.
fn options(hint: &str) -> Result<Option<Options>> {
    let source = Source::new("<hint>", hint);
    let text = Text::new(&source);
    let mut cursor = Cursor::new(&text, tokens_of(&text)?, Dialect::FLINK);
    let mut all = Options::default();
    loop {
        let name = cursor.name("the name of a hint")?.to_ascii_uppercase();
        match name.as_str() {
            "OPTIONS" => {
                for (key, value) in cursor.options()?.iter() {
                    all.push(key.to_string(), value.to_string(), Default::default())?;
                }
            }
            LOOKUP => {
                cursor.options()?;
                tracing::warn!("the hint {LOOKUP} has no effect: a table is read once per epoch, for all rows that meet it");
            }
            _ => {
                let known: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).chain(["OPTIONS", LOOKUP]).collect();
                return Err(match REFUSED.iter().find(|(refused, _)| *refused == name) {
                    Some((_, why)) => Error::sql(format!("the hint {name} is not supported")).hint(*why),
                    None => Error::sql(format!("unknown hint `{name}`")).hint(suggest::hint(&name, &known)),
                });
            }
        }
        cursor.take_symbol(&Token::Comma);
        if cursor.at_end() {
            break;
        }
    }
    Ok(Some(all).filter(|all| !all.is_empty()))
}
