//! Shared code of the connectors of database servers.
//!
//! ```text
//!   mysql ──────┐      source.rs           a table that is read as a whole, or by key
//!               ├────▶ metadata_cache.rs   columns and keys as the server reported them a moment ago
//!   cassandra ──┘      columns.rs          finds columns by name, casts rows to their types
//!                      retry.rs            retries of reads while a server is unreachable
//! ```

pub mod columns;
pub mod metadata_cache;
pub mod retry;
pub mod source;

pub use columns::{ColumnName, cast_to, column_named, columns_of};
pub use metadata_cache::MetadataCache;
pub use retry::retried;
pub use source::DatabaseSource;
