//! The watermark of a source: the least over its partitions, except idle ones.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::common::clock::Millis;
use crate::connectors::PartitionState;

/// A source is *live* if its newest row came within this time of the wall clock: its watermark follows the clock when all partitions are
/// idle.
pub(super) const LIVE_WITHIN: Millis = 60_000;

/// The end of time: no more rows.
pub const END_OF_TIME: i64 = i64::MAX;

/// The watermark W of one source: no more rows with a time below W are expected.
///
/// # Rules
/// * A partition's W is the newest value of the watermark expression seen in it; the source's is the least over its
///   partitions, and never goes back.
/// * A partition is *idle*, and left out, when healthy answers of the server have shown it read to its end for the whole
///   idle timeout. One that is lagging, unreachable or was never read to its end holds W back.
/// * In a job that ends as of now, a partition that never had a row is left out, too.
/// * When all are idle and the newest row was within a minute of wall time when it came, W follows the wall clock,
///   so that the last window closes. Old data is not live: it is flushed by a bounded mode only.
/// * An exhausted partition of a bounded source is left out; when all are exhausted, W is the end of time.
#[derive(Debug, Clone)]
pub struct SourceClock {
    partitions: BTreeMap<i32, PartitionClock>,
    watermark: Option<i64>,
    idle_timeout: Millis,
    live: bool,
    /// When the last partition became idle.
    silent_since: Option<Millis>,
}

#[derive(Debug, Clone, Copy, Default)]
struct PartitionClock {
    newest: Option<i64>,
    at_end_since: Option<Millis>,
    idle: bool,
    exhausted: bool,
    /// Whether it never had a row, in a job that ends as of now.
    empty: bool,
}

/// A [`SourceClock`] in a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredClock {
    /// W.
    pub watermark: Option<i64>,
    /// Whether the newest row was near wall time.
    pub live: bool,
    /// Newest time per partition.
    pub newest: BTreeMap<i32, i64>,
    /// Partitions that were idle.
    pub idle: Vec<i32>,
}

impl SourceClock {
    /// A source before the first read. A timeout of zero means that no partition ever becomes idle.
    pub fn new(partitions: impl IntoIterator<Item = i32>, idle_timeout: Duration) -> Self {
        let idle_timeout = Millis::try_from(idle_timeout.as_millis()).unwrap_or(Millis::MAX);
        let partitions = partitions.into_iter().map(|p| (p, PartitionClock::default())).collect();
        Self { partitions, watermark: None, idle_timeout, live: false, silent_since: None }
    }

    /// Restores a clock from a commit. Idleness is determined anew, W is never below its stored value.
    pub fn restore(&mut self, stored: &StoredClock) {
        self.watermark = stored.watermark;
        self.live = stored.live;
        for (partition, newest) in &stored.newest {
            self.partitions.entry(*partition).or_default().newest = Some(*newest);
        }
    }

    /// The clock for a commit.
    pub fn store(&self) -> StoredClock {
        StoredClock {
            watermark: self.watermark,
            live: self.live,
            newest: self.partitions.iter().filter_map(|(p, c)| Some((*p, c.newest?))).collect(),
            idle: self.partitions.iter().filter(|(_, c)| c.idle).map(|(p, _)| *p).collect(),
        }
    }

    /// A partition's newest time, and whether it is idle.
    pub fn partition(&self, partition: i32) -> (Option<i64>, bool) {
        self.partitions.get(&partition).map_or((None, false), |c| (c.newest, c.idle))
    }

    /// Excludes a partition without unread rows, for a job that ends now: the idle timeout would not pass. A partition that had rows
    /// holds W at the last of them.
    pub fn nothing_to_read(&mut self, partition: i32) {
        let idles = self.idles();
        let clock = self.partitions.entry(partition).or_default();
        clock.empty = idles && clock.newest.is_none();
    }

    /// Whether partitions can become idle.
    pub fn idles(&self) -> bool {
        self.idle_timeout > 0
    }

    /// Adds the newest time of a partition's rows in this epoch.
    pub fn observe(&mut self, partition: i32, time: i64, now: Millis) {
        let clock = self.partitions.entry(partition).or_default();
        clock.newest = clock.newest.max(Some(time));
        clock.empty = false;
        let newest = self.partitions.values().filter_map(|c| c.newest).max().unwrap_or(time);
        self.live = (now - newest).abs() <= LIVE_WITHIN;
    }

    /// Updates the positions; `had_rows`: whether a partition had rows since the last call.
    pub fn positions(&mut self, states: &[PartitionState], had_rows: impl Fn(i32) -> bool, now: Millis) {
        for state in states {
            let clock = self.partitions.entry(state.partition).or_default();
            clock.exhausted = state.exhausted;
            clock.at_end_since = if state.at_end && !had_rows(state.partition) { clock.at_end_since.or(Some(now)) } else { None };
            clock.idle = self.idle_timeout > 0 && clock.at_end_since.is_some_and(|since| now - since >= self.idle_timeout);
        }
    }

    /// Advances W and returns it.
    pub fn advance(&mut self, now: Millis) -> Option<i64> {
        if !self.partitions.is_empty() && self.partitions.values().all(|c| c.exhausted) {
            self.watermark = Some(END_OF_TIME);
            return self.watermark;
        }
        let mut active = self.partitions.values().filter(|c| !c.idle && !c.exhausted && !c.empty).peekable();
        let time = if active.peek().is_some() {
            self.silent_since = None;
            // A partition without any row holds W back: `None` is the least.
            active.map(|c| c.newest).min().flatten()
        } else {
            let since = *self.silent_since.get_or_insert(now);
            let newest = self.partitions.values().filter_map(|c| c.newest).max();
            newest.map(|t| if self.live { t.saturating_add(now - since) } else { t })
        };
        self.watermark = self.watermark.max(time);
        self.watermark
    }

    /// W as of the last [`Self::advance`].
    pub fn watermark(&self) -> Option<i64> {
        self.watermark
    }

    /// Whether W advances with the clock now.
    pub fn ticking(&self) -> bool {
        self.silent_since.is_some() && self.live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_700_000_000_000;

    fn clock(partitions: i32) -> SourceClock {
        SourceClock::new(0..partitions, Duration::from_secs(5))
    }

    fn at_end(clock: &mut SourceClock, partitions: &[i32], now: Millis) {
        let state = |p: &i32| PartitionState { partition: *p, position: 1, end: Some(1), at_end: true, exhausted: false };
        clock.positions(&partitions.iter().map(state).collect::<Vec<_>>(), |_| false, now);
    }

    #[test]
    fn the_slowest_partition_holds_time_and_it_never_goes_back() {
        let mut c = clock(2);
        c.observe(0, NOW, NOW);
        assert_eq!(c.advance(NOW), None, "partition 1 was never read");
        c.observe(1, NOW - 500, NOW);
        assert_eq!(c.advance(NOW), Some(NOW - 500));
        c.observe(1, NOW - 900, NOW);
        assert_eq!(c.advance(NOW), Some(NOW - 500));
    }

    #[test]
    fn an_idle_partition_is_left_out_only_after_the_whole_timeout() {
        let mut c = clock(2);
        c.observe(0, NOW, NOW);
        at_end(&mut c, &[1], NOW);
        assert_eq!(c.advance(NOW), None);
        at_end(&mut c, &[1], NOW + 4_999);
        assert_eq!(c.advance(NOW + 4_999), None);
        at_end(&mut c, &[1], NOW + 5_000);
        assert_eq!(c.advance(NOW + 5_000), Some(NOW));
    }

    #[test]
    fn an_empty_partition_does_not_hold_a_job_that_ends_now() {
        let mut c = clock(3);
        c.observe(2, NOW - 700, NOW);
        c.nothing_to_read(1);
        c.nothing_to_read(2);
        assert_eq!(c.advance(NOW), None, "partition 0 is to be read");
        c.observe(0, NOW, NOW);
        assert_eq!(c.advance(NOW), Some(NOW - 700), "partition 2 had a row");
        c.observe(2, NOW + 100, NOW);
        assert_eq!(c.advance(NOW), Some(NOW));
        let mut never = SourceClock::new(0..2, Duration::ZERO);
        never.nothing_to_read(1);
        never.observe(0, NOW, NOW);
        assert_eq!(never.advance(NOW), None, "no partition is ever left out");
    }

    #[test]
    fn a_broker_that_is_away_stops_the_idle_timer() {
        let mut c = clock(1);
        c.observe(0, NOW, NOW);
        at_end(&mut c, &[0], NOW);
        let away = PartitionState { partition: 0, position: 1, end: Some(1), at_end: false, exhausted: false };
        c.positions(&[away], |_| false, NOW + 4_000);
        at_end(&mut c, &[0], NOW + 6_000);
        c.advance(NOW + 6_000);
        assert!(!c.ticking());
    }

    #[test]
    fn live_time_goes_on_when_all_is_silent_and_old_time_does_not() {
        for (age, expected) in [(1_000, NOW - 1_000 + 3_000), (600_000, NOW - 600_000)] {
            let mut c = clock(2);
            c.observe(0, NOW - age, NOW);
            c.observe(1, NOW - age - 50, NOW);
            at_end(&mut c, &[0, 1], NOW);
            at_end(&mut c, &[0, 1], NOW + 5_000);
            assert_eq!(c.advance(NOW + 5_000), Some(NOW - age));
            assert_eq!(c.advance(NOW + 8_000), Some(expected));
        }
    }

    #[test]
    fn exhausted_sources_reach_the_end_of_time_and_stored_clocks_return() {
        let mut c = clock(1);
        c.observe(0, 5, NOW);
        c.advance(NOW);
        let stored = c.store();
        let mut again = clock(1);
        again.restore(&stored);
        assert_eq!(again.advance(NOW), Some(5));
        again.positions(&[PartitionState { partition: 0, position: 9, end: Some(9), at_end: true, exhausted: true }], |_| false, NOW);
        assert_eq!(again.advance(NOW), Some(END_OF_TIME));
    }
}
