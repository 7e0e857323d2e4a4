//! Parses a whole script into statements.

use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Whitespace};

use crate::common::{Error, Result};

use super::ast::{Explain, Parsed, Source, Statement};
use super::cursor::is_space;
use super::dialect::{Dialect, InForce};
use super::grammar::Part;
use super::text::{Text, pos};
use super::tokens::tokenize;
use super::variables::Variables;

/// Parses all statements of a script without variables, with the default dialect in force; see [`parse_with`].
///
/// # Errors
/// The first error in the script, with its position.
pub fn parse(source: &Source) -> Result<Vec<Parsed>> {
    parse_with(source, &Variables::default(), Dialect::default())
}

/// Parses all statements of a script; the semicolon after the last one is optional. `dialect` is in force until a SET in the script selects
/// another, and again after RESET.
///
/// A statement set (`EXECUTE STATEMENT SET BEGIN ... END;`) yields the INSERTs in it, each with the position of the set: they are one job.
/// Under EXPLAIN it is one statement.
///
/// # Errors
/// The first error in the script, with its position.
pub fn parse_with(source: &Source, variables: &Variables, dialect: impl Into<InForce>) -> Result<Vec<Parsed>> {
    let (parsed, mut errors) = script(source, variables, dialect.into(), false);
    if errors.is_empty() { Ok(parsed) } else { Err(errors.remove(0)) }
}

/// Parses all statements of a script that can be parsed, and returns the errors of the others.
pub fn parse_each(source: &Source, variables: &Variables, dialect: impl Into<InForce>) -> (Vec<Parsed>, Vec<Error>) {
    script(source, variables, dialect.into(), true)
}

/// The statements, and the errors: at most one, unless parsing continues after errors.
fn script(source: &Source, variables: &Variables, in_force: InForce, goes_on: bool) -> (Vec<Parsed>, Vec<Error>) {
    let text = Text::new(source);
    let (tokens, broken) = tokenize(&text);
    let mut script = Script { text, variables, in_force, set: None, parsed: Vec::new() };
    let mut errors = Vec::new();
    let mut chunks = tokens.split(|t| t.token == Token::SemiColon).peekable();
    while let Some(chunk) = chunks.next() {
        if chunks.peek().is_none() && broken.is_some() {
            break; // the tokens stop inside this statement
        }
        if let Err(error) = script.part(chunk) {
            errors.push(error);
            if !goes_on {
                return (script.parsed, errors);
            }
        }
    }
    match (broken, &script.set) {
        (Some(error), _) => errors.push(error),
        (None, Some(set)) => {
            let (_, end) = set.dialect.set_forms();
            errors.push(script.text.error(pos(set.start), "this statement set is not closed").hint(format!("it ends with `{end}`")));
        }
        (None, None) => {}
    }
    (script.parsed, errors)
}

/// A script that is being parsed.
struct Script<'a> {
    text: Text<'a>,
    variables: &'a Variables,
    in_force: InForce,
    /// The open statement set.
    set: Option<Set>,
    parsed: Vec<Parsed>,
}

/// An open statement set.
struct Set {
    /// Its start.
    start: Location,
    /// The statements in it so far, if the set is explained and not run.
    explained: Option<Explain>,
    /// Its dialect.
    dialect: Dialect,
}

impl Script<'_> {
    /// Parses the tokens up to a semicolon.
    fn part(&mut self, chunk: &[TokenWithSpan]) -> Result<()> {
        let dialect = self.set.as_ref().map_or_else(|| self.in_force.dialect().of_statement(chunk), |set| set.dialect);
        let chunk = dialect.fill(self.variables, &mut self.text, chunk)?;
        let Some(first) = chunk.iter().find(|token| !is_space(token)) else { return Ok(()) };
        match dialect.part(&self.text, &chunk) {
            Part::Statement => self.statement(&chunk, dialect),
            Part::Opens { .. } if self.set.is_some() => {
                let error = self.text.error(pos(first.span.start), "a statement set cannot stand inside another one");
                Err(error.hint(format!("close the first one with `{}`", dialect.set_forms().1)))
            }
            Part::Opens { explain, tokens } => {
                self.set = Some(Set { start: first.span.start, explained: explain, dialect });
                self.statement(chunk.get(tokens..).unwrap_or_default(), dialect)
            }
            Part::Closes => match self.set.take() {
                Some(set) => self.close(set, first.span.end),
                None => {
                    let error = self.text.error(pos(first.span.start), format!("`{}` without a statement set", first.token));
                    Err(error.hint(format!("a statement set begins with `{}`", dialect.set_forms().0)))
                }
            },
        }
    }

    /// Parses one statement; the tokens may be only comments.
    fn statement(&mut self, chunk: &[TokenWithSpan], dialect: Dialect) -> Result<()> {
        let is_hint = |token: &TokenWithSpan| match &token.token {
            Token::Whitespace(Whitespace::MultiLineComment(comment)) => dialect.is_hint(comment),
            _ => false,
        };
        let from = chunk.iter().find(|t| !is_space(t));
        // A hint in a comment belongs to the text of its statement.
        let to = chunk.iter().rev().find(|t| !is_space(t) || is_hint(t));
        let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
        let at = pos(from.span.start);
        let statement = dialect.statement(&self.text, chunk)?;
        if let Some(set) = self.set.as_ref().filter(|_| !matches!(statement, Statement::Insert(_))) {
            let (_, end) = set.dialect.set_forms();
            let error = self.text.error(at, "a statement set holds only INSERT statements");
            return Err(error.hint(format!("move other statements before it; it ends with `{end}`")));
        }
        self.in_force = self.in_force.after([&statement]).map_err(|error| self.text.place(at, error))?;
        if let Some(Set { explained: Some(explained), .. }) = &mut self.set {
            explained.statements.push(statement);
            return Ok(());
        }
        self.parsed.push(Parsed {
            statement,
            text: self.text.slice(from.span.start, to.span.end).into_owned(),
            source: self.text.source.clone(),
            pos: at,
            set: self.set.as_ref().map(|set| pos(set.start)),
            dialect,
        });
        Ok(())
    }

    /// Closes a set; a set under EXPLAIN becomes a statement.
    fn close(&mut self, set: Set, end: Location) -> Result<()> {
        let Some(explain) = set.explained else { return Ok(()) };
        if explain.statements.is_empty() {
            return Err(self.text.error(pos(set.start), "there is no INSERT to explain in this statement set"));
        }
        self.parsed.push(Parsed {
            statement: Statement::Explain(explain),
            text: self.text.slice(set.start, end).into_owned(),
            source: self.text.source.clone(),
            pos: pos(set.start),
            set: None,
            dialect: set.dialect,
        });
        Ok(())
    }
}
