//! The encoding of panes in a commit: two columns before those of the rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};
use crate::state::spillable_batches::SpillableBatches;

/// The pane: the window's end in milliseconds since 1970.
const PANE: &str = "__pane";
/// The number of the run that begins with these rows, or [`MORE`].
const RUN: &str = "__run";
/// The rows continue the pane's last run.
const MORE: i64 = -1;
/// Small batches are concatenated up to this many rows.
const BATCH_ROWS: usize = 32 << 10;

/// Rows of a pane.
pub(super) struct StoredPane {
    pub(super) pane: i64,
    /// The number of the run that begins here; `None`: the rows continue the last one.
    pub(super) at: Option<usize>,
    pub(super) rows: RecordBatch,
}

/// Runs, each with its pane and its number there, in batches.
pub(super) fn encode(
    runs: impl Iterator<Item = (i64, usize, SpillableBatches)> + Send,
) -> impl Iterator<Item = Result<RecordBatch>> + Send {
    let mut tagged = runs.flat_map(|(pane, at, run)| {
        let begins = i64::try_from(at).unwrap_or(i64::MAX);
        let tags = std::iter::once(begins).chain(std::iter::repeat(MORE));
        run.batches().zip(tags).map(move |(rows, run)| tag(pane, run, &rows?))
    });
    std::iter::from_fn(move || {
        let (mut batches, mut rows) = (Vec::new(), 0);
        while rows < BATCH_ROWS {
            match tagged.next() {
                Some(Ok(batch)) => {
                    rows += batch.num_rows();
                    batches.push(batch);
                }
                Some(failed) => return Some(failed),
                None => break,
            }
        }
        let schema = batches.first()?.schema();
        Some(concat_batches(&schema, &batches).map_err(Into::into))
    })
}

/// Prepends the pane and the run's number to a batch's columns.
fn tag(pane: i64, run: i64, rows: &RecordBatch) -> Result<RecordBatch> {
    let constant = |value: i64| Arc::new(Int64Array::from_value(value, rows.num_rows())) as ArrayRef;
    let mut columns = vec![constant(pane), constant(run)];
    columns.extend(rows.columns().iter().cloned());
    let mut fields = vec![Arc::new(Field::new(PANE, DataType::Int64, false)), Arc::new(Field::new(RUN, DataType::Int64, false))];
    fields.extend(rows.schema_ref().fields().iter().cloned());
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

fn wrong() -> Error {
    Error::state("a stored state table lacks its pane column")
}

/// The rows of a batch that [`encode`] made.
pub(in crate::state) fn rows(stored: &RecordBatch) -> Result<RecordBatch> {
    let columns = stored.columns().get(2..).ok_or_else(wrong)?;
    let fields: Vec<_> = stored.schema_ref().fields().iter().skip(2).cloned().collect();
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.to_vec())?)
}

/// Decodes a batch that [`encode`] made.
pub(super) fn decode(stored: &RecordBatch) -> Result<Vec<StoredPane>> {
    let tags = stored.columns().get(..2).ok_or_else(wrong)?;
    let panes = tags[0].as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    let runs = tags[1].as_primitive_opt::<Int64Type>().ok_or_else(wrong)?;
    let rows = rows(stored)?;
    let (mut pieces, mut start) = (Vec::new(), 0);
    while start < rows.num_rows() {
        let (pane, run) = (panes.value(start), runs.value(start));
        let len = (start..rows.num_rows()).take_while(|i| (panes.value(*i), runs.value(*i)) == (pane, run)).count();
        pieces.push(StoredPane { pane, at: usize::try_from(run).ok(), rows: rows.slice(start, len) });
        start += len;
    }
    Ok(pieces)
}
