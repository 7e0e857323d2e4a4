//! Millstream: streaming SQL on DataFusion, in one binary.
//!
//! The modules, from the bottom up (a module uses only modules below it):
//! `common` ← `state`, `formats`, `sql` ← `connectors` ← `catalog` ← `operators` ← `planner` ← `jobs` ← `workspace` ← `shell` ← `cli`.
//! `docs/architecture.md` shows the life of a record through them.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod catalog;
pub mod cli;
pub mod common;
pub mod connectors;
pub mod formats;
pub mod jobs;
pub mod operators;
pub mod planner;
pub mod shell;
pub mod sql;
pub mod state;
pub mod workspace;
