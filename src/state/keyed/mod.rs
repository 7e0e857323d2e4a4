//! Keyed state: tables with a key, under aggregates, joins, `Recompute`, `Normalize` and materialized views.
//!
//! ```text
//!  KeyedTable ─▶ Directory: key hash ─▶ ShardSlot ─▶ Shard in memory: keys ─▶ slots ─▶ segments (Arrow)
//!      │                                        └──▶ or its log on disk
//!  StateMemory: one budget for all tables of a job; the least recently used shards go to disk
//! ```
//! An operator reads version n−1 (`&self`, from several threads) and returns a [`KeyedDelta`]; the job folds it when the epoch
//! has succeeded.

mod apply_multiset;
mod delta;
mod directory;
mod expiry_queue;
mod frozen;
mod gathered_rows;
pub mod hash;
mod key_index;
mod log;
mod multiset_index;
mod row_codec;
mod row_layout;
mod segments;
mod shard;
mod shard_input;
mod shard_slot;
mod table;
#[cfg(test)]
mod tests;
mod time_ranges;

use arrow::datatypes::SchemaRef;

pub use delta::KeyedDelta;
pub(in crate::state) use delta::concat;
pub use frozen::FrozenTable;
pub use table::KeyedTable;

/// The layout of a keyed table.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The stored columns, without the weight.
    pub schema: SchemaRef,
    /// Which of them are the key. None: all rows have the same key.
    pub key: Vec<usize>,
    /// An Int64 column (milliseconds since 1970) by which old rows are dropped. A row with NULL there stays.
    pub time: Option<usize>,
    /// How rows of one key are combined.
    pub mode: KeyMode,
}

/// How rows of one key are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMode {
    /// One row per key: the last put wins.
    Upsert,
    /// A Z-set: rows with weights under a key.
    Multiset,
}
