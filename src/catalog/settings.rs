//! The settings of a job, from SET and `--option`, and Flink's keys that are accepted.

use std::time::Duration;

use crate::common::{Error, Result, suggest, units};
use crate::sql::Dialect;
use crate::state::key_groups::MAX_KEY_GROUPS;

/// How a query with an unbounded source runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeMode {
    /// Runs for ever.
    Streaming,
    /// Reads up to now and ends.
    Batch,
}

/// How the shell shows a live result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultMode {
    /// A table that is kept up to date.
    Table,
    /// A list of changes.
    Changelog,
    /// Rows as they come, with their row kind in a column.
    Tableau,
}

/// Settings of a job; `None` where nothing was set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobSettings {
    /// `checkpoint.interval`: between commits; zero commits every epoch.
    pub checkpoint_interval: Option<Duration>,
    /// `trigger.interval`: between epochs.
    pub trigger_interval: Option<Duration>,
    /// `max.rows.per.epoch`: rows per source and epoch.
    pub max_rows_per_epoch: Option<usize>,
    /// `sink.max-pending-commits`: commits that a sink may lag behind.
    pub max_pending_commits: Option<usize>,
    /// `pipeline.name`: the job's name.
    pub pipeline_name: Option<String>,
    /// `table.exec.source.idle-timeout`: the default of `scan.watermark.idle-timeout`.
    pub idle_timeout: Option<Duration>,
    /// `table.exec.emit.allow-lateness`: how late a row may be for its window.
    pub allow_lateness: Option<Duration>,
    /// `table.exec.state.ttl`: how long unchanged state is kept; zero: for ever.
    pub state_ttl: Option<Duration>,
    /// `parallelism.default`: the partitions of its stages; by default the number of cores.
    pub parallelism: Option<usize>,
    /// `pipeline.max-parallelism`: the maximum number of partitions that a job can ever have.
    pub max_parallelism: Option<usize>,
    /// `execution.runtime-mode`.
    pub runtime_mode: Option<RuntimeMode>,
    /// `table.local-time-zone`: the session's zone, UTC by default.
    pub time_zone: Option<String>,
    /// `sql-client.execution.result-mode`.
    pub result_mode: Option<ResultMode>,
    /// `sql.dialect`, or Flink's `table.sql-dialect`: the dialect in force.
    pub dialect: Option<Dialect>,
}

/// Keys of settings of the job, with Flink's names where Flink has one.
pub const KEYS: [&str; 17] = [
    "checkpoint.interval",
    "execution.checkpointing.interval",
    "trigger.interval",
    "max.rows.per.epoch",
    "sink.max-pending-commits",
    "pipeline.name",
    "table.exec.source.idle-timeout",
    "table.exec.emit.allow-lateness",
    "table.exec.state.ttl",
    "parallelism.default",
    "table.exec.resource.default-parallelism",
    "pipeline.max-parallelism",
    "execution.runtime-mode",
    "table.local-time-zone",
    "sql.dialect",
    "table.sql-dialect",
    "sql-client.execution.result-mode",
];

/// Flink's keys that have no effect here, and why; `*` matches any suffix.
const IGNORED: [(&str, &str); 43] = [
    ("pipeline.auto-watermark-interval", "watermarks move with every epoch"),
    ("pipeline.*", "it configures Flink's runtime"),
    ("execution.checkpointing.*", "commits are set by `checkpoint.interval` alone"),
    ("execution.state-recovery.*", "a job of the same name resumes by itself"),
    ("execution.savepoint.*", "a job of the same name resumes by itself"),
    ("execution.*", "it configures Flink's runtime"),
    ("restart-strategy*", "a supervisor (systemd, Kubernetes) starts a failed job again"),
    ("state.*", "state is kept in the checkpoint folder"),
    ("table.dml-sync", "`run` waits for its job"),
    ("table.dynamic-table-options.enabled", "OPTIONS hints always count"),
    ("table.exec.mini-batch.*", "every epoch is a batch already"),
    ("table.optimizer.*", "it configures Flink's optimizer"),
    ("table.exec.emit.*", "EMIT CHANGES behind the query shows results before their window closes"),
    ("table.exec.source.cdc-events-duplicate", "a change that comes twice changes nothing where the table has a PRIMARY KEY"),
    ("table.exec.source.*", "it configures Flink's sources"),
    ("table.exec.sink.not-null-enforcer", "NULL in a NOT NULL column is a bad record"),
    ("table.exec.sink.type-length-enforcer", "CHAR(n) and VARCHAR(n) hold texts of any length"),
    ("table.exec.sink.upsert-materialize", "changes are put in order by key before they are written"),
    ("table.exec.sink.require-on-conflict", "the newest row of a key counts"),
    ("table.exec.sink.*", "it configures Flink's sinks"),
    ("table.exec.legacy-cast-behaviour", "CAST fails on what it cannot read, TRY_CAST gives NULL"),
    ("table.exec.*", "it configures Flink's operators"),
    ("table.column-expansion-strategy", "`*` is all columns"),
    ("table.plan.*", "a job resumes from its own text"),
    ("sql-client.*", "it configures Flink's client"),
    ("taskmanager.*", "it configures Flink's runtime"),
    ("jobmanager.*", "it configures Flink's runtime"),
    ("rest.*", "it configures Flink's runtime"),
    ("web.*", "it configures Flink's runtime"),
    ("cluster.*", "it configures Flink's cluster"),
    ("heartbeat.*", "it configures Flink's cluster"),
    ("high-availability*", "it configures Flink's cluster"),
    ("kubernetes.*", "it configures Flink's cluster"),
    ("yarn.*", "it configures Flink's cluster"),
    ("security.*", "it configures Flink's cluster"),
    ("metrics.*", "it configures Flink's metrics"),
    ("akka.*", "it configures Flink's runtime"),
    ("pekko.*", "it configures Flink's runtime"),
    ("blob.*", "it configures Flink's runtime"),
    ("classloader.*", "there is no JVM"),
    ("env.java.*", "there is no JVM"),
    ("fs.*", "file systems are set up by the options of tables and by the environment"),
    ("s3.*", "S3 is set up by the options of tables and by the environment"),
];

/// Whether a key is a setting of the job.
pub fn is_job_key(key: &str) -> bool {
    KEYS.contains(&key)
}

/// Checks a SET: a setting of the job, an option of some connector, or one of Flink's keys, for which a warning is returned.
///
/// # Errors
/// When the key is unknown, or the value is invalid.
pub fn check(key: &str, value: &str, table_option: &dyn Fn(&str) -> bool) -> Result<Option<String>> {
    if is_job_key(key) {
        JobSettings::default().apply(key, value)?;
        return Ok(None);
    }
    if table_option(key) {
        return Ok(None);
    }
    let ignored = IGNORED.iter().find(|(known, _)| known.strip_suffix('*').map_or(*known == key, |family| key.starts_with(family)));
    match ignored {
        // A typo must not pass for one of Flink's many keys.
        Some(_) if let Some(near) = KEYS.iter().find(|known| strsim::damerau_levenshtein(known, key) <= 2) => {
            Err(Error::sql(format!("unknown setting `{key}`")).hint(format!("did you mean `{near}`?")))
        }
        Some((_, why)) => Ok(Some(format!("`{key}` has no effect: {why}"))),
        None => Err(Error::sql(format!("unknown setting `{key}`")).hint(suggest::hint(key, &KEYS))),
    }
}

impl JobSettings {
    /// Sets one of [`KEYS`]; ignores others.
    pub(super) fn apply(&mut self, key: &str, value: &str) -> Result<()> {
        let wrong = |error: Error| error.context(format!("setting `{key}`"));
        match key {
            "checkpoint.interval" => self.checkpoint_interval = Some(units::duration(value).map_err(wrong)?),
            "execution.checkpointing.interval" => {
                // Our own name takes precedence, whichever comes first.
                let interval = units::duration(value).map_err(wrong)?;
                self.checkpoint_interval.get_or_insert(interval);
            }
            "trigger.interval" => self.trigger_interval = Some(units::duration(value).map_err(wrong)?),
            "max.rows.per.epoch" => self.max_rows_per_epoch = Some(count(value).map_err(wrong)?),
            "sink.max-pending-commits" => self.max_pending_commits = Some(count(value).map_err(wrong)?),
            "pipeline.name" => self.pipeline_name = Some(value.to_string()),
            "table.exec.source.idle-timeout" => self.idle_timeout = Some(units::duration(value).map_err(wrong)?),
            "table.exec.emit.allow-lateness" => self.allow_lateness = Some(units::duration(value).map_err(wrong)?),
            "table.exec.state.ttl" => self.state_ttl = Some(units::duration(value).map_err(wrong)?),
            "parallelism.default" => self.parallelism = partitions(value).map_err(wrong)?,
            // Flink has both, and the one for tables takes precedence if it is set; here they are the same.
            "table.exec.resource.default-parallelism" => self.parallelism = self.parallelism.or(partitions(value).map_err(wrong)?),
            "pipeline.max-parallelism" => self.max_parallelism = partitions(value).map_err(wrong)?,
            "execution.runtime-mode" => {
                self.runtime_mode = match choice(value, &["streaming", "batch", "automatic"]).map_err(wrong)? {
                    0 => Some(RuntimeMode::Streaming),
                    1 => Some(RuntimeMode::Batch),
                    _ => None, // the sources decide which, as by default
                }
            }
            "table.local-time-zone" => self.time_zone = zone(value).map_err(wrong)?,
            "sql.dialect" | "table.sql-dialect" => self.dialect = Dialect::of_setting(key, value)?,
            "sql-client.execution.result-mode" => {
                self.result_mode = Some(match choice(value, &["table", "changelog", "tableau"]).map_err(wrong)? {
                    0 => ResultMode::Table,
                    1 => ResultMode::Changelog,
                    _ => ResultMode::Tableau,
                });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Parses a positive integer.
fn count(value: &str) -> Result<usize> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| Error::sql(format!("`{value}` is not a number of at least 1")).hint("write digits only: 100000"))
}

/// Parses a number of partitions; `-1` means none in Flink.
fn partitions(value: &str) -> Result<Option<usize>> {
    if value.trim() == "-1" {
        return Ok(None);
    }
    match count(value)? {
        most if most > usize::from(MAX_KEY_GROUPS) => {
            Err(Error::sql(format!("`{}` is more than {MAX_KEY_GROUPS}", value.trim())).hint("write the number of cores to use"))
        }
        partitions => Ok(Some(partitions)),
    }
}

/// Returns the index of one of these words, ignoring case.
fn choice(value: &str, words: &[&str]) -> Result<usize> {
    let found = words.iter().position(|word| word.eq_ignore_ascii_case(value.trim()));
    found.ok_or_else(|| Error::sql(format!("cannot be '{value}'")).hint(suggest::hint(value, words)))
}

/// Returns a zone's name, or `None` for Flink's `default`, which is UTC here and never the machine's zone.
fn zone(value: &str) -> Result<Option<String>> {
    let value = value.trim();
    if value.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    match value.parse::<arrow::array::timezone::Tz>() {
        Ok(_) => Ok(Some(value.to_string())),
        Err(_) => Err(Error::sql(format!("`{value}` is not a time zone")).hint("write `UTC`, `Europe/Berlin` or `+02:00`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> bool {
        false
    }

    #[test]
    fn settings_are_checked_when_they_are_made() {
        for (key, value) in [
            ("checkpoint.interval", "0"),
            ("execution.checkpointing.interval", "10 s"),
            ("max.rows.per.epoch", "100000"),
            ("execution.runtime-mode", "BATCH"),
            ("table.local-time-zone", "Europe/Berlin"),
            ("table.local-time-zone", "+02:00"),
            ("sql-client.execution.result-mode", "TABLEAU"),
            ("table.sql-dialect", "default"),
            ("sql.dialect", "Flink"),
            ("parallelism.default", "4"),
            ("parallelism.default", "-1"),
            ("table.exec.resource.default-parallelism", "4"),
            ("pipeline.max-parallelism", "256"),
        ] {
            assert_eq!(check(key, value, &none).unwrap(), None, "{key}");
        }
        for (key, value, message) in [
            ("checkpoint.interval", "soon", "setting `checkpoint.interval`: `soon` is not a duration"),
            ("max.rows.per.epoch", "0", "setting `max.rows.per.epoch`: `0` is not a number of at least 1"),
            ("execution.runtime-mode", "stream", "setting `execution.runtime-mode`: cannot be 'stream'"),
            ("table.local-time-zone", "Mars", "setting `table.local-time-zone`: `Mars` is not a time zone"),
            ("table.sql-dialect", "hive", "setting `table.sql-dialect`: the dialect `hive` is not supported"),
            ("sql.dialect", "ksql", "setting `sql.dialect`: the dialect `ksql` is not available yet"),
            ("checkpoint.intervall", "1 s", "unknown setting `checkpoint.intervall`"),
            ("parallelism.default", "0", "setting `parallelism.default`: `0` is not a number of at least 1"),
            ("pipeline.max-parallelism", "100000", "setting `pipeline.max-parallelism`: `100000` is more than 32768"),
        ] {
            assert_eq!(check(key, value, &none).unwrap_err().message(), message);
        }
        assert!(
            check("checkpoint.intervall", "1", &none).unwrap_err().hint_text().unwrap().starts_with("did you mean `checkpoint.interval`?")
        );
    }

    #[test]
    fn flinks_other_keys_are_accepted_with_a_warning() {
        for key in [
            "execution.checkpointing.savepoint-dir",
            "execution.state-recovery.path",
            "execution.savepoint.path",
            "restart-strategy.type",
            "restart-strategy",
            "state.backend.type",
            "table.exec.mini-batch.allow-latency",
            "table.optimizer.distinct-agg.split.bucket-num",
            "table.exec.sink.upsert-materialize",
            "table.exec.rank.topn-cache-size",
            "sql-client.verbose",
        ] {
            let warning = check(key, "x", &none).unwrap().unwrap();
            assert!(warning.starts_with(&format!("`{key}` has no effect: ")), "{warning}");
        }
        assert_eq!(check("scan.startup.mode", "x", &|key| key == "scan.startup.mode").unwrap(), None);
    }
}
