//! Rows with weights: the arithmetic of changes.
//!
//! A Z-set (DBSP, Budiu et al., VLDB 2023) is a bag whose rows have integer weights; here a batch whose last column is
//! [`WEIGHT`]. Rows are equal when all their columns are, with NULL equal to NULL and NaN to NaN.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::{RowConverter, Rows, SortField};
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::common::{Error, Result, WEIGHT};

/// A schema with the weight appended to its columns.
pub fn weighted(schema: &SchemaRef) -> SchemaRef {
    let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
    fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A schema without its last column.
pub fn unweighted(schema: &SchemaRef) -> SchemaRef {
    let fields: Vec<_> = schema.fields().iter().take(schema.fields().len().saturating_sub(1)).cloned().collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Gives every row the same weight. `schema` is the weighted one.
///
/// # Errors
/// When the columns do not fit the schema.
pub fn with_weight(batch: &RecordBatch, schema: &SchemaRef, weight: i64) -> Result<RecordBatch> {
    with_weights(batch, schema, Arc::new(Int64Array::from_value(weight, batch.num_rows())))
}

/// Gives rows their weights. `schema` is the weighted one.
///
/// # Errors
/// When the columns do not fit the schema.
pub fn with_weights(batch: &RecordBatch, schema: &SchemaRef, weights: ArrayRef) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    columns.push(weights);
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

/// The weights of a batch.
///
/// # Errors
/// When it has none; that would be a bug.
pub fn weights(batch: &RecordBatch) -> Result<&Int64Array> {
    let last = batch.columns().last().and_then(|c| c.as_primitive_opt::<Int64Type>());
    last.ok_or_else(|| Error::internal("a batch of changes without weights"))
}

/// The rows without their weights.
///
/// # Errors
/// When the batch has no columns.
pub fn rows_of(batch: &RecordBatch) -> Result<RecordBatch> {
    let width = batch.num_columns().saturating_sub(1);
    let schema = unweighted(&batch.schema());
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, batch.columns()[..width].to_vec(), &rows)?)
}

/// Columns as comparable rows; `None` without columns.
///
/// # Errors
/// When a column's type cannot be compared.
pub fn encode(columns: &[ArrayRef]) -> Result<Option<Rows>> {
    if columns.is_empty() {
        return Ok(None);
    }
    let converter = RowConverter::new(columns.iter().map(|c| SortField::new(c.data_type().clone())).collect())?;
    Ok(Some(converter.convert_columns(columns)?))
}

/// Adds up the weights of equal rows and drops rows with weight 0; rows stay in the order of their first appearance.
///
/// # Errors
/// When rows cannot be compared.
pub fn consolidate(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch> {
    let all = concat_batches(schema, batches)?;
    if all.num_rows() <= 1 {
        return filter(&all, |w| w != 0);
    }
    let (columns, _) = all.columns().split_at(all.num_columns() - 1);
    let Some(rows) = encode(columns)? else {
        let sum = weights(&all)?.values().iter().sum();
        let one = all.slice(0, 1);
        return with_weight(&rows_of(&one)?, schema, sum).and_then(|b| filter(&b, |w| w != 0));
    };
    let mut firsts: Vec<u32> = Vec::new();
    let mut sums: Vec<i64> = Vec::new();
    let mut seen: HashMap<&[u8], usize> = HashMap::with_capacity(all.num_rows());
    for ((index, row), weight) in (0u32..).zip(rows.iter()).zip(weights(&all)?.values()) {
        match seen.entry(row.data()) {
            Entry::Occupied(at) => {
                if let Some(sum) = sums.get_mut(*at.get()) {
                    *sum += weight;
                }
            }
            Entry::Vacant(new) => {
                new.insert(sums.len());
                firsts.push(index);
                sums.push(*weight);
            }
        }
    }
    if sums.len() == all.num_rows() && !sums.contains(&0) {
        return Ok(all);
    }
    let kept: (Vec<u32>, Vec<i64>) = firsts.into_iter().zip(sums).filter(|(_, sum)| *sum != 0).unzip();
    let picked = take_record_batch(&all, &UInt32Array::from(kept.0))?;
    with_weights(&rows_of(&picked)?, schema, Arc::new(Int64Array::from(kept.1)))
}

/// The rows whose weight passes `keep`.
///
/// # Errors
/// When the batch has no weights.
pub fn filter(batch: &RecordBatch, keep: impl Fn(i64) -> bool) -> Result<RecordBatch> {
    let mask: BooleanArray = weights(batch)?.values().iter().map(|w| Some(keep(*w))).collect();
    if mask.true_count() == batch.num_rows() {
        return Ok(batch.clone());
    }
    Ok(filter_record_batch(batch, &mask)?)
}

/// The same rows with opposite weights.
///
/// # Errors
/// When the batch has no weights.
pub fn negate(batch: &RecordBatch) -> Result<RecordBatch> {
    let negative = weights(batch)?.unary::<_, Int64Type>(|w| -w);
    with_weights(&rows_of(batch)?, &batch.schema(), Arc::new(negative))
}

/// The bag: each row as often as its weight says, without the weight. Rows with negative weights are dropped.
///
/// # Errors
/// When the batch has no weights.
pub fn expand(batch: &RecordBatch) -> Result<RecordBatch> {
    let counts = weights(batch)?;
    if counts.values().iter().all(|w| *w == 1) {
        return rows_of(batch);
    }
    let repeat = |(row, weight): (u32, &i64)| std::iter::repeat_n(row, usize::try_from(*weight).unwrap_or(0));
    let indices: Vec<u32> = (0u32..).zip(counts.values()).flat_map(repeat).collect();
    rows_of(&take_record_batch(batch, &UInt32Array::from(indices))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(rows: &[(Option<i64>, i64)]) -> RecordBatch {
        let schema = weighted(&Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, true)])));
        let (values, weights): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values)), Arc::new(Int64Array::from(weights))]).unwrap()
    }

    #[test]
    fn weights_of_equal_rows_add_up() {
        let a = batch(&[(Some(1), 1), (None, 2), (Some(3), 1)]);
        let b = batch(&[(Some(3), -1), (None, 1), (Some(1), 1)]);
        let sum = consolidate(&a.schema(), &[a, b]).unwrap();
        assert_eq!(sum, batch(&[(Some(1), 2), (None, 3)]));
        assert_eq!(expand(&sum).unwrap().num_rows(), 5);
        assert_eq!(consolidate(&sum.schema(), &[sum.clone(), negate(&sum).unwrap()]).unwrap().num_rows(), 0);
    }
}
