//! A text that somebody types: its parts for highlighting and completion, and whether it is a whole input.

use std::ops::Range;

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Whitespace};

use super::ast::Source;
use super::cursor::{is_space, is_word};
use super::text::Text;
use super::tokens::tokenize;

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word of SQL.
    Keyword,
    /// Another word.
    Word,
    /// A name in quotes.
    Quoted,
    /// A text in single quotes.
    Text,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// Anything else that is not blank.
    Symbol,
    /// What a quote or a comment begins that does not end.
    Open,
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexed {
    /// Its bytes.
    pub range: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// The parts of a text that are not blank, in order.
pub fn lexed(text: &str) -> Vec<Lexed> {
    let source = Source::new("<input>", text);
    let lines = Text::new(&source);
    let (tokens, broken) = tokenize(&lines);
    let part = |token: &TokenWithSpan| {
        let range = lines.offset(token.span.start)..lines.offset(token.span.end);
        kind(&token.token).map(|kind| Lexed { range, kind })
    };
    let mut parts: Vec<Lexed> = tokens.iter().filter_map(part).collect();
    if broken.is_some() {
        let end = tokens.last().map_or(0, |token| lines.offset(token.span.end));
        parts.push(Lexed { range: end..text.len(), kind: Kind::Open });
    }
    parts
}

fn kind(token: &Token) -> Option<Kind> {
    Some(match token {
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => Kind::Comment,
        Token::Whitespace(_) | Token::EOF => return None,
        Token::Word(word) if word.quote_style.is_some() => Kind::Quoted,
        Token::Word(word) if word.keyword == Keyword::NoKeyword => Kind::Word,
        Token::Word(_) => Kind::Keyword,
        Token::Number(..) => Kind::Number,
        Token::SingleQuotedString(_) | Token::NationalStringLiteral(_) | Token::HexStringLiteral(_) | Token::EscapedStringLiteral(_) => {
            Kind::Text
        }
        _ => Kind::Symbol,
    })
}

/// Whether a text is a whole input: it ends with a semicolon that is in no quotes, comment, brackets or open statement set.
pub fn is_whole(text: &str) -> bool {
    let source = Source::new("<input>", text);
    let (tokens, broken) = tokenize(&Text::new(&source));
    let mut words = tokens.iter().filter(|token| !is_space(token)).peekable();
    if broken.is_some() || words.peek().is_none() {
        return broken.is_none();
    }
    let (mut depth, mut set) = (0_usize, false);
    for chunk in tokens.split(|t| t.token == Token::SemiColon) {
        let words: Vec<&TokenWithSpan> = chunk.iter().filter(|t| !is_space(t)).collect();
        let says = |at: usize, word: &str| words.get(at).is_some_and(|t| is_word(t, word));
        let opens = |at: usize| says(at, "STATEMENT") && says(at + 1, "SET");
        set |= (says(0, "EXECUTE") && opens(1)) || (says(0, "BEGIN") && opens(1)) || (says(0, "EXPLAIN") && (1..3).any(opens));
        set &= !(says(0, "END") && words.len() == 1);
        for token in &words {
            match token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    let last = tokens.iter().rev().find(|token| !is_space(token));
    last.is_some_and(|token| token.token == Token::SemiColon) && depth == 0 && !set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_whole_when_nothing_is_open() {
        for text in [
            "",
            "  \n",
            "SELECT 1;",
            "SELECT ';';  -- done",
            "SELECT 1;\nSELECT 2;",
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END;",
        ] {
            assert!(is_whole(text), "{text}");
        }
        for text in [
            "SELECT 1",
            "SELECT ';",
            "SELECT (1;",
            "/* a ;",
            "SELECT `a;",
            "BEGIN STATEMENT SET; INSERT INTO a SELECT 1;",
            "SELECT 1; SELECT",
        ] {
            assert!(!is_whole(text), "{text}");
        }
    }

    #[test]
    fn parts_and_their_places() {
        let text = "SELECT città, 'a''b' FROM `t x` -- ?\nWHERE n > 1.5 AND s = 'open";
        let parts: Vec<(&str, Kind)> = lexed(text).into_iter().map(|part| (&text[part.range], part.kind)).collect();
        let expected = [
            ("SELECT", Kind::Keyword),
            ("città", Kind::Word),
            (",", Kind::Symbol),
            ("'a''b'", Kind::Text),
            ("FROM", Kind::Keyword),
            ("`t x`", Kind::Quoted),
            ("-- ?\n", Kind::Comment),
            ("WHERE", Kind::Keyword),
            ("n", Kind::Word),
            (">", Kind::Symbol),
            ("1.5", Kind::Number),
            ("AND", Kind::Keyword),
            ("s", Kind::Word),
            ("=", Kind::Symbol),
            ("'open", Kind::Open),
        ];
        assert_eq!(
            parts.iter().map(|(t, k)| (t.trim_end_matches('\n'), *k)).collect::<Vec<_>>(),
            expected.map(|(t, k)| (t.trim_end_matches('\n'), k))
        );
    }
}
