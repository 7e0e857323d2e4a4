//! Builds arrays from the values that functions return row by row.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, ListBuilder, StringArray, StringBuilder};
use arrow::datatypes::DataType;

use crate::common::Result;

/// A value of a row; NULL is `None`.
pub(super) trait ColumnValue: Sized {
    /// The type of the column.
    fn data_type() -> DataType;

    fn array(rows: Vec<Option<Self>>) -> ArrayRef;
}

/// The type that a function returns, whatever its arguments.
pub(super) fn returns<T: ColumnValue>(_: &[DataType]) -> Result<DataType> {
    Ok(T::data_type())
}

macro_rules! rows {
    ($($value:ty => $data_type:expr, $array:ty;)*) => {
        $(impl ColumnValue for $value {
            fn data_type() -> DataType {
                $data_type
            }

            fn array(rows: Vec<Option<Self>>) -> ArrayRef {
                Arc::new(<$array>::from_iter(rows))
            }
        })*
    };
}

rows! {
    String => DataType::Utf8, StringArray;
    bool => DataType::Boolean, BooleanArray;
    i32 => DataType::Int32, Int32Array;
    i64 => DataType::Int64, Int64Array;
    f64 => DataType::Float64, Float64Array;
    Vec<u8> => DataType::Binary, BinaryArray;
}

/// ARRAY<STRING>.
impl ColumnValue for Vec<Option<String>> {
    fn data_type() -> DataType {
        DataType::new_list(DataType::Utf8, true)
    }

    fn array(rows: Vec<Option<Self>>) -> ArrayRef {
        let mut out = ListBuilder::new(StringBuilder::new());
        rows.into_iter().for_each(|row| out.append_option(row));
        Arc::new(out.finish())
    }
}
