//! Splits text that is being typed into tokens for highlighting and completion, and decides whether it is a complete input.

use std::ops::Range;

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use super::ast::Source;
use super::cursor::is_space;
use super::dialect::Dialect;
use super::grammar::Part;
use super::keywords::{Around, Keywords, Word};
use super::text::Text;
use super::tokens::tokenize;

/// The kind of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword of SQL.
    Keyword,
    /// The name of a function that is called.
    Function,
    /// Any other word.
    Word,
    /// A quoted name.
    Quoted,
    /// A string in single quotes.
    Text,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// Any other symbol.
    Symbol,
    /// An unterminated quote or comment.
    Open,
}

/// A token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexed {
    /// The range of its bytes.
    pub range: Range<usize>,
    /// Its kind.
    pub kind: Kind,
}

/// The tokens of a text, without blanks, in order, with `dialect` in force.
pub fn lexed(text: &str, dialect: Dialect) -> Vec<Lexed> {
    let source = Source::new("<input>", text);
    let (tokens, broken) = tokenize(&Text::new(&source));
    let (mut parts, mut places, mut context) = (Vec::new(), Places::new(text), Context::default());
    let mut from = 0;
    for chunk in tokens.split_inclusive(|token| token.token == Token::SemiColon) {
        let keywords = dialect.of_statement(chunk).keywords();
        for (n, token) in chunk.iter().enumerate() {
            let range = places.byte(token.span.start)..places.byte(token.span.end);
            if let Some(kind) = kind(token, tokens.get(from + n + 1..).unwrap_or_default(), &context, keywords) {
                context.pass(token, kind);
                parts.push(Lexed { range, kind });
            }
        }
        from += chunk.len();
    }
    if broken.is_some() {
        parts.push(Lexed { range: places.byte..text.len(), kind: Kind::Open });
    }
    parts
}

/// Maps lines and columns to byte offsets, for positions that come in order: a text is walked once, however long its lines are.
struct Places<'t> {
    rest: std::str::Chars<'t>,
    at: Location,
    byte: usize,
}

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        Self { rest: text.chars(), at: Location { line: 1, column: 1 }, byte: 0 }
    }

    fn byte(&mut self, place: Location) -> usize {
        while self.at < place {
            let Some(next) = self.rest.next() else { break };
            self.byte += next.len_utf8();
            if next == '\n' { self.at = Location { line: self.at.line + 1, column: 1 } } else { self.at.column += 1 }
        }
        self.byte
    }
}

/// The context at the current position in a statement.
#[derive(Default)]
struct Context {
    /// The previous word or symbol, in upper case.
    before: String,
    /// Whether that is a name.
    named: bool,
    /// Whether the statement begins with CREATE or ALTER, and no query has begun in it.
    declares: bool,
    /// For each open parenthesis whether it is that of a CAST.
    brackets: Vec<bool>,
}

impl Context {
    fn pass(&mut self, token: &TokenWithSpan, kind: Kind) {
        match &token.token {
            Token::LParen => self.brackets.push(matches!(self.before.as_str(), "CAST" | "TRY_CAST")),
            Token::RParen => drop(self.brackets.pop()),
            _ if kind == Kind::Comment => return,
            _ => {}
        }
        let begins = self.before.is_empty();
        self.before = match &token.token {
            Token::SemiColon => String::new(),
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            other if kind == Kind::Symbol => other.to_string(),
            _ if kind == Kind::Text => "'".to_string(),
            // A quoted name is never a keyword.
            _ => "`".to_string(),
        };
        self.named = matches!(kind, Kind::Word | Kind::Quoted);
        if self.before == "SELECT" {
            self.declares = false;
        } else if begins {
            self.declares = matches!(self.before.as_str(), "CREATE" | "ALTER");
        }
    }
}

fn kind(token: &TokenWithSpan, behind: &[TokenWithSpan], context: &Context, keywords: &Keywords) -> Option<Kind> {
    Some(match &token.token {
        Token::Whitespace(Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_)) => Kind::Comment,
        Token::Whitespace(_) | Token::EOF => return None,
        Token::Word(word) if word.quote_style.is_some() => Kind::Quoted,
        Token::Word(word) => {
            let next = behind.iter().find(|next| !is_space(next)).map(|next| &next.token);
            let around = Around {
                before: &context.before,
                called: behind.first().is_some_and(|next| next.token == Token::LParen),
                after: match next {
                    Some(Token::Word(word)) => &word.value,
                    Some(Token::Number(..)) => "0",
                    _ => "",
                },
                text: next.is_some_and(is_text),
                declares: context.declares,
                named: context.named,
                cast: context.brackets.last() == Some(&true),
            };
            match keywords.word(&word.value, around) {
                Word::Keyword => Kind::Keyword,
                Word::Function => Kind::Function,
                Word::Name => Kind::Word,
            }
        }
        Token::Number(..) => Kind::Number,
        token if is_text(token) => Kind::Text,
        _ => Kind::Symbol,
    })
}

fn is_text(token: &Token) -> bool {
    use Token::{EscapedStringLiteral, HexStringLiteral, NationalStringLiteral, SingleQuotedString};
    matches!(token, SingleQuotedString(_) | NationalStringLiteral(_) | HexStringLiteral(_) | EscapedStringLiteral(_))
}

/// The last statement of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// The byte offset of its start; a statement set counts as one statement.
    pub start: usize,
    /// Whether it ends: with a semicolon outside quotes, comments, parentheses and open statement sets. An empty text has ended as well.
    pub ends: bool,
}

/// Finds the last statement of a text, with `dialect` in force.
pub fn last(text: &str, dialect: Dialect) -> Last {
    let source = Source::new("<input>", text);
    let read = Text::new(&source);
    let (tokens, broken) = tokenize(&read);
    // `set` is the dialect of the open set.
    let (mut depth, mut set, mut begins) = (0_usize, None, None);
    for chunk in tokens.split(|t| t.token == Token::SemiColon) {
        // A statement in a set begins where the set does, and so does the set's end.
        if let Some(first) = chunk.iter().find(|t| !is_space(t)).filter(|_| set.is_none()) {
            begins = Some(first.span.start);
        }
        let of = set.unwrap_or_else(|| dialect.of_statement(chunk));
        match of.part(&read, chunk) {
            Part::Opens { .. } => set = Some(of),
            Part::Closes => set = None,
            Part::Statement => {}
        }
        for token in chunk {
            match token.token {
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
    }
    let semicolon = tokens.iter().rev().find(|token| !is_space(token)).is_none_or(|last| last.token == Token::SemiColon);
    if broken.is_some() && semicolon && set.is_none() {
        begins = tokens.last().map(|last| last.span.end); // only a quote or a comment has begun
    }
    let start = begins.map_or(0, |begins| Places::new(text).byte(begins));
    Last { start, ends: broken.is_none() && semicolon && depth == 0 && set.is_none() }
}

/// Whether a text is a complete input: its last statement ends.
pub fn is_whole(text: &str, dialect: Dialect) -> bool {
    last(text, dialect).ends
}

/// The byte offset of the first part that is not SQL: a backslash outside quotes and comments, or, where a statement could begin, a line
/// that `is_command` accepts.
pub fn first_command(text: &str, is_command: impl Fn(&str) -> bool) -> Option<usize> {
    let mut begins = true;
    // The forms that matter here are the same in all dialects.
    for part in lexed(text, Dialect::default()) {
        let word = text.get(part.range.clone())?;
        let before = text.get(..part.range.start)?;
        let line = text.get(part.range.start..)?.lines().next().unwrap_or_default();
        let first = before.rsplit('\n').next().is_some_and(|blank| blank.trim().is_empty());
        if (part.kind == Kind::Symbol && word == "\\") || (begins && first && is_command(line)) {
            return Some(part.range.start);
        }
        begins = word == ";" || (begins && part.kind == Kind::Comment);
    }
    None
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
            assert!(is_whole(text, Dialect::FLINK), "{text}");
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
            assert!(!is_whole(text, Dialect::FLINK), "{text}");
        }
    }

    #[test]
    fn the_last_statement_of_some() {
        for (text, start, ends) in [
            ("", "", true),
            (" SELECT 1; ", "SELECT 1; ", true),
            ("SELECT 1; SELECT (2;", "SELECT (2;", false),
            ("SELECT ';'; -- and\n è", "è", false),
            ("SELECT 1; 'open", "'open", false),
            ("SELECT 1; BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", "BEGIN STATEMENT SET; INSERT INTO a SELECT 1;", false),
            ("SELECT 1; BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", "BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END;", true),
            ("BEGIN STATEMENT SET; END; SELECT 1;", "SELECT 1;", true),
        ] {
            let found = last(text, Dialect::FLINK);
            assert_eq!((text[found.start..].trim_start(), found.ends), (start, ends), "{text}");
        }
    }

    #[test]
    fn keywords_are_those_of_our_sql_where_they_are_none_else() {
        // Upper case: a keyword; lower case: a name; lower case with parentheses: a function.
        for text in [
            "SELECT status, name, date, value, key, first, changes, t.order FROM orders AS status EMIT CHANGES",
            "SELECT count(*), sum(x), left(a, 1), if(a, b, c), CAST(a AS DATE), a AS date FROM t LEFT JOIN u ON a IN (1) EMIT FINAL",
            "CREATE TABLE t (date DATE, time TIMESTAMP(3) METADATA FROM 'timestamp' VIRTUAL, metadata STRING, comment STRING COMMENT 'c',\
             WATERMARK FOR time AS time - INTERVAL '5' SECOND, PRIMARY KEY (date) NOT ENFORCED) WITH ('a' = 'b')",
            "SELECT DATE '2024-05-01', x::DATE, tumble, hop FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' SECOND))",
            "SELECT row_number() OVER (PARTITION BY k ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), rows, row FROM t",
            "INSERT INTO t(a, b) VALUES (1, 2)",
            "SHOW JOBS; STOP JOB jobs; DESCRIBE views; SHOW MATERIALIZED VIEWS; SHOW CREATE VIEW view; DROP FUNCTION function",
            "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT b FROM c; END",
            "SELECT a FROM t FOR SYSTEM_TIME AS OF p AS o",
        ] {
            for part in lexed(text, Dialect::FLINK) {
                let word = &text[part.range.clone()];
                let called = text[part.range.end..].starts_with('(') && !text[..part.range.start].ends_with("INTO ");
                let expected = match part.kind {
                    Kind::Keyword | Kind::Function | Kind::Word if word == word.to_uppercase() => Kind::Keyword,
                    Kind::Keyword | Kind::Function | Kind::Word if called => Kind::Function,
                    Kind::Keyword | Kind::Function | Kind::Word => Kind::Word,
                    other => other,
                };
                assert_eq!(part.kind, expected, "{word} in {text}");
            }
        }
    }

    #[test]
    fn commands_behind_sql() {
        let dot = |line: &str| line.starts_with(".tables");
        for (text, found) in [
            ("SELECT 1 \\gx", Some(9)),
            ("SELECT '\\', `\\` -- \\ \n/* \\ */", None),
            ("SELECT 'open \\", None),
            ("SELECT 1;\n.tables", Some(10)),
            ("SELECT t\n.tables", None),
            ("-- all\n.tables it's", Some(7)),
            ("\\echo it's", Some(0)),
            ("SELECT è; \\x", Some(11)),
        ] {
            assert_eq!(first_command(text, dot), found, "{text}");
        }
    }

    #[test]
    fn a_very_long_line_is_walked_once() {
        let text = format!("SELECT {}1;", "a, ".repeat(100_000));
        let begin = std::time::Instant::now();
        assert_eq!(lexed(&text, Dialect::FLINK).len(), 200_003);
        assert!(begin.elapsed() < std::time::Duration::from_secs(20), "{:?}", begin.elapsed());
    }

    #[test]
    fn parts_and_their_places() {
        let text = "SELECT città, 'a''b' FROM `t x` -- ?\nWHERE n > 1.5 AND s = 'open";
        let parts: Vec<(&str, Kind)> = lexed(text, Dialect::FLINK).into_iter().map(|part| (&text[part.range], part.kind)).collect();
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
