//! Messages that could not be read, as rows of the table that takes them: in the same commit, so exactly once too.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result, suggest};
use crate::connectors::Rejected;

/// The columns that a dead-letter table may have, in any order and selection.
pub const COLUMNS: [&str; 7] = ["table", "partition", "offset", "timestamp", "key", "value", "error"];

fn type_of(column: &str) -> DataType {
    match column {
        "partition" => DataType::Int32,
        "offset" => DataType::Int64,
        "timestamp" => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        "key" | "value" => DataType::Binary,
        _ => DataType::Utf8,
    }
}

/// What is written for a table with these columns, by name.
///
/// # Errors
/// When the table has a column that a rejected message has not.
pub fn schema(table: &str, target: &SchemaRef) -> Result<SchemaRef> {
    let field = |f: &Arc<Field>| {
        let known = COLUMNS.contains(&f.name().as_str());
        let text = matches!(f.data_type(), DataType::Utf8) && matches!(f.name().as_str(), "key" | "value");
        let data_type = if text { DataType::Utf8 } else { type_of(f.name()) };
        known.then(|| Field::new(f.name(), data_type, true)).ok_or_else(|| {
            Error::sql(format!("dead-letter table `{table}` has a column `{}`, which a rejected message has not", f.name()))
                .hint(suggest::hint(f.name(), &COLUMNS))
        })
    };
    Ok(Arc::new(Schema::new(target.fields().iter().map(field).collect::<Result<Vec<_>>>()?)))
}

/// Rejected messages as rows of [`schema`].
///
/// # Errors
/// When Arrow refuses the batch.
pub fn rows(schema: &SchemaRef, table: &str, rejected: &[Rejected]) -> Result<RecordBatch> {
    let bytes = |pick: fn(&Rejected) -> Option<&Vec<u8>>, text: bool| -> ArrayRef {
        if text {
            let lossy = rejected.iter().map(|r| pick(r).map(|b| String::from_utf8_lossy(b).into_owned()));
            return Arc::new(lossy.collect::<StringArray>());
        }
        Arc::new(rejected.iter().map(|r| pick(r).map(Vec::as_slice)).collect::<BinaryArray>())
    };
    let column = |f: &Arc<Field>| -> ArrayRef {
        let text = matches!(f.data_type(), DataType::Utf8);
        match f.name().as_str() {
            "partition" => Arc::new(rejected.iter().map(|r| Some(r.partition)).collect::<Int32Array>()),
            "offset" => Arc::new(rejected.iter().map(|r| Some(r.position)).collect::<Int64Array>()),
            "timestamp" => Arc::new(rejected.iter().map(|r| r.timestamp).collect::<TimestampMillisecondArray>().with_timezone("UTC")),
            "key" => bytes(|r| r.key.as_ref(), text),
            "value" => bytes(|r| r.value.as_ref(), text),
            "table" => Arc::new(StringArray::from_iter_values(rejected.iter().map(|_| table))),
            _ => Arc::new(StringArray::from_iter_values(rejected.iter().map(|r| r.error.as_str()))),
        }
    };
    Ok(RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect())?)
}
