//! SQL types for the types of files, for tables with inferred columns.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, TimeUnit};

use crate::sql::types::utc;

/// Returns the SQL type under which a column of a file is read.
pub fn sql_type(file: &DataType) -> DataType {
    match file {
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::Date64 => DataType::Date32,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) => DataType::Decimal128(*p, *s),
        DataType::Timestamp(unit, zone) => DataType::Timestamp(whole_millis(*unit), zone.as_ref().and_then(|_| utc())),
        DataType::Time32(_) => DataType::Time32(TimeUnit::Millisecond),
        DataType::Dictionary(_, value) => sql_type(value),
        DataType::RunEndEncoded(_, values) => sql_type(values.data_type()),
        DataType::List(element) | DataType::LargeList(element) | DataType::ListView(element) | DataType::LargeListView(element) => {
            DataType::List(sql_field(element))
        }
        DataType::FixedSizeList(element, _) => DataType::List(sql_field(element)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(sql_field).collect::<Fields>()),
        DataType::Map(entries, sorted) => DataType::Map(sql_field(entries), *sorted),
        // A union is read as text.
        DataType::Union(..) => DataType::Utf8,
        other => other.clone(),
    }
}

/// Returns columns with the SQL types under which they are read.
pub fn sql_fields(fields: &Fields) -> Fields {
    fields.iter().map(sql_field).collect()
}

fn sql_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), sql_type(field.data_type()), field.is_nullable()))
}

/// SQL has no TIMESTAMP coarser than milliseconds.
fn whole_millis(unit: TimeUnit) -> TimeUnit {
    if unit == TimeUnit::Second { TimeUnit::Millisecond } else { unit }
}

/// Infers the type of a partition column from all of its values.
pub fn partition_type<'a>(mut values: impl Iterator<Item = &'a str> + Clone) -> DataType {
    let date = |v: &str| v.len() == 10 && v.parse::<chrono::NaiveDate>().is_ok();
    // A number with a leading zero is a name: 007.
    let number = |v: &str| v.parse::<i64>().is_ok_and(|n| n.to_string() == v);
    if values.clone().all(number) {
        DataType::Int64
    } else if values.all(date) {
        DataType::Date32
    } else {
        DataType::Utf8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::types::display;

    #[test]
    fn file_types_in_sql() {
        for (file, sql) in [
            (DataType::UInt8, "SMALLINT"),
            (DataType::UInt16, "INT"),
            (DataType::UInt32, "BIGINT"),
            (DataType::UInt64, "DECIMAL(20, 0)"),
            (DataType::Timestamp(TimeUnit::Nanosecond, None), "TIMESTAMP(9)"),
            (DataType::Timestamp(TimeUnit::Second, Some("+02:00".into())), "TIMESTAMP_LTZ(3)"),
            (DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8View)), "STRING"),
            (DataType::new_large_list(DataType::UInt16, true), "ARRAY<INT>"),
            (DataType::Struct(vec![Field::new("a", DataType::UInt64, true)].into()), "ROW<a DECIMAL(20, 0)>"),
        ] {
            assert_eq!(display(&sql_type(&file)), sql, "{file}");
        }
    }

    #[test]
    fn partition_types() {
        for (values, data_type) in [
            (&["1", "20", "-3"][..], DataType::Int64),
            (&["01", "2"], DataType::Utf8),
            (&["2024-05-01", "2024-05-02"], DataType::Date32),
            (&["2024-05-01", "x"], DataType::Utf8),
        ] {
            assert_eq!(partition_type(values.iter().copied()), data_type, "{values:?}");
        }
    }
}
