//! Named things: tables, views, functions and the databases that they are in, and what a run changes about them.
//!
//! A [`Catalog`] is three layers: the declarations in the data folder, over them those of a shared folder (`--catalog`),
//! over both what a connection declares with TEMPORARY. The first two are shared by all connections of a process (declarations.rs).
//!
//! ```text
//!  a statement ─▶ complete (like.rs) ─▶ create.rs, alter.rs, drop.rs ─▶ under the lock of all connections and the folder's (folder.rs): read what others
//!                                                                      have changed, judge, write one file (files.rs)
//!  a query     ─▶ resolve.rs: every name becomes the canonical one, hints and functions are put in ─▶ the planner
//! ```
//! Names are *canonical* inside: as declared, with the database in front unless it is the default one ([`crate::sql::name`]).
//! [`Overrides`] hold SET and `--option` ([`JobSettings`] is what they say about the job itself), and [`table_spec`] makes
//! of a declaration what a connector needs.

mod alter;
mod assemble;
mod create;
mod declarations;
mod drop;
mod entry;
mod files;
mod folder;
mod layers;
mod like;
mod names;
pub mod overrides;
mod references;
mod replay;
mod resolve;
pub mod settings;
mod spec;

pub use assemble::assemble;
pub use create::Created;
pub use entry::{Entry, FunctionEntry, Key, Space, TableEntry, ViewEntry};
pub use layers::Catalog;
pub use names::database as database_of;
pub use overrides::Overrides;
pub use resolve::{Hinted, Resolver};
pub use settings::JobSettings;
pub use spec::{resolve_references, table_spec};

mod equivalence;
#[cfg(test)]
mod tests;
