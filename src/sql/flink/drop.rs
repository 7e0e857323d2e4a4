//! Parses DROP.

use crate::common::Result;
use crate::sql::ast::{Drop, DropKind, Statement};
use crate::sql::cursor::Cursor;

use super::create::{database_name, materialized, other_thing};

/// `DROP [TEMPORARY] TABLE | [MATERIALIZED] VIEW | FUNCTION | DATABASE [IF EXISTS] name`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect(&["DROP"])?;
    cursor.take(&["TEMPORARY"]);
    let kind = if cursor.take(&["EXTERNAL", "TABLE"]) {
        DropKind::Table
    } else if cursor.take(&["SYSTEM", "FUNCTION"]) {
        DropKind::Function
    } else if cursor.take(&["DATABASE"]) || cursor.take(&["SCHEMA"]) {
        DropKind::Database
    } else {
        kind(cursor)?.ok_or_else(|| other_thing(cursor, "DROP"))?
    };
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let name = match kind {
        DropKind::Database => database_name(cursor)?,
        _ => cursor.object_name(&format!("the name of a {}", kind.what()))?,
    };
    let cascade = kind == DropKind::Database && !cursor.take(&["RESTRICT"]) && cursor.take(&["CASCADE"]);
    Ok(Statement::Drop(Drop { name, if_exists, kind, cascade }))
}

/// Consumes TABLE, FUNCTION, VIEW or MATERIALIZED VIEW, if one of them is next.
pub(super) fn kind(cursor: &mut Cursor<'_>) -> Result<Option<DropKind>> {
    if cursor.take(&["TABLE"]) {
        return Ok(Some(DropKind::Table));
    }
    if cursor.take(&["FUNCTION"]) {
        return Ok(Some(DropKind::Function));
    }
    if materialized(cursor)? {
        cursor.expect(&["VIEW"])?;
        return Ok(Some(DropKind::MaterializedView));
    }
    Ok(cursor.take(&["VIEW"]).then_some(DropKind::View))
}
