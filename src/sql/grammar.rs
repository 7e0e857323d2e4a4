//! The part of a dialect that parses text; [`super::dialect`] lists all parts.

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

/// The case in which unquoted names are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folding {
    /// As written.
    Exact,
    /// In upper case.
    #[cfg_attr(not(test), expect(dead_code, reason = "no dialect but that of the tests folds names yet"))]
    Upper,
}

/// The role of the tokens up to a semicolon.
#[derive(Debug)]
pub(super) enum Part {
    /// A statement.
    Statement,
    /// They open a set of statements that are one job; its first statement may follow at once.
    Opens {
        /// How the set is explained, if it is not run.
        explain: Option<Explain>,
        /// The number of tokens of the opening.
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

    /// The case in which unquoted names are kept.
    fn folding(&self) -> Folding;

    /// The default emission of a continuous query.
    fn emission(&self) -> Emit {
        Emit::Default
    }

    /// Whether these tokens are a statement that no other dialect has: such a statement is recognized while the default dialect is in
    /// force.
    fn has_form(&self, tokens: &[TokenWithSpan]) -> bool {
        let _ = tokens;
        false
    }

    /// Replaces variables by their values: `:name` and `${name}` unless the dialect has its own forms.
    ///
    /// # Errors
    /// For a variable that has no value.
    fn fill(&self, variables: &Variables, text: &mut Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        variables.fill(text, tokens)
    }

    /// The role of the tokens up to a semicolon.
    fn part(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Part {
        let _ = (text, tokens);
        Part::Statement
    }

    /// The beginning and the end of a set of statements, for hints.
    fn set_forms(&self) -> (&'static str, &'static str) {
        ("", "")
    }

    /// Whether a comment is a hint for its statement.
    fn is_hint(&self, comment: &str) -> bool {
        let _ = comment;
        false
    }

    /// Moves hints from comments into the tokens.
    ///
    /// # Errors
    /// For hints that are not supported.
    fn hints(&self, text: &Text<'_>, tokens: &[TokenWithSpan]) -> Result<Vec<TokenWithSpan>> {
        let _ = text;
        Ok(tokens.to_vec())
    }

    /// Parses one statement.
    ///
    /// # Errors
    /// When the statement is not valid, with the position.
    fn statement(&self, cursor: &mut Cursor<'_>) -> Result<Statement>;

    /// Parses a type, in CAST and in declarations.
    ///
    /// # Errors
    /// When there is no such type.
    fn data_type(&self, cursor: &mut Cursor<'_>) -> Result<DataType> {
        types::data_type(cursor)
    }

    /// The name of a type.
    fn type_name(&self, data_type: &DataType) -> String {
        types::display(data_type)
    }

    /// Whether INSERT implicitly casts values of a type to that of a column.
    fn casts_implicitly(&self, from: &DataType, to: &DataType) -> bool;

    /// The sqlparser dialect for expressions and queries.
    fn sqlparser(&self) -> &'static dyn Dialect;

    /// Rewrites alternative forms in an expression that sqlparser has parsed.
    ///
    /// # Errors
    /// For forms that are not supported.
    fn rewrite_expr(&self, expr: &mut Expr, text: &Text<'_>) -> Result<()>;

    /// Rewrites alternative forms in a query.
    ///
    /// # Errors
    /// For forms that are not supported.
    fn rewrite_query(&self, query: &mut Query, text: &Text<'_>) -> Result<()>;

    /// Its keywords, for highlighting and completion.
    fn keywords(&self) -> &'static Keywords;

    /// The text of a table that was assembled from others, changed, or created from a query.
    fn table_text(&self, table: &CreateTable) -> String;

    /// The text of a view that was changed.
    fn view_text(&self, view: &CreateView) -> String;
}
