//! The properties of a relation beyond its columns: changelog mode, keys and time attributes.

use std::collections::{BTreeMap, BTreeSet};

/// The properties of the rows that a fragment of a continuous plan yields. Columns are identified by their index in its schema, the weight
/// not counted.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamProperties {
    /// Whether rows are changes: the last column is the weight.
    pub updating: bool,
    /// Sets of columns of which no two rows hold equal values at the same time.
    pub keys: Vec<BTreeSet<usize>>,
    /// Time columns by index.
    pub times: BTreeMap<usize, Time>,
    /// The declared tables that it reads.
    pub sources: BTreeSet<String>,
    /// Set while rows carry provisional sessions, which are still to be merged.
    pub session: Option<Session>,
}

/// Provisional sessions: every row has the window that it would have if it were the only one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The gap that ends a session, in milliseconds.
    pub gap: i64,
    /// Sessions are found within equal values of these columns.
    pub partition: Vec<usize>,
    /// `window_start`, `window_end`, `window_time`; the first two are required.
    pub window: [Option<usize>; 3],
    /// The rows' own time.
    pub time: Time,
}

/// The properties of a relation in EXPLAIN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Whether rows are changes.
    pub updating: bool,
    /// Sets of columns that no two rows share.
    pub keys: Vec<Vec<String>>,
    /// Time columns, which the watermark bounds.
    pub times: Vec<String>,
}

/// A column that the watermark bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Time {
    /// What the column holds.
    pub role: Role,
    /// The clock that advances it.
    pub domain: Domain,
    /// The tables whose watermarks apply: W is the least of theirs.
    pub sources: BTreeSet<String>,
    /// Rows may be this many milliseconds older than W.
    pub watermark_delay: i64,
    /// Whether an operator below has dropped late rows.
    pub guarded: bool,
    /// The windows that the time belongs to, each by a number; those over `window_time` of others also belong to these, and end no earlier.
    pub windows: BTreeSet<u32>,
}

/// What a time column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A row's own time: no more rows with a time below W.
    Row,
    /// A window's start; the window ends this many milliseconds later.
    Start(i64),
    /// A window's end.
    End,
    /// A window's last millisecond (`window_time`), a time attribute for cascades.
    Last,
}

/// The clock that advances a time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Event time: watermarks.
    Event,
    /// Processing time: the epoch's clock, until all input has ended.
    Processing,
    /// The epoch's clock and nothing else: rows that wait for it do not keep a job running whose input has ended.
    Clock,
}

impl Time {
    /// What to add to the column, in milliseconds, to get the end of the row's window; `None` if it is not a window column.
    pub fn to_end(&self) -> Option<i64> {
        match self.role {
            Role::Row => None,
            Role::Start(size) => Some(size),
            Role::End => Some(0),
            Role::Last => Some(1),
        }
    }

    /// The same time with late rows dropped.
    pub fn guarded(&self) -> Self {
        Self { guarded: true, ..self.clone() }
    }
}

impl StreamProperties {
    /// The properties after a projection: `from[i]` is the input column of output column i, if it is a copy.
    pub fn project(&self, from: &[Option<usize>]) -> Self {
        let find = |index: usize| from.iter().position(|f| *f == Some(index));
        let keys = self.keys.iter().filter_map(|key| key.iter().map(|c| find(*c)).collect::<Option<BTreeSet<_>>>()).collect();
        let times = from.iter().enumerate().filter_map(|(i, f)| Some((i, self.times.get(&(*f)?)?.clone()))).collect();
        let session = self.session.as_ref().and_then(|s| {
            let partition = s.partition.iter().map(|c| find(*c)).collect::<Option<_>>()?;
            let window = s.window.map(|c| c.and_then(find));
            (window[0].is_some() && window[1].is_some()).then(|| Session { partition, window, ..s.clone() })
        });
        Self { updating: self.updating, keys, times, sources: self.sources.clone(), session }
    }

    /// The same properties for EXPLAIN; `name` returns the name of a column.
    pub fn shape(&self, name: impl Fn(usize) -> String) -> Shape {
        let keys = self.keys.iter().map(|key| key.iter().map(|c| name(*c)).collect()).collect();
        Shape { updating: self.updating, keys, times: self.times.keys().map(|c| name(*c)).collect() }
    }

    /// Keeps only what still holds when rows come out at the end of this window: times of windows that end no earlier. A row's own time,
    /// and that of another window, are in the past by then.
    pub fn closed_by(&mut self, end: &Time) {
        self.times.retain(|_, t| t.to_end().is_some() && t.windows.is_superset(&end.windows));
        self.times.values_mut().for_each(|t| t.guarded = true);
    }

    /// The column that is a row's own event time, and how many milliseconds rows may be behind the watermark.
    pub fn rowtime(&self) -> Option<(usize, i64)> {
        let own = |time: &&Time| time.domain == Domain::Event && matches!(time.role, Role::Row | Role::Last);
        self.times.iter().find(|(_, time)| own(time)).map(|(column, time)| (*column, time.watermark_delay))
    }

    /// The time attribute among these columns that determines a window's end.
    pub fn window_end(&self, columns: impl IntoIterator<Item = usize>) -> Option<(usize, &Time)> {
        columns.into_iter().find_map(|c| self.times.get(&c).filter(|t| t.to_end().is_some()).map(|t| (c, t)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projections_keep_what_they_copy() {
        let time = Time {
            role: Role::End,
            domain: Domain::Event,
            sources: BTreeSet::new(),
            watermark_delay: 0,
            guarded: false,
            windows: BTreeSet::new(),
        };
        let traits = StreamProperties {
            updating: true,
            keys: vec![BTreeSet::from([0, 2]), BTreeSet::from([1])],
            times: BTreeMap::from([(2, time)]),
            ..StreamProperties::default()
        };
        let projected = traits.project(&[Some(2), None, Some(0)]);
        assert_eq!(projected.keys, [BTreeSet::from([0, 2])]);
        assert_eq!(projected.times.keys().collect::<Vec<_>>(), [&0]);
        assert_eq!(projected.window_end([1, 0]).map(|(c, _)| c), Some(0));
    }
}
