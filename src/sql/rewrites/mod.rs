//! Rewrites of sqlparser's trees that every dialect needs, because of how DataFusion plans them.

pub(super) mod casts;
pub mod duplicates;
pub mod numbers;
