//! Parses SHOW, DESCRIBE and USE.

use sqlparser::tokenizer::Token;

use crate::common::{Result, suggest};
use crate::sql::ast::{Pattern, Show, ShowWhat, Statement};
use crate::sql::cursor::Cursor;

use super::create::database_name;
use super::drop::kind;

/// The subjects of SHOW.
const KNOWN: [&str; 12] = [
    "TABLES",
    "VIEWS",
    "MATERIALIZED VIEWS",
    "DATABASES",
    "CATALOGS",
    "FUNCTIONS",
    "USER FUNCTIONS",
    "JOBS",
    "COLUMNS",
    "CREATE TABLE",
    "CURRENT DATABASE",
    "CURRENT CATALOG",
];

/// Other subjects of Flink's SHOW, and why they are not supported.
const REFUSED: [(&str, &str); 5] = [
    ("MODULES", "there are no modules: all functions are there"),
    ("JARS", "there is no JVM: connectors and functions are built in"),
    ("PROCEDURES", "there are no procedures"),
    ("PARTITIONS", "partitions of files are found when they are read"),
    ("MODELS", "there are no models"),
];

/// Parses the rest of SHOW.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let what = what(cursor)?;
    let mut from = None;
    let database = matches!(what, ShowWhat::Tables | ShowWhat::Views | ShowWhat::MaterializedViews | ShowWhat::Functions { .. });
    if (database || what == ShowWhat::Columns) && (cursor.take(&["FROM"]) || cursor.take(&["IN"])) {
        from = Some(if database { database_name(cursor)? } else { cursor.object_name("the name of a table")? });
    }
    if what == ShowWhat::Columns && from.is_none() {
        return Err(cursor.expected("FROM and the name of a table"));
    }
    let not = cursor.take(&["NOT"]);
    let any_case = cursor.sees(&["ILIKE"]);
    let like = if any_case || cursor.sees(&["LIKE"]) {
        cursor.next();
        Some(Pattern { pattern: cursor.string("a pattern")?, not, any_case })
    } else if not {
        return Err(cursor.expected("LIKE or ILIKE"));
    } else {
        None
    };
    Ok(Statement::Show(Show { what, from, like }))
}

fn what(cursor: &mut Cursor<'_>) -> Result<ShowWhat> {
    const PLAIN: [(&[&str], ShowWhat); 11] = [
        (&["TABLES"], ShowWhat::Tables),
        (&["VIEWS"], ShowWhat::Views),
        (&["MATERIALIZED", "VIEWS"], ShowWhat::MaterializedViews),
        (&["DATABASES"], ShowWhat::Databases),
        (&["CATALOGS"], ShowWhat::Catalogs),
        (&["FUNCTIONS"], ShowWhat::Functions { user: false }),
        (&["USER", "FUNCTIONS"], ShowWhat::Functions { user: true }),
        (&["JOBS"], ShowWhat::Jobs),
        (&["COLUMNS"], ShowWhat::Columns),
        (&["CURRENT", "DATABASE"], ShowWhat::CurrentDatabase),
        (&["CURRENT", "CATALOG"], ShowWhat::CurrentCatalog),
    ];
    if let Some((_, what)) = PLAIN.into_iter().find(|(words, _)| cursor.take(words)) {
        return Ok(what);
    }
    if cursor.take(&["CREATE"]) {
        let kind = kind(cursor)?.ok_or_else(|| cursor.expected("TABLE, VIEW or FUNCTION behind SHOW CREATE"))?;
        return Ok(ShowWhat::Create(kind, cursor.object_name(&format!("the name of a {}", kind.what()))?));
    }
    let word = cursor.peek().token.to_string().to_uppercase();
    if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == word) {
        return Err(cursor.error(format!("SHOW {word} is not supported")).hint(*why));
    }
    Err(cursor.expected("what to show").hint(suggest::hint(&word, &KNOWN)))
}

/// Parses the rest of DESCRIBE.
pub(super) fn describe(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.take(&["EXTENDED"]);
    cursor.take(&["TABLE"]);
    cursor.object_name("the name of a table or view").map(Statement::Describe)
}

/// Parses the rest of STOP JOB: the name, and Flink's stop modes, which make no difference here.
pub(super) fn stop_job(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let name = job_name(cursor)?;
    while cursor.take(&["WITH", "SAVEPOINT"]) || cursor.take(&["WITH", "DRAIN"]) {}
    Ok(Statement::StopJob(name))
}

/// Parses the name of a job, as a string or as a name.
pub(super) fn job_name(cursor: &mut Cursor<'_>) -> Result<String> {
    match &cursor.peek().token {
        Token::SingleQuotedString(_) => cursor.string("the name of a job"),
        _ => cursor.name("the name of a job"),
    }
}

/// Parses the rest of USE.
pub(super) fn r#use(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.sees(&["MODULES"]) {
        return Err(cursor.error("USE MODULES is not supported: there are no modules"));
    }
    if cursor.take(&["CATALOG"]) {
        let at = cursor.pos();
        let name = cursor.name("the name of a catalog")?;
        crate::sql::name::only_catalog(&name).map_err(|error| cursor.text.place(at, error))?;
        return Ok(Statement::Use(crate::sql::name::DEFAULT_DATABASE.to_string()));
    }
    database_name(cursor).map(Statement::Use)
}
