//! The checked layout of a keyed table, which its shards share.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result, WEIGHT};
use crate::state::StateMemory;

use super::row_codec::{Encoded, RowCodec};
use super::segments::batch;
use super::{KeyMode, Layout};

/// A checked [`Layout`], with the schemas and codecs that follow from it.
#[derive(Debug)]
pub(super) struct RowLayout {
    pub(super) layout: Arc<Layout>,
    /// Where the table's bytes are counted.
    pub(super) memory: Arc<StateMemory>,
    /// The stored columns and the weight.
    pub(super) changes: SchemaRef,
    /// These and the key's hash: the schema on disk.
    logged: SchemaRef,
    /// The key.
    pub(super) keys: RowCodec,
    /// The whole row; only for [`KeyMode::Multiset`].
    pub(super) full: Option<RowCodec>,
}

/// One epoch's rows, encoded for shards.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) rows: RecordBatch,
    pub(super) weights: Int64Array,
    pub(super) keys: Encoded,
    pub(super) hashes: Vec<u64>,
    /// The whole rows and their hashes; only for [`KeyMode::Multiset`].
    pub(super) full: Option<(Encoded, Vec<u64>)>,
}

impl RowLayout {
    pub(super) fn new(layout: Arc<Layout>, memory: Arc<StateMemory>) -> Result<Self> {
        let schema = &layout.schema;
        let time = layout.time.map(|t| schema.fields().get(t).map(|f| f.data_type()));
        if time.is_some_and(|kind| kind != Some(&DataType::Int64)) {
            return Err(Error::internal("the time column of a state table is not an Int64"));
        }
        let mut fields: Vec<_> = schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(WEIGHT, DataType::Int64, false)));
        let changes = Arc::new(Schema::new(fields.clone()));
        fields.push(Arc::new(Field::new("__hash", DataType::UInt64, false)));
        let full = match layout.mode {
            KeyMode::Upsert => None,
            KeyMode::Multiset => Some(RowCodec::new(schema, (0..schema.fields().len()).collect())?),
        };
        Ok(Self { changes, logged: Arc::new(Schema::new(fields)), keys: RowCodec::new(schema, layout.key.clone())?, full, layout, memory })
    }

    /// The stored columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.layout.schema
    }

    /// Checks and encodes the rows of an epoch.
    pub(super) fn changes(&self, delta: &RecordBatch) -> Result<Changes> {
        let wrong = || Error::internal("a change does not fit its state table");
        let (weights, columns) = delta.columns().split_last().ok_or_else(wrong)?;
        let weights = weights.as_primitive_opt::<Int64Type>().filter(|w| w.null_count() == 0).ok_or_else(wrong)?.clone();
        let rows = batch(self.schema(), columns.to_vec(), delta.num_rows()).map_err(|e| wrong().with_source(e))?;
        let keys = self.keys.encode(&rows)?;
        let full = match &self.full {
            Some(codec) => Some(codec.encode(&rows)?).map(|rows| (rows.hashes(), rows)).map(|(hashes, rows)| (rows, hashes)),
            None => None,
        };
        Ok(Changes { rows, weights, hashes: keys.hashes(), keys, full })
    }

    /// The times of stored rows, if the table has a time column.
    pub(super) fn times<'a>(&self, rows: &'a RecordBatch) -> Option<&'a Int64Array> {
        self.layout.time.and_then(|t| rows.columns().get(t)).and_then(|c| c.as_primitive_opt())
    }

    /// Puts the weights behind the stored columns.
    pub(super) fn weighted(&self, rows: &RecordBatch, weights: Vec<i64>) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(Int64Array::from(weights)) as ArrayRef);
        Ok(RecordBatch::try_new(self.changes.clone(), columns)?)
    }

    /// Puts the hashes of the keys behind the weights.
    pub(super) fn hashed(&self, rows: &RecordBatch, hashes: Vec<u64>) -> Result<RecordBatch> {
        let mut columns = rows.columns().to_vec();
        columns.push(Arc::new(UInt64Array::from(hashes)) as ArrayRef);
        Ok(RecordBatch::try_new(self.logged.clone(), columns)?)
    }
}
