//! A topic's messages as they stand, and the rows that a table makes of them: two tables over the same topic.
//!
//! ```text
//!   declared   id INT, name STRING                     format json
//!   raw        partition, offset, timestamp, value BYTES     format raw, no key, no modes
//!   decoded    id INT, name STRING, partition, offset, timestamp      as declared, bad records are passed over
//! ```

use arrow::datatypes::DataType;

use crate::connectors::{TableColumn, TableSpec};
use crate::sql::ast::Options;

use super::metadata::Metadata;
use super::options::APPEND;

/// The metadata that tells a message from all others, under names that no table has.
const PLACE: [(&str, &str, Metadata); 3] = [
    ("__partition", "partition", Metadata::Partition),
    ("__offset", "offset", Metadata::Offset),
    ("__timestamp", "timestamp", Metadata::Timestamp),
];

fn place() -> impl Iterator<Item = TableColumn> {
    PLACE.into_iter().map(|(name, key, metadata)| TableColumn {
        name: name.to_string(),
        data_type: metadata.data_type(),
        nullable: true,
        metadata: Some(key.to_string()),
        is_virtual: true,
    })
}

/// The topic of a table with one column of bytes behind partition, offset and timestamp, read from its first record to its end.
pub(super) fn raw(table: &TableSpec) -> TableSpec {
    let mut options = Options::default();
    let kept = table.options.iter().filter(|(key, _)| *key == "topic" || key.starts_with("properties."));
    kept.for_each(|(key, value)| options.set(key, value));
    options.set("format", "raw");
    let value = TableColumn { name: "value".to_string(), data_type: DataType::Binary, nullable: true, metadata: None, is_virtual: false };
    TableSpec {
        name: table.name.clone(),
        connector: APPEND.to_string(),
        columns: place().chain([value]).collect(),
        primary_key: Vec::new(),
        partitioned_by: Vec::new(),
        options,
    }
}

/// The table with partition, offset and timestamp behind its columns; a record that cannot be read stops nobody.
pub(super) fn decoded(table: &TableSpec) -> TableSpec {
    let mut options = Options::default();
    table.options.iter().filter(|(key, _)| *key != "dead-letter.table").for_each(|(key, value)| options.set(key, value));
    options.set("on-error", "skip");
    TableSpec { columns: table.columns.iter().cloned().chain(place()).collect(), options, ..table.clone() }
}
