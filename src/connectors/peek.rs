//! Text for people about a record: its bytes, and the rows decoded from it.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use crate::common::{Result, WEIGHT};
use crate::formats::json::shown;

/// Returns bytes as one line: text with control characters escaped, anything else in hexadecimal digits.
pub fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    match std::str::from_utf8(bytes) {
        Ok(plain) => plain.chars().for_each(|c| if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }),
        Err(_) => {
            text.push_str("0x");
            bytes.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        }
    }
    text
}

/// Returns the rows decoded from each record: a JSON object per row, side by side if there are several. In a changelog each inserted row
/// has a `+` before it, each deleted one a `-`. `records` names the record of each row.
///
/// # Errors
/// Never for the values of rows.
pub fn decoded<K: Ord>(batch: &RecordBatch, records: impl IntoIterator<Item = K>) -> Result<BTreeMap<K, String>> {
    let weights = batch.column_by_name(WEIGHT).and_then(|weights| weights.as_primitive_opt::<Int64Type>());
    let declared: Vec<usize> = (0..batch.num_columns()).filter(|i| batch.schema().field(*i).name() != WEIGHT).collect();
    let mut all: BTreeMap<K, String> = BTreeMap::new();
    for (row, (record, text)) in records.into_iter().zip(shown(&batch.project(&declared)?)).enumerate() {
        let sign = weights.map_or("", |weights| if weights.value(row) < 0 { "-" } else { "+" });
        let rows = all.entry(record).or_default();
        if !rows.is_empty() {
            rows.push(' ');
        }
        rows.push_str(sign);
        rows.push_str(&text);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, Int64Array};

    use super::*;

    #[test]
    fn bytes_in_one_line() {
        for (bytes, expected) in [
            (&b"{\"id\":1}"[..], "{\"id\":1}"),
            (b"a\nb\tc\x1b\x00", "a\\nb\\tc\\u{1b}\\u{0}"),
            ("ä".as_bytes(), "ä"),
            (b"\xff\x01", "0xff01"),
            (b"", ""),
        ] {
            assert_eq!(text(bytes), expected);
        }
    }

    #[test]
    fn rows_by_their_records() {
        let n: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let weights: ArrayRef = Arc::new(Int64Array::from(vec![-1, 1, 1]));
        let plain = RecordBatch::try_from_iter([("n", Arc::clone(&n))]).unwrap();
        let changes = RecordBatch::try_from_iter([("n", n), (WEIGHT, weights)]).unwrap();
        for (batch, expected) in [(plain, [r#"{"n":1} {"n":2}"#, r#"{"n":3}"#]), (changes, [r#"-{"n":1} +{"n":2}"#, r#"+{"n":3}"#])] {
            let texts: Vec<String> = decoded(&batch, [4, 4, 9]).unwrap().into_values().collect();
            assert_eq!(texts, expected);
        }
    }
}
