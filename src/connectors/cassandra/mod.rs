//! Apache Cassandra: `'connector' = 'cassandra'`.
//!
//! ```text
//!            ┌─ CassandraScan ───▶ ranges of tokens side by side ─┐
//!  Source ───┤                     (or reads by key: filters)     ├─▶ pages ─▶ Decoder ─▶ batches      scan, filters, decode
//!            └─ CassandraLookup ─▶ prepared reads, many at a time─┘                                    lookup
//!  Sink ───────▶ puts and deletes with the commit's write timestamps, then its number in millstream_commits     sink, writer, target, commits
//! ```
//! Values are transferred as the bytes of the protocol (`decode.rs`, `encode.rs`), with the types from `system_schema` (`types.rs`).

mod client;
mod commits;
mod config;
mod connector;
mod decode;
mod encode;
mod failure;
mod filters;
mod identifiers;
mod lookup;
mod options;
mod peek;
mod remote_table;
mod scan;
mod sink;
mod statements;
mod target;
mod text;
mod tls;
mod types;
mod writer;

pub use connector::CassandraConnector;
