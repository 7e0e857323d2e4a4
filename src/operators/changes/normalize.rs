//! Upserts to changes: adds the retraction of the row that each record replaces or deletes.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Field, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};
use crate::state::{KeyMode, KeyedDelta, KeyedTable};

use super::expiring::ExpiringRows;
use super::zset;
use crate::operators::epoch::portable::{PlanBytes, PlanDecoder, PlanEncoder, PortableOperator};
use crate::operators::epoch::stateful::{Operator, OperatorContext, PartitionKey, TableSpec, all_keyed, key_columns};

/// The column of a stored row's expiry time in milliseconds, after its other columns.
const TIME: &str = "__time";

/// The key and the columns of a [`Normalize`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upserts {
    /// The columns of the primary key.
    pub key: Vec<usize>,
    /// How many columns are emitted, the first ones; the others are only part of the key.
    pub width: usize,
    /// Rows without changes for this many milliseconds of wall time expire.
    pub ttl: Option<i64>,
}

/// Turns the records of an upsert table into changes: each record holds the newest row of a key, or deletes it.
///
/// ```text
///   records of the epoch, in order ─▶ the last one per key ─┐
///   stored row of each of those keys ───────────────────────┴▶ −stored, +new where they differ ─▶ out
///                                                            └▶ put, or delete              ─▶ delta
/// ```
/// A record equal to the stored row (redelivery; a change of columns that are not read) yields no change. A delete of a missing row is
/// counted and dropped.
///
/// # Invariants
/// * All records of a key come from one partition, and nothing below changes their order: the last one of an epoch is the
///   newest.
/// * One stored row per key, with the columns that the query reads and those of the key.
#[derive(Debug)]
pub struct Normalize {
    /// The columns of rows, without weight: the emitted ones, then the rest of the key.
    rows: SchemaRef,
    upserts: Upserts,
    stored: ExpiringRows,
    schema: SchemaRef,
}

impl Normalize {
    /// Creates an operator over rows with these columns, followed by a weight.
    ///
    /// # Errors
    /// When there are fewer columns than are emitted.
    pub fn new(rows: SchemaRef, upserts: Upserts) -> Result<Self> {
        let time = upserts.ttl.map(|_| Field::new(TIME, DataType::Int64, false));
        let stored = ExpiringRows::new(Arc::clone(&rows), upserts.key.clone(), KeyMode::Upsert, time);
        let out: Vec<usize> = (0..upserts.width).collect();
        let schema = zset::weighted(&Arc::new(rows.project(&out)?));
        Ok(Self { rows, upserts, stored, schema })
    }

    /// The columns of rows, without weight.
    pub fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// Its key and columns.
    pub fn upserts(&self) -> &Upserts {
        &self.upserts
    }

    fn key(&self, columns: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
        let column = |i: &usize| columns.get(*i).cloned().ok_or_else(|| Error::internal("a key column that is not read"));
        self.upserts.key.iter().map(column).collect::<Result<Vec<ArrayRef>>>()
    }

    /// The rows of these indices, with the declared columns and without weight.
    fn pick(&self, batch: &RecordBatch, indices: Vec<u32>) -> Result<RecordBatch> {
        let picked = take_record_batch(batch, &UInt32Array::from(indices))?;
        rows_of(&self.rows, &picked)
    }

    /// The delta of the table: these rows, with their expiry time.
    fn delta(&self, rows: &RecordBatch, weight: i64, clock: i64) -> Result<RecordBatch> {
        zset::with_weight(&self.stored.with_time_at(rows, clock)?, &zset::weighted(&self.stored.layout().schema), weight)
    }

    /// The output rows.
    fn out(&self, rows: &RecordBatch, weight: i64) -> Result<RecordBatch> {
        let mut columns = rows.columns().get(..self.upserts.width).unwrap_or_default().to_vec();
        columns.push(Arc::new(Int64Array::from_value(weight, rows.num_rows())));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }

    fn kept(&self, table: &KeyedTable, keys: &[ArrayRef]) -> Result<RecordBatch> {
        rows_of(&self.rows, &table.get(keys)?)
    }
}

/// The first columns of a batch under this schema.
fn rows_of(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().get(..schema.fields().len()).unwrap_or_default().to_vec();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// The indices of the newest record of each key, in order.
pub(super) fn newest(keys: &[ArrayRef]) -> Result<Vec<u32>> {
    let rows = zset::encode(keys)?.ok_or_else(|| Error::internal("an upsert table without a key"))?;
    let mut last: HashMap<&[u8], u32> = HashMap::with_capacity(rows.num_rows());
    for (row, index) in rows.iter().zip(0u32..) {
        last.insert(row.data(), index);
    }
    let mut newest: Vec<u32> = last.into_values().collect();
    newest.sort_unstable();
    Ok(newest)
}

#[async_trait]
impl Operator for Normalize {
    fn name(&self) -> &'static str {
        "Normalize"
    }

    fn describe(&self) -> String {
        let names: Vec<_> = self.upserts.key.iter().filter_map(|k| self.rows.fields().get(*k)).map(|f| f.name().as_str()).collect();
        format!("key=[{}]", names.join(", "))
    }

    fn supports_ttl(&self) -> bool {
        true
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn tables(&self) -> Vec<TableSpec> {
        let bound = self.upserts.ttl.map(|ttl| format!("TTL {ttl} ms, approximate"));
        vec![TableSpec::by_key("rows", self.stored.layout()).bounded(bound)]
    }

    fn partition_keys(&self) -> Option<Vec<PartitionKey>> {
        all_keyed([key_columns(&self.rows, self.upserts.key.iter().copied())])
    }

    async fn process_epoch(&self, ctx: &OperatorContext, inputs: Vec<Vec<RecordBatch>>) -> Result<Vec<RecordBatch>> {
        let clock = ctx.epoch_time.clock;
        let mut delta = KeyedDelta { close_to: self.upserts.ttl.map(|ttl| clock.saturating_sub(ttl)), ..KeyedDelta::default() };
        let input = inputs.into_iter().next().unwrap_or_default();
        let Some(schema) = input.first().map(RecordBatch::schema) else {
            ctx.emit_delta(0, delta)?;
            return Ok(Vec::new());
        };
        let records = concat_batches(&schema, &input)?;
        let weights = zset::weights(&records)?;
        let keys = self.key(records.columns())?;
        let newest = newest(&keys)?;
        let asked = take_record_batch(&records, &UInt32Array::from(newest.clone()))?;
        let kept = self.kept(ctx.keyed(0)?.as_ref(), &self.key(asked.columns())?)?;

        // Rows and keys of both sides in one encoding, so that they can be compared.
        let encode = |columns: &[ArrayRef]| zset::encode(columns)?.ok_or_else(|| Error::internal("an upsert table without columns"));
        let width = self.rows.fields().len();
        let (kept_keys, record_keys) = (encode(&self.key(kept.columns())?)?, encode(&keys)?);
        let (kept_rows, record_rows) = (encode(kept.columns())?, encode(records.columns().get(..width).unwrap_or_default())?);
        let known: HashMap<&[u8], u32> = kept_keys.iter().zip(0u32..).map(|(key, i)| (key.data(), i)).collect();

        let (mut gone, mut new, mut deleted, mut put) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for index in newest {
            let row = index as usize;
            let old = known.get(record_keys.row(row).data()).copied();
            match (old, weights.value(row) > 0) {
                (None, false) => {}
                (Some(old), false) => {
                    gone.push(old);
                    deleted.push(old);
                }
                (None, true) => {
                    new.push(index);
                    put.push(index);
                }
                (Some(old), true) if kept_rows.row(old as usize).data() == record_rows.row(row).data() => {
                    // The row is unchanged, but its expiry time moves on.
                    put.extend(self.upserts.ttl.map(|_| index));
                }
                (Some(old), true) => {
                    gone.push(old);
                    new.push(index);
                    put.push(index);
                }
            }
        }
        // Whether a tombstone is unmatched is decided at its place in the input, not at the start of the epoch.
        let mut there: HashMap<&[u8], bool> = known.keys().map(|key| (*key, true)).collect();
        let mut unmatched = 0;
        for (key, weight) in record_keys.iter().zip(weights.values()) {
            let was = there.insert(key.data(), *weight > 0).unwrap_or(false);
            unmatched += i64::from(!was && *weight < 0);
        }
        ctx.epoch.report_unmatched(unmatched);

        for (rows, weight) in [(self.pick(&kept, deleted)?, -1), (self.pick(&records, put)?, 1)] {
            if rows.num_rows() > 0 {
                delta.rows.push(self.delta(&rows, weight, clock)?);
            }
        }
        ctx.emit_delta(0, delta)?;
        let out = [self.out(&self.pick(&kept, gone)?, -1)?, self.out(&self.pick(&records, new)?, 1)?];
        // A deleted and an inserted row of different keys can be equal if the key is not emitted.
        Ok(vec![if self.upserts.width < width { zset::consolidate(&self.schema, &out)? } else { concat_batches(&self.schema, &out)? }])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The serialized form of a [`Normalize`].
#[derive(Debug, Serialize, Deserialize)]
pub struct NormalizeParts {
    rows: PlanBytes,
    upserts: Upserts,
}

impl PortableOperator for Normalize {
    const NAME: &'static str = "Normalize";
    type Parts = NormalizeParts;

    fn encode(&self, encoder: &PlanEncoder<'_>) -> Result<NormalizeParts> {
        Ok(NormalizeParts { rows: encoder.schema(self.rows())?, upserts: self.upserts().clone() })
    }

    fn decode(parts: NormalizeParts, decoder: &PlanDecoder<'_>) -> Result<Self> {
        Self::new(decoder.schema(&parts.rows)?, parts.upserts)
    }
}

#[cfg(test)]
#[path = "normalize_tests.rs"]
mod tests;
