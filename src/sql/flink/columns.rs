//! Parses the columns of a CREATE TABLE, with the watermark and the primary key among them.

use sqlparser::tokenizer::Token;

use arrow::datatypes::DataType;

use crate::common::{Error, Result, suggest};
use crate::sql::ast::{Column, ColumnKind, Pos, Watermark};
use crate::sql::cursor::{Cursor, is_word};
use crate::sql::size::MOST_COLUMNS;
use crate::sql::text::pos;
use crate::sql::types;

/// The modifiers of a CREATE, before and after the kind of object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) or_replace: bool,
    pub(super) temporary: bool,
}

/// The content of the parentheses of a CREATE TABLE.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) columns: Vec<Column>,
    pub(super) watermark: Option<Watermark>,
    pub(super) primary_key: Vec<String>,
    /// The positions of the key's columns.
    key_pos: Vec<Pos>,
}

/// Parses `( ... )`. Columns from elsewhere, a query or another table, cannot be checked here.
pub(super) fn columns(cursor: &mut Cursor<'_>) -> Result<Columns> {
    let mut table = Columns::default();
    cursor.list(|cursor| {
        if table.columns.len() as u64 >= MOST_COLUMNS {
            let error = cursor.error(format!("a table has no more than {MOST_COLUMNS} columns"));
            return Err(error.hint("many values of one kind are an ARRAY or a MAP"));
        }
        element(cursor, &mut table)
    })?;
    Ok(table)
}

/// Parses a column, the watermark or a constraint.
pub(super) fn element(cursor: &mut Cursor<'_>, table: &mut Columns) -> Result<()> {
    if cursor.sees(&["WATERMARK", "FOR"]) {
        let watermark = watermark(cursor)?;
        if table.watermark.is_some() {
            return Err(cursor.text.error(watermark.pos, "a table has only one watermark"));
        }
        table.watermark = Some(watermark);
        return Ok(());
    }
    if cursor.sees(&["CONSTRAINT"]) && ["PRIMARY", "UNIQUE"].iter().any(|word| is_word(cursor.peek_nth(2), word)) {
        cursor.next();
        cursor.name("the name of a constraint")?;
    }
    if cursor.sees(&["UNIQUE"]) && cursor.peek_nth(1).token == Token::LParen {
        return Err(cursor.error("UNIQUE is not supported").hint("PRIMARY KEY (columns) NOT ENFORCED says what a row's key is"));
    }
    if cursor.sees(&["PRIMARY", "KEY"]) {
        let at = cursor.pos();
        one_key(cursor, table, at)?;
        cursor.take(&["PRIMARY", "KEY"]);
        cursor.list(|cursor| {
            table.key_pos.push(cursor.pos());
            table.primary_key.push(cursor.name("the name of a column")?);
            Ok(())
        })?;
        return not_enforced(cursor);
    }
    let column = column(cursor, table)?;
    if let Some(twice) = table.columns.iter().find(|c| c.name == column.name) {
        return Err(cursor.text.error(column.pos, format!("column `{}` is declared twice", twice.name)));
    }
    table.columns.push(column);
    Ok(())
}

/// `WATERMARK FOR column AS expr`.
fn watermark(cursor: &mut Cursor<'_>) -> Result<Watermark> {
    cursor.take(&["WATERMARK", "FOR"]);
    let at = cursor.pos();
    let column = cursor.name("the name of a column")?;
    if cursor.peek().token == Token::Period {
        return Err(cursor
            .error("a watermark on a field of a row is not supported yet")
            .hint("declare a computed column for the field and put the watermark on that"));
    }
    cursor.expect(&["AS"])?;
    let from = cursor.peek().span.start;
    let expr = Box::new(cursor.expr()?);
    Ok(Watermark { column, expr, text: cursor.text_since(from), pos: at })
}

/// `name TYPE ...` or `name AS expr`.
fn column(cursor: &mut Cursor<'_>, table: &mut Columns) -> Result<Column> {
    let at = cursor.pos();
    let name = cursor.name("the name of a column")?;
    if cursor.take(&["AS"]) {
        let from = cursor.peek().span.start;
        let kind = ColumnKind::Computed(Box::new(cursor.expr()?));
        let text = cursor.text_since(from);
        return Ok(Column { name, data_type: None, text, nullable: true, kind, comment: comment(cursor)?, pos: at });
    }
    let from = cursor.peek().span.start;
    let data_type = types::data_type(cursor)?;
    let text = cursor.text_since(from).split_whitespace().collect::<Vec<_>>().join(" ");
    let kind = ColumnKind::Physical;
    let mut column = Column { name, data_type: Some(data_type), text, nullable: true, kind, comment: None, pos: at };
    loop {
        let at = cursor.pos();
        if cursor.sees(&["NOT", "NULL"]) || cursor.sees(&["NULL"]) {
            column.nullable = types::nullable(cursor);
        } else if cursor.take(&["METADATA"]) {
            let key = if cursor.take(&["FROM"]) { cursor.string("a metadata key")? } else { column.name.clone() };
            column.kind = ColumnKind::Metadata { key, is_virtual: cursor.take(&["VIRTUAL"]) };
        } else if cursor.sees(&["PRIMARY", "KEY"]) || (cursor.sees(&["CONSTRAINT"]) && is_word(cursor.peek_nth(2), "PRIMARY")) {
            one_key(cursor, table, at)?;
            if cursor.take(&["CONSTRAINT"]) {
                cursor.next();
            }
            cursor.take(&["PRIMARY", "KEY"]);
            not_enforced(cursor)?;
            table.primary_key.push(column.name.clone());
            table.key_pos.push(column.pos);
        } else if let Some(comment) = comment(cursor)? {
            column.comment = Some(comment);
        } else if cursor.sees(&["DEFAULT"]) || cursor.sees(&["CHECK"]) || cursor.sees(&["UNIQUE"]) || cursor.sees(&["REFERENCES"]) {
            let word = cursor.peek().token.to_string().to_uppercase();
            return Err(cursor.error(format!("{word} is not supported for a column")));
        } else if matches!(cursor.peek().token, Token::Comma | Token::RParen) || ends_here(cursor) {
            return Ok(column);
        } else {
            return Err(cursor.expected("`,`, `)`, NOT NULL, METADATA, PRIMARY KEY or COMMENT"));
        }
    }
}

/// Whether a column of ALTER TABLE ends, which may be without parentheses.
fn ends_here(cursor: &Cursor<'_>) -> bool {
    cursor.at_end() || cursor.sees(&["FIRST"]) || cursor.sees(&["AFTER"])
}

/// `COMMENT '...'`, if present.
pub(super) fn comment(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    if cursor.take(&["COMMENT"]) { cursor.string("a comment").map(Some) } else { Ok(None) }
}

fn one_key(cursor: &Cursor<'_>, table: &Columns, at: Pos) -> Result<()> {
    if table.primary_key.is_empty() {
        return Ok(());
    }
    Err(cursor.text.error(at, "a table has only one primary key").hint("PRIMARY KEY (a, b) NOT ENFORCED makes a key of several columns"))
}

/// Parses NOT ENFORCED: keys are not checked, which a script has to state, as in Flink.
fn not_enforced(cursor: &mut Cursor<'_>) -> Result<()> {
    if cursor.take(&["NOT", "ENFORCED"]) {
        return Ok(());
    }
    let at = pos(cursor.last().span.start);
    Err(cursor
        .text
        .error(at, "a primary key is not checked, so it has to be NOT ENFORCED")
        .hint("write PRIMARY KEY (columns) NOT ENFORCED"))
}

/// Checks what requires all columns.
pub(super) fn check(cursor: &Cursor<'_>, table: &mut Columns) -> Result<()> {
    let names: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
    let missing = |at: Pos, of: &str, name: &str| -> Error {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        cursor.text.error(at, format!("the {of} names column `{name}`, which is not declared")).hint(suggest::hint(name, &names))
    };
    for (i, (name, at)) in table.primary_key.iter().zip(&table.key_pos).enumerate() {
        let Some(column) = table.columns.iter_mut().find(|c| c.name == *name) else { return Err(missing(*at, "primary key", name)) };
        if !matches!(column.kind, ColumnKind::Physical) {
            return Err(cursor
                .text
                .error(*at, format!("column `{name}` is not a field of the record and cannot be part of the primary key")));
        }
        if table.primary_key[..i].contains(name) {
            return Err(cursor.text.error(*at, format!("column `{name}` is given twice")));
        }
        column.nullable = false;
    }
    if let Some(Watermark { column: name, pos: at, .. }) = &table.watermark {
        let Some(column) = table.columns.iter().find(|c| c.name == *name) else { return Err(missing(*at, "watermark", name)) };
        if column.data_type.as_ref().is_some_and(|t| !matches!(t, DataType::Timestamp(..))) {
            return Err(cursor
                .text
                .error(*at, format!("a watermark needs a TIMESTAMP or TIMESTAMP_LTZ column, `{name}` is {}", column.text))
                .hint("declare a computed column, such as `ts AS TO_TIMESTAMP(...)`, and put the watermark on that"));
        }
    }
    if table.columns.is_empty() {
        return Err(cursor.error("a table needs at least one column"));
    }
    Ok(())
}

/// Parses the columns of PARTITIONED BY.
pub(super) fn partitions(cursor: &mut Cursor<'_>, columns: &Columns) -> Result<Vec<String>> {
    let at = cursor.pos();
    let names = cursor.names("the name of a column")?;
    let known: Vec<&str> = columns.columns.iter().map(|c| c.name.as_str()).collect();
    match names.iter().find(|name| !known.is_empty() && !known.contains(&name.as_str())) {
        Some(name) => {
            let message = format!("PARTITIONED BY names column `{name}`, which is not declared");
            Err(cursor.text.error(at, message).hint(suggest::hint(name, &known)))
        }
        None => Ok(names),
    }
}
