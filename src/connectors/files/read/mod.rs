//! Reads files: for queries that end, for jobs, for previews of the newest records, and to infer columns.

pub(super) mod arrow_blocks;
pub(super) mod avro_blocks;
mod avro_booleans;
mod avro_source;
mod checked_source;
mod column_names;
mod column_source;
pub(super) mod csv_header;
mod exact_casts;
pub(super) mod file_reader;
pub(super) mod file_types;
pub(super) mod floor_times;
pub(super) mod folder_reader;
pub(super) mod folder_stream;
mod int96_times;
mod nested_names;
mod out_of_range;
pub(super) mod peek;
mod renamed_parquet;
pub(super) mod scan;
pub(super) mod schema_inference;
pub(super) mod seen_file;
pub(super) mod shape;
mod skipped_records;
pub(super) mod source;
pub(super) mod text_records;
mod text_source;
