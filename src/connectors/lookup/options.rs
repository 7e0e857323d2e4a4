//! `lookup.cache`: caching of a lookup table.

use std::time::Duration;

use crate::common::{Error, OptionSpec, Result, Subject, units};
use crate::connectors::TableSpec;
use crate::connectors::options::parse;

const CACHE: &str = "lookup.cache";
const INTERVAL: &str = "lookup.full-cache.periodic-reload.interval";
const MAX_ROWS: &str = "lookup.partial-cache.max-rows";
const AFTER_WRITE: &str = "lookup.partial-cache.expire-after-write";
const AFTER_ACCESS: &str = "lookup.partial-cache.expire-after-access";
const MISSING: &str = "lookup.partial-cache.cache-missing-key";

/// Flink's older names of options.
const FORMER: [(&str, &str); 3] =
    [(MAX_ROWS, "lookup.cache.max-rows"), (AFTER_WRITE, "lookup.cache.ttl"), (MISSING, "lookup.cache.caching-missing-key")];

const WHICH: OptionSpec = OptionSpec::one_of(
    CACHE,
    &["NONE", "FULL", "PARTIAL"],
    "what is kept of a table that a stream is joined with; default: NONE, each epoch reads it",
);
const FOR: OptionSpec = OptionSpec::text(INTERVAL, "with FULL: so long the rows stay in memory before they are read again");
const HOW: OptionSpec =
    OptionSpec::one_of("lookup.full-cache.reload-strategy", &["PERIODIC"], "with FULL: rows are read again after an interval");

/// The options of a lookup table that is read as a whole.
pub const OPTIONS: [OptionSpec; 3] = [WHICH, FOR, HOW];

/// The options of a lookup table that finds rows by key.
pub const KEYED_OPTIONS: [OptionSpec; 10] = [
    WHICH,
    FOR,
    HOW,
    OptionSpec::text(MAX_ROWS, "with PARTIAL: maximum number of cached rows; the least recently used are evicted first"),
    OptionSpec::text(AFTER_WRITE, "with PARTIAL: time to live of a cached key, counted from when it was read"),
    OptionSpec::text(AFTER_ACCESS, "with PARTIAL: time after which a cached key that was not looked up is evicted"),
    OptionSpec::flag(MISSING, "with PARTIAL: whether keys without rows are cached; default: true"),
    OptionSpec::text(FORMER[0].1, "the former name of `lookup.partial-cache.max-rows`"),
    OptionSpec::text(FORMER[1].1, "the former name of `lookup.partial-cache.expire-after-write`"),
    OptionSpec::flag(FORMER[2].1, "the former name of `lookup.partial-cache.cache-missing-key`"),
];

/// How a table is cached between epochs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// No cache.
    None,
    /// The rows of keys that were asked for.
    Partial(Limits),
    /// All rows, for this long.
    Full(Duration),
}

/// The limits of a partial cache, in rows and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Rows; a key without rows counts as one.
    pub max_rows: Option<usize>,
    /// How long a key is kept after it was read.
    pub after_write: Option<Duration>,
    /// How long a key is kept after its last lookup.
    pub after_access: Option<Duration>,
    /// Whether keys without rows are kept.
    pub missing: bool,
}

/// Reads the cache options of a table.
///
/// # Errors
/// When they contradict each other, or miss a limit.
pub fn cache_of(spec: &TableSpec) -> Result<Cache> {
    let table = &spec.name;
    let given = |key: &'static str| {
        let former = FORMER.iter().find(|(name, _)| *name == key).map(|(_, former)| *former);
        [Some(key), former].into_iter().flatten().find(|key| spec.option(key).is_some())
    };
    let partial = [MAX_ROWS, AFTER_WRITE, AFTER_ACCESS, MISSING].into_iter().find_map(given);
    let former = partial.filter(|key| FORMER.iter().any(|(_, former)| former == key));
    let cache = spec.option(CACHE).unwrap_or(if former.is_some() { "PARTIAL" } else { "NONE" }).to_ascii_uppercase();
    let alone = |key: &str, hint: String| {
        Err(Error::sql(format!("`{key}` has no cache")).about(Subject::Option(key.into())).in_table(table).hint(hint))
    };
    let duration = |key: &str| units::duration(spec.option(key).unwrap_or_default()).map_err(|e| e.in_table_option(table, key));
    match (cache.as_str(), partial, spec.option(INTERVAL)) {
        ("FULL", None, Some(_)) => duration(INTERVAL).map(Cache::Full),
        ("FULL", None, None) => Err(Error::sql(format!("`{CACHE}` = 'FULL' says not how long"))
            .about(Subject::Option(CACHE.into()))
            .in_table(table)
            .hint(format!("add '{INTERVAL}' = '10 min'"))),
        ("PARTIAL", Some(_), None) => {
            let limits = Limits {
                max_rows: given(MAX_ROWS).map(|key| parse(spec, key, "a whole number")).transpose()?.flatten(),
                after_write: given(AFTER_WRITE).map(duration).transpose()?,
                after_access: given(AFTER_ACCESS).map(duration).transpose()?,
                missing: given(MISSING).is_none_or(|key| spec.option(key).is_some_and(|text| text.eq_ignore_ascii_case("true"))),
            };
            match limits {
                Limits { max_rows: None, after_write: None, after_access: None, .. } => unlimited(table),
                limits => Ok(Cache::Partial(limits)),
            }
        }
        ("PARTIAL", None, None) => unlimited(table),
        (_, Some(key), _) => alone(key, format!("add '{CACHE}' = 'PARTIAL'")),
        (_, None, Some(_)) => alone(INTERVAL, format!("add '{CACHE}' = 'FULL'")),
        (_, None, None) => Ok(Cache::None),
    }
}

fn unlimited<T>(table: &str) -> Result<T> {
    Err(Error::sql(format!("`{CACHE}` = 'PARTIAL' says neither how long nor how much"))
        .about(Subject::Option(CACHE.into()))
        .in_table(table)
        .hint(format!("add '{AFTER_WRITE}' = '10 min', or '{MAX_ROWS}' = '100000'")))
}

/// Reads the cache options of a table that is read as a whole: how long its rows stay in memory; `None`: they do not.
///
/// # Errors
/// As [`cache_of`], and for a partial cache.
pub fn kept(spec: &TableSpec) -> Result<Option<Duration>> {
    if spec.option(CACHE).is_some_and(|cache| cache.eq_ignore_ascii_case("PARTIAL")) {
        let error = format!("`{CACHE}` = 'PARTIAL' keeps keys that were asked for, but the table is read as a whole");
        return Err(Error::sql(error)
            .about(Subject::Option(CACHE.into()))
            .in_table(&spec.name)
            .hint(format!("'FULL' with '{INTERVAL}' = '10 min' keeps all rows")));
    }
    match cache_of(spec)? {
        Cache::Full(interval) => Ok(Some(interval)),
        Cache::None | Cache::Partial(_) => Ok(None),
    }
}
