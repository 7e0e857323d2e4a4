//! MySQL 8 and MariaDB: `'connector' = 'mysql'`, and Flink's `'jdbc'` with a MySQL or MariaDB URL.
//!
//! ```text
//!            ┌─ MySqlScan ──▶ SELECTs side by side ───────┐
//!  Source ───┤                (ranges, filters)           ├─▶ rows of texts ─▶ Decoder ─▶ batches      scan, ranges, filters, decode
//!            └─ MySqlLookup ▶ SELECT ... WHERE key IN ()──┘                                            lookup
//!  Sink ───────▶ one transaction per commit: rows, and the commit's number in millstream_commits       sink, writer, target, commits
//! ```
//! Values are transferred as text both ways: it is the same for both servers, and preserves the whole value. Every session has the same
//! mode, zone (+00:00) and character set, whatever the server's settings are (`client.rs`).

mod client;
mod commits;
mod config;
mod connector;
mod decode;
mod failure;
mod filters;
mod literal;
mod lookup;
mod options;
mod peek;
mod ranges;
mod remote_table;
mod scan;
mod sink;
mod statements;
mod target;
mod types;
mod url;
mod writer;

pub use connector::MySqlConnector;
