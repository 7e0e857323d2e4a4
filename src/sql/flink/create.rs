//! Parses CREATE for tables, views and databases.

use sqlparser::tokenizer::{Token, Word};

use crate::common::{Error, Result, suggest};
use crate::sql::ast::{CreateDatabase, CreateTable, CreateView, Feature, Like, Merge, Options, Pos, Statement};
use crate::sql::cursor::Cursor;
use crate::sql::dialect::Dialect;

use super::columns::{self, Columns, Words, partitions};
use super::{external, function, query};

/// The kinds of objects that CREATE supports.
const THINGS: [&str; 6] = ["TABLE", "VIEW", "MATERIALIZED", "DATABASE", "FUNCTION", "EXTERNAL"];

/// Other objects that Flink and ksqlDB create, and why they are not supported.
const REFUSED: [(&str, &str); 8] = [
    ("CATALOG", "there is one catalog, of .sql files in the data folder; declare the tables of other systems with CREATE TABLE"),
    ("CONNECTOR", "tables name their connector: WITH ('connector' = ...)"),
    ("MODEL", "there are no models to call from SQL"),
    ("PROCEDURE", "there are no procedures"),
    ("SINK", "write CREATE TABLE: every table can be written to that its connector can write"),
    ("SOURCE", "write CREATE TABLE: every table can be read that its connector can read"),
    ("STREAM", "write CREATE TABLE"),
    ("TYPE", "write the type out where it is used: ROW<...>"),
];

/// `CREATE [OR REPLACE] [TEMPORARY] TABLE | VIEW | DATABASE | FUNCTION [IF NOT EXISTS] ...`.
pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let replaces = cursor.take(&["REPLACE"]);
    let or_replace = replaces || {
        cursor.expect(&["CREATE"])?;
        cursor.take(&["OR", "REPLACE"])
    };
    let temporary = cursor.take(&["TEMPORARY"]);
    let words = Words { or_replace, temporary };
    if cursor.take(&["TABLE"]) {
        return table(cursor, words).map(Statement::CreateTable);
    }
    if cursor.take(&["EXTERNAL", "TABLE"]) {
        return external::table(cursor, words).map(Statement::CreateTable);
    }
    if cursor.take(&["FUNCTION"]) || cursor.take(&["SYSTEM", "FUNCTION"]) {
        return function::function(cursor, words).map(Statement::CreateFunction);
    }
    let at = cursor.pos();
    if cursor.take(&["DATABASE"]) || cursor.take(&["SCHEMA"]) {
        if or_replace || temporary {
            return Err(cursor
                .text
                .error(at, "a database is neither replaced nor temporary")
                .hint("write CREATE DATABASE IF NOT EXISTS name"));
        }
        return database(cursor).map(Statement::CreateDatabase);
    }
    let materialized = materialized(cursor)?;
    if materialized && temporary {
        let error = cursor.text.error(at, "a materialized view cannot be TEMPORARY: its job goes on when the session has ended");
        return Err(error.hint("leave TEMPORARY out, or create a plain VIEW"));
    }
    if cursor.take(&["VIEW"]) {
        return view(cursor, words, materialized).map(Statement::CreateView);
    }
    Err(other_thing(cursor, "CREATE"))
}

/// Consumes MATERIALIZED before VIEW.
pub(super) fn materialized(cursor: &mut Cursor<'_>) -> Result<bool> {
    if !cursor.take(&["MATERIALIZED"]) {
        return Ok(false);
    }
    if cursor.sees(&["TABLE"]) {
        return Err(cursor.error("materialized tables are not supported").hint("MATERIALIZED VIEW keeps the result of a query up to date"));
    }
    if !cursor.sees(&["VIEW"]) {
        return Err(cursor.expected("VIEW behind MATERIALIZED"));
    }
    Ok(true)
}

/// The error for an unknown kind of object.
pub(super) fn other_thing(cursor: &Cursor<'_>, verb: &str) -> Error {
    let hint = format!("supported: {verb} TABLE, VIEW, MATERIALIZED VIEW, DATABASE and FUNCTION");
    let Token::Word(Word { value, quote_style: None, .. }) = &cursor.peek().token else {
        return cursor.expected("TABLE or VIEW").hint(hint);
    };
    let word = value.to_ascii_uppercase();
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == word) {
        return cursor.error(format!("{verb} {word} is not supported")).hint(*why);
    }
    let near = suggest::nearest(&word, THINGS).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    cursor.expected("TABLE or VIEW").hint(format!("{near}{hint}"))
}

fn table(cursor: &mut Cursor<'_>, words: Words) -> Result<CreateTable> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a table")?;
    let has_columns = cursor.peek().token == Token::LParen;
    let mut columns = if has_columns { columns::columns(cursor)? } else { Columns::default() };
    let comment = columns::comment(cursor)?;
    for words in [["DISTRIBUTED", "BY"], ["DISTRIBUTED", "INTO"]] {
        if cursor.sees(&words) {
            return Err(cursor.error(format!("{} is not supported: sinks are partitioned by their own options", words.join(" "))));
        }
    }
    let partitioned_by = if cursor.take(&["PARTITIONED", "BY"]) { partitions(cursor, &columns)? } else { Vec::new() };
    let options = if cursor.take(&["WITH"]) { cursor.options()? } else { Options::default() };
    let like = if cursor.take(&["LIKE"]) { Some(like(cursor)?) } else { None };
    let query = if like.is_none() && cursor.take(&["AS"]) { Some(Box::new(query::query(cursor)?)) } else { None };
    if like.is_none() && query.is_none() {
        // Some connectors infer the columns.
        if !has_columns && options.is_empty() {
            let error = cursor.expected("columns, LIKE or AS");
            return Err(error.hint(format!("CREATE TABLE {} (column TYPE, ...) WITH ('connector' = '...')", crate::sql::name::sql(&name))));
        }
        if has_columns {
            columns::check(cursor, &mut columns)?;
        }
    }
    let Columns { columns, watermark, primary_key, .. } = columns;
    let Words { or_replace, temporary } = words;
    Ok(CreateTable {
        name,
        or_replace,
        temporary,
        if_not_exists,
        columns,
        watermark,
        primary_key,
        comment,
        partitioned_by,
        options,
        like,
        query,
        dialect: Dialect::FLINK,
    })
}

/// `source [(INCLUDING ALL, EXCLUDING OPTIONS ...)]`.
fn like(cursor: &mut Cursor<'_>) -> Result<Like> {
    const FEATURES: [(&str, Feature); 8] = [
        ("ALL", Feature::All),
        ("CONSTRAINTS", Feature::Constraints),
        ("DISTRIBUTION", Feature::Distribution),
        ("PARTITIONS", Feature::Partitions),
        ("GENERATED", Feature::Generated),
        ("METADATA", Feature::Metadata),
        ("OPTIONS", Feature::Options),
        ("WATERMARKS", Feature::Watermarks),
    ];
    let pos = cursor.pos();
    let source = cursor.object_name("the name of a table")?;
    let mut rules: Vec<(Feature, Merge)> = Vec::new();
    if !cursor.take_symbol(&Token::LParen) {
        return Ok(Like { source, rules, pos });
    }
    while !cursor.take_symbol(&Token::RParen) {
        let at = cursor.pos();
        let merge = match () {
            () if cursor.take(&["INCLUDING"]) => Merge::Including,
            () if cursor.take(&["EXCLUDING"]) => Merge::Excluding,
            () if cursor.take(&["OVERWRITING"]) => Merge::Overwriting,
            () => return Err(cursor.expected("INCLUDING, EXCLUDING, OVERWRITING or `)`")),
        };
        let Some((word, feature)) = FEATURES.into_iter().find(|(word, _)| cursor.take(&[word])) else {
            return Err(cursor.expected("ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS"));
        };
        let overwritable = matches!(feature, Feature::Generated | Feature::Metadata | Feature::Options | Feature::Watermarks);
        if merge == Merge::Overwriting && !overwritable {
            let hint = "GENERATED, METADATA, OPTIONS and WATERMARKS can be overwritten; others are INCLUDING or EXCLUDING";
            return Err(cursor.text.error(at, format!("OVERWRITING {word} is not possible")).hint(hint));
        }
        if rules.iter().any(|(said, _)| *said == feature) {
            return Err(cursor.text.error(at, format!("{word} is said twice")));
        }
        rules.push((feature, merge));
        cursor.take_symbol(&Token::Comma);
    }
    Ok(Like { source, rules, pos })
}

fn database(cursor: &mut Cursor<'_>) -> Result<CreateDatabase> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let at = cursor.pos();
    let name = database_name(cursor)?;
    if name.contains('.') {
        return Err(cursor.text.error(at, "the name of a database cannot have a dot in it"));
    }
    let comment = columns::comment(cursor)?;
    if cursor.take(&["WITH"]) {
        cursor.options()?; // properties of a foreign catalog, ignored
    }
    Ok(CreateDatabase { name, if_not_exists, comment })
}

/// `[catalog.]database`.
pub(super) fn database_name(cursor: &mut Cursor<'_>) -> Result<String> {
    const WHAT: &str = "the name of a database";
    let at: Pos = cursor.pos();
    let first = cursor.name(WHAT)?;
    if !cursor.take_symbol(&Token::Period) {
        return Ok(first);
    }
    crate::sql::name::only_catalog(&first).map_err(|error| cursor.text.place(at, error))?;
    cursor.name(WHAT)
}

fn view(cursor: &mut Cursor<'_>, words: Words, materialized: bool) -> Result<CreateView> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a view")?;
    let mut columns: Vec<String> = Vec::new();
    if cursor.peek().token == Token::LParen {
        cursor.list(|cursor| {
            let at = cursor.pos();
            let column = cursor.name("the name of a column")?;
            if columns.contains(&column) {
                return Err(cursor.text.error(at, format!("column `{column}` is given twice")));
            }
            columns.push(column);
            columns::comment(cursor).map(|_| ())
        })?;
    }
    columns::comment(cursor)?;
    cursor.expect(&["AS"])?;
    let (query, text) = query_and_text(cursor)?;
    let Words { or_replace, temporary } = words;
    Ok(CreateView { name, materialized, or_replace, temporary, if_not_exists, columns, query, text })
}

/// Parses a query up to the end of the statement, and returns it with its text.
pub(super) fn query_and_text(cursor: &mut Cursor<'_>) -> Result<(crate::sql::ast::Query, String)> {
    let rest = cursor.rest();
    let text = match (rest.first(), rest.last()) {
        (Some((_, first)), Some((_, last))) => cursor.text.slice(first.span.start, last.span.end).to_string(),
        _ => String::new(),
    };
    Ok((query::query(cursor)?, text))
}
