//! Rows of dead-letter tables: messages that could not be read, and rows that could not be written.
//!
//! Messages are written in the commit that skips them, rows by `routed_sink.rs`: both exactly once.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;

use crate::common::excerpt::shortened;
use crate::common::{Error, Result, suggest};
use crate::connectors::{Rejected, RejectedRow};

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

/// The schema of dead letters for a table with these columns, by name.
///
/// # Errors
/// When the table has a column that a rejected message lacks.
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

/// A dead letter: a message that could not be read, or a row that could not be written, which has no offset.
struct Letter<'a> {
    place: Option<(i32, i64)>,
    timestamp: Option<i64>,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    error: &'a str,
}

/// Rejected messages as rows of [`schema`].
///
/// # Errors
/// When Arrow rejects the batch.
pub fn rows(schema: &SchemaRef, table: &str, rejected: &[Rejected]) -> Result<RecordBatch> {
    fn letter(r: &Rejected) -> Letter<'_> {
        let Rejected { partition, position, timestamp, key, value, error } = r;
        let place = Some((*partition, *position));
        Letter { place, timestamp: *timestamp, key: key.as_deref(), value: value.as_deref(), error }
    }
    letters(schema, table, &rejected.iter().map(letter).collect::<Vec<_>>())
}

/// Rows that a sink has rejected, as rows of [`schema`]; they have no partition and no offset.
///
/// # Errors
/// When Arrow rejects the batch.
pub fn rows_of_sink(schema: &SchemaRef, table: &str, rejected: &[RejectedRow]) -> Result<RecordBatch> {
    fn letter(r: &RejectedRow) -> Letter<'_> {
        let RejectedRow { timestamp, key, value, error } = r;
        Letter { place: None, timestamp: *timestamp, key: key.as_deref(), value: value.as_deref(), error }
    }
    letters(schema, table, &rejected.iter().map(letter).collect::<Vec<_>>())
}

fn letters(schema: &SchemaRef, table: &str, letters: &[Letter<'_>]) -> Result<RecordBatch> {
    let bytes = |pick: fn(&Letter<'_>) -> Option<Vec<u8>>, text: bool| -> ArrayRef {
        if text {
            let lossy = letters.iter().map(|r| pick(r).map(|b| String::from_utf8_lossy(&b).into_owned()));
            return Arc::new(lossy.collect::<StringArray>());
        }
        Arc::new(letters.iter().map(pick).collect::<BinaryArray>())
    };
    let column = |f: &Arc<Field>| -> ArrayRef {
        let text = matches!(f.data_type(), DataType::Utf8);
        match f.name().as_str() {
            "partition" => Arc::new(letters.iter().map(|r| Some(r.place?.0)).collect::<Int32Array>()),
            "offset" => Arc::new(letters.iter().map(|r| Some(r.place?.1)).collect::<Int64Array>()),
            "timestamp" => Arc::new(letters.iter().map(|r| r.timestamp).collect::<TimestampMillisecondArray>().with_timezone("UTC")),
            "key" => bytes(|r| r.key.map(<[u8]>::to_vec), text),
            "value" => bytes(|r| r.value.map(<[u8]>::to_vec), text),
            "table" => Arc::new(StringArray::from_iter_values(letters.iter().map(|_| table))),
            _ => Arc::new(StringArray::from_iter_values(letters.iter().map(|r| shortened(r.error)))),
        }
    };
    Ok(RecordBatch::try_new(Arc::clone(schema), schema.fields().iter().map(column).collect())?)
}
