//! Casts that lose no information.

use arrow::datatypes::DataType;

/// Whether a cast keeps different values different, and their order where DataFusion relies on it: only then a comparison of cast values
/// equals one of the original values.
pub fn keeps(from: &DataType, to: &DataType) -> bool {
    use DataType::{Decimal128, Dictionary, Timestamp};
    match (from, to) {
        (Dictionary(_, from), to) => keeps(from, to),
        (from, Dictionary(_, to)) => keeps(from, to),
        (Decimal128(_, before), Decimal128(_, after)) => after >= before,
        (from, Decimal128(_, scale)) if from.is_integer() => *scale >= 0,
        (Timestamp(before, _), Timestamp(after, _)) => after >= before,
        (from, to) => from == to || from.is_integer() && (to.is_integer() || to.is_string()) || from.is_string() && to.is_string(),
    }
}
