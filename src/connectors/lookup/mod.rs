//! Lookup tables: tables in which streams look rows up.

use std::fmt::Debug;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;

use crate::common::{Projection, Result};

mod cache;
mod options;
mod partial;
#[cfg(test)]
mod partial_tests;

pub use cache::cached;
pub use options::{Cache, KEYED_OPTIONS, Limits, OPTIONS, cache_of, kept};
pub use partial::partial;

/// A table whose rows are found by key, many keys at once.
///
/// ```text
///  new rows of a stream ─▶ their keys, each once ─▶ get(keys) ─▶ rows of the table ─▶ join
/// ```
#[async_trait]
pub trait Lookup: Debug + Send + Sync {
    /// Returns the equality columns of a join by which the table can find rows; `None` if they are not enough.
    fn key(&self, columns: &[&str]) -> Option<Vec<String>>;

    /// Returns all rows whose key equals a row of `keys`, whose columns have the table's names and types. No key holds a NULL, and no key
    /// occurs twice. The answer may contain rows of other keys (a system may compare text in its own way): the join compares again. Its
    /// columns are those that `projection` wants of [`Source::schema`](super::Source::schema).
    ///
    /// # Errors
    /// When the system cannot be reached, with kind `Unavailable`, or refuses to answer.
    async fn get(&self, keys: &RecordBatch, projection: &Projection) -> Result<Vec<RecordBatch>>;
}
