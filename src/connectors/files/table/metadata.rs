//! Metadata columns of files.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

use crate::common::Result;
use crate::common::floor::floored;

use super::listing::File;
use super::location::Location;

/// A metadata column that a table may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metadata {
    /// The whole path.
    Path,
    /// The last part of the path.
    Name,
    /// The size in bytes.
    Size,
    /// When the file was changed.
    Modified,
}

impl Metadata {
    /// All metadata columns.
    pub const ALL: [Self; 4] = [Self::Path, Self::Name, Self::Size, Self::Modified];

    /// The name in `METADATA FROM '...'`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Path => "file.path",
            Self::Name => "file.name",
            Self::Size => "file.size",
            Self::Modified => "file.modification-time",
        }
    }

    /// The type of its values before a cast to the declared type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Path | Self::Name => DataType::Utf8,
            Self::Size => DataType::Int64,
            Self::Modified => DataType::Timestamp(TimeUnit::Millisecond, Some(Arc::from("UTC"))),
        }
    }

    /// The metadata column of that name.
    pub fn parse(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.key() == key)
    }

    /// Returns its value for a file, in the declared type.
    ///
    /// # Errors
    /// When it does not fit the declared type.
    pub fn value(self, file: &File, location: &Location, declared: &DataType) -> Result<ScalarValue> {
        let meta = &file.meta;
        let value = match self {
            Self::Path => ScalarValue::from(location.show(&meta.location)),
            Self::Name => ScalarValue::from(meta.location.filename().unwrap_or_default()),
            Self::Size => ScalarValue::from(i64::try_from(meta.size).unwrap_or(i64::MAX)),
            Self::Modified => ScalarValue::TimestampMillisecond(Some(meta.last_modified.timestamp_millis()), Some(Arc::from("UTC"))),
        };
        let value = floored(&value.to_array()?, declared);
        Ok(ScalarValue::try_from_array(&value, 0)?.cast_to(declared)?)
    }
}
