//! Files, local and on S3: `'connector' = 'filesystem'`, and `FROM 'data/*.parquet'`.
//!
//! ```text
//!                    location.rs   what `path` says             store.rs    the local disk, or a bucket
//!                    format.rs     Parquet, CSV, JSON, ...      infer.rs    columns that nobody declared
//!                         │
//!                    config.rs     all that a table says, read once
//!                         │
//!   query that ends ─ scan.rs ─ listing.rs  which files, what their paths say
//!                        │      shape.rs    files that are read alike
//!                        ├───── text_source.rs ─ lines.rs ─ records.rs   csv, json: record by record
//!                        └───── DataFusion's readers                     parquet, avro, arrow
//!   job that reads ── follow.rs ─ reader.rs  which files are new, in order ─ pieces.rs  one file ─ lines.rs, or scan.rs
//!   somebody who looks ── peek.rs  the newest files ─ tail.rs  where their last records begin ─ lines.rs
//!   COPY, INSERT that ends ── target.rs ─┐
//!   job that writes ───────── writer.rs ─┴ encode.rs  rows to bytes ── output.rs  a file that is whole or not there
//!                                └──────── record.rs  what is in files; rolling.rs, partition_time.rs  when they are shown
//! ```
//! What a table declares counts: columns are found by name, cast to the declared type, and NULL where a file lacks them.

mod arrow_blocks;
mod avro_blocks;
mod begun;
mod config;
mod connector;
mod copy;
mod downwards;
mod encode;
mod follow;
mod format;
mod header;
mod infer;
mod lines;
mod listing;
mod location;
mod metadata;
mod options;
mod output;
mod partition_time;
mod peek;
mod pieces;
mod reader;
mod record;
mod records;
mod rolling;
mod scan;
mod shape;
mod sink;
mod source;
mod store;
mod tail;
mod target;
mod text_source;
mod types;
mod unpack;
mod values;
mod writer;

pub use connector::FilesConnector;
