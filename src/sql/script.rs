//! A whole script to its statements.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use crate::common::{Error, Result};

use super::ast::{Explain, Parsed, Pos, Source, Statement};
use super::cursor::{is_space, is_word};
use super::flink::{explained_set, statement};
use super::hints;
use super::text::{Text, pos};
use super::tokens::tokenize;
use super::variables::Variables;

/// Parses all statements of a script that has no variables; see [`parse_with`].
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(source: &Source) -> Result<Vec<Parsed>> {
    parse_with(source, &Variables::default())
}

/// Parses all statements of a script; the semicolon behind the last one may be missing.
///
/// `EXECUTE STATEMENT SET BEGIN ... END;` comes out as the INSERTs in it, each with the place of the set: they are one job. With
/// EXPLAIN in front it is one statement.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse_with(source: &Source, variables: &Variables) -> Result<Vec<Parsed>> {
    let (parsed, mut errors) = script(source, variables, false);
    if errors.is_empty() { Ok(parsed) } else { Err(errors.remove(0)) }
}

/// Parses all statements of a script that can be parsed, and says what is wrong with each of the others.
pub fn parse_each(source: &Source, variables: &Variables) -> (Vec<Parsed>, Vec<Error>) {
    script(source, variables, true)
}

/// The statements, and the errors: one at most unless it is to go on behind it.
fn script(source: &Source, variables: &Variables, goes_on: bool) -> (Vec<Parsed>, Vec<Error>) {
    let mut text = Text::new(source);
    let (tokens, broken) = tokenize(&text);
    let tokens = match variables.fill(&mut text, &tokens) {
        Ok(tokens) => tokens,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (mut parsed, mut errors) = (Vec::new(), Vec::new());
    let mut set = None;
    let mut chunks = tokens.split(|t| t.token == Token::SemiColon).peekable();
    while let Some(chunk) = chunks.next() {
        if chunks.peek().is_none() && broken.is_some() {
            break; // the tokens stop inside this statement
        }
        if let Err(error) = part(&text, chunk, &mut set, &mut parsed) {
            errors.push(error);
            if !goes_on {
                return (parsed, errors);
            }
        }
    }
    match (broken, set) {
        (Some(error), _) => errors.push(error),
        (None, Some(set)) => {
            errors.push(text.error(pos(set.start), "this statement set is not closed").hint("it ends with `END;`"));
        }
        (None, None) => {}
    }
    (parsed, errors)
}

/// Takes the tokens up to a semicolon in.
fn part(text: &Text<'_>, chunk: &[TokenWithSpan], set: &mut Option<Set>, parsed: &mut Vec<Parsed>) -> Result<()> {
    match step(text, chunk, set)? {
        Step::Opened(rest) | Step::Statement(rest) => {
            let one = one(text, rest, set.as_ref().map(|set| pos(set.start)))?;
            match set {
                Some(Set { explained: Some(explained), .. }) => explained.statements.extend(one.map(|parsed| parsed.statement)),
                _ => parsed.extend(one),
            }
        }
        Step::Closed(set, end) => parsed.extend(set.explain(text, end)?),
    }
    Ok(())
}

/// A statement set that is open.
struct Set {
    /// Where it begins.
    start: Location,
    /// What was in it so far, if it is explained and not run.
    explained: Option<Explain>,
}

impl Set {
    /// The EXPLAIN of a set that ends here; nothing if the set is to be run.
    fn explain(self, text: &Text<'_>, end: Location) -> Result<Option<Parsed>> {
        let Some(explain) = self.explained else { return Ok(None) };
        if explain.statements.is_empty() {
            return Err(text.error(pos(self.start), "there is no INSERT to explain in this statement set"));
        }
        Ok(Some(Parsed {
            statement: Statement::Explain(explain),
            text: text.slice(self.start, end).into_owned(),
            source: text.source.clone(),
            pos: pos(self.start),
            set: None,
        }))
    }
}

/// What the tokens up to a semicolon are.
enum Step<'t> {
    /// The opening of a set, and the tokens of the first INSERT in it.
    Opened(&'t [TokenWithSpan]),
    /// The END of a set, and the place behind it.
    Closed(Set, Location),
    /// A statement, in a set or not.
    Statement(&'t [TokenWithSpan]),
}

/// One statement; nothing if there are only comments.
fn one(text: &Text<'_>, chunk: &[TokenWithSpan], set: Option<Pos>) -> Result<Option<Parsed>> {
    let from = chunk.iter().find(|t| !is_space(t));
    let to = chunk.iter().rev().find(|t| !is_space(t) || is_hint(t));
    let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
    let parsed = statement(text, hints::fold(text, chunk)?)?;
    if set.is_some() && !matches!(parsed, Statement::Insert(_)) {
        return Err(text
            .error(pos(from.span.start), "a statement set holds only INSERT statements")
            .hint("move other statements before it; it ends with `END;`"));
    }
    Ok(Some(Parsed {
        statement: parsed,
        text: text.slice(from.span.start, to.span.end).into_owned(),
        source: text.source.clone(),
        pos: pos(from.span.start),
        set,
    }))
}

/// Opens and closes statement sets.
fn step<'t>(text: &Text<'_>, chunk: &'t [TokenWithSpan], set: &mut Option<Set>) -> Result<Step<'t>> {
    let words: Vec<(usize, &TokenWithSpan)> = chunk.iter().enumerate().filter(|(_, t)| !is_space(t)).take(5).collect();
    let says = |wanted: &[&str]| words.len() >= wanted.len() && wanted.iter().zip(&words).all(|(word, (_, token))| is_word(token, word));
    let Some((_, first)) = words.first() else { return Ok(Step::Statement(chunk)) };
    let start = first.span.start;
    let opened = if says(&["EXECUTE", "STATEMENT", "SET", "BEGIN"]) {
        Some((None, words.get(4).map_or(chunk.len(), |(i, _)| *i)))
    } else if says(&["BEGIN", "STATEMENT", "SET"]) && words.len() == 3 {
        Some((None, chunk.len()))
    } else {
        explained_set(text, chunk).map(|(explain, n)| (Some(explain), n))
    };
    match opened {
        Some(_) if set.is_some() => {
            Err(text.error(pos(start), "a statement set cannot stand inside another one").hint("close the first one with `END;`"))
        }
        Some((explained, n)) => {
            *set = Some(Set { start, explained });
            Ok(Step::Opened(chunk.get(n..).unwrap_or_default()))
        }
        None if says(&["END"]) && words.len() == 1 => match set.take() {
            Some(set) => Ok(Step::Closed(set, first.span.end)),
            None => Err(text
                .error(pos(start), "`END` without a statement set")
                .hint("a statement set begins with `EXECUTE STATEMENT SET BEGIN`")),
        },
        None => Ok(Step::Statement(chunk)),
    }
}

/// A comment that is a hint belongs to the text of its statement.
fn is_hint(token: &TokenWithSpan) -> bool {
    matches!(&token.token, Token::Whitespace(Whitespace::MultiLineComment(comment)) if comment.starts_with('+'))
}
