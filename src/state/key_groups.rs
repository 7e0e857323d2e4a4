//! Key groups: the unit in which keyed state is redistributed between partitions.

use std::fmt;
use std::str::FromStr;

use crate::common::{Error, Result};

/// The default number of key groups of a job.
pub const DEFAULT_KEY_GROUPS: u16 = 128;
/// The maximum number of key groups of a job: a state table has a section in each commit for every partition.
pub const MAX_KEY_GROUPS: u16 = 1 << 15;

/// A range of key groups: those of one partition of a stateful operator, which identify its state.
///
/// ```text
///  hash of the key (key_hash.rs) ─▶ group = hash mod 128 ─▶ partition of the operator
///
///  4 partitions    0 ── 31 │ 32 ── 63 │ 64 ── 95 │ 96 ── 127         each owns its groups' rows in every state table
///  3 partitions    0 ──── 42 │ 43 ──── 85 │ 86 ──── 127              after a restart: groups move, keys stay in their group
/// ```
/// # Invariants
/// * The number of groups is a power of two and fixed for the life of a job: every commit stores it with the version of the hash.
/// * The ranges of a table's partitions are disjoint, and together cover all groups.
/// * An operator without a key runs in one partition, which owns all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyGroups {
    first: u16,
    /// The last one, inclusive; `u16::MAX` for [`Self::ALL`].
    last: u16,
}

impl KeyGroups {
    /// All groups, whatever their number.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// The ranges of `partitions`, of nearly equal size; `groups` is the total number of groups.
    pub fn split(groups: u16, partitions: usize) -> Vec<Self> {
        let (groups, partitions) = (usize::from(groups), partitions.min(usize::from(groups)));
        if partitions <= 1 {
            return vec![Self::ALL];
        }
        let start = |partition: usize| u16::try_from((partition * groups).div_ceil(partitions)).unwrap_or(u16::MAX);
        (0..partitions).map(|p| Self { first: start(p), last: start(p + 1) - 1 }).collect()
    }

    /// The partition that a hash belongs to: the one whose range, by [`Self::split`], contains its group.
    #[inline]
    pub fn partition(hash: u64, groups: u16, partitions: usize) -> usize {
        // The lowest bits choose the bucket of a hash table, the highest ones the shard of a state table.
        let group = (hash >> 32) as usize & (usize::from(groups) - 1);
        group * partitions / usize::from(groups)
    }
}

impl fmt::Display for KeyGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl FromStr for KeyGroups {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let range = text.split_once('-').and_then(|(first, last)| Some(Self { first: first.parse().ok()?, last: last.parse().ok()? }));
        range.filter(|range| range.first <= range.last).ok_or_else(|| Error::state(format!("`{text}` is no range of key groups")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_belongs_to_one_partition() {
        for groups in [1, 2, 16, 128, 1024] {
            for partitions in 2..=usize::from(groups).min(130) {
                let ranges = KeyGroups::split(groups, partitions);
                assert_eq!(ranges.len(), partitions);
                assert_eq!((ranges[0].first, ranges[partitions - 1].last), (0, groups - 1));
                assert!(ranges.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
                let sizes = ranges.iter().map(|range| range.last - range.first + 1);
                assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
                for group in 0..groups {
                    let owner = KeyGroups::partition(u64::from(group) << 32 | 0xABCD, groups, partitions);
                    assert!((ranges[owner].first..=ranges[owner].last).contains(&group), "{group} of {groups} in {partitions}");
                }
            }
        }
        assert_eq!(KeyGroups::split(128, 1), [KeyGroups::ALL]);
        assert_eq!(KeyGroups::split(4, 9).len(), 4);
        assert_eq!(KeyGroups::split(1, 9), [KeyGroups::ALL]);
    }

    #[test]
    fn a_range_is_read_as_it_is_written() {
        for range in KeyGroups::split(128, 3) {
            assert_eq!(range.to_string().parse::<KeyGroups>().unwrap(), range);
        }
        for wrong in ["", "3", "4-3", "a-b", "1-70000"] {
            wrong.parse::<KeyGroups>().unwrap_err();
        }
    }
}
