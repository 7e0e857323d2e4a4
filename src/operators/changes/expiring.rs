//! Rows of an operator in a state table, with an optional expiry time.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::datatypes::{Field, Int64Type, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::common::{Error, Result};
use crate::state::{KeyMode, Layout};

use super::zset;

/// The stored form of rows: their columns, and the expiry time in milliseconds, if they expire.
#[derive(Debug)]
pub(in crate::operators) struct ExpiringRows {
    width: usize,
    rows: SchemaRef,
    layout: Arc<Layout>,
}

impl ExpiringRows {
    /// Rows of these columns, without weight; `time` is the column of the expiry time, if rows expire.
    pub(in crate::operators) fn new(rows: SchemaRef, key: Vec<usize>, mode: KeyMode, time: Option<Field>) -> Self {
        let width = rows.fields().len();
        let expires = time.as_ref().map(|_| width);
        let fields: Vec<_> = rows.fields().iter().cloned().chain(time.map(Arc::new)).collect();
        let layout = Layout { schema: Arc::new(Schema::new(fields)), key, time: expires, mode };
        Self { width, rows, layout: Arc::new(layout) }
    }

    /// The columns of the rows, without time and weight.
    pub(in crate::operators) fn rows(&self) -> &SchemaRef {
        &self.rows
    }

    /// The columns of the state table.
    pub(in crate::operators) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Whether rows expire.
    pub(in crate::operators) fn expires(&self) -> bool {
        self.layout.time.is_some()
    }

    /// The stored form of rows, with or without weights: with these expiry times, if rows expire.
    ///
    /// # Errors
    /// When the rows have another schema.
    pub(in crate::operators) fn with_time(&self, rows: &RecordBatch, times: impl FnOnce() -> Result<Int64Array>) -> Result<RecordBatch> {
        let time: Option<ArrayRef> = if self.expires() { Some(Arc::new(times()?)) } else { None };
        let (columns, weights) = rows.columns().split_at(self.width);
        let columns = columns.iter().cloned().chain(time).chain(weights.iter().cloned()).collect();
        batch_of(&self.layout.schema, !weights.is_empty(), columns, rows.num_rows())
    }

    /// The stored form of rows of these columns, each with weight 1.
    ///
    /// # Errors
    /// As [`Self::with_time`].
    pub(in crate::operators) fn put(
        &self,
        columns: Vec<ArrayRef>,
        rows: usize,
        times: impl FnOnce() -> Result<Int64Array>,
    ) -> Result<RecordBatch> {
        let timed = self.with_time(&batch_of(&self.rows, false, columns, rows)?, times)?;
        zset::with_weight(&timed, &zset::weighted(&self.layout.schema), 1)
    }

    /// The stored form of rows with one common expiry time.
    ///
    /// # Errors
    /// As [`Self::with_time`].
    pub(in crate::operators) fn with_time_at(&self, rows: &RecordBatch, time: i64) -> Result<RecordBatch> {
        self.with_time(rows, || Ok(Int64Array::from_value(time, rows.num_rows())))
    }

    /// Stored rows without their times.
    ///
    /// # Errors
    /// When they are rows of another table.
    pub(in crate::operators) fn without_time(&self, stored: &RecordBatch) -> Result<RecordBatch> {
        let (columns, behind) = stored.columns().split_at(self.width);
        let weights = behind.get(usize::from(self.expires())..).unwrap_or_default();
        let columns = columns.iter().chain(weights).cloned().collect();
        batch_of(&self.rows, !weights.is_empty(), columns, stored.num_rows())
    }

    /// Which stored rows have expired by then; a row without a time has expired as well.
    ///
    /// # Errors
    /// When the rows have no times.
    pub(in crate::operators) fn passed(&self, stored: &RecordBatch, by: i64) -> Result<BooleanArray> {
        let times = stored.columns().get(self.width).filter(|_| self.expires()).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let times = times.ok_or_else(|| Error::internal("stored rows without a time"))?;
        Ok(times.iter().map(|time| Some(time.is_none_or(|time| time <= by))).collect())
    }
}

/// Combines columns under a schema, with or without a weight as the last column.
fn batch_of(schema: &SchemaRef, weighted: bool, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let schema = if weighted { zset::weighted(schema) } else { Arc::clone(schema) };
    let rows = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &rows)?)
}
