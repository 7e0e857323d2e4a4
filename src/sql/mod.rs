//! Parses text to [`ast::Statement`]. No I/O and no name resolution: that is up to the catalog and the planner.
//!
//! ```text
//!  text ─▶ tokens.rs ─▶ script.rs cuts at semicolons ─▶ dialect.rs: which one? ─▶ variables.rs ─▶ flink/  a grammar, token by token
//!                                                                                                │
//!                                           rewrites/: queries and expressions ◀─────────────────┤
//!                                           sqlparser reads those, because DataFusion plans them ▼
//!                                                                                         ast/  Statement
//! ```
//! The parts that all grammars share are in this folder: the statements that they lower to (`ast/`), the cursor over tokens (`cursor.rs`),
//! types, names, settings. Each grammar is a separate module, which only `dialect.rs` names.

pub mod as_of;
pub mod ast;
mod cursor;
pub mod dialect;
mod emit;
mod flink;
mod grammar;
pub mod hints;
mod keywords;
pub mod name;
pub mod render;
mod script;
mod settings;
pub mod size;
mod text;
mod tokens;
pub mod types;
pub mod variables;
mod work_limit;

pub(crate) mod ast_builder;
#[cfg(test)]
mod ddl_tests;
#[cfg(test)]
mod forms_tests;
pub mod highlight;
pub mod rewrites;
#[cfg(test)]
mod robust_tests;
#[cfg(test)]
mod test_dialect;
#[cfg(test)]
mod tests;

pub use crate::common::type_names::quoted;
pub use dialect::{Dialect, InForce};
pub use script::{parse, parse_each, parse_with};
pub use tokens::all_tokens;
pub use variables::Variables;

/// A canonical name as SQL text: each part in backticks if it needs them.
pub fn quoted_path(name: &str) -> String {
    let (database, last) = name::split(name);
    database.map_or_else(|| quoted(&last), |database| format!("{}.{}", quoted(&database), quoted(&last)))
}

/// A string literal in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// `SELECT * FROM name`, for a canonical name.
pub fn select_all(name: &str) -> ast::Query {
    let (database, last) = name::split(name);
    let parts = database.into_iter().chain([last]).map(|part| sqlparser::ast::Ident::with_quote('`', part)).collect::<Vec<_>>();
    let select = ast_builder::select_all(vec![ast_builder::table(sqlparser::ast::ObjectName::from(parts))]);
    ast::Query::new(ast_builder::query(sqlparser::ast::SetExpr::Select(Box::new(select))))
}
