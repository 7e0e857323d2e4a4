//! CREATE and DROP of tables and views.

use sqlparser::tokenizer::{Token, Word};

use crate::common::{Error, Result, suggest};

use super::ast::{ColumnKind, CreateTable, CreateView, Drop, DropKind, Options, Statement};
use super::columns;
use super::cursor::Cursor;
use super::query;

/// What is declared and dropped.
const THINGS: [&str; 3] = ["TABLE", "VIEW", "MATERIALIZED"];

/// What Flink and ksqlDB declare besides.
const MISSING: [&str; 10] = ["CATALOG", "CONNECTOR", "DATABASE", "EXTERNAL", "FUNCTION", "MODEL", "SINK", "SOURCE", "STREAM", "TYPE"];

/// `CREATE [OR REPLACE] [TEMPORARY] TABLE | [MATERIALIZED] VIEW [IF NOT EXISTS] ...`.
pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect(&["CREATE"])?;
    let or_replace = cursor.take(&["OR", "REPLACE"]);
    let temporary = cursor.take(&["TEMPORARY"]);
    if cursor.take(&["TABLE"]) {
        return table(cursor, or_replace, temporary).map(Statement::CreateTable);
    }
    let at = cursor.pos();
    let materialized = materialized(cursor)?;
    if materialized && temporary {
        let error = cursor.text.error(at, "a materialized view cannot be TEMPORARY: its job goes on when the session has ended");
        return Err(error.hint("leave TEMPORARY out, or create a plain VIEW"));
    }
    if cursor.take(&["VIEW"]) {
        return view(cursor, or_replace, temporary, materialized).map(Statement::CreateView);
    }
    Err(other_thing(cursor, "CREATE"))
}

/// Takes MATERIALIZED in front of VIEW.
fn materialized(cursor: &mut Cursor<'_>) -> Result<bool> {
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

/// `DROP [TEMPORARY] TABLE | [MATERIALIZED] VIEW [IF EXISTS] name`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect(&["DROP"])?;
    cursor.take(&["TEMPORARY"]);
    let kind = if cursor.take(&["TABLE"]) {
        DropKind::Table
    } else if materialized(cursor)? {
        cursor.expect(&["VIEW"])?;
        DropKind::MaterializedView
    } else if cursor.take(&["VIEW"]) {
        DropKind::View
    } else {
        return Err(other_thing(cursor, "DROP"));
    };
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let name = cursor.object_name(&format!("the name of a {}", kind.what()))?;
    Ok(Statement::Drop(Drop { name, if_exists, kind }))
}

/// The error for a thing that is neither a table nor a view.
fn other_thing(cursor: &Cursor<'_>, verb: &str) -> Error {
    let hint = format!("supported: {verb} TABLE, {verb} VIEW and {verb} MATERIALIZED VIEW");
    let Token::Word(Word { value, quote_style: None, .. }) = &cursor.peek().token else {
        return cursor.expected("TABLE or VIEW").hint(hint);
    };
    let word = value.to_ascii_uppercase();
    if MISSING.contains(&word.as_str()) {
        return cursor.error(format!("{verb} {word} is not supported yet")).hint(hint);
    }
    let near = suggest::nearest(&word, THINGS).map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    cursor.expected("TABLE or VIEW").hint(format!("{near}{hint}"))
}

fn table(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool) -> Result<CreateTable> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a table")?;
    if cursor.sees(&["AS"]) {
        return Err(cursor.error("columns are not found out yet").hint(format!("declare them: CREATE TABLE {name} (column TYPE, ...)")));
    }
    // Some connectors find them out.
    let columns = if cursor.sees(&["WITH"]) { columns::Columns::default() } else { columns::columns(cursor)? };
    let comment = if cursor.take(&["COMMENT"]) { Some(cursor.string("a comment")?) } else { None };
    for (words, what) in [
        (["DISTRIBUTED", "BY"], "DISTRIBUTED BY is not supported: sinks are partitioned by their own options"),
        (["DISTRIBUTED", "INTO"], "DISTRIBUTED INTO is not supported: sinks are partitioned by their own options"),
    ] {
        if cursor.sees(&words) {
            return Err(cursor.error(what));
        }
    }
    let partitioned_by = partitioned_by(cursor, &columns)?;
    let options = if cursor.take(&["WITH"]) { options(cursor)? } else { Options::default() };
    if cursor.sees(&["LIKE"]) {
        return Err(cursor.error("CREATE TABLE ... LIKE is not supported yet").hint("declare columns and options in full"));
    }
    if cursor.sees(&["AS"]) {
        return Err(cursor.error("CREATE TABLE ... AS is not supported yet").hint("declare the table, then INSERT INTO it"));
    }
    let columns::Columns { columns, watermark, primary_key, .. } = columns;
    Ok(CreateTable { name, or_replace, temporary, if_not_exists, columns, watermark, primary_key, partitioned_by, comment, options })
}

/// `PARTITIONED BY (column, ...)`, if it is there.
fn partitioned_by(cursor: &mut Cursor<'_>, columns: &columns::Columns) -> Result<Vec<String>> {
    let mut keys: Vec<String> = Vec::new();
    if !cursor.take(&["PARTITIONED", "BY"]) {
        return Ok(keys);
    }
    cursor.expect_symbol(&Token::LParen)?;
    loop {
        let at = cursor.pos();
        let key = cursor.name("the name of a column")?;
        if keys.contains(&key) {
            return Err(cursor.text.error(at, format!("column `{key}` is given twice")));
        }
        let names: Vec<&str> = columns.columns.iter().filter(|c| matches!(c.kind, ColumnKind::Physical)).map(|c| c.name.as_str()).collect();
        if !names.contains(&key.as_str()) {
            let error = cursor.text.error(at, format!("PARTITIONED BY names column `{key}`, which is not declared"));
            return Err(error.hint(suggest::hint(&key, &names)));
        }
        keys.push(key);
        if !cursor.take_symbol(&Token::Comma) {
            break;
        }
    }
    cursor.expect_symbol(&Token::RParen)?;
    Ok(keys)
}

/// `('key' = 'value', ...)`.
fn options(cursor: &mut Cursor<'_>) -> Result<Options> {
    let mut options = Options::default();
    cursor.expect_symbol(&Token::LParen)?;
    loop {
        let at = cursor.pos();
        let key = cursor.string("an option: 'key' = 'value'")?;
        cursor.expect_symbol(&Token::Eq)?;
        let value = cursor.string("the option's value")?;
        options.push(key, value, at).map_err(|error| cursor.text.place(at, error))?;
        if cursor.take_symbol(&Token::RParen) {
            return Ok(options);
        }
        if !cursor.take_symbol(&Token::Comma) {
            return Err(cursor.expected("`,` or `)`"));
        }
    }
}

fn view(cursor: &mut Cursor<'_>, or_replace: bool, temporary: bool, materialized: bool) -> Result<CreateView> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.object_name("the name of a view")?;
    let mut columns: Vec<String> = Vec::new();
    if cursor.take_symbol(&Token::LParen) {
        loop {
            let at = cursor.pos();
            let column = cursor.name("the name of a column")?;
            if columns.contains(&column) {
                return Err(cursor.text.error(at, format!("column `{column}` is given twice")));
            }
            columns.push(column);
            if cursor.take(&["COMMENT"]) {
                cursor.string("a comment")?;
            }
            if !cursor.take_symbol(&Token::Comma) {
                break;
            }
        }
        cursor.expect_symbol(&Token::RParen)?;
    }
    if cursor.take(&["COMMENT"]) {
        cursor.string("a comment")?;
    }
    cursor.expect(&["AS"])?;
    let query = query::query(cursor)?;
    Ok(CreateView { name, materialized, or_replace, temporary, if_not_exists, columns, query })
}
