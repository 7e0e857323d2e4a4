//! Computes the snapshot of a changelog for a batch query: its rows as of the end.

use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use crate::common::Result;

use super::normalize::newest;
use super::zset;
use crate::operators::epoch::one_input::{OneInput, OneInputExec};

/// The minimum number of records that are collected before they are merged.
const FEW: usize = 1 << 16;
/// Rows of an output batch.
const BATCH: usize = 8192;

/// Reads a changelog to its end and yields the current rows, without weight.
///
/// With a key, the newest record of each key counts, unless it is a delete; without one, weights are added up. It stands right
/// above the scan and asks for one partition: nothing between it and the source may change the order of
/// the records of a partition, and a filter or a limit below it would count records instead of rows.
pub type CurrentRowsExec = OneInputExec<CurrentRows>;

/// The state of a [`CurrentRowsExec`], over records whose columns are `schema` and a weight.
#[derive(Debug, Clone)]
pub struct CurrentRows {
    /// The primary key; `None`: records hold whole rows.
    pub key: Option<Vec<usize>>,
    /// The columns without weight, NOT NULL as declared.
    pub schema: SchemaRef,
}

impl CurrentRows {
    /// Compacts records.
    fn merge(&self, records: &[RecordBatch]) -> Result<Option<RecordBatch>> {
        let Some(first) = records.first() else { return Ok(None) };
        let Some(key) = &self.key else { return zset::consolidate(&first.schema(), records).map(Some) };
        let all = concat_batches(&first.schema(), records)?;
        let keys = all.project(key)?;
        Ok(Some(take_record_batch(&all, &UInt32Array::from(newest(keys.columns())?))?))
    }

    async fn collect(self, mut records: SendableRecordBatchStream) -> Result<Vec<RecordBatch>> {
        let (mut waiting, mut rows, mut merged) = (Vec::new(), 0, 0);
        while let Some(batch) = records.next().await {
            let batch = batch?;
            rows += batch.num_rows();
            waiting.push(batch);
            // Merges only after the number of records has doubled, so the total work stays linear.
            if rows >= FEW.max(2 * merged) {
                waiting = self.merge(&waiting)?.into_iter().collect();
                rows = waiting.iter().map(RecordBatch::num_rows).sum();
                merged = rows;
            }
        }
        let Some(all) = self.merge(&waiting)? else { return Ok(Vec::new()) };
        let left = zset::filter(&all, |weight| weight > 0)?;
        let left = if self.key.is_some() { zset::rows_of(&left)? } else { zset::expand(&left)? };
        let options = RecordBatchOptions::new().with_row_count(Some(left.num_rows()));
        let left = RecordBatch::try_new_with_options(self.schema, left.columns().to_vec(), &options)?;
        Ok((0..left.num_rows()).step_by(BATCH).map(|at| left.slice(at, BATCH.min(left.num_rows() - at))).collect())
    }
}

impl OneInput for CurrentRows {
    const NAME: &'static str = "CurrentRowsExec";
    const TOGETHER: bool = true;

    fn schema(&self, _: &SchemaRef) -> Result<SchemaRef> {
        Ok(Arc::clone(&self.schema))
    }

    fn describe(&self, _: &Schema) -> String {
        let Some(key) = &self.key else { return "all changes".to_string() };
        let names: Vec<_> = key.iter().filter_map(|k| self.schema.fields().get(*k)).map(|f| f.name().as_str()).collect();
        format!("key=[{}]", names.join(", "))
    }

    fn run(self, records: SendableRecordBatchStream, _: SchemaRef, _: &TaskContext) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let rows = stream::once(self.collect(records)).flat_map(|rows| {
            let rows: Vec<DfResult<RecordBatch>> = match rows {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error.into())],
            };
            stream::iter(rows)
        });
        Ok(rows.boxed())
    }
}
