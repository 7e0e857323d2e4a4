//! Flink's grammar: parses one statement at a time into a [`super::ast::Statement`].

mod alter;
mod columns;
mod copy;
mod create;
mod drop;
mod expressions;
mod external;
mod function;
mod group_window;
#[cfg(test)]
mod group_window_tests;
mod hints;
mod implicit_casts;
mod infix;
mod keywords;
#[cfg(test)]
mod precedence_tests;
mod query;
mod render;
mod rewrites;
mod set;
mod show;
mod statement;

use arrow::datatypes::DataType;
use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::TokenWithSpan;

use crate::common::Result;

use super::ast::{CreateTable, CreateView, Statement};
use super::cursor::Cursor;
use super::grammar::{Folding, Grammar, Part};
use super::keywords::Keywords;
use super::text::Text;
use rewrites::forms;

/// Flink's dialect.
pub(super) struct Flink;

impl Grammar for Flink {
    fn name(&self) -> &'static str {
        "flink"
    }

    fn title(&self) -> &'static str {
        "Flink"
    }

    fn folding(&self) -> Folding {
        Folding::Exact
    }

    fn part(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
        set::part(text, tokens)
    }

    fn set_forms(&self) -> (&'static str, &'static str) {
        set::FORMS
    }

    fn is_hint(&self, comment: &str) -> bool {
        comment.starts_with('+')
    }

    fn hints(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        hints::fold(text, tokens)
    }

    fn statement(&self, cursor: &mut Cursor<'_>) -> Result<Statement> {
        statement::statement(cursor)
    }

    fn casts_implicitly(&self, from: &DataType, to: &DataType) -> bool {
        implicit_casts::implicit(from, to)
    }

    fn sqlparser(&self) -> &'static dyn Dialect {
        &expressions::FlinkExpressions
    }

    fn rewrite_expr(&self, expr: &mut Expr, text: &Text<'_>) -> Result<()> {
        forms::rewrite(expr, text)
    }

    fn rewrite_query(&self, query: &mut Query, text: &Text<'_>) -> Result<()> {
        forms::rewrite(query, text)
    }

    fn keywords(&self) -> &'static Keywords {
        &keywords::KEYWORDS
    }

    fn table_text(&self, table: &CreateTable) -> String {
        render::table(table)
    }

    fn view_text(&self, view: &CreateView) -> String {
        render::view(view)
    }
}
