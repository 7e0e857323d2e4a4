//! A keyed state table.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use crate::common::{Error, Result};
use crate::state::StateMemory;
use crate::state::memory::Evictable;

use super::delta::concat;
use super::directory::{Directory, bit_below};
use super::gathered_rows::GatheredRows;
use super::hash::hash_key;
use super::row_layout::{Changes, RowLayout};
use super::shard::Shard;
use super::shard_slot::{Maintenance, ShardSlot};
use super::{FrozenTable, KeyedDelta, Layout};

/// Rows of a batch of [`KeyedTable::scan`].
const SCAN_ROWS: usize = 64 << 10;

/// Rows under keys, read by key and changed by folding deltas.
///
/// # Reading and changing
/// Operators read version n−1 through `&self`, from as many threads as they like; [`Self::fold`] makes version n. Rows come as the
/// stored columns and `__weight`: 1 in an `Upsert` table; in a `Multiset` every distinct row comes once with its whole weight, which is
/// above zero. The order of rows is not defined. Folding the same deltas in the same order results in the same rows, however they were
/// merged, compacted or spilled.
///
/// # Time
/// If the layout has a time column, no live row has a time at or before [`Self::closed_to`]; such a row that comes later is dropped at
/// the end of its fold, and its retraction is not counted as unmatched.
///
/// # After an error
/// A failed fold leaves the table between two versions: it has to be dropped and restored.
#[derive(Debug)]
pub struct KeyedTable {
    row_layout: Arc<RowLayout>,
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
        let row_layout = Arc::new(RowLayout::new(layout, Arc::clone(&memory))?);
        let directory = Directory::new(ShardSlot::new(Shard::new(row_layout.clone()), &memory));
        Ok(Self { row_layout, directory, closed_to: None, next_time: None, memory })
    }

    /// The layout of the table.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.row_layout.layout
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
        let keys = self.row_layout.keys.encode_columns(keys)?;
        let hashes = keys.hashes();
        self.memory.tick();
        let coldest = if self.memory.on_disk() > 0 { self.memory.coldest() } else { u64::MAX };
        let mut picked = GatheredRows::default();
        for (shard, part) in self.directory.partition(&keys, &hashes) {
            let shard = &self.directory.shards[shard];
            shard.read(Some(&part), self.closed_to, coldest, |resident| picked.add(resident, &resident.find(&part)))?;
            self.memory.balance()?;
        }
        picked.finish(&self.row_layout)
    }

    /// The hashes of keys, given as by [`Self::get`]: keys whose hashes begin with the same bits are read together.
    ///
    /// # Errors
    /// When the columns are not of the key's types.
    pub fn hashes(&self, keys: &[ArrayRef]) -> Result<Vec<u64>> {
        Ok(self.row_layout.keys.encode_columns(keys)?.hashes())
    }

    /// All rows, in batches. What is on disk is read a shard at a time and stays there.
    ///
    /// # Errors
    /// The iterator's, when a shard cannot be read back from disk.
    pub fn scan(&self) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        Ok(self.directory.shards.iter().flat_map(|shard| self.rows(shard, Shard::slots)))
    }

    /// The rows whose time is at or before `to` (milliseconds since 1970), in batches: what closing to it would drop.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn due(&self, to: i64) -> Result<impl Iterator<Item = Result<RecordBatch>>> {
        let shards = self.directory.shards.iter().filter(move |shard| shard.may_be_due(to, self.closed_to));
        Ok(shards.flat_map(move |shard| self.rows(shard, |resident| resident.due(to))))
    }

    fn rows(&self, shard: &ShardSlot, slots: impl Fn(&Shard) -> Vec<u32>) -> Vec<Result<RecordBatch>> {
        let batches = shard.read(None, self.closed_to, u64::MAX, |shard| {
            slots(shard).chunks(SCAN_ROWS).map(|slots| self.batch(shard, slots)).collect::<Vec<_>>()
        });
        batches.unwrap_or_else(|e| vec![Err(e)])
    }

    fn batch(&self, shard: &Shard, slots: &[u32]) -> Result<RecordBatch> {
        let mut picked = GatheredRows::default();
        picked.add(shard, slots);
        picked.finish(&self.row_layout)
    }

    /// Applies the deltas of epochs.
    ///
    /// # Errors
    /// When the rows are not of the layout's schema with a weight, or a disk fails; the table is then unusable.
    pub fn fold(&mut self, delta: &KeyedDelta) -> Result<()> {
        self.memory.tick();
        if delta.num_rows() > 0 {
            self.apply(&self.row_layout.changes(&concat(&delta.rows)?)?)?;
        }
        self.closed_to = self.closed_to.max(delta.close_to);
        self.close()
    }

    fn apply(&mut self, changes: &Changes) -> Result<()> {
        for (shard, part) in self.directory.partition(&changes.keys, &changes.hashes) {
            match self.directory.shards[shard].apply(changes, &part, self.closed_to)? {
                Maintenance::Nothing => {}
                Maintenance::Split => drop(self.split(shard)?),
                Maintenance::Compact => self.compact(shard)?,
            }
            self.memory.balance()?;
        }
        Ok(())
    }

    /// Rewrites a shard on disk, or keeps it in memory if there is room.
    fn compact(&mut self, shard: usize) -> Result<()> {
        let parts = if self.directory.shards[shard].compact(self.closed_to)? { self.split(shard)? } else { vec![shard] };
        let parts = parts.into_iter().filter_map(|part| self.directory.shards.get(part));
        parts.filter(|_| !self.memory.has_room(0)).try_for_each(|part| part.evict())
    }

    /// Splits a shard until its parts are small or of single keys; returns the parts.
    fn split(&mut self, shard: usize) -> Result<Vec<usize>> {
        let (mut large, mut small) = (vec![shard], Vec::new());
        while let Some(shard) = large.pop() {
            let halves = match self.directory.splittable(shard) {
                Some(depth) => self.directory.shards[shard].halves(|key| bit_below(hash_key(key), depth))?,
                None => None,
            };
            match halves {
                None => small.push(shard),
                Some(halves) => {
                    large.extend([shard, self.directory.shards.len()]);
                    self.directory.split(shard, halves.map(|shard| ShardSlot::new(shard, &self.memory)));
                }
            }
        }
        Ok(small)
    }

    /// Drops due rows, and updates the next time.
    fn close(&mut self) -> Result<()> {
        if self.row_layout.layout.time.is_some() {
            let least = self.directory.shards.iter().map(|shard| shard.close(self.closed_to)).collect::<Result<Vec<_>>>()?;
            self.next_time = least.into_iter().flatten().min();
        }
        Ok(())
    }

    /// Rows at or before this time (milliseconds since 1970) were dropped. A commit stores it in its header.
    pub fn closed_to(&self) -> Option<i64> {
        self.closed_to
    }

    /// The least time of a live row; `None` without a time column or without a row that has a time. With shards on disk it may be
    /// earlier than that, but is always after [`Self::closed_to`].
    pub fn next_time(&self) -> Option<i64> {
        self.next_time
    }

    /// The number of live rows. For shards on disk an upper bound: every row added since is counted.
    pub fn len(&self) -> usize {
        self.directory.shards.iter().map(|shard| shard.size().0).sum()
    }

    /// Whether there are no live rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows as by [`Self::len`], bytes in memory, bytes on disk.
    pub fn size(&self) -> (usize, usize, usize) {
        let sizes = self.directory.shards.iter().map(|shard| shard.size());
        sizes.fold((0, 0, 0), |sum, (rows, memory, disk, _)| (sum.0 + rows, sum.1 + memory, sum.2 + disk))
    }

    /// Retractions, by weight, that found no row to retract and were dropped. For shards on disk, as of when they were last
    /// loaded.
    pub fn unmatched(&self) -> u64 {
        self.directory.shards.iter().map(|shard| shard.size().3).sum()
    }

    /// An immutable copy of this version, for a commit.
    pub fn freeze(&self) -> FrozenTable {
        let shards = self.directory.shards.iter().map(|shard| shard.freeze()).collect();
        FrozenTable { row_layout: Arc::clone(&self.row_layout), shards, closed_to: self.closed_to }
    }

    /// Restores a batch that [`FrozenTable::into_rows`] or [`KeyedDelta::encode`] wrote.
    ///
    /// # Errors
    /// When it is not of this layout.
    pub fn restore(&mut self, rows: &RecordBatch) -> Result<()> {
        self.fold(&KeyedDelta::new(vec![rows.clone()], None))
            .map_err(|e| Error::state("a stored state table does not fit its query").with_source(e))
    }
}
