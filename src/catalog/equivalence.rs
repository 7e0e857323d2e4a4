//! Whether two CREATE statements declare the same: white space, comments, OR REPLACE and IF NOT EXISTS aside.

use sqlparser::tokenizer::{Token, Tokenizer};

use crate::sql::dialect::MillstreamDialect;

/// Whether two statements declare the same. What cannot be compared is not the same.
pub(super) fn same(a: &str, b: &str) -> bool {
    a == b || matches!((essence(a), essence(b)), (Some(a), Some(b)) if a == b)
}

/// The tokens that matter.
fn essence(text: &str) -> Option<Vec<Token>> {
    const CREATE: usize = 1;
    let mut tokens = Tokenizer::new(&MillstreamDialect, text).tokenize().ok()?;
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
            assert!(same(table, other), "{other}");
        }
        for other in [
            "CREATE TABLE t (a INT) WITH ('k' = 'V')",
            "CREATE TABLE t (A INT) WITH ('k' = 'v')",
            "CREATE TEMPORARY TABLE t (a INT) WITH ('k' = 'v')",
            "'",
        ] {
            assert!(!same(table, other), "{other}");
        }
    }
}
