//! Text to [`ast::Statement`]. No I/O, no names resolved: that is the catalog's and the planner's.
//!
//! [`parse`] cuts a script at its semicolons (`script.rs`) and looks at the first words of each statement
//! (`statement.rs`), over the tokens of `tokens.rs`. What is Flink's own grammar is read here, token by token (`create.rs`, `columns.rs`, `types.rs`,
//! `settings.rs`); queries and expressions are sqlparser's (`query.rs`, `dialect.rs`), because DataFusion plans its trees.

pub mod ast;
mod build;
mod casts;
mod columns;
mod copy;
mod create;
mod cursor;
pub mod dialect;
pub mod duplicates;
mod forms;
mod group_window;
mod query;
mod script;
mod settings;
mod statement;
mod text;
mod tokens;
pub mod types;

#[cfg(test)]
mod forms_tests;
#[cfg(test)]
mod group_window_tests;
#[cfg(test)]
mod robust_tests;
#[cfg(test)]
mod tests;

pub use script::parse;

/// A name as SQL text: in backticks if it needs them.
pub fn quoted(name: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    if plain { name.to_string() } else { format!("`{}`", name.replace('`', "``")) }
}
