//! An immutable copy of a keyed table at one version, which is written while epochs change the table.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;

use crate::common::Result;

use super::key_index::NONE;
use super::log::Log;
use super::row_layout::RowLayout;
use super::segments::SharedBatch;
use super::shard::Shard;

/// Rows of a batch that [`FrozenTable::rows`] gives.
const ROWS: usize = 64 << 10;

/// The rows of a [`KeyedTable`](super::KeyedTable) at one version.
///
/// ```text
///  shard in memory    segments: shared        owner ─▶ a bit per slot       weights ─▶ those that are not 1
///  shard on disk      file and parts: shared  the tail in memory: shared
/// ```
/// Batches and files are immutable, so they are shared; mutable data is copied: a bit per row, and the few weights above one.
/// That takes some milliseconds per gigabyte; nothing is encoded or written.
///
/// # Invariants
/// * Shards are dropped one by one as their rows are read, which frees batches that the table has replaced since.
#[derive(Debug)]
pub struct FrozenTable {
    pub(super) row_layout: Arc<RowLayout>,
    pub(super) shards: Vec<FrozenShard>,
    pub(super) closed_to: Option<i64>,
}

#[derive(Debug)]
pub(super) enum FrozenShard {
    Memory(FrozenRows),
    Disk(Box<Log>),
}

/// The rows of a shard in memory.
#[derive(Debug)]
pub(super) struct FrozenRows {
    batches: Vec<Arc<SharedBatch>>,
    /// By slot.
    live: BooleanBuffer,
    /// Slots with a weight above one, ascending.
    weights: Vec<(u32, i64)>,
}

impl FrozenRows {
    /// A copy of the current rows of a shard.
    pub(super) fn new(shard: &Shard) -> Self {
        let live = BooleanBuffer::collect_bool(shard.owner.len(), |slot| shard.owner[slot] != NONE);
        let weights = shard.multiset.as_ref().map_or_else(Vec::new, |multiset| {
            let several = (0u32..).zip(&multiset.weights).filter(|(_, weight)| **weight > 1);
            several.map(|(slot, weight)| (slot, *weight)).collect()
        });
        Self { batches: shard.segments.share(), live, weights }
    }

    fn into_rows(self, row_layout: Arc<RowLayout>) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        let Self { batches, live, weights } = self;
        let mut slot = 0;
        let pieces = batches.into_iter().flat_map(move |batch| {
            let (first, len) = (slot, batch.rows.num_rows());
            slot += len;
            (0..len).step_by(ROWS).map(move |start| (first + start, batch.rows.slice(start, ROWS.min(len - start))))
        });
        pieces
            .map(move |(start, batch)| weighted(&row_layout, start, &batch, &live, &weights))
            .filter(|rows| !rows.as_ref().is_ok_and(is_empty))
    }
}

fn is_empty(rows: &RecordBatch) -> bool {
    rows.num_rows() == 0
}

/// The live rows of a batch that begins with slot `start`, with their weights.
fn weighted(
    row_layout: &RowLayout,
    start: usize,
    batch: &RecordBatch,
    live: &BooleanBuffer,
    weights: &[(u32, i64)],
) -> Result<RecordBatch> {
    let end = start + batch.num_rows();
    let mut weight = vec![1; batch.num_rows()];
    let several = weights.partition_point(|(slot, _)| (*slot as usize) < start);
    for (slot, times) in weights.iter().skip(several).take_while(|(slot, _)| (*slot as usize) < end) {
        if let Some(weight) = weight.get_mut(*slot as usize - start) {
            *weight = *times;
        }
    }
    let live = live.slice(start, batch.num_rows());
    let rows = row_layout.weighted(batch, weight)?;
    if live.count_set_bits() == rows.num_rows() {
        return Ok(rows);
    }
    Ok(filter_record_batch(&rows, &BooleanArray::new(live, None))?)
}

impl FrozenTable {
    /// All rows in batches, for [`KeyedTable::restore`](super::KeyedTable::restore). What is on disk is read a shard at a time.
    pub fn into_rows(self) -> impl Iterator<Item = Result<RecordBatch>> + Send {
        let Self { row_layout, shards, closed_to } = self;
        shards.into_iter().flat_map(move |shard| -> Box<dyn Iterator<Item = Result<RecordBatch>> + Send> {
            let rows = match shard {
                FrozenShard::Memory(rows) => rows,
                FrozenShard::Disk(log) => match log.load(None, closed_to) {
                    Ok(shard) => FrozenRows::new(&shard),
                    Err(error) => return Box::new(std::iter::once(Err(error))),
                },
            };
            Box::new(rows.into_rows(Arc::clone(&row_layout)))
        })
    }

    /// Everything whose time is at or before this had been dropped.
    pub fn closed_to(&self) -> Option<i64> {
        self.closed_to
    }
}
