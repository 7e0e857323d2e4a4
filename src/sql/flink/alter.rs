//! Parses ALTER TABLE and ALTER VIEW.

use sqlparser::tokenizer::Token;

use crate::common::Result;
use crate::sql::ast::{Alter, Change, DropKind, Parts, Position, Statement};
use crate::sql::cursor::Cursor;

use super::columns::{self, Columns};
use super::create;

/// `ALTER TABLE | VIEW [IF EXISTS] name change`.
pub(super) fn alter(cursor: &mut Cursor<'_>) -> Result<Statement> {
    cursor.expect(&["ALTER"])?;
    let kind = if cursor.take(&["TABLE"]) {
        DropKind::Table
    } else if cursor.take(&["VIEW"]) {
        DropKind::View
    } else {
        let hint = "ALTER TABLE and ALTER VIEW change what is declared; CREATE OR REPLACE declares it anew";
        return Err(cursor.expected("TABLE or VIEW").hint(hint));
    };
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let name = cursor.object_name(&format!("the name of a {}", kind.what()))?;
    let change = match kind {
        DropKind::Table => change(cursor)?,
        _ => of_view(cursor)?,
    };
    Ok(Statement::Alter(Alter { name, if_exists, kind, change }))
}

fn of_view(cursor: &mut Cursor<'_>) -> Result<Change> {
    if cursor.take(&["RENAME", "TO"]) {
        return cursor.object_name("the new name").map(Change::RenameTo);
    }
    if cursor.take(&["AS"]) {
        let (query, text) = create::query_and_text(cursor)?;
        return Ok(Change::As(query, text));
    }
    Err(cursor.expected("RENAME TO or AS"))
}

fn change(cursor: &mut Cursor<'_>) -> Result<Change> {
    if cursor.take(&["RENAME", "TO"]) {
        return cursor.object_name("the new name").map(Change::RenameTo);
    }
    if cursor.take(&["RENAME"]) {
        cursor.take(&["COLUMN"]);
        let from = cursor.name("the name of a column")?;
        cursor.expect(&["TO"])?;
        return Ok(Change::RenameColumn(from, cursor.name("the new name")?));
    }
    if cursor.take(&["SET"]) {
        return cursor.options().map(Change::Set);
    }
    if cursor.take(&["RESET"]) {
        return keys(cursor).map(Change::Reset);
    }
    if cursor.take(&["ADD"]) {
        return parts(cursor).map(Change::Add);
    }
    if cursor.take(&["MODIFY"]) {
        return parts(cursor).map(Change::Modify);
    }
    if cursor.take(&["DROP"]) {
        return dropped(cursor);
    }
    Err(cursor.expected("RENAME, SET, RESET, ADD, MODIFY or DROP"))
}

/// `('key', ...)`.
fn keys(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    cursor.list(|cursor| {
        keys.push(cursor.string("an option's key")?);
        Ok(())
    })?;
    Ok(keys)
}

fn dropped(cursor: &mut Cursor<'_>) -> Result<Change> {
    if cursor.take(&["PRIMARY", "KEY"]) {
        return Ok(Change::DropKey);
    }
    if cursor.take(&["CONSTRAINT"]) {
        cursor.name("the name of a constraint")?;
        return Ok(Change::DropKey);
    }
    if cursor.take(&["WATERMARK"]) {
        return Ok(Change::DropWatermark);
    }
    cursor.take(&["COLUMN"]);
    if cursor.peek().token == Token::LParen {
        return cursor.names("the name of a column").map(Change::DropColumns);
    }
    Ok(Change::DropColumns(vec![cursor.name("the name of a column")?]))
}

/// One part, or several in parentheses.
fn parts(cursor: &mut Cursor<'_>) -> Result<Parts> {
    let (mut taken, mut positions) = (Columns::default(), Vec::new());
    let mut part = |cursor: &mut Cursor<'_>| {
        if !cursor.sees(&["COLUMN", "TYPE"]) {
            cursor.take(&["COLUMN"]);
        }
        let before = taken.columns.len();
        columns::element(cursor, &mut taken)?;
        if taken.columns.len() > before {
            positions.push(position(cursor)?);
        }
        Ok(())
    };
    if cursor.peek().token == Token::LParen { cursor.list(part) } else { part(cursor) }?;
    let Columns { columns, watermark, primary_key, .. } = taken;
    Ok(Parts { columns: columns.into_iter().zip(positions).collect(), watermark, primary_key })
}

fn position(cursor: &mut Cursor<'_>) -> Result<Position> {
    if cursor.take(&["FIRST"]) {
        return Ok(Position::First);
    }
    if cursor.take(&["AFTER"]) {
        return cursor.name("the name of a column").map(Position::After);
    }
    Ok(Position::Default)
}
