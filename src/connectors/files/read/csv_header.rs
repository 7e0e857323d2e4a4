//! Detects whether the first line of a CSV file is a header.

use arrow::datatypes::{DataType, FieldRef};

use crate::formats::csv;

/// Whether a line is a header with declared columns: at least half of its values name one.
pub fn names_columns(line: &[String], declared: &[FieldRef]) -> bool {
    let known = declared.iter().filter(|f| line.iter().any(|name| name.eq_ignore_ascii_case(f.name()))).count();
    known > 0 && known * 2 >= declared.len().min(line.len())
}

/// Whether a line is a header with undeclared columns: a value is text where those `below` are not, or all of its values are text.
pub fn looks_like_names(line: &[String], below: &[DataType]) -> bool {
    let is_text = |value: &String| csv::guess(value) == DataType::Utf8;
    let other = line.iter().zip(below).any(|(value, below)| !matches!(below, DataType::Null | DataType::Utf8) && is_text(value));
    other || (line.iter().any(is_text) && line.iter().all(|value| is_text(value) || value.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_columns() {
        use DataType::{Int64, Utf8};
        for (line, below, header) in [
            (&["", "a", "b"][..], &[Int64, Utf8, Int64][..], true),
            (&["id", "2020"], &[Int64, Int64], true),
            (&["1st", "%", "(x)", "#", "null"], &[Utf8, Utf8, Utf8, Utf8, Utf8], true),
            (&["1", "one"], &[Int64, Utf8], false),
            (&["one", "two"], &[Utf8, Utf8], true),
            (&["2024-05-01"], &[DataType::Date32], false),
            (&["", ""], &[Utf8, Utf8], false),
        ] {
            let line: Vec<String> = line.iter().map(ToString::to_string).collect();
            assert_eq!(looks_like_names(&line, below), header, "{line:?}");
        }
    }
}
