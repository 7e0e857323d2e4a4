//! Text to [`ast::Statement`]. No I/O, no names resolved: that is the catalog's and the planner's.

pub mod ast;
pub mod types;
