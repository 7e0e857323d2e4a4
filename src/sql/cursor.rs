//! A cursor over the tokens of one statement: a dialect's own grammar is read word by word, expressions and queries by sqlparser.

use sqlparser::ast;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Word};

use crate::common::{Error, Result};

use super::ast::{Options, Pos};
use super::dialect::Dialect;
use super::name;
use super::text::{Text, pos};
use super::work_limit::allow_steps;

/// The maximum nesting depth of expressions, queries and types.
pub(super) const MAX_DEPTH: usize = 50;

/// The maximum number of words in a chain of operators: twice as many, nested as deep, still fit the stack of a thread in a debug build.
const MAX_CHAIN: usize = 20_000;

/// The error for deeper nesting.
pub(super) const TOO_DEEP: &str = "nested too deeply: no more than 50 levels are possible";

/// The tokens of one statement, and the position up to which they have been read.
pub(super) struct Cursor<'a> {
    /// The script.
    pub(super) text: &'a Text<'a>,
    dialect: Dialect,
    parser: Parser<'static>,
    /// The position after the last token.
    end: Pos,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a Text<'a>, tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Self {
        let end = tokens.iter().rev().find(|t| !is_space(t)).map(|t| pos(t.span.end)).unwrap_or_default();
        Self { text, dialect, parser: new_parser(tokens, dialect), end }
    }

    /// The next token; `Token::EOF` at the end.
    pub(super) fn peek(&self) -> &TokenWithSpan {
        self.parser.peek_token_ref()
    }

    /// The token after `n` others.
    pub(super) fn peek_nth(&self, n: usize) -> &TokenWithSpan {
        self.parser.peek_nth_token_ref(n)
    }

    /// Consumes the next token.
    pub(super) fn next(&mut self) -> TokenWithSpan {
        self.parser.next_token()
    }

    /// The token consumed last.
    pub(super) fn last(&self) -> &TokenWithSpan {
        self.parser.get_current_token()
    }

    /// Whether everything has been read.
    pub(super) fn at_end(&self) -> bool {
        self.peek().token == Token::EOF
    }

    /// The position of the next token.
    pub(super) fn pos(&self) -> Pos {
        let at = pos(self.peek().span.start);
        if at.line == 0 { self.end } else { at }
    }

    /// Whether these words come next, unquoted and in any case.
    pub(super) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| is_word(self.peek_nth(n), word))
    }

    /// Consumes these words if they come next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let found = self.sees(words);
        if found {
            for _ in words {
                self.parser.advance_token();
            }
        }
        found
    }

    /// Consumes this symbol if it comes next.
    pub(super) fn take_symbol(&mut self, symbol: &Token) -> bool {
        self.parser.consume_token(symbol)
    }

    /// Consumes these words or fails.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.take(&[word]) {
                return Err(self.expected(format!("`{word}`")));
            }
        }
        Ok(())
    }

    /// Consumes this symbol or fails.
    pub(super) fn expect_symbol(&mut self, symbol: &Token) -> Result<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.expected(format!("`{symbol}`"))) }
    }

    /// Parses a name, quoted or not; `what` is its meaning, for the message.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        match self.peek().token.clone() {
            Token::Word(word) if word.value.is_empty() => Err(self.error("a name cannot be empty")),
            Token::Word(word) => {
                self.parser.advance_token();
                Ok(word.value)
            }
            Token::SingleQuotedString(text) => {
                Err(self.expected(what).hint(format!("single quotes make a text; quote a name with backticks: `{text}`")))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Parses `[catalog.][database.]name`; see [`super::name`] for the result. Options after it are not consumed.
    pub(super) fn object_name(&mut self, what: &str) -> Result<String> {
        let at = self.pos();
        let mut parts = vec![self.name(what)?];
        while self.peek().token == Token::Period && !is_options_part(&self.peek_nth(1).token) {
            self.next();
            parts.push(self.name(what)?);
        }
        name::of_parts(&parts).map_err(|error| self.text.place(at, error))
    }

    /// Parses `(item, item, ...)`, with at least one item.
    pub(super) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        self.expect_symbol(&Token::LParen)?;
        loop {
            item(self)?;
            if self.take_symbol(&Token::RParen) {
                return Ok(());
            }
            if !self.take_symbol(&Token::Comma) {
                return Err(self.expected("`,` or `)`"));
            }
        }
    }

    /// Parses names in parentheses, separated by commas.
    pub(super) fn names(&mut self, what: &str) -> Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        self.list(|cursor| {
            let at = cursor.pos();
            let name = cursor.name(what)?;
            if names.contains(&name) {
                return Err(cursor.text.error(at, format!("column `{name}` is given twice")));
            }
            names.push(name);
            Ok(())
        })?;
        Ok(names)
    }

    /// `('key' = 'value', ...)`.
    pub(super) fn options(&mut self) -> Result<Options> {
        let mut options = Options::default();
        self.list(|cursor| {
            let at = cursor.pos();
            let key = cursor.string("an option: 'key' = 'value'")?;
            cursor.expect_symbol(&Token::Eq)?;
            let value = cursor.string("the option's value")?;
            options.push(key, value, at).map_err(|error| cursor.text.place(at, error))
        })?;
        Ok(options)
    }

    /// The text from a token to the one consumed last.
    pub(super) fn text_since(&self, from: Location) -> String {
        self.text.slice(from, self.last().span.end).trim().to_string()
    }

    /// Parses a string in single quotes.
    pub(super) fn string(&mut self, what: &str) -> Result<String> {
        match self.peek().token.clone() {
            Token::SingleQuotedString(text) => {
                self.parser.advance_token();
                Ok(text)
            }
            Token::Word(Word { value, .. }) => Err(self.expected(what).hint(format!("put it in single quotes: '{value}'"))),
            Token::Number(value, _) => Err(self.expected(what).hint(format!("put it in single quotes: '{value}'"))),
            _ => Err(self.expected(what)),
        }
    }

    /// Parses an integer.
    pub(super) fn number(&mut self, what: &str) -> Result<u32> {
        match &self.peek().token {
            Token::Number(text, false) => {
                let number = text.parse().map_err(|_| self.expected(what))?;
                self.parser.advance_token();
                Ok(number)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// Parses an expression.
    pub(super) fn expr(&mut self) -> Result<ast::Expr> {
        self.limit()?;
        let parsed = self.parser.parse_expr();
        let mut expr = parsed.map_err(|error| self.parser_error(error))?;
        self.dialect.grammar().rewrite_expr(&mut expr, self.text)?;
        Ok(expr)
    }

    /// Parses a query.
    pub(super) fn query(&mut self) -> Result<Box<ast::Query>> {
        self.limit()?;
        let parsed = self.parser.parse_query();
        let mut query = parsed.map_err(|error| self.parser_error(error))?;
        self.dialect.grammar().rewrite_query(query.as_mut(), self.text)?;
        Ok(query)
    }

    /// Rejects parentheses that are nested too deeply (sqlparser counts its own depth for most forms only), chains of operators whose trees
    /// would be so deep that the stack overflows, and too much work: a token begins a few expressions at most.
    fn limit(&self) -> Result<()> {
        let (mut depth, mut n, mut before_is_word) = (0_usize, 0, false);
        let (mut chain, mut outer, mut sets) = (0_usize, Vec::new(), 0_usize);
        loop {
            let token = self.parser.peek_nth_token_no_skip(n);
            n += 1;
            match token.token {
                Token::LParen => outer.push(std::mem::take(&mut chain)),
                Token::RParen => chain = outer.pop().unwrap_or(0),
                Token::Comma => chain = 0,
                Token::Whitespace(_) => {}
                _ => chain += 1,
            }
            sets += usize::from(["UNION", "EXCEPT", "INTERSECT", "MINUS"].iter().any(|word| is_word(&token, word)));
            if chain > MAX_CHAIN || sets > MAX_CHAIN / 4 {
                return Err(self
                    .text
                    .error(pos(token.span.start), format!("too long: a chain of operators has at most {MAX_CHAIN} words")));
            }
            match token.token {
                Token::EOF => break,
                Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
                Token::Lt if before_is_word => depth += 1,
                Token::RParen | Token::RBracket | Token::RBrace | Token::Gt => depth = depth.saturating_sub(1),
                Token::ShiftRight => depth = depth.saturating_sub(2),
                _ => {}
            }
            if depth > 2 * MAX_DEPTH {
                return Err(self.text.error(pos(token.span.start), TOO_DEEP));
            }
            before_is_word = ["ARRAY", "STRUCT", "MAP"].iter().any(|word| is_word(&token, word));
        }
        allow_steps(n.saturating_mul(100).saturating_add(10_000));
        Ok(())
    }

    /// The remaining tokens without white space, each with its index for [`Self::cut`].
    pub(super) fn rest(&self) -> Vec<(usize, TokenWithSpan)> {
        let tokens = (0..).map(|n| (self.parser.index() + n, self.parser.peek_nth_token_no_skip(n)));
        tokens.take_while(|(_, t)| t.token != Token::EOF).filter(|(_, t)| !is_space(t)).collect()
    }

    /// Removes the tokens from one index to the other, both included.
    pub(super) fn cut(&mut self, from: usize, to: usize) {
        let index = self.parser.index();
        let left = (0..).map(|n| self.parser.peek_nth_token_no_skip(n)).take_while(|t| t.token != Token::EOF);
        let left = left.enumerate().filter(|(n, _)| !(from..=to).contains(&(index + n))).map(|(_, t)| t).collect();
        self.parser = new_parser(left, self.dialect);
    }

    /// Fails unless everything has been read.
    pub(super) fn finish(&self) -> Result<()> {
        if self.at_end() {
            return Ok(());
        }
        let error = self.expected("the end of the statement");
        Err(match self.misspelt() {
            Some((wrong, right)) => error.hint(format!("did you mean `{right}` instead of `{wrong}`?")),
            None => error.hint("statements end with `;`"),
        })
    }

    /// A nearby word that looks like a misspelt keyword: sqlparser has taken it for an alias.
    fn misspelt(&self) -> Option<(String, &'static str)> {
        const CLAUSES: [&str; 13] =
            ["FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "JOIN", "INNER", "LEFT", "SELECT", "EMIT", "WITH"];
        [self.last(), self.peek()].into_iter().find_map(|token| {
            let Token::Word(Word { value, quote_style: None, .. }) = &token.token else { return None };
            if CLAUSES.iter().any(|clause| clause.eq_ignore_ascii_case(value)) {
                return None;
            }
            crate::common::suggest::nearest(value, CLAUSES).map(|near| (value.clone(), near))
        })
    }

    /// `expected X, found Y`, at the next token.
    pub(super) fn expected(&self, what: impl AsRef<str>) -> Error {
        let found = describe(&self.peek().token.to_string());
        self.text.error(self.pos(), format!("expected {}, found {found}", what.as_ref()))
    }

    /// An error at the next token.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.text.error(self.pos(), message)
    }

    /// sqlparser's error, with its position as a value instead of as text.
    fn parser_error(&self, error: ParserError) -> Error {
        let message = match error {
            ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
            ParserError::RecursionLimitExceeded => {
                return self.error(TOO_DEEP);
            }
        };
        let (message, at) = split_place(&message);
        let expected = message.strip_prefix("Expected").and_then(|m| m.trim_start_matches(':').trim_start().rsplit_once(", found: "));
        let Some((what, found)) = expected else { return self.text.error(at.unwrap_or(self.end), lower_first(message)) };
        // sqlparser sometimes names a token but gives the position of the next one.
        let named = |token: &TokenWithSpan| at.is_some_and(|at| pos(token.span.start) != at) && token.to_string() == found;
        let at = if named(self.last()) { Some(pos(self.last().span.start)) } else { at };
        self.text.error(at.unwrap_or(self.end), format!("expected {what}, found {}", describe(found)))
    }
}

fn new_parser(tokens: Vec<TokenWithSpan>, dialect: Dialect) -> Parser<'static> {
    Parser::new(dialect.grammar().sqlparser()).with_recursion_limit(MAX_DEPTH).with_tokens_with_locations(tokens)
}

/// Whether a token is this word, unquoted and in any case.
pub(super) fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// The beginning of a name's last part that holds options; see `hints.rs`.
pub(super) const OPTIONS_PART: &str = "OPTIONS(";

/// Whether a token holds options as the last part of a name.
pub(super) fn is_options_part(token: &Token) -> bool {
    matches!(token, Token::Word(Word { value, quote_style: Some('`'), .. }) if value.starts_with(OPTIONS_PART) && value.ends_with(')'))
}

/// Whether a token is white space or a comment.
pub(super) fn is_space(token: &TokenWithSpan) -> bool {
    matches!(token.token, Token::Whitespace(_))
}

/// A token as shown in a message.
fn describe(token: &str) -> String {
    const SHOWN: usize = 40;
    match token {
        "EOF" => "the end of the statement".to_string(),
        long if long.chars().count() > SHOWN => format!("`{}...`", long.chars().take(SHOWN).collect::<String>()),
        quoted if quoted.starts_with('`') => quoted.to_string(),
        short => format!("`{short}`"),
    }
}

/// Splits off sqlparser's ` at Line: 3, Column: 7`.
pub(super) fn split_place(message: &str) -> (&str, Option<Pos>) {
    let split = || {
        let (front, place) = message.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((front, Pos { line: line.trim().parse().ok()?, column: column.trim().parse().ok()? }))
    };
    split().map_or((message, None), |(front, at)| (front, Some(at)))
}

/// Lowers the first letter, as messages begin with a small one.
pub(super) fn lower_first(message: &str) -> String {
    let mut chars = message.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
