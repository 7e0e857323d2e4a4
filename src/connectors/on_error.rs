//! What happens to a record that cannot be read: `on-error`, `dead-letter.table`, and the warning about skipped records.

use std::time::{Duration, Instant};

use crate::common::excerpt::{excerpt_of, shortened};
use crate::common::{Error, OptionSpec, Result, clock, suggest};

use super::TableSpec;

/// How often the warning is repeated.
const WARN_EVERY: Duration = Duration::from_secs(10);

const OPTION: &str = "on-error";
const TABLE: &str = "dead-letter.table";
const VALUES: [&str; 3] = ["skip", "fail", "dead-letter"];

/// Options of formats, each with the value that makes Flink fail.
const FATAL: [(&str, &str); 4] = [
    ("json.ignore-parse-errors", "false"),
    ("json.fail-on-missing-field", "true"),
    ("csv.ignore-parse-errors", "false"),
    ("debezium-json.ignore-parse-errors", "false"),
];

/// `on-error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The record is counted, with a warning.
    Skip,
    /// The job stops.
    Fail,
    /// The record goes to another table.
    DeadLetter,
}

impl OnError {
    /// The options of a table that supports `on-error`.
    pub fn options() -> [OptionSpec; 2] {
        [
            OptionSpec::one_of(
                OPTION,
                &VALUES,
                "what a bad record does: it is skipped and counted, stops the job, or goes to `dead-letter.table`",
            ),
            OptionSpec::text(TABLE, "the table that bad records go to"),
        ]
    }

    /// Skips by default; an option of the format that makes Flink fail makes us fail, too.
    ///
    /// # Errors
    /// For another value, and for dead letters without a table for them.
    pub fn read(spec: &TableSpec) -> Result<Self> {
        let routed = spec.option(TABLE).is_some();
        let says = |(option, value): (&str, &str)| {
            let given = |prefix| spec.option(&format!("{prefix}{option}")).is_some_and(|v| v.eq_ignore_ascii_case(value));
            ["", "key.", "value."].into_iter().any(given)
        };
        match spec.option(OPTION) {
            Some("skip") => Ok(Self::Skip),
            Some("fail") => Ok(Self::Fail),
            Some("dead-letter") if routed => Ok(Self::DeadLetter),
            Some("dead-letter") => Err(Error::option(TABLE, "is missing").hint("'on-error' = 'dead-letter' needs a table to write to")),
            Some(other) => Err(Error::option(OPTION, format!("cannot be '{other}'")).hint(suggest::hint(other, &VALUES))),
            None if routed => Ok(Self::DeadLetter),
            None if FATAL.into_iter().any(says) => Ok(Self::Fail),
            None => Ok(Self::Skip),
        }
    }

    /// The table that bad records of a table go to.
    pub fn table(self, spec: &TableSpec) -> Option<&str> {
        spec.option(TABLE).filter(|_| self == Self::DeadLetter)
    }
}

/// Warns of bad records: at most every ten seconds, with one of them as a sample.
#[derive(Debug, Default)]
pub struct Warning {
    last_warning: Option<Instant>,
    unreported: usize,
}

impl Warning {
    /// Records `count` bad records, one of which is `sample`: fails or warns.
    ///
    /// # Errors
    /// With [`OnError::Fail`].
    pub fn note(&mut self, on_error: OnError, count: usize, sample: &str) -> Result<()> {
        if on_error == OnError::Fail {
            return Err(failure(sample));
        }
        self.unreported += count;
        if self.last_warning.is_none_or(|at| clock::since(at) >= WARN_EVERY) {
            let what = if on_error == OnError::DeadLetter { "routed to the dead-letter table" } else { "skipped" };
            tracing::warn!("{} bad record(s) {what}; one of them: {sample}", self.unreported);
            *self = Self { last_warning: Some(clock::instant()), unreported: 0 };
        }
        Ok(())
    }
}

/// The error of a bad record with [`OnError::Fail`].
pub fn failure(sample: &str) -> Error {
    Error::data(sample).hint("'on-error' = 'skip' counts such records and goes on, 'dead-letter' routes them to another table")
}

/// The text of a bad record: where it is, why it is bad, and the beginning of it.
pub fn sample(place: &str, reason: &str, record: &[u8]) -> String {
    format!("{place}: {}: `{}`", shortened(reason), excerpt_of(record))
}
