//! The implicit casts of Flink from a query's columns to a table's.

use arrow::datatypes::DataType;

/// Whether values of a type are cast implicitly to another: among numbers, among times, among text types.
pub(super) fn implicit(from: &DataType, to: &DataType) -> bool {
    use DataType::{Binary, BinaryView, Date32, LargeBinary, LargeUtf8, List, Map, Null, Struct, Timestamp, Utf8, Utf8View};
    let text = |t: &DataType| matches!(t, Utf8 | LargeUtf8 | Utf8View);
    let bytes = |t: &DataType| matches!(t, Binary | LargeBinary | BinaryView);
    match (from, to) {
        (Null, _) => true,
        (a, b) if a == b => true,
        (a, b) if a.is_numeric() && b.is_numeric() => true,
        (a, b) if text(a) && text(b) || bytes(a) && bytes(b) => true,
        (Timestamp(..) | Date32, Timestamp(..)) => true,
        (Struct(a), Struct(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| implicit(a.data_type(), b.data_type())),
        (List(a), List(b)) => implicit(a.data_type(), b.data_type()),
        (Map(a, _), Map(b, _)) => implicit(a.data_type(), b.data_type()),
        _ => false,
    }
}
