//! DROP.

use crate::common::Result;
use crate::sql::ast::{Drop, DropKind, Statement};
use crate::sql::cursor::Cursor;

use super::create::{database_name, materialized, other_thing};

/// `DROP [TEMPORARY] TABLE | [MATERIALIZED] VIEW | FUNCTION | DATABASE [IF EXISTS] name`.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect(&["DROP"])?;
    cursor.take(&["TEMPORARY"]);
    let kind = if cursor.take(&["TABLE"]) || cursor.take(&["EXTERNAL", "TABLE"]) {
        DropKind::Table
    } else if cursor.take(&["FUNCTION"]) || cursor.take(&["SYSTEM", "FUNCTION"]) {
        DropKind::Function
    } else if cursor.take(&["DATABASE"]) || cursor.take(&["SCHEMA"]) {
        DropKind::Database
    } else if materialized(cursor)? {
        cursor.expect(&["VIEW"])?;
        DropKind::MaterializedView
    } else if cursor.take(&["VIEW"]) {
        DropKind::View
    } else {
        return Err(other_thing(cursor, "DROP"));
    };
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let name = match kind {
        DropKind::Database => database_name(cursor)?,
        _ => cursor.object_name(&format!("the name of a {}", kind.what()))?,
    };
    let cascade = kind == DropKind::Database && !cursor.take(&["RESTRICT"]) && cursor.take(&["CASCADE"]);
    Ok(Statement::Drop(Drop { name, if_exists, kind, cascade }))
}
