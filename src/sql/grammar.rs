//! The part of a dialect that reads text; [`super::dialect`] lists all parts.

use arrow::datatypes::DataType;
use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::Dialect;
use sqlparser::tokenizer::TokenWithSpan;

use crate::common::Result;

use super::ast::{CreateTable, CreateView, Emit, Explain, Statement};
use super::cursor::Cursor;
use super::keywords::Keywords;
use super::text::Text;
use super::types;
use super::variables::Variables;

/// How a name without quotes is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folding {
    /// As it is written.
    Exact,
    /// In upper case.
    #[cfg_attr(not(test), expect(dead_code, reason = "no dialect but that of the tests folds names yet"))]
    Upper,
}

/// What the tokens up to a semicolon are to those around them.
#[derive(Debug)]
pub(super) enum Part {
    /// A statement.
    Statement,
    /// They open a set of statements that are one job, and the first one may follow at once.
    Opens {
        /// How the set is explained, if it is not run.
        explain: Option<Explain>,
        /// Of how many tokens the opening is.
        tokens: usize,
    },
    /// They close a set.
    Closes,
}

/// The grammar of a dialect.
pub(super) trait Grammar: Sync {
    /// Its name in SET and in the catalog.
    fn name(&self) -> &'static str;

    /// Its display name.
    fn title(&self) -> &'static str;

    /// How names without quotes are kept.
    fn folding(&self) -> Folding;

    /// What a continuous query shows that does not say when.
    fn emission(&self) -> Emit {
        Emit::Default
    }

    /// Whether no other dialect could mean these tokens, which are a statement: by that it is recognised where the default dialect is
    /// in force.
    fn has_form(&self, tokens: &[TokenWithSpan]) -> bool {
        let _ = tokens;
        false
    }

    /// Puts values in the places of variables: `:name` and `${name}` unless the dialect has forms of its own.
    ///
    /// # Errors
    /// For a variable that has no value.
    fn fill(&self, variables: &Variables, text: &mut Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        variables.fill(text, tokens)
    }

    /// What tokens up to a semicolon are to those around them.
    fn part(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
        let _ = (text, tokens);
        Part::Statement
    }

    /// How a set of statements begins and ends, for hints.
    fn set_forms(&self) -> (&'static str, &'static str) {
        ("", "")
    }

    /// Whether a comment says something of the statement that it stands in.
    fn is_hint(&self, comment: &str) -> bool {
        let _ = comment;
        false
    }

    /// Takes what hints in comments say into the tokens.
    ///
    /// # Errors
    /// For hints that cannot be followed.
    fn hints(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        let _ = text;
        Ok(tokens.to_vec())
    }

    /// Takes one statement.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    fn statement(&self, cursor: &mut Cursor<'_>) -> Result<Statement>;

    /// Takes a type, in CAST and in declarations.
    ///
    /// # Errors
    /// When there is no such type.
    fn data_type(&self, cursor: &mut Cursor<'_>) -> Result<DataType> {
        types::data_type(cursor)
    }

    /// What a type is called.
    fn type_name(&self, data_type: &DataType) -> String {
        types::display(data_type)
    }

    /// Whether INSERT casts values of a type to a column's without being asked.
    fn casts_implicitly(&self, from: &DataType, to: &DataType) -> bool;

    /// How sqlparser reads expressions and queries.
    fn sqlparser(&self) -> &'static dyn Dialect;

    /// Rewrites what is only written in another way, in an expression that sqlparser has read.
    ///
    /// # Errors
    /// For forms that are not supported.
    fn rewrite_expr(&self, expr: &mut Expr, text: &Text<'_>) -> Result<()>;

    /// The same in a query.
    ///
    /// # Errors
    /// For forms that are not supported.
    fn rewrite_query(&self, query: &mut Query, text: &Text<'_>) -> Result<()>;

    /// Its words, for colours and completion.
    fn keywords(&self) -> &'static Keywords;

    /// The text of a table that was put together from others, changed, or made from a query.
    fn table_text(&self, table: &CreateTable) -> String;

    /// The text of a view that was changed.
    fn view_text(&self, view: &CreateView) -> String;
}
