//! Decodes the records of one partition into the columns of a projection.
//!
//! Only projected columns are decoded: the value's format decodes the projected fields alone, keys are kept only if a column comes from
//! them, and metadata columns are built straight into Arrow arrays.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow::compute::{CastOptions, cast_with_options, filter, take};
use arrow::datatypes::{DataType, Field, FieldRef, Int64Type, Schema, SchemaRef};

use crate::common::floor::floored;
use crate::common::projection::{Projection, narrow};
use crate::common::{Error, Result};
use crate::connectors::Changes;
use crate::formats::{self, Decoded, Decoder};

use super::broker::Record;
use super::config::KafkaTable;
use super::metadata::Metadata;
use super::metadata_columns::metadata_column;
use super::pending::{Bad, Pending};
use super::record_layout::RecordPart;

/// Where an output column comes from: the n-th column of the value's or key's decoder, metadata, or the weight of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Value(usize),
    Key(usize),
    Metadata(Metadata),
    Weight,
}

/// In which rows a column must not be NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Required {
    Never,
    Always,
    /// In inserts; a delete may hold the key alone.
    Coming,
}

/// Rows of one partition.
#[derive(Debug)]
pub struct DecodedRows {
    /// The columns of the projection.
    pub batch: RecordBatch,
    /// The offset that each row came from; several rows can come from one record.
    pub offsets: Vec<i64>,
    /// Records that could not be read.
    pub bad: Vec<Bad>,
}

/// Decodes records into rows. Belongs to one reader.
pub struct RowDecoder {
    schema: SchemaRef,
    /// `schema` with every column nullable: rows with NULL in a NOT NULL column are removed at the end.
    relaxed: SchemaRef,
    slots: Vec<Slot>,
    required: Vec<Required>,
    topic: String,
    value: Box<dyn Decoder>,
    key: Option<Box<dyn Decoder>>,
    /// A record without a value is a delete.
    upsert: bool,
    /// The value's format is a changelog: weights are in the column after the projected ones.
    weighted: Option<usize>,
    keep_keys: bool,
    keep_headers: bool,
}

impl RowDecoder {
    /// Creates a decoder for a projection of a table. `keep_keys` keeps keys for dead letters even if no column needs them.
    ///
    /// # Errors
    /// When the format cannot be created, which the table's own check rules out.
    pub fn new(table: &KafkaTable, projection: &Projection, keep_keys: bool) -> Result<Self> {
        let schema = Arc::clone(projection.schema());
        let relaxed = Arc::new(Schema::new(schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>()));
        let upsert = table.is_upsert();
        let (mut value_fields, mut key_fields, mut slots, mut required) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if upsert {
            // The whole key identifies the row, whichever of its columns are read.
            key_fields.extend(table.key.iter().flat_map(|key| key.schema.fields().iter().cloned().enumerate()));
        }
        for (column, wanted) in projection.iter() {
            let Some(declared) = table.spec.columns.get(column) else {
                slots.push(Slot::Weight);
                required.push(Required::Never);
                continue;
            };
            required.push(match &table.changes {
                _ if declared.nullable => Required::Never,
                Changes::Upsert(_) if !table.in_primary_key(&declared.name) => Required::Coming,
                _ => Required::Always,
            });
            let metadata = declared.metadata.as_deref().and_then(Metadata::from_key);
            let in_value = table.value.columns.iter().position(|c| *c == column);
            let in_key = table.key.as_ref().and_then(|key| key.columns.iter().position(|c| *c == column));
            slots.push(match (metadata, in_value, in_key) {
                (Some(metadata), ..) => Slot::Metadata(metadata),
                (None, _, Some(field)) if upsert => Slot::Key(field),
                // A column that is in both is read from the value, as Flink does.
                (None, Some(field), _) => {
                    value_fields.push((field, as_stored(&table.value, field, wanted)));
                    Slot::Value(value_fields.len() - 1)
                }
                (None, None, Some(field)) => {
                    key_fields.extend(table.key.iter().map(|key| (field, as_stored(key, field, wanted))));
                    Slot::Key(key_fields.len() - 1)
                }
                (None, None, None) => return Err(Error::internal(format!("column {column} has no place in the record"))),
            });
        }
        let weighted = formats::tells_changes(&table.value.format).then_some(value_fields.len());
        let value = formats::decoder(&table.value.format, &table.value.schema, &Projection::new(value_fields), &table.value.options)?;
        let key = match &table.key {
            Some(key) if !key_fields.is_empty() => {
                Some(formats::decoder(&key.format, &key.schema, &Projection::new(key_fields), &key.options)?)
            }
            _ => None,
        };
        let keep_keys = keep_keys || key.is_some();
        let keep_headers = slots.contains(&Slot::Metadata(Metadata::Headers));
        let topic = table.topic.clone();
        Ok(Self { schema, relaxed, slots, required, topic, value, key, upsert, weighted, keep_keys, keep_headers })
    }

    /// The columns of the rows.
    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds a record to `pending`, as far as it is needed. Returns false if it has no value, in a table without deletes.
    pub fn push(&self, pending: &mut Pending, record: &Record<'_>) -> bool {
        if record.value.is_none() && !self.upsert {
            return false;
        }
        pending.push(record, self.keep_keys, self.keep_headers);
        true
    }

    /// Decodes the pending records, and empties the buffer.
    pub fn decode(&mut self, pending: &mut Pending) -> Result<DecodedRows> {
        let mut decoded = self.value.decode(&pending.values)?;
        if !pending.tombstones.is_empty() {
            decoded = with_tombstones(decoded, pending)?;
        }
        let Decoded { batch, origin, rejected } = decoded;
        let mut bad: Vec<(u32, String)> = rejected;
        let keys = match &mut self.key {
            Some(decoder) => Some(align(decoder.decode(&pending.keys)?, &pending.key_index, &mut bad)?),
            None => None,
        };
        if self.upsert {
            let keyless = (0_u32..).zip(&pending.key_index).filter(|(_, key)| key.is_none());
            bad.extend(keyless.map(|(record, _)| (record, "a record without a key".to_string())));
        }
        let rows = batch.num_rows();
        let message = |row: usize| origin.as_ref().map_or(u32::try_from(row).unwrap_or(u32::MAX), |origin| origin[row]);
        let weights: Int64Array = match self.weighted {
            Some(column) => batch.column(column).as_primitive::<Int64Type>().clone(),
            None => {
                let gone = |row| pending.tombstones.binary_search(&message(row)).is_ok();
                let weight = |row| if !pending.tombstones.is_empty() && gone(row) { -1 } else { 1 };
                (0..rows).map(|row| Some(weight(row))).collect()
            }
        };
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.slots.len());
        for (slot, field) in self.slots.iter().zip(self.schema.fields()) {
            let column = match slot {
                Slot::Value(i) => Arc::clone(batch.column(*i)),
                Slot::Weight => Arc::new(weights.clone()),
                Slot::Key(i) => match &keys {
                    Some(keys) => by_row(&narrow(keys.column(*i), field.data_type())?, origin.as_deref())?,
                    None => return Err(Error::internal("a key column without a key")),
                },
                Slot::Metadata(metadata) => {
                    let column = metadata_column(*metadata, field.data_type(), &self.topic, pending)?;
                    by_row(&cast(&column, field.data_type())?, origin.as_deref())?
                }
            };
            columns.push(column);
        }
        for ((field, column), required) in self.schema.fields().iter().zip(&columns).zip(&self.required) {
            if *required != Required::Never && column.null_count() > 0 {
                let all = *required == Required::Always;
                let nulls = (0..rows).filter(|row| column.is_null(*row) && (all || weights.value(*row) > 0));
                bad.extend(nulls.map(|row| (message(row), format!("column '{}' is NOT NULL, but there is no value", field.name()))));
            }
        }
        bad.sort_by_key(|(message, _)| *message);
        bad.dedup_by_key(|(message, _)| *message);
        // A record that the value's decoder refused has no row; one with only a bad key or a NULL has one, which is removed.
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
        let bad = bad.into_iter().map(|(message, reason)| pending.bad(message, reason)).collect();
        pending.clear();
        Ok(DecodedRows { batch, offsets, bad })
    }
}

/// Returns a field as the record names it, without nested fields that are not wanted.
fn as_stored(side: &RecordPart, field: usize, wanted: &Field) -> FieldRef {
    Arc::new(side.schema.field(field).clone().with_data_type(wanted.data_type().clone()))
}

/// Expands rows of values to rows of records: a record without a value becomes a row of NULLs, in its place.
fn with_tombstones(decoded: Decoded, pending: &Pending) -> Result<Decoded> {
    let records = pending.records();
    let record = |value: u32| records.get(value as usize).copied().unwrap_or(u32::MAX);
    let values = u32::try_from(decoded.batch.num_rows()).unwrap_or(u32::MAX);
    let of_values: Vec<u32> = match &decoded.origin {
        Some(origin) => origin.iter().map(|value| record(*value)).collect(),
        None => (0..values).map(record).collect(),
    };
    let mut rows: Vec<(u32, Option<u32>)> = of_values.into_iter().zip((0..values).map(Some)).collect();
    rows.extend(pending.tombstones.iter().map(|record| (*record, None)));
    // The sort is stable: rows of one record keep their order.
    rows.sort_by_key(|(record, row)| (*record, *row));
    let (origin, rows): (Vec<u32>, Vec<Option<u32>>) = rows.into_iter().unzip();
    let batch = take_or_null(&decoded.batch, &UInt32Array::from(rows))?;
    let rejected = decoded.rejected.into_iter().map(|(value, reason)| (record(value), reason)).collect();
    Ok(Decoded { batch, origin: Some(origin), rejected })
}

/// Takes the rows of these indices; NULLs for `None`.
fn take_or_null(batch: &RecordBatch, indices: &UInt32Array) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| take(column, indices, None)).collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<Field> = batch.schema().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(indices.len()));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

/// Aligns decoded keys with records: NULLs for a record without a key or with a bad one, which is set aside.
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
    take_or_null(&decoded.batch, &UInt32Array::from(rows))
}

/// Expands a column of records to a column of rows.
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
    Ok(cast_with_options(&floored(column, to), to, &CastOptions { safe: false, ..CastOptions::default() })?)
}
