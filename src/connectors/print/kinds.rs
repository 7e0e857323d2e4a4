//! Converts weights to Flink's row kinds: `+I`, `-U`, `+U`, `-D`.

use std::collections::HashMap;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;

use super::line;

/// Returns the rows to show, in order, each with its kind. `width` columns belong to the table; a weight may follow them.
///
/// Deleted rows come before inserted ones. An inserted row with the key of a deleted one forms an update with it, and the two are shown
/// together. All rows have an empty key in common.
pub fn row_kinds(batch: &RecordBatch, width: usize, key: Option<&[usize]>) -> Vec<(&'static str, usize)> {
    let weights = batch.columns().get(width).and_then(|w| w.as_primitive_opt::<Int64Type>());
    let Some(weights) = weights else { return (0..batch.num_rows()).map(|row| ("+I", row)).collect() };
    let key_of = |row: usize| {
        let columns: Vec<_> = key.unwrap_or_default().iter().filter_map(|k| batch.columns().get(*k)).cloned().collect();
        let mut text = String::new();
        line::row("", &columns, row, &mut text);
        text
    };
    let times = |row: usize| usize::try_from(weights.value(row).unsigned_abs()).unwrap_or(0);
    let goes = |row: &usize| weights.value(*row) < 0;
    let mut comes: HashMap<String, usize> = HashMap::new();
    if key.is_some() {
        comes.extend((0..batch.num_rows()).filter(|row| !goes(row)).map(|row| (key_of(row), row)));
    }
    let mut updates = vec![false; batch.num_rows()];
    let mut shown = Vec::with_capacity(batch.num_rows());
    for row in (0..batch.num_rows()).filter(goes) {
        match key.and_then(|_| comes.remove(&key_of(row))) {
            Some(new) => {
                updates[new] = true;
                shown.extend([("-U", row), ("+U", new)]);
            }
            None => shown.extend(std::iter::repeat_n(("-D", row), times(row))),
        }
    }
    let new = (0..batch.num_rows()).filter(|row| !goes(row) && !updates[*row]);
    shown.extend(new.flat_map(|row| std::iter::repeat_n(("+I", row), times(row))));
    shown
}
