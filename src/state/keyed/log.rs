//! The log of a shard on disk.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, UInt64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::UInt64Type;
use arrow::record_batch::RecordBatch;

use parking_lot::Mutex;

use crate::common::{Error, Result};
use crate::state::memory::StateMemory;
use crate::state::spill::{Place, SpillFile};

use super::KeyMode;
use super::hash::hash_key;
use super::row_layout::{Changes, RowLayout};
use super::segments::pick;
use super::shard::Shard;
use super::shard_input::ShardInput;
use super::time_ranges::TimeRanges;

/// Rows of a part of the base: a look-up of one key reads a part.
const PART_ROWS: usize = if cfg!(test) { 16 } else { 4096 };
/// The tail stays in memory up to this many bytes.
const TAIL_BYTES: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };
/// A log below this many bytes is not compacted.
const SHORT: usize = if cfg!(test) { 1 << 12 } else { 256 << 10 };
/// The number of recent reads whose times are recorded.
const READS: usize = 4;

/// A shard's rows as of its eviction, followed by the changes of later epochs.
///
/// ```text
///  file   │ base: parts of rows, by hash │ part: epochs │ part: epochs │ …        tail (in memory): epochs
///         │ 00..  │ 3f..  │ 81..  │ c2..  │    00..ff    │    01..fe    │
/// ```
/// * A part is one batch: stored columns, `__weight`, `__hash`.
/// * A look-up reads the parts whose range of hashes holds a wanted one, takes the rows whose hash may be wanted, and applies them, in
///   order, to a temporary shard: the same code as in memory, so the same result.
/// * When the changes are longer than the base, the shard is loaded and written again, so a row is written O(1) times.
/// * Expired rows stay until then; readers drop them.
#[derive(Debug)]
pub(super) struct Log {
    row_layout: Arc<RowLayout>,
    memory: Arc<StateMemory>,
    file: Arc<SpillFile>,
    parts: Vec<LogPart>,
    /// Bytes of the base.
    base: usize,
    tail: Vec<RecordBatch>,
    tail_bytes: usize,
    /// Times of the rows that may live.
    pub(super) time_ranges: TimeRanges,
    /// How many rows may live.
    pub(super) rows: usize,
    /// Unmatched retractions, counted while the shard was in memory.
    pub(super) unmatched: u64,
    /// The times of the most recent reads, the latest last.
    reads: Mutex<[u64; READS]>,
}

#[derive(Debug, Clone)]
struct LogPart {
    place: Place,
    /// The least and the greatest hash in it.
    hashes: (u64, u64),
    /// The rows of each epoch in it.
    epochs: Vec<u32>,
}

impl Log {
    /// Writes a shard to a new file.
    pub(super) fn write(shard: &mut Shard, memory: &Arc<StateMemory>) -> Result<Self> {
        let mut log = Self {
            row_layout: shard.row_layout.clone(),
            file: Arc::new(SpillFile::new(memory)?),
            parts: Vec::new(),
            base: 0,
            tail: Vec::new(),
            tail_bytes: 0,
            time_ranges: TimeRanges::default(),
            rows: shard.live,
            unmatched: shard.unmatched,
            reads: Mutex::default(),
            memory: memory.clone(),
        };
        let hashes: Vec<u64> = (0..shard.keys.len() as u32).map(|id| hash_key(shard.keys.key(id))).collect();
        let mut slots: Vec<_> = shard.slots().into_iter().map(|slot| (hashes[shard.owner[slot as usize] as usize], slot)).collect();
        slots.sort_unstable();
        for part in slots.chunks(PART_ROWS) {
            let rows = shard.segments.gather(&part.iter().map(|(_, slot)| *slot).collect::<Vec<_>>())?;
            log.time_ranges.add(log.row_layout.times(&rows));
            let rows = log.row_layout.weighted(&rows, part.iter().map(|(_, slot)| shard.weight(*slot)).collect())?;
            let rows = log.row_layout.hashed(&rows, part.iter().map(|(hash, _)| *hash).collect())?;
            log.append(&rows, vec![part.len() as u32])?;
        }
        log.base = log.file.len();
        memory.count_move(true);
        Ok(log)
    }

    /// A copy of the log: later parts are appended to the same file.
    pub(super) fn freeze(&self) -> Self {
        Self {
            row_layout: Arc::clone(&self.row_layout),
            memory: Arc::clone(&self.memory),
            file: Arc::clone(&self.file),
            parts: self.parts.clone(),
            base: self.base,
            tail: self.tail.clone(),
            tail_bytes: self.tail_bytes,
            time_ranges: TimeRanges::default(),
            rows: self.rows,
            unmatched: self.unmatched,
            reads: Mutex::default(),
        }
    }

    /// Appends the changes of an epoch; returns whether the log is to be compacted.
    pub(super) fn apply(&mut self, changes: &Changes, picks: &[u32]) -> Result<bool> {
        let picks = picks.to_vec().into();
        let rows = pick(self.row_layout.schema(), &changes.rows, &picks)?;
        self.time_ranges.add(self.row_layout.times(&rows));
        let weights: Vec<i64> = picks.values().iter().map(|row| changes.weights.value(*row as usize)).collect();
        self.rows += weights.iter().filter(|weight| **weight > 0).count();
        let hashes = picks.values().iter().map(|row| changes.hashes[*row as usize]).collect();
        let rows = self.row_layout.hashed(&self.row_layout.weighted(&rows, weights)?, hashes)?;
        self.tail_bytes += rows.get_array_memory_size();
        self.tail.push(rows);
        if self.tail_bytes > TAIL_BYTES {
            self.flush()?;
        }
        Ok(self.file.len() - self.base > self.base.max(SHORT))
    }

    /// Writes the tail.
    pub(super) fn flush(&mut self) -> Result<()> {
        if let Some(first) = self.tail.first() {
            let epochs = self.tail.iter().map(|rows| rows.num_rows() as u32);
            let epochs = if self.row_layout.layout.mode == KeyMode::Upsert { vec![epochs.sum()] } else { epochs.collect() };
            let rows = concat_batches(first.schema_ref(), &self.tail)?;
            self.append(&rows, epochs)?;
            (self.tail, self.tail_bytes) = (Vec::new(), 0);
        }
        Ok(())
    }

    fn append(&mut self, rows: &RecordBatch, epochs: Vec<u32>) -> Result<()> {
        let place = self.file.append(rows)?;
        let hashes = hashes(rows)?.values();
        let hashes = hashes.iter().fold((u64::MAX, 0), |(low, high), hash| (low.min(*hash), high.max(*hash)));
        self.parts.push(LogPart { place, hashes, epochs });
        Ok(())
    }

    /// Records a read; returns the time of the oldest recorded read, or 0.
    pub(super) fn note_read(&self) -> u64 {
        let mut reads = self.reads.lock();
        reads.rotate_left(1);
        if let Some(last) = reads.last_mut() {
            *last = self.memory.now();
        }
        reads[0]
    }

    /// The layout that it shares with the table.
    pub(super) fn row_layout(&self) -> &Arc<RowLayout> {
        &self.row_layout
    }

    /// Bytes in memory: what [`Self::flush`] frees.
    pub(super) fn bytes(&self) -> usize {
        self.tail_bytes
    }

    /// Bytes on disk.
    pub(super) fn bytes_on_disk(&self) -> usize {
        self.file.len()
    }

    /// The shard: all of it, or at least all rows of wanted keys.
    pub(super) fn load(&self, wanted: Option<&HashFilter>, closed_to: Option<i64>) -> Result<Shard> {
        let mut shard = Shard::new(self.row_layout.clone());
        shard.unmatched = self.unmatched;
        let wanted_parts = self.parts.iter().filter(|part| wanted.is_none_or(|w| w.within(part.hashes)));
        let mut reader = self.file.reader();
        for part in wanted_parts {
            self.merge_rows(&mut shard, &reader.read(part.place)?, &part.epochs, wanted, closed_to)?;
        }
        for rows in &self.tail {
            self.merge_rows(&mut shard, rows, &[rows.num_rows() as u32], wanted, closed_to)?;
        }
        if let Some(to) = closed_to {
            shard.close(to)?;
        }
        if wanted.is_none() {
            self.memory.count_move(false);
        }
        Ok(shard)
    }

    fn merge_rows(
        &self,
        shard: &mut Shard,
        rows: &RecordBatch,
        epochs: &[u32],
        want: Option<&HashFilter>,
        closed: Option<i64>,
    ) -> Result<()> {
        let (all, columns) = (hashes(rows)?.values(), rows.num_columns() - 1);
        let stored = rows.project(&(0..columns).collect::<Vec<_>>())?;
        let mut start = 0;
        for len in epochs {
            let end = start + len;
            let epoch = match want {
                None => stored.slice(start as usize, *len as usize),
                Some(wanted) => {
                    let picks: Vec<u32> = (start..end).filter(|row| wanted.may_hold(all[*row as usize])).collect();
                    pick(&self.row_layout.changes, &stored, &picks.into())?
                }
            };
            start = end;
            if epoch.num_rows() > 0 {
                let changes = self.row_layout.changes(&epoch)?;
                shard.apply(&changes, &ShardInput::all(&changes.keys, &changes.hashes), closed)?;
            }
        }
        Ok(())
    }
}

fn hashes(rows: &RecordBatch) -> Result<&UInt64Array> {
    let column = rows.columns().last().and_then(|c: &ArrayRef| c.as_primitive_opt::<UInt64Type>());
    column.ok_or_else(|| Error::internal("rows on disk lack their hashes"))
}

/// A filter by the hashes of looked-up keys.
#[derive(Debug)]
pub(super) struct HashFilter {
    sorted: Vec<u64>,
    /// A bit per value of the hash's lowest bits, with few false positives.
    bits: Vec<u64>,
}

impl HashFilter {
    /// Keys with these hashes.
    pub(super) fn new(hashes: &[u64]) -> Self {
        let mut sorted = hashes.to_vec();
        sorted.sort_unstable();
        let mut bits = vec![0; (sorted.len() / 4).next_power_of_two()];
        for hash in &sorted {
            let at = *hash as usize & (bits.len() * 64 - 1);
            bits[at / 64] |= 1 << (at % 64);
        }
        Self { sorted, bits }
    }

    fn within(&self, (least, greatest): (u64, u64)) -> bool {
        self.sorted.get(self.sorted.partition_point(|hash| *hash < least)).is_some_and(|hash| *hash <= greatest)
    }

    fn may_hold(&self, hash: u64) -> bool {
        let at = hash as usize & (self.bits.len() * 64 - 1);
        self.bits[at / 64] >> (at % 64) & 1 == 1
    }
}
