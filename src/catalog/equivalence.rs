//! Whether two CREATE statements declare the same object: whitespace, comments, OR REPLACE and IF NOT EXISTS are ignored.

use sqlparser::tokenizer::Token;

use crate::sql::all_tokens;

use super::entry::Entry;

/// Whether two entries have equal declarations: the same statement in the same dialect.
pub(super) fn same(a: &Entry, b: &Entry) -> bool {
    a.dialect() == b.dialect() && same_text(a.text(), b.text())
}

/// Whether two statements declare the same. Statements that cannot be compared differ.
fn same_text(a: &str, b: &str) -> bool {
    a == b || matches!((essence(a), essence(b)), (Some(a), Some(b)) if a == b)
}

/// Returns the tokens that matter.
fn essence(text: &str) -> Option<Vec<Token>> {
    const CREATE: usize = 1;
    let mut tokens = all_tokens(text)?;
    tokens.retain(|t| !matches!(t, Token::Whitespace(_)));
    if is(&tokens, CREATE, &["OR", "REPLACE"]) {
        tokens.drain(CREATE..CREATE + 2);
    }
    // CREATE TABLE, CREATE TEMPORARY TABLE, CREATE MATERIALIZED VIEW ...
    let more = ["TEMPORARY", "SYSTEM", "MATERIALIZED", "EXTERNAL"];
    let name = CREATE + 1 + (0..2).take_while(|n| more.iter().any(|word| is(&tokens, CREATE + n, &[word]))).count();
    if is(&tokens, name, &["IF", "NOT", "EXISTS"]) {
        tokens.drain(name..name + 3);
    }
    Some(tokens)
}

fn is(tokens: &[Token], at: usize, words: &[&str]) -> bool {
    words.iter().enumerate().all(
        |(n, word)| matches!(tokens.get(at + n), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_and_what_does_not() {
        let table = "CREATE TABLE t (a INT) WITH ('k' = 'v')";
        for other in
            ["CREATE OR REPLACE TABLE t (a INT) WITH ('k' = 'v')", "CREATE TABLE IF NOT EXISTS t (a INT)\n -- why\n WITH ('k'='v')"]
        {
            assert!(same_text(table, other), "{other}");
        }
        for other in [
            "CREATE TABLE t (a INT) WITH ('k' = 'V')",
            "CREATE TABLE t (A INT) WITH ('k' = 'v')",
            "CREATE TEMPORARY TABLE t (a INT) WITH ('k' = 'v')",
            "'",
        ] {
            assert!(!same_text(table, other), "{other}");
        }
    }
}
