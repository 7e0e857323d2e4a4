//! The catalog: tables, views, functions and their databases, and how a run overrides them.
//!
//! A [`Catalog`] is three layers: the declarations in the data folder, over them those of a shared folder (`--catalog`), over both the
//! TEMPORARY declarations of a connection. All connections of a process share the first two (declarations.rs).
//!
//! ```text
//!  a statement ─▶ complete (like.rs) ─▶ create.rs, alter.rs, drop.rs ─▶ under the lock of all connections and the folder's (folder.rs): read what others
//!                                                                      have changed, judge, write one file (files.rs)
//!  a query     ─▶ resolve.rs: names become canonical, hints and functions are expanded ─▶ the planner
//! ```
//! Names are *canonical* inside: as declared, with the database as prefix unless it is the default one ([`crate::sql::name`]).
//! [`Overrides`] hold SET and `--option` ([`JobSettings`] are the settings of the job itself), and [`table_spec`] turns a declaration into
//! what a connector needs.

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
