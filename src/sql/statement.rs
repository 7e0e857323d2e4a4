//! Which statement it is, by its first words, and what is said about those that are not supported.

use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::common::{Error, Result, suggest};

use super::ast::{Explain, Statement};
use super::cursor::{Cursor, is_space, is_word};
use super::text::Text;
use super::{copy, create, query, settings};

/// First words of the statements that there are.
const SUPPORTED: [&str; 11] = ["COPY", "CREATE", "DROP", "INSERT", "EXECUTE", "SELECT", "WITH", "VALUES", "EXPLAIN", "SET", "RESET"];

/// What is supported, for hints.
const HINT: &str = "supported: CREATE TABLE, CREATE [MATERIALIZED] VIEW, DROP, INSERT INTO, COPY, SELECT, EXPLAIN, SET, RESET";

/// Statements of Flink and ksqlDB that people may try.
const KNOWN: [&str; 28] = [
    "ADD",
    "ALTER",
    "ANALYZE",
    "ASSERT",
    "BEGIN",
    "CALL",
    "COMPILE",
    "DECLARE",
    "DEFINE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "LIST",
    "LOAD",
    "PAUSE",
    "PRINT",
    "RELOAD",
    "REMOVE",
    "RESUME",
    "RUN",
    "SHOW",
    "STOP",
    "TERMINATE",
    "TRUNCATE",
    "UNDEFINE",
    "UNLOAD",
    "UPDATE",
    "USE",
];

/// Parses one statement; the tokens hold no semicolon.
pub(super) fn statement(text: &Text<'_>, tokens: Vec<TokenWithSpan>) -> Result<Statement> {
    let mut cursor = Cursor::new(text, tokens);
    let statement = parse(&mut cursor)?;
    cursor.finish()?;
    Ok(statement)
}

fn parse(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.sees(&["CREATE"]) {
        return create::create(cursor);
    }
    if cursor.sees(&["DROP"]) {
        return create::drop(cursor);
    }
    if cursor.take(&["SET"]) {
        return settings::set(cursor);
    }
    if cursor.take(&["RESET"]) {
        return settings::reset(cursor);
    }
    if cursor.take(&["EXPLAIN"]) {
        return explain(cursor);
    }
    if cursor.sees(&["COPY"]) {
        return copy::copy(cursor).map(Statement::Copy);
    }
    runnable(cursor)?.ok_or_else(|| unsupported(cursor))
}

/// What can be run and explained: an INSERT or a query.
fn runnable(cursor: &mut Cursor<'_>) -> Result<Option<Statement>> {
    if cursor.sees(&["EXECUTE", "INSERT"]) {
        cursor.next();
    }
    if cursor.sees(&["INSERT"]) {
        return query::insert(cursor).map(Statement::Insert).map(Some);
    }
    if query::begins(cursor) {
        return query::query(cursor).map(Statement::Query).map(Some);
    }
    Ok(None)
}

fn explain(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let analyze = how_to_explain(cursor);
    match runnable(cursor)? {
        Some(statement) => Ok(Statement::Explain(Explain { analyze, statements: vec![statement] })),
        None => Err(cursor.expected("an INSERT or a query to explain")),
    }
}

/// Takes what may stand between EXPLAIN and the statement. Returns whether ANALYZE does.
fn how_to_explain(cursor: &mut Cursor<'_>) -> bool {
    const DETAILS: [&str; 4] = ["ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN"];
    let analyze = cursor.take(&["ANALYZE"]);
    if !cursor.take(&["PLAN", "FOR"]) {
        // Flink's details only ask for more of what EXPLAIN prints anyway.
        while DETAILS.iter().any(|detail| cursor.take(&[detail])) {
            cursor.take_symbol(&Token::Comma);
        }
    }
    analyze
}

/// Whether these tokens open a statement set that is explained: `EXPLAIN ... STATEMENT SET BEGIN`. Returns whether ANALYZE
/// stands in it, and how many tokens belong to the opening.
pub(super) fn explained_set(text: &Text<'_>, tokens: &[TokenWithSpan]) -> Option<(bool, usize)> {
    let first = tokens.iter().find(|token| !is_space(token))?;
    if !is_word(first, "EXPLAIN") {
        return None;
    }
    let mut cursor = Cursor::new(text, tokens.to_vec());
    cursor.take(&["EXPLAIN"]);
    let analyze = how_to_explain(&mut cursor);
    cursor.take(&["EXECUTE"]);
    if !cursor.take(&["STATEMENT", "SET", "BEGIN"]) {
        return None;
    }
    Some((analyze, cursor.rest().first().map_or(tokens.len(), |(first, _)| *first)))
}

/// The error for a statement that cannot be run.
fn unsupported(cursor: &Cursor<'_>) -> Error {
    let Token::Word(Word { value, quote_style: None, .. }) = &cursor.peek().token else {
        return cursor.expected("a statement").hint(HINT);
    };
    let word = value.to_ascii_uppercase();
    if KNOWN.contains(&word.as_str()) || word == "EXECUTE" {
        return cursor.error(format!("{word} is not supported yet")).hint(HINT);
    }
    let near = suggest::nearest(&word, SUPPORTED.into_iter().chain(KNOWN));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    cursor.error(format!("unknown statement `{value}`")).hint(format!("{near}{HINT}"))
}
