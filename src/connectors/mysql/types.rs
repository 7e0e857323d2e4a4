//! The mapping of MySQL's types to SQL types.
//!
//! | MySQL | ours |
//! |---|---|
//! | `TINYINT(1)`, `BIT(1)` | BOOLEAN |
//! | `TINYINT`, `SMALLINT`, `MEDIUMINT`, `INT`, `BIGINT` | the same; `UNSIGNED`: the next wider, `BIGINT UNSIGNED`: DECIMAL(20, 0) |
//! | `DECIMAL(p, s)` | DECIMAL(p, s); more than 38 digits: STRING |
//! | `FLOAT`, `DOUBLE` | FLOAT, DOUBLE |
//! | `CHAR`, `VARCHAR`, `TEXT`, `ENUM`, `SET`, `JSON`, MariaDB's `UUID` and `INET` | STRING |
//! | `BINARY`, `VARBINARY`, `BLOB`, `BIT(n)`, `GEOMETRY` | BYTES |
//! | `DATE`, `TIME`, `YEAR` | DATE, TIME, INT |
//! | `DATETIME(p)`, `TIMESTAMP(p)` | TIMESTAMP(p), TIMESTAMP_LTZ(p) |

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};

use crate::common::{Error, Result};

/// A column's type, as the server reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteType {
    /// `int`, `varchar`, ...
    pub(super) name: String,
    /// The same in full: `int(10) unsigned`.
    pub(super) full: String,
    pub(super) precision: u8,
    pub(super) scale: i8,
    /// Fractional digits of a second.
    pub(super) digits: u8,
}

/// How values of a type compare, and how they are written as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Integer,
    Decimal,
    Float,
    Double,
    /// Text with a collation.
    Text,
    Bytes,
    Bit,
    Date,
    Time,
    DateTime,
    Year,
    /// Text with a fixed syntax: JSON, UUID, INET.
    Other,
}

impl RemoteType {
    pub(super) fn family(&self) -> Family {
        match self.name.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" => Family::Integer,
            "decimal" | "numeric" => Family::Decimal,
            "float" => Family::Float,
            "double" | "real" => Family::Double,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" => Family::Text,
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "geometry" | "point" | "linestring" | "polygon"
            | "multipoint" | "multilinestring" | "multipolygon" | "geomcollection" | "geometrycollection" | "vector" => Family::Bytes,
            "bit" => Family::Bit,
            "date" => Family::Date,
            "time" => Family::Time,
            "datetime" | "timestamp" => Family::DateTime,
            "year" => Family::Year,
            _ => Family::Other,
        }
    }

    /// The type of an undeclared column.
    pub(super) fn natural(&self) -> DataType {
        let unsigned = self.full.contains("unsigned");
        match self.name.as_str() {
            "tinyint" if self.full.starts_with("tinyint(1)") && !unsigned => DataType::Boolean,
            "tinyint" if !unsigned => DataType::Int8,
            "tinyint" => DataType::Int16,
            "smallint" if !unsigned => DataType::Int16,
            "smallint" | "mediumint" | "year" => DataType::Int32,
            "int" | "integer" if !unsigned => DataType::Int32,
            "int" | "integer" => DataType::Int64,
            "bigint" if !unsigned => DataType::Int64,
            "bigint" => DataType::Decimal128(20, 0),
            "decimal" | "numeric" if self.precision <= 38 => DataType::Decimal128(self.precision, self.scale),
            "float" => DataType::Float32,
            "double" | "real" => DataType::Float64,
            "date" => DataType::Date32,
            "time" => DataType::Time32(TimeUnit::Millisecond),
            "datetime" => DataType::Timestamp(self.unit(), None),
            "timestamp" => DataType::Timestamp(self.unit(), Some(Arc::from("UTC"))),
            "bit" if self.full == "bit(1)" => DataType::Boolean,
            _ if matches!(self.family(), Family::Bytes | Family::Bit) => DataType::Binary,
            _ => DataType::Utf8,
        }
    }

    fn unit(&self) -> TimeUnit {
        if self.digits <= 3 { TimeUnit::Millisecond } else { TimeUnit::Microsecond }
    }

    /// Whether declared values equal those at the server, so that comparisons there are valid here.
    pub(super) fn keeps(&self, declared: &DataType) -> bool {
        let natural = self.natural();
        natural == *declared || self.family() == Family::Integer && natural != DataType::Boolean && declared.is_integer()
    }
}

/// Checks that MySQL has a type for values of this one.
///
/// # Errors
/// For rows, arrays and maps.
pub(super) fn declarable(data_type: &DataType) -> Result<()> {
    use DataType::{Binary, Boolean, Date32, Decimal128, Float32, Float64, Int8, Int16, Int32, Int64, Time32, Timestamp, Utf8};
    match data_type {
        Boolean | Int8 | Int16 | Int32 | Int64 | Float32 | Float64 | Decimal128(..) | Utf8 | Binary | Date32 | Time32(_)
        | Timestamp(..) => Ok(()),
        _ => Err(Error::sql("MySQL has no rows, arrays and maps").hint("declare it as STRING, which fits a JSON column")),
    }
}

/// The type of a column in a table that is created. Texts are compared byte by byte, as here.
pub(super) fn for_create(data_type: &DataType, in_key: bool) -> String {
    match data_type {
        DataType::Boolean => "TINYINT(1)".to_string(),
        DataType::Int8 => "TINYINT".to_string(),
        DataType::Int16 => "SMALLINT".to_string(),
        DataType::Int32 => "INT".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Float32 => "FLOAT".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision}, {scale})"),
        DataType::Date32 => "DATE".to_string(),
        DataType::Time32(_) => "TIME(3)".to_string(),
        DataType::Timestamp(unit, zone) => {
            let digits = if *unit == TimeUnit::Millisecond { 3 } else { 6 };
            // Without an explicit NULL, older servers set the column to the time of each change.
            if zone.is_some() { format!("TIMESTAMP({digits}) NULL") } else { format!("DATETIME({digits})") }
        }
        DataType::Binary if in_key => "VARBINARY(255)".to_string(),
        DataType::Binary => "LONGBLOB".to_string(),
        // The length that fits in a key of several columns.
        _ if in_key => "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".to_string(),
        _ => "LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".to_string(),
    }
}
