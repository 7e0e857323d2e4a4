//! The changes of a live query, as lines.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use tokio::sync::mpsc;

use crate::common::Result;
use crate::connectors::print::kinds;
use crate::workspace::Limit;

/// The form of the lines of a live query.
pub(super) enum LiveLines {
    /// The rows.
    Rows,
    /// What becomes of rows, and the columns by which one takes the place of another.
    Changes { key: Option<Vec<usize>> },
}

/// Rows as they come, each a line; of a changelog each with what became of it, in a first column.
pub(super) fn lines(schema: &SchemaRef, told: LiveLines, rows: mpsc::Receiver<RecordBatch>, limit: Limit) -> SendableRecordBatchStream {
    let width = schema.fields().len();
    let shown = match &told {
        LiveLines::Rows => Arc::clone(schema),
        LiveLines::Changes { .. } => {
            let op = Arc::new(Field::new("op", DataType::Utf8, false));
            Arc::new(Schema::new([op].into_iter().chain(schema.fields().iter().cloned()).collect::<Vec<_>>()))
        }
    };
    let with_ops = (told, Arc::clone(&shown));
    let lines = futures::stream::unfold((rows, limit, false), |(mut rows, mut limit, over)| async move {
        let batch = if over { None } else { rows.recv().await };
        let (batch, last) = limit.cut(batch?);
        Some((batch, (rows, limit, last)))
    });
    let lines = lines.map(move |batch| match &with_ops {
        (LiveLines::Rows, _) => Ok(batch),
        (LiveLines::Changes { key }, schema) => Ok(ops(schema, width, key.as_deref(), &batch)?),
    });
    Box::pin(RecordBatchStreamAdapter::new(shown, lines))
}

/// A changelog's rows with their kinds in a first column.
fn ops(schema: &SchemaRef, width: usize, key: Option<&[usize]>, batch: &RecordBatch) -> Result<RecordBatch> {
    let (ops, picks): (Vec<&str>, Vec<u32>) = kinds::row_kinds(batch, width, key).into_iter().map(|(op, row)| (op, row as u32)).unzip();
    let rows = take_record_batch(batch, &UInt32Array::from(picks))?;
    let columns = [Arc::new(StringArray::from(ops)) as ArrayRef].into_iter().chain(rows.columns().iter().take(width).cloned()).collect();
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}
