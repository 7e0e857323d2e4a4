//! A summary of the times of rows on disk.

use arrow::array::{Array, Int64Array};

/// Spans are merged down to this number.
const MANY: usize = 64;

/// A summary of times: every row's time is in one of a few spans. It is in memory, so that the disk is read only if rows
/// may be due.
#[derive(Debug, Default)]
pub(super) struct TimeRanges {
    /// Least and greatest, ascending by the least.
    list: Vec<(i64, i64)>,
    /// Whether a row has no time, and so never expires.
    timeless: bool,
}

impl TimeRanges {
    /// Adds rows.
    pub(super) fn add(&mut self, times: Option<&Int64Array>) {
        let Some(times) = times else { return };
        self.timeless |= times.null_count() > 0;
        let mut sorted: Vec<i64> = times.iter().flatten().collect();
        sorted.sort_unstable();
        let chunks = sorted.chunks(sorted.len().div_ceil(8).max(1));
        self.list.extend(chunks.filter_map(|chunk| Some((*chunk.first()?, *chunk.last()?))));
        if self.list.len() > MANY {
            self.list.sort_unstable();
            let pairs = self.list.chunks(self.list.len().div_ceil(MANY / 2));
            let join = |spans: &[(i64, i64)]| Some((spans.first()?.0, spans.iter().map(|s| s.1).max()?));
            self.list = pairs.filter_map(join).collect();
        }
    }

    /// Drops spans at or before `to`; returns whether no row can be left.
    pub(super) fn close(&mut self, to: i64) -> bool {
        self.list.retain(|(_, greatest)| *greatest > to);
        self.list.is_empty() && !self.timeless
    }

    /// A lower bound of the times of remaining rows.
    pub(super) fn least(&self, closed_to: Option<i64>) -> Option<i64> {
        let open = closed_to.map_or(i64::MIN, |to| to.saturating_add(1));
        self.list.iter().map(|(least, _)| (*least).max(open)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_time_is_never_after_a_row_and_moves_on_with_closing() {
        let mut spans = TimeRanges::default();
        for start in (0..4000).rev() {
            spans.add(Some(&Int64Array::from_iter_values((0..10).map(|i| start + i * 7))));
        }
        assert!(spans.list.len() <= MANY);
        assert_eq!(spans.least(None), Some(0));
        assert!(!spans.close(4000));
        let least = spans.least(Some(4000)).unwrap();
        assert!((4001..=4062).contains(&least), "{least}");
        assert!(spans.close(4062));
        spans.add(Some(&Int64Array::from(vec![None])));
        assert!(!spans.close(9000));
        assert_eq!(spans.least(Some(9000)), None);
    }
}
