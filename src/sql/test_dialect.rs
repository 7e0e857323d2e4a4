//! A dialect for tests that differs in everything a dialect decides: names in upper case, `KEEP` for CREATE VIEW, every change emitted.

use std::sync::LazyLock;

use arrow::datatypes::DataType;
use sqlparser::ast::{Expr, Query as SqlQuery};
use sqlparser::dialect::{Dialect, GenericDialect};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::common::Result;

use super::ast::{Column, ColumnKind, CreateTable, CreateView, Emit, Insert, Options, Pos, Query, Statement};
use super::cursor::{Cursor, is_space, is_word};
use super::grammar::{Folding, Grammar};
use super::keywords::{Keywords, Lists};
use super::text::Text;
use super::{emit, settings, types};

pub(super) struct TestDialect;

static GENERIC: GenericDialect = GenericDialect;

static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    Keywords::new(&Lists {
        begins: &["KEEP", "SELECT"],
        inside: &["FROM"],
        shown: &[],
        more: &[],
        behind: &[],
        before: &[],
        units: &[],
        calls: &[],
        types: &[],
        both: &[],
        named: &[],
    })
});

impl Grammar for TestDialect {
    fn name(&self) -> &'static str {
        "test"
    }

    fn title(&self) -> &'static str {
        "Test"
    }

    fn folding(&self) -> Folding {
        Folding::Upper
    }

    fn emission(&self) -> Emit {
        Emit::Changes
    }

    fn has_form(&self, tokens: &[TokenWithSpan]) -> bool {
        tokens.iter().find(|token| !is_space(token)).is_some_and(|first| is_word(first, "KEEP"))
    }

    /// `KEEP [MATERIALIZED] name AS query`, `KEEP TABLE name (column type | column = expr, ...) WITH (key = 'value')`, `INSERT INTO`,
    /// queries, SET and RESET.
    fn statement(&self, cursor: &mut Cursor<'_>) -> Result<Statement> {
        if cursor.take(&["KEEP", "TABLE"]) {
            return table(cursor).map(Statement::CreateTable);
        }
        if cursor.take(&["KEEP"]) {
            let materialized = cursor.take(&["MATERIALIZED"]);
            let name = cursor.object_name("the name of a view")?;
            cursor.expect(&["AS"])?;
            let from = cursor.peek().span.start;
            let query = query(cursor)?;
            let text = cursor.text_since(from);
            let (or_replace, temporary, if_not_exists, columns) = (false, false, false, Vec::new());
            return Ok(Statement::CreateView(CreateView {
                name,
                materialized,
                or_replace,
                temporary,
                if_not_exists,
                columns,
                query,
                text,
            }));
        }
        if cursor.take(&["SET"]) {
            return settings::set(cursor);
        }
        if cursor.take(&["RESET"]) {
            return settings::reset(cursor);
        }
        if cursor.take(&["INSERT", "INTO"]) {
            let table = cursor.object_name("the name of a table")?;
            let query = query(cursor)?;
            return Ok(Statement::Insert(Insert { table, options: Options::default(), columns: Vec::new(), query, values: false }));
        }
        query(cursor).map(Statement::Query)
    }

    /// BIGINT is also named LONG here.
    fn data_type(&self, cursor: &mut Cursor<'_>) -> Result<DataType> {
        if cursor.take(&["LONG"]) { Ok(DataType::Int64) } else { types::data_type(cursor) }
    }

    fn type_name(&self, data_type: &DataType) -> String {
        types::display(data_type).to_lowercase()
    }

    fn casts_implicitly(&self, from: &DataType, to: &DataType) -> bool {
        from == to
    }

    fn sqlparser(&self) -> &'static dyn Dialect {
        &GENERIC
    }

    fn rewrite_expr(&self, _: &mut Expr, _: &Text<'_>) -> Result<()> {
        Ok(())
    }

    fn rewrite_query(&self, _: &mut SqlQuery, _: &Text<'_>) -> Result<()> {
        Ok(())
    }

    fn keywords(&self) -> &'static Keywords {
        &KEYWORDS
    }

    fn table_text(&self, table: &CreateTable) -> String {
        format!("KEEP TABLE {} ()", table.name)
    }

    fn view_text(&self, view: &CreateView) -> String {
        format!("KEEP {}{} AS {}", if view.materialized { "MATERIALIZED " } else { "" }, view.name, view.text)
    }
}

fn query(cursor: &mut Cursor<'_>) -> Result<Query> {
    let (emit, ends) = emit::emit(cursor)?;
    Ok(Query { emit, ends, ..Query::new(*cursor.query()?) })
}

fn table(cursor: &mut Cursor<'_>) -> Result<CreateTable> {
    let name = cursor.object_name("the name of a table")?;
    let (mut columns, mut options) = (Vec::new(), Options::default());
    cursor.list(|cursor| {
        let name = cursor.name("the name of a column")?;
        let from = cursor.peek().span.start;
        let (data_type, kind) = if cursor.take_symbol(&Token::Eq) {
            (None, ColumnKind::Computed(Box::new(cursor.expr()?)))
        } else {
            (Some(TestDialect.data_type(cursor)?), ColumnKind::Physical)
        };
        let text = cursor.text_since(from).trim_start_matches('=').trim().to_string();
        columns.push(Column { name, data_type, text, nullable: true, kind, comment: None, pos: Pos::default() });
        Ok(())
    })?;
    cursor.expect(&["WITH"])?;
    cursor.list(|cursor| {
        let key = match cursor.peek().token {
            Token::SingleQuotedString(_) => cursor.string("a property")?,
            _ => cursor.name("a property")?.to_lowercase(),
        };
        cursor.expect_symbol(&Token::Eq)?;
        options.push(key, cursor.string("its value")?, Pos::default())
    })?;
    Ok(CreateTable { name, columns, options, ..CreateTable::default() })
}
