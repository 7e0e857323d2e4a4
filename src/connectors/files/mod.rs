//! Files, local and on S3: `'connector' = 'filesystem'`, and `FROM 'data/*.parquet'`.
//!
//! ```text
//!   table/   location.rs  what `path` says   store.rs  the local disk, or a bucket   format.rs  Parquet, CSV, JSON, ...
//!            config.rs    all that a table says, read once   listing.rs  which files there are, what their paths say
//!      │
//!   text/    decompress.rs, record_splitter.rs, json_values.rs   the bytes of a text file, cut into records
//!      │
//!   read/    schema_inference.rs  undeclared columns             shape.rs  files that are read alike
//!            a query that ends ─ scan.rs ─┬─ text_source.rs ─ text_records.rs   csv, json: record by record
//!                                         └─ DataFusion's readers               parquet, avro, arrow
//!            a job ─ folder_stream.rs ─ folder_reader.rs  new files in order ─ file_reader.rs  one file
//!            peek.rs  the newest files ─ text/backward_scan.rs  where their last records begin
//!   write/   COPY, INSERT that ends ─ bulk_writer.rs ─┐
//!            a job ───────────────── writer.rs ───────┴ encode.rs  rows to bytes ─ atomic_file.rs  a whole file or none
//!                                       └─ sink_ledger.rs  what is in files; rolling.rs, partition_time.rs  when they are shown
//! ```
//! The declaration decides: columns are found by name, cast to the declared type, and NULL where a file lacks them.

mod connector;
pub mod read;
pub mod table;
pub mod text;
pub mod write;

pub use connector::FilesConnector;
