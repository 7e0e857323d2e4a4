//! Queries and INSERT: EMIT is taken off, the rest is sqlparser's.

use sqlparser::ast::SetExpr;
use sqlparser::tokenizer::Token;

use crate::common::Result;

use super::ast::{Emit, Insert, Query};
use super::casts;
use super::cursor::{Cursor, MAX_DEPTH, is_word};
use super::duplicates;
use super::group_window;
use super::text::pos;

/// Whether a query comes next.
pub(super) fn begins(cursor: &Cursor<'_>) -> bool {
    let opening = (0..MAX_DEPTH).take_while(|n| cursor.peek_nth(*n).token == Token::LParen).count();
    ["SELECT", "WITH", "VALUES"].iter().any(|word| is_word(cursor.peek_nth(opening), word))
}

/// Takes a query up to the end of the statement.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Result<Query> {
    if !begins(cursor) {
        return Err(cursor.expected("a query: SELECT, WITH or VALUES"));
    }
    let emit = emit(cursor)?;
    refuse_versions(cursor)?;
    let mut query = cursor.query()?;
    group_window::rewrite(&mut query, cursor.text)?;
    duplicates::rename(&mut query);
    casts::distinguish(&mut query);
    Ok(Query { query, emit })
}

/// `INSERT INTO table [(columns)] query`.
pub(super) fn insert(cursor: &mut Cursor<'_>) -> Result<Insert> {
    cursor.expect(&["INSERT"])?;
    if cursor.sees(&["OVERWRITE"]) {
        return Err(cursor.error("INSERT OVERWRITE is not supported: what a continuous job has written stays").hint("write INSERT INTO"));
    }
    cursor.expect(&["INTO"])?;
    cursor.take(&["TABLE"]);
    let table = cursor.object_name("the name of a table")?;
    if cursor.sees(&["PARTITION"]) {
        return Err(cursor.error("INSERT ... PARTITION is not supported yet").hint("give the partition's columns in the query"));
    }
    let mut columns: Vec<String> = Vec::new();
    if cursor.peek().token == Token::LParen && !begins(cursor) {
        cursor.next();
        loop {
            let at = cursor.pos();
            let column = cursor.name("the name of a column")?;
            if columns.contains(&column) {
                return Err(cursor.text.error(at, format!("column `{column}` is given twice")));
            }
            columns.push(column);
            if !cursor.take_symbol(&Token::Comma) {
                break;
            }
        }
        cursor.expect_symbol(&Token::RParen)?;
    }
    if cursor.at_end() {
        return Err(cursor.expected("a query: SELECT, WITH or VALUES"));
    }
    let query = query(cursor)?;
    let values = matches!(&*query.query.body, SetExpr::Values(_));
    Ok(Insert { table, columns, query, values })
}

/// Takes `EMIT CHANGES` or `EMIT FINAL` out of what is left: at the end, or before ksql's LIMIT. sqlparser would read EMIT
/// as the alias of a table.
fn emit(cursor: &mut Cursor<'_>) -> Result<Emit> {
    let (mut n, mut depth) = (0, 0_usize);
    let tokens = cursor.rest();
    while let Some((at, token)) = tokens.get(n) {
        n += 1;
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 0 || !is_word(token, "EMIT") {
            continue;
        }
        let follows = |n: usize, word: &str| tokens.get(n).is_some_and(|(_, t)| is_word(t, word));
        if tokens.len() > n + 1 && !follows(n + 1, "LIMIT") {
            continue;
        }
        let emit = if follows(n, "CHANGES") {
            Emit::Changes
        } else if follows(n, "FINAL") {
            Emit::Final
        } else if let Some((_, wrong)) = tokens.get(n) {
            let at = pos(wrong.span.start);
            let error = cursor.text.error(at, format!("expected CHANGES or FINAL behind EMIT, found `{}`", wrong.token));
            return Err(error.hint("EMIT CHANGES shows every change, EMIT FINAL each window once when it is closed"));
        } else {
            break; // an alias
        };
        let (from, to) = (*at, tokens[n].0);
        cursor.cut(from, to);
        return Ok(emit);
    }
    Ok(Emit::Unsaid)
}

/// DataFusion reads `FOR SYSTEM_TIME AS OF` and forgets it, which would join with the wrong rows.
fn refuse_versions(cursor: &Cursor<'_>) -> Result<()> {
    let tokens = cursor.rest();
    let version = tokens.windows(2).find(|pair| is_word(&pair[0].1, "FOR") && is_word(&pair[1].1, "SYSTEM_TIME"));
    match version {
        Some(pair) => {
            Err(cursor.text.error(pos(pair[0].1.span.start), "temporal and lookup joins (FOR SYSTEM_TIME AS OF) are not supported yet"))
        }
        None => Ok(()),
    }
}
