//! How a run overrides declared options: SET, and `--option [TABLE.]KEY=VALUE`.
//!
//! In rising precedence: SET (only where a table has no value), the table's options, `--option KEY=`, `--option TABLE.KEY=`.
//! The catalog keeps the original text.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::{Error, Result, secret, suggest};
use crate::sql::ast::{CreateTable, Options, Setting};
use crate::sql::{InForce, dialect};

use super::settings::{self, JobSettings};

/// SET and `--option` of a run.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    options: Vec<Given>,
    settings: BTreeMap<String, String>,
    tables: BTreeSet<String>,
}

/// One `--option`.
#[derive(Debug, Clone)]
struct Given {
    key: String,
    value: String,
    /// Whether a table or the job has used it.
    used: Arc<AtomicBool>,
}

impl Given {
    /// Splits the key into `TABLE` and `KEY`, if it begins with the name of a declared table; the longest name is used (`db.t`).
    fn split<'a>(&'a self, tables: &BTreeSet<String>) -> (Option<&'a str>, &'a str) {
        let mut places = self.key.match_indices('.').map(|(dot, _)| (&self.key[..dot], &self.key[dot + 1..]));
        match places.rfind(|(table, key)| tables.contains(*table) && !key.is_empty()) {
            Some((table, key)) => (Some(table), key),
            None => (None, &self.key),
        }
    }

    fn using(&self) -> &str {
        self.used.store(true, Ordering::Relaxed);
        &self.value
    }

    /// Sets the option; an empty value (`--option KEY=`) removes it, so that its default applies.
    fn put(&self, key: &str, options: &mut Options) {
        match self.using() {
            "" => options.unset(key),
            value => options.set(key, value),
        }
    }
}

impl Overrides {
    /// Parses the values of `--option`.
    ///
    /// # Errors
    /// When one of them is not `[TABLE.]KEY=VALUE`, or a setting of the job is invalid.
    pub fn parse(options: &[impl AsRef<str>]) -> Result<Self> {
        let mut overrides = Self::default();
        for option in options {
            let option = option.as_ref();
            let Some((key, value)) = option.split_once('=').filter(|(key, _)| !key.trim().is_empty()) else {
                // The text after a space may be the value.
                let key = option.split_whitespace().next().unwrap_or_default();
                return Err(Error::usage(format!("--option {key}: not of the form [TABLE.]KEY=VALUE"))
                    .hint("for example --option properties.bootstrap.servers=localhost:9092"));
            };
            let key = key.trim().to_string();
            secret::learn(&key, value);
            if settings::is_job_key(&key) {
                settings::check(&key, value, &|_| false).map_err(as_usage)?;
            }
            // The last one takes precedence, as with other flags.
            overrides.options.retain(|given| given.key != key);
            overrides.options.push(Given { key, value: value.to_string(), used: Arc::default() });
        }
        Ok(overrides)
    }

    /// Returns the overrides of another connection: the same `--option`s, nothing SET.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self { settings: BTreeMap::new(), ..self.clone() }
    }

    /// Registers declared tables; only their names can be the TABLE of an `--option`. Must be called before [`Self::effective`], and again
    /// when more tables are declared.
    pub fn declare(&mut self, tables: impl IntoIterator<Item = String>) {
        self.tables.extend(tables);
    }

    /// Executes a SET. Returns a warning for one of Flink's keys that has no effect.
    ///
    /// # Errors
    /// When the key is unknown, also to connectors (`table_option`), or the value is invalid.
    pub fn set(&mut self, setting: &Setting, table_option: &dyn Fn(&str) -> bool) -> Result<Option<String>> {
        secret::learn(&setting.key, &setting.value);
        let warning = settings::check(&setting.key, &setting.value, table_option)?;
        if warning.is_none() {
            self.forget_dialect(&setting.key);
            self.settings.insert(setting.key.clone(), setting.value.clone());
        }
        Ok(warning)
    }

    /// Executes a RESET of one key or of all.
    pub fn reset(&mut self, key: Option<&str>) {
        match key {
            Some(key) => {
                self.forget_dialect(key);
                self.settings.remove(key);
            }
            None => self.settings.clear(),
        }
    }

    /// The setting of the dialect has two names.
    fn forget_dialect(&mut self, key: &str) {
        if dialect::KEYS.contains(&key) {
            self.settings.retain(|key, _| !dialect::KEYS.contains(&key.as_str()));
        }
    }

    /// Returns the values of SET by key, with secrets as `****`.
    pub fn settings(&self) -> impl Iterator<Item = (String, String)> {
        self.settings.iter().map(|(key, value)| (key.clone(), secret::shown_value(key, value)))
    }

    /// Returns the options of a table in this run; `known` says which keys its connector and formats support.
    pub fn effective(&self, table: &CreateTable, known: &dyn Fn(&str) -> bool) -> Options {
        const IDLE: (&str, &str) = ("table.exec.source.idle-timeout", "scan.watermark.idle-timeout");
        let mut options = table.options.clone();
        let mut fill = |key: &str, value: &str| {
            if options.get(key).is_none() && known(key) {
                options.set(key, value);
            }
        };
        for (key, value) in &self.settings {
            if !settings::is_job_key(key) {
                fill(key, value);
            }
        }
        // Flink's setting for the default of all sources.
        if let Some(value) = self.settings.get(IDLE.0) {
            fill(IDLE.1, value);
        }
        for given in &self.options {
            if given.key == IDLE.0 && known(IDLE.1) {
                given.put(IDLE.1, &mut options);
            } else if let (None, key) = given.split(&self.tables)
                && !settings::is_job_key(key)
                && known(key)
            {
                given.put(key, &mut options);
            }
        }
        for given in &self.options {
            if let (Some(name), key) = given.split(&self.tables)
                && name == table.name
            {
                // Also an unknown key: the connector refuses it and lists what it supports.
                given.put(key, &mut options);
            }
        }
        options
    }

    /// The settings of the job.
    ///
    /// # Errors
    /// When a value is invalid.
    pub fn job_settings(&self) -> Result<JobSettings> {
        let mut job = JobSettings::default();
        for (key, value) in &self.settings {
            job.apply(key, value)?;
        }
        // `--option` takes precedence over SET as a whole: Flink's name of an interval in a script must not beat ours on the command line.
        let mut given_job = JobSettings::default();
        for given in self.options.iter().filter(|given| given.split(&self.tables).0.is_none()) {
            if settings::is_job_key(&given.key) {
                given_job.apply(&given.key, given.using()).map_err(as_usage)?;
            }
        }
        Ok(JobSettings {
            checkpoint_interval: given_job.checkpoint_interval.or(job.checkpoint_interval),
            trigger_interval: given_job.trigger_interval.or(job.trigger_interval),
            max_rows_per_epoch: given_job.max_rows_per_epoch.or(job.max_rows_per_epoch),
            max_pending_commits: given_job.max_pending_commits.or(job.max_pending_commits),
            pipeline_name: given_job.pipeline_name.or(job.pipeline_name),
            idle_timeout: given_job.idle_timeout.or(job.idle_timeout),
            allow_lateness: given_job.allow_lateness.or(job.allow_lateness),
            state_ttl: given_job.state_ttl.or(job.state_ttl),
            parallelism: given_job.parallelism.or(job.parallelism),
            max_parallelism: given_job.max_parallelism.or(job.max_parallelism),
            runtime_mode: given_job.runtime_mode.or(job.runtime_mode),
            time_zone: given_job.time_zone.or(job.time_zone),
            result_mode: given_job.result_mode.or(job.result_mode),
            // Here `--option` only sets the dialect with which scripts begin.
            dialect: job.dialect.or(given_job.dialect),
        })
    }

    /// Returns the dialect in force: the one that was SET, or that of `--option`, to which RESET returns.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn dialect(&self) -> Result<InForce> {
        let given = self.connect().job_settings()?.dialect.unwrap_or_default();
        Ok(InForce::new(given, self.job_settings()?.dialect.unwrap_or_default()))
    }

    /// Fails for an unused `--option`: neither the job nor a table passed to [`Self::effective`] has it. `known` are the options of the
    /// tables, for the nearest spelling.
    ///
    /// # Errors
    /// For the first such option.
    pub fn check_used(&self, known: &[&str]) -> Result<()> {
        let for_job = |given: &Given| given.split(&self.tables).0.is_none() && settings::is_job_key(&given.key);
        let unused = self.options.iter().find(|given| !(given.used.load(Ordering::Relaxed) || for_job(given)));
        let Some(given) = unused else { return Ok(()) };
        if let (Some(table), _) = given.split(&self.tables) {
            return Err(Error::usage(format!("--option {}: table `{table}` is not part of this run", given.key)));
        }
        Err(self.unknown(given, known))
    }

    /// Fails for an `--option` that can never be used: no setting of jobs and no option of any connector or format (`is_known`), for all
    /// tables or for one. For runs without an end at which [`Self::check_used`] could be called.
    ///
    /// # Errors
    /// For the first such option.
    pub fn check_known(&self, is_known: &dyn Fn(&str) -> bool, known: &[&str]) -> Result<()> {
        let of_a_table = |key: &str| key.match_indices('.').any(|(dot, _)| is_known(key.get(dot + 1..).unwrap_or_default()));
        let knows = |given: &&Given| settings::is_job_key(&given.key) || is_known(&given.key) || of_a_table(&given.key);
        self.options.iter().find(|given| !knows(given)).map_or(Ok(()), |given| Err(self.unknown(given, known)))
    }

    fn unknown(&self, given: &Given, known: &[&str]) -> Error {
        let mut known: Vec<&str> = known.iter().copied().chain(settings::KEYS).collect();
        known.sort_unstable();
        known.dedup();
        let error = Error::usage(format!("--option {}: nothing in this run knows this option", given.key));
        // In `TABEL.key` the key is known, the table is not.
        if let Some((table, key)) = given.key.split_once('.')
            && known.contains(&key)
        {
            let tables: Vec<&str> = self.tables.iter().map(String::as_str).collect();
            return error.hint(format!("`{table}` is not a declared table; {}", suggest::hint(table, &tables)));
        }
        if known.contains(&given.key.as_str()) {
            return error.hint("it is an option of a connector or format that no table of this run uses");
        }
        error.hint(match suggest::nearest(&given.key, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "docs/configuration.md lists the options of tables and the settings of jobs".to_string(),
        })
    }
}

/// Returns the same error, for a flag instead of a statement.
fn as_usage(error: Error) -> Error {
    let usage = Error::usage(format!("--option: {}", error.message()));
    match error.hint_text() {
        Some(hint) => usage.hint(hint),
        None => usage,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::common::ErrorKind;
    use crate::sql::ast::{Source, Statement};

    fn table(name: &str, options: &str) -> CreateTable {
        let text = format!("CREATE TABLE {name} (a INT) WITH ({options})");
        let Statement::CreateTable(table) = crate::sql::parse(&Source::new("a", text)).unwrap().remove(0).statement else { panic!() };
        table
    }

    fn known(key: &str) -> bool {
        ["topic", "format", "scan.startup.mode", "scan.watermark.idle-timeout"].contains(&key) || key.starts_with("properties.")
    }

    fn set(overrides: &mut Overrides, key: &str, value: &str) -> Result<Option<String>> {
        overrides.set(&Setting { key: key.into(), value: value.into() }, &known)
    }

    #[test]
    fn who_wins() {
        let mut overrides = Overrides::parse(&[
            "topic=given",
            "properties.bootstrap.servers=here:1",
            "orders.topic=of-orders",
            "properties.group.id=first",
            "properties.group.id=last=one",
        ])
        .unwrap();
        overrides.declare(["orders".to_string(), "users".to_string()]);
        set(&mut overrides, "topic", "set").unwrap();
        set(&mut overrides, "format", "json").unwrap();
        set(&mut overrides, "scan.startup.mode", "latest-offset").unwrap();
        let shown = |table: &CreateTable| overrides.effective(table, &known).iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>();
        assert_eq!(
            shown(&table("orders", "'connector' = 'kafka', 'scan.startup.mode' = 'earliest-offset', 'topic' = 'own'")),
            [
                "connector=kafka",
                "scan.startup.mode=earliest-offset",
                "topic=of-orders",
                "format=json",
                "properties.bootstrap.servers=here:1",
                "properties.group.id=last=one"
            ]
        );
        assert_eq!(
            shown(&table("users", "'connector' = 'kafka'")),
            [
                "connector=kafka",
                "format=json",
                "scan.startup.mode=latest-offset",
                "topic=given",
                "properties.bootstrap.servers=here:1",
                "properties.group.id=last=one"
            ]
        );
        let printed = table("p", "'connector' = 'print'");
        assert_eq!(overrides.effective(&printed, &|_| false).iter().count(), 1);
        overrides.check_used(&[]).unwrap();
    }

    #[test]
    fn a_table_of_a_database_has_a_dot_in_its_name() {
        let mut overrides = Overrides::parse(&["shop.orders.topic=b", "shop.topic=a"]).unwrap();
        overrides.declare(["shop".to_string(), "shop.orders".to_string()]);
        let mut orders = table("orders", "'connector' = 'kafka'");
        assert_eq!(overrides.effective(&orders, &known).get("topic"), None);
        orders.name = "shop.orders".to_string();
        assert_eq!(overrides.effective(&orders, &known).get("topic"), Some("b"));
        assert_eq!(overrides.effective(&table("shop", "'connector' = 'kafka'"), &known).get("topic"), Some("a"));
    }

    #[test]
    fn an_option_that_nothing_knows_is_an_error() {
        for (option, message, hint) in [
            ("topik=a", "--option topik: nothing in this run knows this option", "did you mean `topic`?"),
            ("checkpoint.intervall=1 s", "--option checkpoint.intervall: nothing", "did you mean `checkpoint.interval`?"),
            ("order.topic=a", "--option order.topic: nothing", "`order` is not a declared table; did you mean `orders`?"),
            ("users.topic=a", "--option users.topic: table `users` is not part of this run", ""),
        ] {
            let mut overrides = Overrides::parse(&[option]).unwrap();
            overrides.declare(["orders".to_string(), "users".to_string()]);
            overrides.effective(&table("orders", "'connector' = 'kafka'"), &known);
            let error = overrides.check_used(&["topic", "format"]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.message().starts_with(message), "{error}");
            assert!(error.hint_text().unwrap_or_default().starts_with(hint), "{error}");
        }
        for (option, is_known) in [
            ("topik=a", false),
            ("topic=a", true),
            ("later.topic=a", true),
            ("later.topik=a", false),
            ("properties.acks=all", true),
            ("checkpoint.interval=1 s", true),
        ] {
            assert_eq!(Overrides::parse(&[option]).unwrap().check_known(&known, &["topic"]).is_ok(), is_known, "{option}");
        }
        for wrong in ["topic", "=x", ""] {
            assert_eq!(Overrides::parse(&[wrong]).unwrap_err().kind(), ErrorKind::Usage);
        }
        assert_eq!(Overrides::parse(&["checkpoint.interval=soon"]).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn settings_of_the_job() {
        let mut overrides = Overrides::parse(&["trigger.interval=2 s", "execution.checkpointing.interval=7 s"]).unwrap();
        for (key, value) in [
            ("checkpoint.interval", "1 s"),
            ("trigger.interval", "9 s"),
            ("pipeline.name", "p"),
            ("table.exec.source.idle-timeout", "30 s"),
            ("max.rows.per.epoch", "5"),
        ] {
            assert_eq!(set(&mut overrides, key, value).unwrap(), None);
        }
        assert!(set(&mut overrides, "taskmanager.numberOfTaskSlots", "4").unwrap().is_some());
        let job = overrides.job_settings().unwrap();
        let expected = JobSettings {
            checkpoint_interval: Some(Duration::from_secs(7)),
            trigger_interval: Some(Duration::from_secs(2)),
            pipeline_name: Some("p".into()),
            idle_timeout: Some(Duration::from_secs(30)),
            max_rows_per_epoch: Some(5),
            ..JobSettings::default()
        };
        assert_eq!(job, expected);
        overrides.check_used(&[]).unwrap();
        let options = overrides.effective(&table("t", "'connector' = 'kafka'"), &known);
        assert_eq!(options.get("scan.watermark.idle-timeout"), Some("30 s"));
        overrides.reset(Some("pipeline.name"));
        assert_eq!(overrides.job_settings().unwrap().pipeline_name, None);
        overrides.reset(None);
        assert_eq!(overrides.job_settings().unwrap().idle_timeout, None);
    }
}
