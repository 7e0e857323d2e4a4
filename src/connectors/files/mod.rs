//! Files, local and on S3: `'connector' = 'filesystem'`, and `FROM 'data/*.parquet'`.
//!
//! ```text
//!   table/   location.rs  what `path` says   store.rs  the local disk, or a bucket   format.rs  Parquet, CSV, JSON, ...
//!            config.rs    the options of a table, parsed   listing.rs  its files, and the values in their paths
//!      │
//!   text/    decompress.rs, record_splitter.rs, json_values.rs   the bytes of a text file, cut into records
//!      │
//!   read/    schema_inference.rs  undeclared columns             shape.rs  groups of files that are read alike
//!            a query that ends ─ scan.rs ─┬─ text_source.rs ─ text_records.rs   csv, json: record by record
//!                                         └─ DataFusion's readers               parquet, avro, arrow
//!            a job ─ folder_stream.rs ─ folder_reader.rs  new files in order ─ file_reader.rs  one file
//!            peek.rs  the newest files ─ text/backward_scan.rs  where their last records begin
//!   write/   COPY, bounded INSERT ── bulk_writer.rs ─┐
//!            a job ──────────────── writer.rs ───────┴ encode.rs  rows to bytes ─ atomic_file.rs  a whole file or none
//!                                       └─ sink_ledger.rs  which commits are in files; rolling.rs, partition_time.rs  when files become visible
//! ```
//! The declaration decides: columns are found by name, cast to the declared type, and NULL where a file lacks them.

mod connector;
pub mod read;
pub mod table;
pub mod text;
pub mod write;

pub use connector::FilesConnector;
