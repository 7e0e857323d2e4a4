//! Converts the metadata of records into Arrow columns.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Int32Array, Int64Array, MapArray, StringArray, StringBuilder, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;

use crate::common::{Error, Result};

use super::metadata::Metadata;
use super::pending::{Headers, Pending};

/// Builds a metadata column in its native type, one value per record.
pub(super) fn metadata_column(metadata: Metadata, declared: &DataType, topic: &str, pending: &Pending) -> Result<ArrayRef> {
    let count = pending.len();
    Ok(match metadata {
        Metadata::Topic => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(topic, count))),
        Metadata::Partition => Arc::new(Int32Array::from_iter_values(std::iter::repeat_n(pending.partition, count))),
        Metadata::Offset => Arc::new(Int64Array::from_iter_values(pending.offsets.iter().copied())),
        Metadata::Timestamp => Arc::new(TimestampMillisecondArray::from(pending.timestamps.clone()).with_timezone("UTC")),
        Metadata::TimestampType => Arc::new(StringArray::from_iter_values(pending.types.iter().map(|t| t.as_str()))),
        Metadata::LeaderEpoch => Arc::new(Int32Array::from(pending.epochs.clone())),
        Metadata::Headers => headers_column(declared, &pending.headers)?,
    })
}

fn headers_column(declared: &DataType, headers: &[Headers]) -> Result<ArrayRef> {
    let DataType::Map(entries, sorted) = declared else {
        return Err(Error::internal("headers that are no map"));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(Error::internal("a map without entries"));
    };
    let (mut keys, mut values, mut lengths) = (StringBuilder::new(), BinaryBuilder::new(), Vec::with_capacity(headers.len()));
    for headers in headers {
        let mut count = 0;
        for (i, (key, value)) in headers.iter().enumerate() {
            // A map has each key once; of several headers with the same name the last counts.
            if headers[i + 1..].iter().all(|(later, _)| later != key) {
                keys.append_value(key);
                values.append_option(value.as_deref().or((!fields[1].is_nullable()).then_some(&[])));
                count += 1;
            }
        }
        lengths.push(count);
    }
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), Arc::new(values.finish())];
    let entries_array = StructArray::try_new(fields.clone(), columns, None)?;
    Ok(Arc::new(MapArray::try_new(Arc::clone(entries), OffsetBuffer::from_lengths(lengths), entries_array, None, *sorted)?))
}
