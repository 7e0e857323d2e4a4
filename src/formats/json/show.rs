//! Formats rows of any types as JSON for display.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::encode::{PLAIN, label, value, writable};
use super::quote;

/// Returns one JSON object per row, as [`JsonEncoder`](super::JsonEncoder) writes it, except for values that JSON cannot hold (intervals,
/// maps with numbers as keys): they become the text that Arrow displays.
pub fn shown(batch: &RecordBatch) -> Vec<String> {
    let schema = batch.schema();
    let names: Vec<Vec<u8>> = schema.fields().iter().map(|field| label(field.name())).collect();
    let row = |row: usize| {
        let mut out = vec![b'{'];
        for (i, (name, column)) in names.iter().zip(batch.columns()).enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(name);
            cell(column, row, &mut out);
        }
        out.push(b'}');
        String::from_utf8_lossy(&out).into_owned()
    };
    (0..batch.num_rows()).map(row).collect()
}

fn cell(column: &ArrayRef, row: usize, out: &mut Vec<u8>) {
    let before = out.len();
    let written = writable(column.data_type()).and_then(|()| value(column, row, &PLAIN, out));
    if written.is_err() && column.is_null(row) {
        out.extend_from_slice(b"null");
    } else if written.is_err() {
        out.truncate(before);
        quote(&displayed(column, row), out);
    }
}

/// Returns the text that Arrow displays, or its error.
fn displayed(column: &dyn Array, row: usize) -> String {
    let text = ArrayFormatter::try_new(column, &FormatOptions::default()).and_then(|formatter| formatter.value(row).try_to_string());
    text.unwrap_or_else(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DurationSecondArray, Int32Array, Int32Builder, IntervalDayTimeArray, MapBuilder, StringBuilder, TimestampMillisecondArray,
    };
    use arrow::datatypes::IntervalDayTime;

    use super::*;

    fn one(column: ArrayRef) -> String {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![7])) as ArrayRef), ("x", column)]).unwrap();
        shown(&batch).remove(0)
    }

    #[test]
    fn what_json_cannot_hold_is_shown_as_arrow_displays_it() {
        let mut map = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
        map.keys().append_value(1);
        map.values().append_value("a\"b");
        map.append(true).unwrap();
        let cases: [(ArrayRef, &str); 5] = [
            (Arc::new(DurationSecondArray::from(vec![90])), r#"{"n":7,"x":"PT90S"}"#),
            (Arc::new(IntervalDayTimeArray::from(vec![IntervalDayTime::new(2, 0)])), r#"{"n":7,"x":"2 days"}"#),
            (Arc::new(map.finish()), r#"{"n":7,"x":"{1: a\"b}"}"#),
            (Arc::new(DurationSecondArray::from(vec![None])), r#"{"n":7,"x":null}"#),
            // JSON has the type, but not this value.
            (
                Arc::new(TimestampMillisecondArray::from(vec![i64::MAX])),
                "{\"n\":7,\"x\":\"Cast error: Failed to convert 9223372036854775807",
            ),
        ];
        for (column, expected) in cases {
            let text = one(column);
            assert!(text.starts_with(expected) && text.ends_with('}'), "{text}");
        }
    }

    #[test]
    fn all_else_is_as_the_format_writes_it() {
        let time: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1_714_564_800_250]));
        assert_eq!(one(time), r#"{"n":7,"x":"2024-05-01 12:00:00.25"}"#);
    }
}
