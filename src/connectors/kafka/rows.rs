//! Records of one partition to the columns of a projection.
//!
//! Only what is projected is decoded: the value's format is asked for the projected fields alone, keys are kept only if a
//! column comes from them, and metadata columns are built straight into Arrow arrays.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryBuilder, BooleanArray, Int32Array, Int64Array, MapArray, RecordBatch, RecordBatchOptions, StringArray,
    StringBuilder, StructArray, TimestampMillisecondArray, UInt32Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{CastOptions, cast_with_options, filter, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::common::{Error, Result};
use crate::formats::{self, Decoded, Decoder, Messages};

use super::broker::{Record, TimestampType};
use super::config::KafkaTable;
use super::metadata::Metadata;

/// Where an output column comes from: the n-th column of the value's or key's decoder, or metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Value(usize),
    Key(usize),
    Metadata(Metadata),
}

/// The headers of one record.
type Headers = Vec<(String, Option<Vec<u8>>)>;

/// Records that wait to be decoded together.
#[derive(Debug)]
pub struct Pending {
    partition: i32,
    values: Messages,
    /// Keys of the records that have one.
    keys: Messages,
    /// For every record the index of its key.
    key_index: Vec<Option<u32>>,
    offsets: Vec<i64>,
    timestamps: Vec<Option<i64>>,
    types: Vec<TimestampType>,
    epochs: Vec<Option<i32>>,
    headers: Vec<Headers>,
}

impl Pending {
    /// None of a partition yet.
    pub fn new(partition: i32) -> Self {
        Self {
            partition,
            values: Messages::default(),
            keys: Messages::default(),
            key_index: Vec::new(),
            offsets: Vec::new(),
            timestamps: Vec::new(),
            types: Vec::new(),
            epochs: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    fn clear(&mut self) {
        self.values.clear();
        self.keys.clear();
        self.key_index.clear();
        self.offsets.clear();
        self.timestamps.clear();
        self.types.clear();
        self.epochs.clear();
        self.headers.clear();
    }
}

/// Rows of one partition.
#[derive(Debug)]
pub struct Rows {
    /// The columns of the projection.
    pub batch: RecordBatch,
    /// The offset that each row came from; several rows can come from one record.
    pub offsets: Vec<i64>,
    /// Records that could not be read.
    pub bad: Vec<Bad>,
}

/// A record that could not be read.
#[derive(Debug)]
pub struct Bad {
    /// Its offset.
    pub offset: i64,
    /// Its time.
    pub timestamp: Option<i64>,
    /// Its key, if keys are kept.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Vec<u8>,
    /// What is wrong with it.
    pub reason: String,
}

/// Turns records into rows. Belongs to one reader.
pub struct RowDecoder {
    schema: SchemaRef,
    /// `schema` with every column nullable: NULLs in NOT NULL columns are taken out at the end.
    relaxed: SchemaRef,
    slots: Vec<Slot>,
    topic: String,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    keep_keys: bool,
    keep_headers: bool,
}

impl RowDecoder {
    /// A decoder of these columns of a table. `keep_keys` keeps keys for dead letters even if no column needs them.
    ///
    /// # Errors
    /// When the format cannot be made, which the table's own check has found before.
    pub fn new(table: &KafkaTable, projection: &[usize], keep_keys: bool) -> Result<Self> {
        let schema = Arc::new(table.spec.schema().project(projection)?);
        let relaxed = Arc::new(Schema::new(schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>()));
        let (mut value_fields, mut key_fields, mut slots) = (Vec::new(), Vec::new(), Vec::new());
        for column in projection {
            let metadata = table.spec.columns[*column].metadata.as_deref().and_then(Metadata::of);
            let in_value = table.value.columns.iter().position(|c| c == column);
            let in_key = table.key.as_ref().and_then(|key| key.columns.iter().position(|c| c == column));
            slots.push(match (metadata, in_value, in_key) {
                (Some(metadata), ..) => Slot::Metadata(metadata),
                // A column that stands in both is read from the value, as Flink does.
                (None, Some(field), _) => {
                    value_fields.push(field);
                    Slot::Value(value_fields.len() - 1)
                }
                (None, None, Some(field)) => {
                    key_fields.push(field);
                    Slot::Key(key_fields.len() - 1)
                }
                (None, None, None) => return Err(Error::internal(format!("column {column} has no place in the record"))),
            });
        }
        let value = formats::decoder(&table.value.format, &table.value.schema, &value_fields, &table.value.options)?;
        let key = match &table.key {
            Some(key) if !key_fields.is_empty() => Some(formats::decoder(&key.format, &key.schema, &key_fields, &key.options)?),
            _ => None,
        };
        let keep_keys = keep_keys || key.is_some();
        let keep_headers = slots.contains(&Slot::Metadata(Metadata::Headers));
        Ok(Self { schema, relaxed, slots, topic: table.topic.clone(), value, key, keep_keys, keep_headers })
    }

    /// The columns of the rows.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Keeps of a record what will be needed. The record has a value.
    pub fn push(&self, pending: &mut Pending, record: &Record<'_>, value: &[u8]) {
        pending.values.push(value);
        pending.offsets.push(record.offset);
        pending.timestamps.push(record.timestamp);
        pending.types.push(record.timestamp_type);
        pending.epochs.push(record.leader_epoch);
        if self.keep_keys {
            pending.key_index.push(record.key.map(|key| {
                pending.keys.push(key);
                u32::try_from(pending.keys.len() - 1).unwrap_or(u32::MAX)
            }));
        }
        if self.keep_headers {
            let mut headers = Vec::new();
            record.headers.each(&mut |key, value| headers.push((key.to_string(), value.map(<[u8]>::to_vec))));
            pending.headers.push(headers);
        }
    }

    /// Decodes what is pending, and empties it.
    pub fn decode(&mut self, pending: &mut Pending) -> Result<Rows> {
        let Decoded { batch, origin, rejected } = self.value.decode(&pending.values)?;
        let mut bad: Vec<(u32, String)> = rejected;
        let keys = match &mut self.key {
            Some(decoder) => Some(align(decoder.decode(&pending.keys)?, &pending.key_index, &mut bad)?),
            None => None,
        };
        let rows = batch.num_rows();
        let mut columns = Vec::with_capacity(self.slots.len());
        for (slot, field) in self.slots.iter().zip(self.schema.fields()) {
            let column = match slot {
                Slot::Value(i) => Arc::clone(batch.column(*i)),
                Slot::Key(i) => match &keys {
                    Some(keys) => by_row(keys.column(*i), origin.as_deref())?,
                    None => return Err(Error::internal("a key column without a key")),
                },
                Slot::Metadata(metadata) => {
                    let column = metadata_column(*metadata, field.data_type(), &self.topic, pending)?;
                    by_row(&cast(&column, field.data_type())?, origin.as_deref())?
                }
            };
            columns.push(column);
        }
        let message = |row: usize| origin.as_ref().map_or(u32::try_from(row).unwrap_or(u32::MAX), |origin| origin[row]);
        for (field, column) in self.schema.fields().iter().zip(&columns) {
            if !field.is_nullable() && column.null_count() > 0 {
                let nulls = (0..rows).filter(|row| column.is_null(*row));
                bad.extend(nulls.map(|row| (message(row), format!("column '{}' is NOT NULL, but there is no value", field.name()))));
            }
        }
        bad.sort_by_key(|(message, _)| *message);
        bad.dedup_by_key(|(message, _)| *message);
        // What the value's decoder refused has no row; what only its key or a NULL spoils has one, and it goes.
        let spoilt = |row: usize| bad.binary_search_by_key(&message(row), |(m, _)| *m).is_ok();
        let mut offsets: Vec<i64> = (0..rows).map(|row| pending.offsets[message(row) as usize]).collect();
        let mut count = rows;
        if !bad.is_empty() && (0..rows).any(spoilt) {
            let keep: BooleanArray = (0..rows).map(|row| Some(!spoilt(row))).collect();
            columns = columns.iter().map(|column| filter(column, &keep)).collect::<Result<_, _>>()?;
            offsets = offsets.into_iter().zip(keep.values().iter()).filter(|(_, keep)| *keep).map(|(offset, _)| offset).collect();
            count = offsets.len();
        }
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.relaxed), columns, &options)?;
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), batch.columns().to_vec(), &options)?;
        let bad = bad.into_iter().map(|(message, reason)| pending.bad(message as usize, reason)).collect();
        pending.clear();
        Ok(Rows { batch, offsets, bad })
    }
}

impl Pending {
    fn bad(&self, message: usize, reason: String) -> Bad {
        let key = self.key_index.get(message).copied().flatten();
        Bad {
            offset: self.offsets[message],
            timestamp: self.timestamps[message],
            key: key.map(|key| self.keys.get(key as usize).to_vec()),
            value: self.values.get(message).to_vec(),
            reason,
        }
    }
}

/// Decoded keys, one row per record: NULLs for a record without a key or with a bad one, which is set aside.
fn align(decoded: Decoded, key_index: &[Option<u32>], bad: &mut Vec<(u32, String)>) -> Result<RecordBatch> {
    let mut row_of: Vec<Option<u32>> = Vec::new();
    let mut twice: Vec<u32> = Vec::new();
    if let Some(origin) = &decoded.origin {
        row_of.resize(key_index.len(), None);
        for (row, key) in origin.iter().enumerate() {
            let place = &mut row_of[*key as usize];
            if place.is_some() {
                twice.push(*key);
            }
            *place = u32::try_from(row).ok();
        }
    }
    let mut rows = Vec::with_capacity(key_index.len());
    for (record, key) in (0_u32..).zip(key_index) {
        let row = key.and_then(|key| if decoded.origin.is_some() { row_of[key as usize] } else { Some(key) });
        if let Some(key) = key {
            if let Ok(at) = decoded.rejected.binary_search_by_key(key, |(k, _)| *k) {
                bad.push((record, format!("key: {}", decoded.rejected[at].1)));
            } else if twice.contains(key) {
                bad.push((record, "key: more than one row".to_string()));
            } else if row.is_none() {
                bad.push((record, "key: no row".to_string()));
            }
        }
        rows.push(row);
    }
    let indices = UInt32Array::from(rows);
    let columns = decoded.batch.columns().iter().map(|column| take(column, &indices, None)).collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<Field> = decoded.batch.schema().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// A column of records as a column of rows.
fn by_row(column: &ArrayRef, origin: Option<&[u32]>) -> Result<ArrayRef> {
    match origin {
        None => Ok(Arc::clone(column)),
        Some(origin) => Ok(take(column, &UInt32Array::from(origin.to_vec()), None)?),
    }
}

fn cast(column: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if column.data_type() == to {
        return Ok(Arc::clone(column));
    }
    Ok(cast_with_options(column, to, &CastOptions { safe: false, ..CastOptions::default() })?)
}

/// A metadata column in its own type, one value per record.
fn metadata_column(metadata: Metadata, declared: &DataType, topic: &str, pending: &Pending) -> Result<ArrayRef> {
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
            // A map has a key once; of several headers with one name the last counts.
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
