//! Sources that tables are read from and sinks they are written to. One module per system; other modules use only the traits here.
//!
//! ```text
//!              ┌───────────┐  source  ┌────────┐ scan, stream, snapshot, lookup
//!  TableSpec ─▶│ Connector │─────────▶│ Source │──────────────────────────────▶ source.rs, reader.rs, lookup/
//!              └─────┬─────┘          └────────┘
//!                    │   sink         ┌────────┐ open: fences older copies, says which commit it holds
//!                    └───────────────▶│  Sink  │──────────────────────────────▶ SinkWriter::write ─▶ commit      sink.rs
//!                                     └────────┘
//! ```
//! Positions are plain numbers per partition (Kafka offsets, row numbers, ...): a [`Split`] names `[start, end)` of one
//! partition and can be sent to another machine.

pub use crate::common::OptionSpec;

pub mod blackhole;
pub mod cassandra;
pub mod conformance;
pub mod connector;
pub mod database;
pub mod datagen;
pub mod files;
pub mod kafka;
pub mod lookup;
pub mod metadata_predicate;
pub mod mysql;
pub mod offset_batch;
pub mod on_error;
pub mod options;
pub mod peek;
pub mod print;
pub mod reader;
pub mod registry;
pub mod rejects;
pub mod sink;
pub mod source;
pub mod split;
pub mod table;

pub use connector::Connector;
pub use lookup::Lookup;
pub use metadata_predicate::{Intervals, MetadataPredicate};
pub use on_error::OnError;
pub use reader::{Chunk, Fetched, PartitionState, Prefetch, Rejected, SourceCounters, SourceReader};
pub use registry::Connectors;
pub use rejects::{RejectedRow, Rejects};
pub use sink::{BulkWriter, CommitInfo, Recorded, Sink, SinkMode, SinkWriter, Writer};
pub use source::{BoundedScan, Changes, Discoveries, RunContext, Source, SplitEnumerator, SplitScan, StartMode, StreamSource};
pub use split::{PartitionRange, Split};
pub use table::{Inferred, InferredColumn, TableColumn, TableSpec};
