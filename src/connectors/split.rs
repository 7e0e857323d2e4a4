//! Ranges of positions: the units of reading, which another machine may read.

use serde::{Deserialize, Serialize};

/// `[start, end)` of one partition of one table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Split {
    /// The table's name.
    pub table: String,
    /// The partition.
    pub partition: i32,
    /// The first position.
    pub start: i64,
    /// The position after the last; positions in between may be missing (gaps).
    pub end: i64,
}

/// Where one partition begins and, if it is bounded, ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionRange {
    /// The partition.
    pub partition: i32,
    /// The first position to read.
    pub start: i64,
    /// The position at which the partition is exhausted; `None` if it is unbounded.
    pub end: Option<i64>,
}
