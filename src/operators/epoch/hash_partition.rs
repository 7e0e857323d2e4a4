//! Hash partitioning of rows by key.

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;

use crate::common::Result;
use crate::state::KeyGroups;
use crate::state::key_hash::hash_keys;

use super::heavy_keys::HeavyKeys;
use super::stateful::PartitionKey;

/// Splits the rows of a batch into `partitions`, each in input order; a partition may be empty. `groups` is the number of key
/// groups of the job; `heavy` collects skewed keys.
///
/// # Errors
/// When the key cannot be evaluated over the rows.
pub fn partition_by_key(
    rows: &RecordBatch,
    key: &PartitionKey,
    groups: u16,
    partitions: usize,
    heavy: &mut HeavyKeys,
) -> Result<Vec<RecordBatch>> {
    let part = |indices: Vec<u32>| match indices.len() {
        0 => Ok(rows.slice(0, 0)),
        all if all == rows.num_rows() => Ok(rows.clone()),
        _ => Ok(take_record_batch(rows, &UInt32Array::from(indices))?),
    };
    let (columns, hashes) = hashed(rows, key)?;
    heavy.sample(&columns, &hashes)?;
    indices(&hashes, groups, partitions).into_iter().map(part).collect()
}

/// The row indices of a batch for each of `partitions`.
///
/// # Errors
/// When the key cannot be evaluated over the rows.
pub fn partition_indices(rows: &RecordBatch, key: &PartitionKey, groups: u16, partitions: usize) -> Result<Vec<Vec<u32>>> {
    Ok(indices(&hashed(rows, key)?.1, groups, partitions))
}

/// The columns of the key, and the hash of each row's.
fn hashed(rows: &RecordBatch, key: &PartitionKey) -> Result<(Vec<ArrayRef>, Vec<u64>)> {
    let columns = key.iter().map(|part| Ok(part.evaluate(rows)?.into_array(rows.num_rows())?)).collect::<Result<Vec<_>>>()?;
    let hashes = hash_keys(&columns, rows.num_rows())?;
    Ok((columns, hashes))
}

fn indices(hashes: &[u64], groups: u16, partitions: usize) -> Vec<Vec<u32>> {
    let mut indices: Vec<Vec<u32>> = vec![Vec::with_capacity(hashes.len() / partitions + hashes.len() / 8); partitions];
    for (row, hash) in (0u32..).zip(hashes) {
        if let Some(indices) = indices.get_mut(KeyGroups::partition(*hash, groups, partitions)) {
            indices.push(row);
        }
    }
    indices
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{AsArray, Int64Array, RecordBatchOptions};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;
    use crate::operators::epoch::stateful::key_columns;

    #[test]
    fn every_row_goes_where_its_key_belongs_in_its_order() {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int64, true), Field::new("n", DataType::Int64, false)]));
        let keys = Int64Array::from_iter((0..1000).map(|n| (n % 7 != 0).then_some(n % 13)));
        let columns: Vec<ArrayRef> = vec![Arc::new(keys), Arc::new(Int64Array::from_iter_values(0..1000))];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
        let parts = partition_by_key(&rows, &key_columns(&schema, [0]), 128, 3, &mut HeavyKeys::default()).unwrap();
        assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 1000);
        let mut owner = std::collections::HashMap::new();
        for (partition, part) in parts.iter().enumerate() {
            let numbers = part.column(1).as_primitive::<Int64Type>();
            assert!(numbers.values().is_sorted());
            for key in part.column(0).as_primitive::<Int64Type>() {
                assert_eq!(*owner.entry(key).or_insert(partition), partition);
            }
        }
        assert_eq!(owner.len(), 14);
    }

    #[test]
    fn rows_without_columns_are_kept() {
        let options = RecordBatchOptions::new().with_row_count(Some(5));
        let rows = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options).unwrap();
        let parts = partition_by_key(&rows, &Vec::new(), 128, 2, &mut HeavyKeys::default()).unwrap();
        assert_eq!(parts.iter().map(RecordBatch::num_rows).sum::<usize>(), 5);
    }
}
