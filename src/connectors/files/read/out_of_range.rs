//! Finds rows of Parquet, Arrow and Avro files that SQL's types cannot represent: times beyond the calendar, numbers of too many digits.

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::DataType;

use crate::common::{Result, calendar, floor};

/// Returns the bad rows of a batch, in order, and the error of the first column that has some.
pub(super) fn bad_rows(batch: &RecordBatch) -> Option<(Vec<usize>, String)> {
    let (mut rows, mut why) = (Vec::new(), None);
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let found = calendar::beyond(column);
        if !found.is_empty() {
            why.get_or_insert_with(|| format!("column `{}` holds {}", field.name(), what(field.data_type())));
            rows.extend(found);
        }
    }
    rows.sort_unstable();
    rows.dedup();
    why.map(|why| (rows, why))
}

fn what(data_type: &DataType) -> &'static str {
    const TIME: &str = "a time that is not in the years 0001 to 9999";
    match data_type {
        DataType::Decimal128(..) => "a number of more digits than its type has",
        DataType::Date32 | DataType::Date64 => TIME,
        other if floor::has_times(other) => TIME,
        _ => "a time that is not in the years 0001 to 9999, or a number of more digits than its type has",
    }
}

/// Removes rows from a batch; their indices are in order.
///
/// # Errors
/// When Arrow refuses the batch.
pub(super) fn without(batch: &RecordBatch, rows: &[usize]) -> Result<RecordBatch> {
    let keep: BooleanArray = (0..batch.num_rows()).map(|row| Some(rows.binary_search(&row).is_err())).collect();
    Ok(filter_record_batch(batch, &keep)?)
}
