//! A state table with a key.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};

use super::delta::one;
use super::directory::{Directory, bit_below};
use super::hash::hash_key;
use super::picked::Picked;
use super::shape::{Changes, Shape};
use super::shard::Shard;
use super::{KeyedDelta, Layout, StateMemory};

/// A shard above this many bytes is split (small in tests, so that small cases come to it).
const SPLIT_BYTES: usize = if cfg!(test) { 8 << 10 } else { 4 << 20 };
/// A shard of fewer keys is not split: it is large because single keys are.
const SPLIT_KEYS: usize = if cfg!(test) { 4 } else { 64 };
/// Rows of a batch that [`KeyedTable::scan`] gives.
const SCAN_ROWS: usize = 64 << 10;

/// Rows under keys, read by key and changed by folding deltas.
///
/// # Reading and changing
/// Operators read version n−1 through `&self`, from as many threads as they like; [`Self::fold`] makes version n. Rows come as the
/// stored columns and `__weight`: 1 in an `Upsert` table; in a `Bag` every distinct row comes once with its whole weight, which is
/// above zero. The order of rows is not defined. Folding the same deltas in the same order gives the same rows, however they were
/// merged, and whatever was compacted or on disk on the way.
///
/// # Time
/// If the layout names a time column, no row lives whose time is at or before [`Self::closed_to`]; such a row that comes later
/// goes at the end of its fold, and its retraction is not counted as unmatched: it is forgotten.
///
/// # After an error
/// A fold that fails leaves the table between two versions: it has to be thrown away and restored.
#[derive(Debug)]
pub struct KeyedTable {
    shape: Arc<Shape>,
    directory: Directory,
    closed_to: Option<i64>,
    next_time: Option<i64>,
    memory: Arc<StateMemory>,
}

impl KeyedTable {
    /// An empty table.
    ///
    /// # Errors
    /// When the layout names columns that the schema does not have, or of types that cannot be compared.
    pub fn new(layout: Arc<Layout>, memory: Arc<StateMemory>) -> Result<Self> {
        let shape = Arc::new(Shape::new(layout)?);
        let directory = Directory::new(Shard::new(shape.clone()));
        Ok(Self { shape, directory, closed_to: None, next_time: None, memory })
    }

    /// What the table keeps.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.shape.layout
    }

    /// The memory that it shares with other tables.
    pub fn memory(&self) -> &Arc<StateMemory> {
        &self.memory
    }

    /// All rows whose key is among these, each once. The columns are those of the layout's key, in its order and of its types; NULL
    /// equals NULL. For a table without a key, no columns give everything.
    ///
    /// # Errors
    /// When the columns are not of the key's types.
    pub fn get(&self, keys: &[ArrayRef]) -> Result<RecordBatch> {
        let keys = self.shape.keys.encode_columns(keys)?;
        let hashes = keys.hashes();
        let mut picked = Picked::default();
        for (cell, rows) in self.directory.partition(&hashes) {
            let shard = self.directory.cells[cell].shard.read();
            let slots = shard.find(rows.iter().map(|row| (hashes[*row as usize], keys.bytes(*row))));
            picked.add(&shard, &slots);
        }
        picked.finish(&self.shape)
    }

    /// All rows, in batches.
    ///
    /// # Errors
    /// The iterator's, when a shard cannot be read back from disk.
    pub fn scan(&self) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        Ok(self.rows(Shard::slots))
    }

    /// The rows whose time is at or before `to` (milliseconds since 1970), in batches: what closing to it would drop.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn due(&self, to: i64) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        Ok(self.rows(move |shard| shard.due(to)))
    }

    fn rows<'a>(&'a self, slots: impl Fn(&Shard) -> Vec<u32> + 'a) -> impl Iterator<Item = Result<RecordBatch>> + 'a {
        self.directory.cells.iter().flat_map(move |cell| {
            let shard = cell.shard.read();
            slots(&shard).chunks(SCAN_ROWS).map(|slots| self.batch(&shard, slots)).collect::<Vec<_>>()
        })
    }

    fn batch(&self, shard: &Shard, slots: &[u32]) -> Result<RecordBatch> {
        let mut picked = Picked::default();
        picked.add(shard, slots);
        picked.finish(&self.shape)
    }

    /// Takes in what epochs changed.
    ///
    /// # Errors
    /// When the rows are not of the layout's schema with a weight, or a disk fails; the table is then of no use any more.
    pub fn fold(&mut self, delta: &KeyedDelta) -> Result<()> {
        for epoch in delta.epochs() {
            self.apply(&self.shape.changes(&one(epoch)?)?)?;
        }
        self.closed_to = self.closed_to.max(delta.close_to);
        self.close()
    }

    fn apply(&mut self, changes: &Changes) -> Result<()> {
        for (cell, rows) in self.directory.partition(&changes.hashes) {
            let mut shard = self.directory.cells[cell].shard.write();
            shard.apply(changes, &rows, self.closed_to)?;
            let large = shard.bytes() > SPLIT_BYTES && shard.keys.len() > SPLIT_KEYS;
            drop(shard);
            if large {
                self.split(cell)?;
            }
        }
        Ok(())
    }

    /// Splits a shard until its parts are small or of single keys.
    fn split(&mut self, cell: usize) -> Result<()> {
        let mut large = vec![cell];
        while let Some(cell) = large.pop() {
            if !self.directory.can_split(cell) {
                continue;
            }
            let depth = self.directory.cells[cell].depth;
            let shard = self.directory.cells[cell].shard.read();
            if shard.bytes() <= SPLIT_BYTES || shard.keys.len() <= SPLIT_KEYS {
                continue;
            }
            let mut low = shard.rebuild(|key| !bit_below(hash_key(key), depth))?;
            let high = shard.rebuild(|key| bit_below(hash_key(key), depth))?;
            low.unmatched = shard.unmatched;
            drop(shard);
            large.extend([cell, self.directory.cells.len()]);
            self.directory.split(cell, [low, high]);
        }
        Ok(())
    }

    /// Drops what is due, and notes what is next.
    fn close(&mut self) -> Result<()> {
        if self.shape.layout.time.is_none() {
            return Ok(());
        }
        self.next_time = None;
        for cell in &self.directory.cells {
            let mut shard = cell.shard.write();
            if let Some(to) = self.closed_to {
                shard.close(to)?;
            }
            self.next_time = shard.least().into_iter().chain(self.next_time).min();
        }
        Ok(())
    }

    /// Rows at or before this time (milliseconds since 1970) are gone. It belongs into the header of a commit, beside the rows.
    pub fn closed_to(&self) -> Option<i64> {
        self.closed_to
    }

    /// The least time of a live row; `None` without a time column or without a row that has a time.
    pub fn next_time(&self) -> Option<i64> {
        self.next_time
    }

    /// How many rows live.
    pub fn len(&self) -> usize {
        self.directory.cells.iter().map(|cell| cell.shard.read().live).sum()
    }

    /// Into how many shards the rows are split.
    pub fn shards(&self) -> usize {
        self.directory.cells.len()
    }

    /// Whether no row lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Live rows, bytes in memory, bytes on disk.
    pub fn size(&self) -> (usize, usize, usize) {
        (self.len(), self.directory.cells.iter().map(|cell| cell.shard.read().bytes()).sum(), 0)
    }

    /// Retractions, by weight, that found no row to retract and were dropped.
    pub fn unmatched(&self) -> u64 {
        self.directory.cells.iter().map(|cell| cell.shard.read().unmatched).sum()
    }

    /// All rows for a commit, in batches, each to be given to [`Self::restore`]. [`Self::closed_to`] is to be stored with them.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn snapshot(&self) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        self.scan()
    }

    /// Takes back a batch that [`Self::snapshot`] or [`KeyedDelta::encode`] wrote.
    ///
    /// # Errors
    /// When it is not of this layout.
    pub fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        self.fold(&KeyedDelta::new(vec![rows.clone()], None))
            .map_err(|e| Error::state("a stored state table does not fit its query").because(e))
    }
}
