//! Variables of a script: `:name` and `${name}` become literals, outside strings and quoted names.
//!
//! `-v limit=5 -v name=Ann` turns `WHERE n < :limit AND who = ${name}` into `WHERE n < 5 AND who = 'Ann'`. Values are filled in token by
//! token, so a value can never become anything but one literal. The catalog keeps the text with the values in it. `${env:NAME}` and
//! `${file:PATH}` differ: they are parts of the values of options and stay there.

use std::collections::BTreeMap;

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::common::{Error, Result, secret, suggest};

use super::cursor::{is_space, is_word};
use super::text::{Text, pos};

/// Values by name.
#[derive(Debug, Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// All variables.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.0.extend(Self::parse(&[format!("{name}={value}")])?.0);
        Ok(())
    }

    /// Removes a variable.
    pub fn unset(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Reads the values of `-v`.
    ///
    /// # Errors
    /// When one of them is not `NAME=VALUE`.
    pub fn parse(given: &[impl AsRef<str>]) -> Result<Self> {
        let mut variables = BTreeMap::new();
        for given in given {
            let given = given.as_ref();
            let name = |name: &str| {
                name.chars().enumerate().all(|(i, c)| c == '_' || c.is_alphabetic() || (i > 0 && c.is_alphanumeric())) && !name.is_empty()
            };
            if let Some((key, value)) = given.split_once('=') {
                secret::learn(key, value);
            }
            match given.split_once('=') {
                Some((key, value)) if name(key.trim()) => variables.insert(key.trim().to_string(), value.to_string()),
                _ => {
                    // The text after a space may be the value.
                    let name = given.split_whitespace().next().unwrap_or_default();
                    return Err(Error::usage(format!("-v {name}: not of the form NAME=VALUE"))
                        .hint("for example -v limit=5; a name has letters, digits and `_`"));
                }
            };
        }
        Ok(Self(variables))
    }

    /// Replaces variables by their values.
    ///
    /// # Errors
    /// For a variable that has no value.
    pub(super) fn fill(&self, text: &mut Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
        let mut n = 0;
        while let Some(token) = tokens.get(n) {
            let Some((name, length)) = variable(&tokens[n..], out.last()) else {
                out.push(token.clone());
                n += 1;
                continue;
            };
            let Some(value) = self.0.get(name) else {
                let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
                let hint = match suggest::nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("give it with -v {name}=VALUE"),
                };
                return Err(text.error(pos(token.span.start), format!("variable `{name}` has no value")).hint(hint));
            };
            let literal = literal(value, wants_text(&out));
            let end = tokens.get(n + length - 1).map_or(token.span.end, |last| last.span.end);
            let shown = match &literal {
                Token::SingleQuotedString(value) => super::literal(value),
                other => other.to_string(),
            };
            text.fill(token.span.start, end, shown);
            let mut whole = token.clone();
            (whole.token, whole.span.end) = (literal, end);
            out.push(whole);
            n += length;
        }
        Ok(out)
    }
}

/// The name of the variable that begins here, and its number of tokens.
fn variable<'t>(tokens: &'t [TokenWithSpan], before: Option<&TokenWithSpan>) -> Option<(&'t str, usize)> {
    let name = |n: usize| match &tokens.get(n)?.token {
        Token::Word(Word { value, quote_style: None, .. }) if tokens[n - 1].span.end == tokens[n].span.start => Some(value.as_str()),
        _ => None,
    };
    match &tokens.first()?.token {
        // `a:b` is a field; `{a: b}` and `::` are other forms.
        Token::Colon if !before.is_some_and(|t| t.span.end == tokens[0].span.start && ends_value(t)) => Some((name(1)?, 2)),
        Token::Placeholder(dollar) if dollar == "$" && tokens.get(1)?.token == Token::LBrace => {
            (tokens.get(3)?.token == Token::RBrace).then_some((name(2)?, 4))
        }
        _ => None,
    }
}

fn ends_value(token: &TokenWithSpan) -> bool {
    use Token::{Number, RBracket, RParen, SingleQuotedString};
    matches!(token.token, Token::Word(_) | Number(..) | SingleQuotedString(_) | RParen | RBracket)
}

/// Whether the value of an option or a setting follows, which is always a string: `'key' = :value`, `SET key = :value`.
fn wants_text(before: &[TokenWithSpan]) -> bool {
    let statement = before.rsplit(|t| t.token == Token::SemiColon).next().unwrap_or_default();
    let words: Vec<&TokenWithSpan> = statement.iter().filter(|t| !is_space(t)).collect();
    let sets = words.first().is_some_and(|first| is_word(first, "SET"));
    match words.as_slice() {
        [.., key, equals] => equals.token == Token::Eq && (sets || matches!(key.token, Token::SingleQuotedString(_))),
        _ => false,
    }
}

/// A number, a boolean or NULL is kept; anything else becomes a string, also a value that is quoted already.
fn literal(value: &str, text: bool) -> Token {
    let quoted = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let text_of = |value: &str| Token::SingleQuotedString(value.replace("''", "'"));
    if let Some(inside) = quoted {
        return text_of(inside);
    }
    let number = value.bytes().next().is_some_and(|b| b.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && value.matches('.').count() < 2;
    if !text && number {
        return Token::Number(value.to_string(), false);
    }
    if !text && ["TRUE", "FALSE", "NULL"].iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return Token::make_keyword(&value.to_ascii_uppercase());
    }
    Token::SingleQuotedString(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ast::Source;
    use crate::sql::{Dialect, parse_with};

    #[test]
    fn values_become_literals() {
        let variables = Variables::parse(&["n=5", "who=Ann's", "yes=true", "five='5'", "t=topic", "d=1.5", "neg=-3"]).unwrap();
        for (sql, filled) in [
            ("SELECT :n, ${n}, : n FROM t WHERE a=:n AND b = :who", None),
            ("SELECT :n, ${n} FROM t WHERE a=:n AND b = :who", Some("SELECT 5, 5 FROM t WHERE a=5 AND b = 'Ann''s'")),
            ("SELECT :yes, :five, :d, :neg, -:n", Some("SELECT TRUE, '5', 1.5, '-3', -5")),
            ("SELECT ':n ${n}', `:n` -- :no\n, :n", Some("SELECT ':n ${n}', `:n` -- :no\n, 5")),
            ("SELECT a::INT, MAP {'a':1}", Some("SELECT a::INT, MAP {'a':1}")),
            (
                "CREATE TABLE t (a INT) WITH ('k' = :n, 'topic' = ${t}, 'e' = '${env:n}')",
                Some("CREATE TABLE t (a INT) WITH ('k' = '5', 'topic' = 'topic', 'e' = '${env:n}')"),
            ),
            ("SET 'a' = :n", Some("SET 'a' = '5'")),
            ("SET a.b = :n", Some("SET a.b = '5'")),
        ] {
            let parsed = parse_with(&Source::new("a.sql", sql), &variables, Dialect::FLINK);
            match filled {
                Some(filled) => assert_eq!(parsed.unwrap_or_else(|e| panic!("{sql}: {e}"))[0].text, filled),
                None => assert!(parsed.is_err(), "{sql}"),
            }
        }
        let view = "CREATE VIEW v AS SELECT :who";
        let parsed = parse_with(&Source::new("a.sql", view), &variables, Dialect::FLINK).unwrap().remove(0);
        assert_eq!(parsed.text, "CREATE VIEW v AS SELECT 'Ann''s'");
        assert!(matches!(parsed.statement, crate::sql::ast::Statement::CreateView(v) if v.text == "SELECT 'Ann''s'"));
        let error = parse_with(&Source::new("a.sql", "SELECT 1,\n  :m"), &variables, Dialect::FLINK).unwrap_err();
        assert_eq!(error.message(), "variable `m` has no value");
        assert_eq!(error.place().map(|p| (p.line, p.column)), Some((2, 3)));
        for wrong in ["a", "=1", "1a=2", "a b=1"] {
            assert!(Variables::parse(&[wrong]).is_err(), "{wrong}");
        }
    }
}
