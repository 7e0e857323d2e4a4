//! Parses statement sets: `EXECUTE STATEMENT SET BEGIN ... END`, also under EXPLAIN.

use sqlparser::tokenizer::TokenWithSpan;

use crate::sql::cursor::{Cursor, is_space, is_word};
use crate::sql::dialect::Dialect;
use crate::sql::grammar::Part;
use crate::sql::text::Text;

use super::statement::how_to_explain;

/// The beginning and the end of a set.
pub(super) const FORMS: (&str, &str) = ("EXECUTE STATEMENT SET BEGIN", "END;");

/// Whether tokens up to a semicolon open or close a set.
pub(super) fn part(text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
    let words: Vec<(usize, &TokenWithSpan)> = tokens.iter().enumerate().filter(|(_, t)| !is_space(t)).take(5).collect();
    let says = |wanted: &[&str]| words.len() >= wanted.len() && wanted.iter().zip(&words).all(|(word, (_, token))| is_word(token, word));
    if says(&["EXECUTE", "STATEMENT", "SET", "BEGIN"]) {
        return Part::Opens { explain: None, tokens: words.get(4).map_or(tokens.len(), |(i, _)| *i) };
    }
    if says(&["BEGIN", "STATEMENT", "SET"]) && words.len() == 3 {
        return Part::Opens { explain: None, tokens: tokens.len() };
    }
    if says(&["END"]) && words.len() == 1 {
        return Part::Closes;
    }
    if says(&["EXPLAIN"]) { explained(text, tokens) } else { Part::Statement }
}

/// `EXPLAIN ... STATEMENT SET BEGIN`.
fn explained(text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
    let mut cursor = Cursor::new(text, tokens.to_vec(), Dialect::FLINK);
    cursor.take(&["EXPLAIN"]);
    let explain = how_to_explain(&mut cursor);
    cursor.take(&["EXECUTE"]);
    if !cursor.take(&["STATEMENT", "SET", "BEGIN"]) {
        return Part::Statement;
    }
    Part::Opens { explain: Some(explain), tokens: cursor.rest().first().map_or(tokens.len(), |(first, _)| *first) }
}
