//! Parses queries and INSERT: removes EMIT, and leaves the rest to sqlparser.

use sqlparser::ast::{self, SetExpr, TableFactor, Visit, VisitMut, Visitor, VisitorMut};
use sqlparser::tokenizer::Token;
use std::ops::ControlFlow;

use crate::common::{Error, Result};
use crate::sql::ast::{Insert, Query};
use crate::sql::cursor::{Cursor, MAX_DEPTH, is_word};
use crate::sql::dialect::Dialect;
use crate::sql::emit::emit;
use crate::sql::hints;
use crate::sql::rewrites::{casts, duplicates};
use crate::sql::text::{Text, pos};

use super::group_window;

/// Whether a query comes next.
pub(super) fn begins(cursor: &Cursor<'_>) -> bool {
    let opening = (0..MAX_DEPTH).take_while(|n| cursor.peek_nth(*n).token == Token::LParen).count();
    ["SELECT", "WITH", "VALUES"].iter().any(|word| is_word(cursor.peek_nth(opening), word))
}

/// Parses a query up to the end of the statement.
pub(super) fn query(cursor: &mut Cursor<'_>) -> Result<Query> {
    if !begins(cursor) {
        return Err(cursor.expected("a query: SELECT, WITH or VALUES"));
    }
    let (emit, limited) = emit(cursor)?;
    let pattern = cursor.rest().iter().find(|(_, token)| is_word(token, "MATCH_RECOGNIZE")).map(|(_, token)| pos(token.span.start));
    let mut query = cursor.query()?;
    if let Some(at) = pattern
        && has_pattern(&query)
    {
        return Err(no_patterns(cursor.text, at));
    }
    fetch_as_limit(&mut query);
    group_window::rewrite(&mut query, cursor.text)?;
    duplicates::rename(&mut query);
    casts::distinguish(&mut query);
    Ok(Query { query, emit, ends: limited, dialect: Dialect::FLINK })
}

/// Rewrites `FETCH FIRST n ROWS ONLY` as `LIMIT n`, everywhere in a query.
fn fetch_as_limit(query: &mut ast::Query) {
    struct Fetches;
    impl VisitorMut for Fetches {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut ast::Query) -> ControlFlow<()> {
            // Other forms are left to DataFusion, which rejects them.
            let known = |f: &ast::Fetch| !f.with_ties && !f.percent;
            let limited = |clause: &ast::LimitClause| !matches!(clause, ast::LimitClause::LimitOffset { limit: None, .. });
            if !query.fetch.as_ref().is_some_and(known) || query.limit_clause.as_ref().is_some_and(limited) {
                return ControlFlow::Continue(());
            }
            let one = || ast::Expr::Value(ast::Value::Number("1".into(), false).into());
            let rows = query.fetch.take().map(|fetch| fetch.quantity.unwrap_or_else(one));
            match &mut query.limit_clause {
                Some(ast::LimitClause::LimitOffset { limit, .. }) => *limit = rows,
                other => *other = Some(ast::LimitClause::LimitOffset { limit: rows, offset: None, limit_by: Vec::new() }),
            }
            ControlFlow::Continue(())
        }
    }
    _ = VisitMut::visit(query, &mut Fetches);
}

/// Whether a query contains MATCH_RECOGNIZE.
fn has_pattern(query: &ast::Query) -> bool {
    struct Patterns;
    impl Visitor for Patterns {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if matches!(factor, TableFactor::MatchRecognize { .. }) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    query.visit(&mut Patterns).is_break()
}

fn no_patterns(text: &Text<'_>, at: crate::sql::ast::Pos) -> Error {
    text.error(at, "MATCH_RECOGNIZE is not supported: patterns over rows are not matched")
        .hint("often LAG(...) OVER (PARTITION BY ... ORDER BY time), or a SESSION window, answers the same question")
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
    let options = hints::take(cursor)?;
    if cursor.sees(&["PARTITION"]) {
        return Err(cursor.error("INSERT ... PARTITION is not supported yet").hint("give the partition's columns in the query"));
    }
    let listed = cursor.peek().token == Token::LParen && !begins(cursor);
    let columns = if listed { cursor.names("the name of a column")? } else { Vec::new() };
    if cursor.at_end() {
        return Err(cursor.expected("a query: SELECT, WITH or VALUES"));
    }
    let query = query(cursor)?;
    let values = matches!(&*query.query.body, SetExpr::Values(_));
    Ok(Insert { table, options, columns, query, values })
}
