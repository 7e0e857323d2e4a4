//! The properties of a relation beyond its columns: changelog mode, keys and time attributes.

use std::collections::{BTreeMap, BTreeSet};

/// What the planner knows of the rows that a piece of a continuous plan yields. Columns are named by their index in its
/// schema, the weight left out.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamProperties {
    /// Rows come and go: the last column is the weight.
    pub updating: bool,
    /// Sets of columns of which no two rows hold equal values at the same time.
    pub keys: Vec<BTreeSet<usize>>,
    /// Columns that time moves through.
    pub times: BTreeMap<usize, Time>,
    /// Declared tables below.
    pub sources: BTreeSet<String>,
    /// Rows carry provisional sessions, which are still to be merged.
    pub session: Option<Session>,
}

/// Provisional sessions: every row has the window that it alone would make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// The gap that ends a session, in milliseconds.
    pub gap: i64,
    /// Sessions are found within equal values of these columns.
    pub partition: Vec<usize>,
    /// `window_start`, `window_end`, `window_time`; the first two are needed.
    pub window: [Option<usize>; 3],
    /// The rows' own time.
    pub time: Time,
}

/// The properties of a relation in EXPLAIN.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    /// Rows come and go.
    pub updating: bool,
    /// Sets of columns that no two rows share.
    pub keys: Vec<Vec<String>>,
    /// Columns that the watermark moves through.
    pub times: Vec<String>,
}

/// A column that the watermark says something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Time {
    /// What the column holds.
    pub role: Role,
    /// Which clock moves.
    pub domain: Domain,
    /// Tables whose watermarks are meant: W is the least of theirs.
    pub sources: BTreeSet<String>,
    /// Rows may still come that are this many milliseconds older than W.
    pub watermark_delay: i64,
    /// An operator below has taken late rows out.
    pub guarded: bool,
    /// The windows that the time is of, each by a number; those over `window_time` of others are also of theirs, and end no earlier.
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

/// Which clock moves a time column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Event time: watermarks.
    Event,
    /// Processing time: the epoch's clock, until all input has ended.
    Processing,
    /// The epoch's clock and nothing else: what waits for it does not keep a job whose input has ended.
    Clock,
}

impl Time {
    /// What to add to the column, in milliseconds, to get the end of the row's window; `None` if it is no window column.
    pub fn to_end(&self) -> Option<i64> {
        match self.role {
            Role::Row => None,
            Role::Start(size) => Some(size),
            Role::End => Some(0),
            Role::Last => Some(1),
        }
    }

    /// The same once late rows are out.
    pub fn guarded(&self) -> Self {
        Self { guarded: true, ..self.clone() }
    }
}

impl StreamProperties {
    /// The same relation with columns chosen anew: `from[i]` is where output column i comes from, if it is a copy.
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

    /// The same for EXPLAIN; `name` returns the name of a column.
    pub fn shape(&self, name: impl Fn(usize) -> String) -> Shape {
        let keys = self.keys.iter().map(|key| key.iter().map(|c| name(*c)).collect()).collect();
        Shape { updating: self.updating, keys, times: self.times.keys().map(|c| name(*c)).collect() }
    }

    /// What is left when rows come out at the end of this window: times of windows that end no earlier. A row's own time, and that of
    /// another window, are in the past by then.
    pub fn closed_by(&mut self, end: &Time) {
        self.times.retain(|_, t| t.to_end().is_some() && t.windows.is_superset(&end.windows));
        self.times.values_mut().for_each(|t| t.guarded = true);
    }

    /// A column that is a row's own event time, and how many milliseconds rows may be behind the watermark.
    pub fn rowtime(&self) -> Option<(usize, i64)> {
        let own = |time: &&Time| time.domain == Domain::Event && matches!(time.role, Role::Row | Role::Last);
        self.times.iter().find(|(_, time)| own(time)).map(|(column, time)| (*column, time.watermark_delay))
    }

    /// A time attribute that determines a window's end, among these columns.
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
