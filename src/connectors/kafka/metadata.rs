//! The metadata columns of a Kafka table, in Flink's names and types.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Fields, TimeUnit};

use crate::common::{Error, Result, suggest};
use crate::connectors::TableSpec;

/// A metadata column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// The topic's name.
    Topic,
    /// The partition.
    Partition,
    /// The offset.
    Offset,
    /// The record's time.
    Timestamp,
    /// What set the record's time.
    TimestampType,
    /// The leader epoch.
    LeaderEpoch,
    /// All headers; of several with the same name the last counts.
    Headers,
}

const ALL: [(&str, Metadata); 7] = [
    ("topic", Metadata::Topic),
    ("partition", Metadata::Partition),
    ("headers", Metadata::Headers),
    ("leader-epoch", Metadata::LeaderEpoch),
    ("offset", Metadata::Offset),
    ("timestamp", Metadata::Timestamp),
    ("timestamp-type", Metadata::TimestampType),
];

impl Metadata {
    /// The metadata column of that key.
    pub fn from_key(key: &str) -> Option<Self> {
        ALL.iter().find(|(name, _)| *name == key).map(|(_, metadata)| *metadata)
    }

    /// The type of its values before a cast to the declared type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Topic | Self::TimestampType => DataType::Utf8,
            Self::Partition | Self::LeaderEpoch => DataType::Int32,
            Self::Offset => DataType::Int64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
            Self::Headers => {
                let entry = Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, true)]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
            }
        }
    }

    /// Whether an INSERT can fill the column.
    pub fn writable(self) -> bool {
        matches!(self, Self::Timestamp | Self::Headers)
    }
}

/// All keys with their types.
pub fn all() -> Vec<(&'static str, DataType)> {
    ALL.iter().map(|(key, metadata)| (*key, metadata.data_type())).collect()
}

/// Checks that every metadata column of a table is known and has a type to which its values can be cast.
///
/// # Errors
/// Names the column.
pub fn check(table: &TableSpec) -> Result<()> {
    let known: Vec<&str> = ALL.iter().map(|(key, _)| *key).collect();
    for column in &table.columns {
        let Some(key) = &column.metadata else { continue };
        let Some(metadata) = Metadata::from_key(key) else {
            let of_format = key.starts_with("value.") || key.starts_with("key.");
            let what = if of_format { "metadata of formats is not supported yet".to_string() } else { suggest::hint(key, &known) };
            return Err(Error::sql(format!("column `{}`: connector '{}' has no metadata '{key}'", column.name, table.connector)).hint(what));
        };
        let fits = match (metadata, &column.data_type) {
            (Metadata::Headers, DataType::Map(entries, _)) => match entries.data_type() {
                DataType::Struct(fields) => {
                    fields.len() == 2 && *fields[0].data_type() == DataType::Utf8 && *fields[1].data_type() == DataType::Binary
                }
                _ => false,
            },
            (Metadata::Headers, _) => false,
            (_, declared) => can_cast_types(&metadata.data_type(), declared),
        };
        if !fits {
            let natural = match metadata {
                Metadata::Topic | Metadata::TimestampType => "STRING",
                Metadata::Partition | Metadata::LeaderEpoch => "INT",
                Metadata::Offset => "BIGINT",
                Metadata::Timestamp => "TIMESTAMP_LTZ(3) or TIMESTAMP(3)",
                Metadata::Headers => "MAP<STRING, BYTES>",
            };
            return Err(Error::sql(format!("column `{}`: metadata '{key}' cannot be declared with that type", column.name))
                .hint(format!("declare it as {natural}")));
        }
    }
    Ok(())
}
