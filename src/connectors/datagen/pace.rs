//! When rows are due.

use crate::connectors::PartitionRange;

use super::config::Config;

const MILLI: i128 = 1_000_000;

/// The pace of one reader.
#[derive(Debug, Clone, Copy)]
pub(super) enum Pace {
    /// Every row is due at once.
    None,
    /// Row k is due k / rate after 1970.
    Wall { rate: i64 },
    /// Row k is due (k - first) / rate after the reader's start.
    Start { rate: i64, first: i64, at: i64 },
}

impl Pace {
    pub(super) fn new(config: &Config, from: &[PartitionRange], now: i64) -> Self {
        match (config.rate, config.anchor) {
            (None, _) => Self::None,
            (Some(rate), Some(_)) => Self::Wall { rate },
            (Some(rate), None) => {
                let rows = from.iter().map(|r| r.start.saturating_mul(config.partitions).saturating_add(r.partition.into()));
                Self::Start { rate, first: rows.min().unwrap_or(0), at: now }
            }
        }
    }

    /// The number of the first row that is not due yet.
    pub(super) fn due(self, now: i64) -> i64 {
        match self {
            Self::None => i64::MAX,
            Self::Wall { rate } => rows(rate, now),
            // The first row is due at once.
            Self::Start { rate, first, at } => first.saturating_add(rows(rate, now - at)).saturating_add(1),
        }
    }

    /// Returns the milliseconds until a row is due.
    pub(super) fn wait(self, row: i64, now: i64) -> i64 {
        let (rate, row, since) = match self {
            Self::None => return 0,
            Self::Wall { rate } => (rate, row.saturating_add(1), 0),
            Self::Start { rate, first, at } => (rate, row - first, at),
        };
        let millis = (i128::from(row) * 1_000 + i128::from(rate) - 1).div_euclid(i128::from(rate));
        (i64::try_from(millis).unwrap_or(i64::MAX).saturating_add(since) - now).max(0)
    }
}

fn rows(rate: i64, millis: i64) -> i64 {
    i64::try_from((i128::from(millis) * MILLI * i128::from(rate)).div_euclid(1_000 * MILLI)).unwrap_or(i64::MAX)
}
