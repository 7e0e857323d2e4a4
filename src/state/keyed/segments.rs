//! The rows of a shard, as immutable Arrow batches.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait, StructArray, UInt32Array};
use arrow::compute::{concat_batches, interleave, take};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::common::{Error, Result};
use crate::state::memory::{PinnedBytes, StateMemory};

/// Batches above this many bytes are not merged any further, so that offsets of 32 bits do not overflow.
const MERGE_LIMIT: usize = 64 << 20;

/// Rows numbered by *slots* from 0 in the order of insertion, in batches of which each is at most half as large as the one before.
///
/// ```text
///  slots   0 ............ 5999 │ 6000 ... 7999 │ 8000 .. 8499 │     appended: 400 rows, then
///  batches      6000 rows      │   2000 rows   │   500 rows   │     0..5999 │ 6000..7999 │ 8000..8899
/// ```
/// An appended batch is concatenated with its neighbours while they are less than twice its size: a row is copied
/// O(log n) times, there are O(log n) batches, and slots never change.
#[derive(Debug)]
pub(super) struct Segments {
    memory: Arc<StateMemory>,
    schema: SchemaRef,
    list: Vec<Segment>,
    rows: usize,
}

#[derive(Debug)]
struct Segment {
    start: u32,
    shared: Arc<SharedBatch>,
}

/// A batch of a shard, which a frozen table may hold for longer.
#[derive(Debug)]
pub(super) struct SharedBatch {
    pub(super) rows: RecordBatch,
    bytes: usize,
    memory: Arc<StateMemory>,
    /// The shard counts the bytes as long as it has the batch; from then on they are pinned.
    pinned: OnceLock<PinnedBytes>,
}

impl Drop for Segment {
    fn drop(&mut self) {
        if Arc::strong_count(&self.shared) > 1 {
            self.shared.pinned.get_or_init(|| self.shared.memory.pin(self.shared.bytes));
        }
    }
}

impl Segments {
    /// No rows of this schema.
    pub(super) fn new(schema: SchemaRef, memory: Arc<StateMemory>) -> Self {
        Self { memory, schema, list: Vec::new(), rows: 0 }
    }

    /// The number of slots.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.list.iter().map(|s| s.shared.bytes).sum()
    }

    /// Bytes of the batches that a frozen table holds as well.
    pub(super) fn shared_bytes(&self) -> usize {
        self.list.iter().filter(|s| Arc::strong_count(&s.shared) > 1).map(|s| s.shared.bytes).sum()
    }

    /// The batches, in the order of slots.
    pub(super) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.list.iter().map(|s| &s.shared.rows)
    }

    /// The batches, in the order of slots, for as long as the caller wants them.
    pub(super) fn share(&self) -> Vec<Arc<SharedBatch>> {
        self.list.iter().map(|s| Arc::clone(&s.shared)).collect()
    }

    /// Gives slots to the rows of a batch that owns its buffers (see [`pick`]).
    pub(super) fn append(&mut self, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let end = self.rows + batch.num_rows();
        u32::try_from(end).ok().filter(|n| *n < u32::MAX).ok_or_else(|| Error::state("a part of a state table has 2³² rows"))?;
        let (mut rows, mut bytes, mut from) = (batch.num_rows(), batch.get_array_memory_size(), self.list.len());
        while let Some(before) = from.checked_sub(1).and_then(|i| self.list.get(i)) {
            let before = &before.shared;
            if before.rows.num_rows() >= 2 * rows || before.bytes + bytes > MERGE_LIMIT {
                break;
            }
            (rows, bytes, from) = (rows + before.rows.num_rows(), bytes + before.bytes, from - 1);
        }
        let merged = if from == self.list.len() {
            batch
        } else {
            own(concat_batches(&self.schema, self.list[from..].iter().map(|s| &s.shared.rows).chain([&batch]))?)?
        };
        self.list.truncate(from);
        let (bytes, memory) = (merged.get_array_memory_size(), Arc::clone(&self.memory));
        let shared = Arc::new(SharedBatch { rows: merged, bytes, memory, pinned: OnceLock::new() });
        self.list.push(Segment { start: (end - rows) as u32, shared });
        self.rows = end;
        Ok(())
    }

    /// Which batch holds a slot, and at which row.
    pub(super) fn locate(&self, slot: u32) -> (usize, usize) {
        let segment = self.list.partition_point(|s| s.start <= slot).saturating_sub(1);
        (segment, (slot - self.list[segment].start) as usize)
    }

    /// The rows of these slots, in this order.
    pub(super) fn gather(&self, slots: &[u32]) -> Result<RecordBatch> {
        let at: Vec<_> = slots.iter().map(|slot| self.locate(*slot)).collect();
        gather(&self.schema, &self.batches().collect::<Vec<_>>(), &at)
    }
}

/// The rows at these places (batch, row) of batches of one schema.
pub(super) fn gather(schema: &SchemaRef, batches: &[&RecordBatch], at: &[(usize, usize)]) -> Result<RecordBatch> {
    if let [one] = batches {
        let rows: Vec<u32> = at.iter().map(|(_, row)| *row as u32).collect();
        return pick(schema, one, &rows.into());
    }
    let mut columns = Vec::with_capacity(schema.fields().len());
    for column in 0..if at.is_empty() { 0 } else { schema.fields().len() } {
        let arrays: Vec<&dyn Array> = batches.iter().map(|b| b.column(column).as_ref()).collect();
        columns.push(owned(&interleave(&arrays, at)?)?);
    }
    if at.is_empty() { Ok(RecordBatch::new_empty(schema.clone())) } else { batch(schema, columns, at.len()) }
}

/// A copy of these rows of a batch, so that stored rows do not keep the memory of others.
pub(super) fn pick(schema: &SchemaRef, rows: &RecordBatch, picks: &UInt32Array) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(|c| owned(&take(c, picks, None)?)).collect::<Result<Vec<_>>>()?;
    batch(schema, columns, picks.len())
}

/// A batch that may have no columns.
pub(super) fn batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &RecordBatchOptions::new().with_row_count(Some(rows)))?)
}

fn own(rows: RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(owned).collect::<Result<Vec<_>>>()?;
    batch(rows.schema_ref(), columns, rows.num_rows())
}

/// Copies the used parts of view arrays, which share buffers with their source, including those inside structs and lists.
fn owned(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8View => Arc::new(array.as_string_view().gc()),
        DataType::BinaryView => Arc::new(array.as_binary_view().gc()),
        DataType::Struct(fields) if fields.iter().any(|f| f.data_type().is_nested() || is_view(f.data_type())) => {
            let parts = array.as_struct();
            let columns = parts.columns().iter().map(owned).collect::<Result<Vec<_>>>()?;
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, parts.nulls().cloned(), parts.len())?)
        }
        DataType::List(f) if f.data_type().is_nested() || is_view(f.data_type()) => owned_list::<i32>(array)?,
        DataType::LargeList(f) if f.data_type().is_nested() || is_view(f.data_type()) => owned_list::<i64>(array)?,
        _ => array.clone(),
    })
}

fn owned_list<O: OffsetSizeTrait>(array: &ArrayRef) -> Result<ArrayRef> {
    let list = array.as_list::<O>();
    let (DataType::List(field) | DataType::LargeList(field)) = list.data_type() else { return Ok(array.clone()) };
    Ok(Arc::new(GenericListArray::try_new(field.clone(), list.offsets().clone(), owned(list.values())?, list.nulls().cloned())?))
}

fn is_view(kind: &DataType) -> bool {
    matches!(kind, DataType::Utf8View | DataType::BinaryView)
}
