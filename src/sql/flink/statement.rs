//! Recognizes statements by their first words, with errors for those that are not supported.

use sqlparser::tokenizer::{Token, Word};

use crate::common::{Error, Result, suggest};
use crate::sql::ast::{Explain, Statement};
use crate::sql::cursor::Cursor;
use crate::sql::settings;

use super::{alter, copy, create, drop, query, show};

/// The first words of all statements.
const SUPPORTED: [&str; 17] = [
    "COPY", "CREATE", "REPLACE", "DROP", "ALTER", "INSERT", "EXECUTE", "SELECT", "WITH", "VALUES", "EXPLAIN", "SHOW", "DESCRIBE", "DESC",
    "USE", "SET", "RESET",
];

/// The supported statements, for hints.
const HINT: &str =
    "supported: CREATE, DROP, ALTER, INSERT INTO, EXECUTE STATEMENT SET, STOP JOB, COPY, SELECT, EXPLAIN, SHOW, DESCRIBE, USE, SET, RESET";

/// Statements of Flink and ksqlDB that people may try, with the error for each.
const REFUSED: [(&str, &str); 21] = [
    ("ADD", "there is no JVM to add a JAR to: connectors and functions are built in"),
    ("ANALYZE", "there are no statistics to gather"),
    ("ASSERT", HINT),
    ("BEGIN", "a statement set begins with BEGIN STATEMENT SET"),
    ("CALL", "there are no procedures"),
    ("COMPILE", "a job resumes from its own text; EXPLAIN shows its plan"),
    ("DECLARE", HINT),
    ("DEFINE", "variables are given by -v name=value, in the shell by \\set name value"),
    ("DELETE", "an INSERT into a table with a primary key replaces rows; a continuous query takes its own back"),
    ("LIST", "write SHOW"),
    ("LOAD", "there are no modules: all functions are there"),
    ("PAUSE", HINT),
    (
        "PRINT",
        "\\peek TABLE in the shell and `millstream peek TABLE` show messages raw and decoded; SELECT * FROM table EMIT CHANGES goes on",
    ),
    ("RELOAD", HINT),
    ("REMOVE", "there is no JVM to remove a JAR from"),
    ("RESUME", "a job resumes when it is run again under its name"),
    ("RUN", "files are run with `millstream run FILE`"),
    ("TERMINATE", "STOP JOB 'name' ends a job of the shell; `millstream run` stops with Ctrl-C"),
    ("TRUNCATE", "what was written stays"),
    ("UNLOAD", "there are no modules"),
    ("UPDATE", "an INSERT into a table with a primary key replaces rows"),
];

/// Parses one statement.
pub(super) fn statement(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.sees(&["CREATE"]) || cursor.sees(&["REPLACE", "TABLE"]) {
        return create::create(cursor);
    }
    if cursor.sees(&["DROP"]) {
        return drop::drop(cursor);
    }
    if cursor.sees(&["ALTER"]) {
        return alter::alter(cursor);
    }
    if cursor.take(&["SHOW"]) {
        return show::show(cursor);
    }
    if cursor.take(&["DESCRIBE"]) || cursor.take(&["DESC"]) {
        return show::describe(cursor);
    }
    if cursor.take(&["USE"]) {
        return show::r#use(cursor);
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
    if cursor.take(&["STOP", "JOB"]) {
        return show::stop_job(cursor);
    }
    if cursor.sees(&["COPY"]) {
        return copy::copy(cursor).map(Statement::Copy);
    }
    runnable(cursor)?.ok_or_else(|| unsupported(cursor))
}

/// Parses a statement that can be run and explained: an INSERT or a query.
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
    let explain = how_to_explain(cursor);
    if cursor.sees(&["JOB"]) && !explain.analyze {
        return Err(cursor
            .error("a job that runs is explained with what it does")
            .hint("write EXPLAIN ANALYZE JOB 'name'; EXPLAIN INSERT INTO ... shows a plan alone"));
    }
    if cursor.take(&["JOB"]) {
        return show::job_name(cursor).map(Statement::AnalyzeJob);
    }
    match runnable(cursor)? {
        Some(statement) => Ok(Statement::Explain(Explain { statements: vec![statement], ..explain })),
        None => Err(cursor.expected("an INSERT or a query to explain")),
    }
}

/// Parses the options between EXPLAIN and the statement.
pub(super) fn how_to_explain(cursor: &mut Cursor<'_>) -> Explain {
    const DETAILS: [&str; 4] = ["ESTIMATED_COST", "CHANGELOG_MODE", "PLAN_ADVICE", "JSON_EXECUTION_PLAN"];
    let analyze = cursor.take(&["ANALYZE"]);
    let verbose = cursor.take(&["VERBOSE"]);
    if !cursor.take(&["PLAN", "FOR"]) {
        // Flink's details only ask for parts that EXPLAIN prints anyway.
        while DETAILS.iter().any(|detail| cursor.take(&[detail])) {
            cursor.take_symbol(&Token::Comma);
        }
    }
    Explain { analyze, verbose, statements: Vec::new() }
}

/// The error for a statement that cannot be run.
fn unsupported(cursor: &Cursor<'_>) -> Error {
    let Token::Word(Word { value, quote_style: None, .. }) = &cursor.peek().token else {
        return cursor.expected("a statement").hint(HINT);
    };
    let word = value.to_ascii_uppercase();
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == word) {
        return cursor.error(format!("{word} is not supported")).hint(*why);
    }
    if word == "EXECUTE" {
        return cursor.error("EXECUTE runs an INSERT or a statement set").hint("write EXECUTE STATEMENT SET BEGIN ... END;");
    }
    let near = suggest::nearest(&word, SUPPORTED.into_iter().chain(REFUSED.iter().map(|(word, _)| *word)));
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    cursor.error(format!("unknown statement `{value}`")).hint(format!("{near}{HINT}"))
}
