//! Flink's grammar, one statement at a time, lowered to [`super::ast::Statement`].

mod alter;
mod columns;
mod copy;
mod create;
mod drop;
mod external;
mod function;
mod group_window;
#[cfg(test)]
mod group_window_tests;
mod query;
mod show;
mod statement;

pub(super) use statement::{explained_set, statement};
