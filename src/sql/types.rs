//! placeholder
/// x
pub fn display(t: &arrow::datatypes::DataType) -> String {
    t.to_string()
}
