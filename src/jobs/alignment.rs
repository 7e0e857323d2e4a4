//! Watermark alignment: pauses partitions that are too far ahead in event time.

use crate::common::clock::Millis;
use crate::connectors::PartitionState;

use super::watermark::{LIVE_WITHIN, SourceClock};

/// The event time of the slowest partition of a job.
///
/// A window is open from its first row until the *slowest* partition has passed its end. While a job catches up over days of
/// history, a partition that is read faster than the others would open the windows of all those days at once. So one that is
/// further ahead than `scan.watermark.alignment.max-drift` waits.
///
/// ```text
///   event time ─▶      floor            floor + max drift
///   partition 0  ━━━━━━━┫ slowest: is always read
///   partition 1  ━━━━━━━━━━━━━━━━━┫ is read
///   partition 2  ━━━━━━━━━━━━━━━━━━━━━━━━━┿━━━┫ waits
/// ```
/// # Rules
/// * Idle and exhausted partitions do not hold up the others, nor does an empty partition at its end.
/// * A partition with unread rows that has not returned any yet is behind all others.
/// * Live rows are never held up: they are near the wall clock, so their partition is not catching up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Floor {
    /// A partition has not returned rows yet.
    Unread,
    /// The slowest partition's newest event time, in milliseconds since 1970.
    At(Millis),
}

impl Floor {
    /// The least over the partitions of a source; `None` if none of them counts. `waits`: silent partitions become idle
    /// after a while; if they never do, one at its end must not hold up the others for ever.
    pub fn of_source<'a>(clock: &SourceClock, states: impl Iterator<Item = &'a PartitionState>, waits: bool) -> Option<Self> {
        let counts = states.filter_map(|state| {
            let (newest, idle) = clock.partition(state.partition);
            let over = state.exhausted || idle || state.at_end && (newest.is_none() || !waits);
            (!over).then_some(newest.map_or(Self::Unread, Self::At))
        });
        counts.min()
    }

    /// The partitions of a source that have to wait for the floor to come within `drift` milliseconds.
    pub fn ahead<'a>(self, clock: &SourceClock, states: impl Iterator<Item = &'a PartitionState>, drift: Millis, now: Millis) -> Vec<i32> {
        let waits = |state: &&PartitionState| {
            let Some(newest) = clock.partition(state.partition).0 else { return false };
            let far = match self {
                Self::Unread => true,
                Self::At(floor) => newest.saturating_sub(floor) > drift,
            };
            far && newest.abs_diff(now) > LIVE_WITHIN.unsigned_abs()
        };
        states.filter(waits).map(|s| s.partition).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Millis = 1_700_000_000_000;
    const MINUTE: Millis = 60_000;

    fn state(partition: i32, at_end: bool, exhausted: bool) -> PartitionState {
        PartitionState { partition, position: 1, end: None, at_end, exhausted }
    }

    /// Partitions by newest time (minutes), at its end, exhausted; who waits.
    #[test]
    fn who_waits_for_whom() {
        type Partition = (Option<Millis>, bool, bool);
        let cases: [(&str, &[Partition], bool, &[i32]); 9] = [
            ("near each other", &[(Some(0), false, false), (Some(1), false, false)], true, &[]),
            ("one is ahead", &[(Some(0), false, false), (Some(2), false, false), (Some(1), false, false)], true, &[1]),
            ("one was not read yet", &[(None, false, false), (Some(0), false, false)], true, &[1]),
            ("none was read yet", &[(None, false, false), (None, false, false)], true, &[]),
            ("the slow one is empty", &[(None, true, false), (Some(2), false, false)], true, &[]),
            ("the slow one is exhausted", &[(Some(0), true, true), (Some(2), false, false)], true, &[]),
            ("the slow one is at its end, and may go on", &[(Some(0), true, false), (Some(2), false, false)], true, &[1]),
            ("the slow one is at its end for good", &[(Some(0), true, false), (Some(2), false, false)], false, &[]),
            ("the fast one is live", &[(Some(0), false, false), (Some(NOW / MINUTE), false, false)], true, &[]),
        ];
        for (name, partitions, waits, expected) in cases {
            let mut clock = SourceClock::new(0..partitions.len() as i32, Duration::from_secs(5));
            let mut states = Vec::new();
            for (partition, (newest, at_end, exhausted)) in (0..).zip(partitions) {
                newest.iter().for_each(|minutes| clock.observe(partition, minutes * MINUTE, NOW));
                states.push(state(partition, *at_end, *exhausted));
            }
            let floor = Floor::of_source(&clock, states.iter(), waits);
            let ahead = floor.map_or(Vec::new(), |floor| floor.ahead(&clock, states.iter(), MINUTE, NOW));
            assert_eq!(ahead, expected, "{name}");
        }
    }
}
