//! The number of a row in its epoch, as a column: identifies a row that several plans read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result as DfResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::common::{Error, Result};

use super::one_input::{OneInput, OneInputExec};

/// Numbers rows, see [`RowNumber`].
pub type RowNumberExec = OneInputExec<RowNumber>;

/// Appends a row's number to its columns. It stands right above a leaf, so two plans that read the same leaf in the same epoch give a row
/// the same number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RowNumber;

/// The bits of a number that count rows; the higher bits are the partition of the plan.
const COUNT_BITS: u32 = 40;

impl RowNumber {
    /// The column.
    pub fn field() -> Field {
        Field::new("__row", DataType::Int64, false)
    }
}

impl OneInput for RowNumber {
    const NAME: &'static str = "RowNumberExec";

    fn schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        let mut fields: Vec<_> = input.fields().iter().cloned().collect();
        fields.push(Arc::new(Self::field()));
        Ok(Arc::new(Schema::new_with_metadata(fields, input.metadata().clone())))
    }

    fn describe(&self, _: &Schema) -> String {
        String::new()
    }

    fn run(
        self,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        context: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        self.run_in(0, rows, schema, context)
    }

    fn run_in(
        self,
        partition: usize,
        rows: SendableRecordBatchStream,
        schema: SchemaRef,
        _: &TaskContext,
    ) -> Result<BoxStream<'static, DfResult<RecordBatch>>> {
        let partition = i64::try_from(partition).map_err(|_| Error::internal("a plan of too many partitions"))?;
        let mut next = partition << COUNT_BITS;
        let mut append = move |batch: RecordBatch| {
            let first = next;
            next += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(Int64Array::from_iter_values(first..next)) as ArrayRef);
            Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
        };
        Ok(rows.map(move |batch| append(batch?)).boxed())
    }
}
