//! The words of our SQL: what completion offers, and what is coloured as a keyword.
//!
//! sqlparser's list has a thousand words of all dialects in it, `name`, `status` and `value` among them, and lacks some of ours. Here a
//! word stands only if it means something in a statement of Millstream; those that are names of columns, too, are keywords only where they
//! can be nothing else (see `Role`).

use std::collections::HashMap;
use std::sync::LazyLock;

/// Phrases that begin a statement, in the order of the alphabet.
pub const BEGINS: [&str; 22] = [
    "ALTER",
    "BEGIN STATEMENT SET",
    "COPY",
    "CREATE",
    "CREATE DATABASE",
    "CREATE EXTERNAL TABLE",
    "CREATE FUNCTION",
    "CREATE MATERIALIZED VIEW",
    "CREATE TABLE",
    "CREATE TEMPORARY",
    "CREATE VIEW",
    "DESCRIBE",
    "DROP",
    "EXECUTE STATEMENT SET",
    "EXPLAIN",
    "INSERT INTO",
    "RESET",
    "SELECT",
    "SET",
    "SHOW",
    "STOP JOB",
    "USE",
];

/// Phrases inside of a statement, in the order of the alphabet.
pub const INSIDE: [&str; 66] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CHANGES",
    "CROSS JOIN",
    "CUMULATE",
    "DATABASES",
    "DESC",
    "DESCRIPTOR",
    "DISTINCT",
    "ELSE",
    "EMIT CHANGES",
    "EMIT FINAL",
    "END",
    "EXCEPT",
    "EXISTS",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL JOIN",
    "FUNCTIONS",
    "GROUP BY",
    "HAVING",
    "HOP",
    "IF NOT EXISTS",
    "IN",
    "INNER JOIN",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOBS",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "METADATA",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "PRIMARY KEY",
    "SESSION",
    "TABLE",
    "TABLES",
    "THEN",
    "TRUE",
    "TUMBLE",
    "UNION ALL",
    "UNNEST",
    "USING",
    "VALUES",
    "VIEWS",
    "WATERMARK FOR",
    "WHEN",
    "WHERE",
    "WITH",
    "WITH (",
];

/// Words that are keywords but not worth offering.
const MORE: [&str; 66] = [
    "ANALYZE",
    "ANTI",
    "ARRAY",
    "BEGIN",
    "BIGINT",
    "BINARY",
    "BOOLEAN",
    "BYTES",
    "CASCADE",
    "CHAR",
    "CONSTRAINT",
    "CUBE",
    "DECIMAL",
    "DOUBLE",
    "ENFORCED",
    "ESCAPE",
    "EXCLUDING",
    "EXTERNAL",
    "FETCH",
    "FLOAT",
    "FOLLOWING",
    "FOR",
    "GROUPING",
    "ILIKE",
    "IF",
    "INCLUDING",
    "INNER",
    "INT",
    "INTEGER",
    "LATERAL",
    "MAP",
    "MATERIALIZED",
    "MODIFY",
    "MULTISET",
    "NATURAL",
    "NULLS",
    "OFFSET",
    "OUTER",
    "OVERWRITING",
    "PARTITIONED",
    "PRECEDING",
    "QUALIFY",
    "RECURSIVE",
    "RENAME",
    "REPLACE",
    "RETURNS",
    "RIGHT",
    "ROLLUP",
    "SEMI",
    "SMALLINT",
    "STATEMENT",
    "STORED",
    "STRING",
    "SYSTEM_TIME",
    "TEMPORARY",
    "TIMESTAMP_LTZ",
    "TINYINT",
    "TO",
    "TRY_CAST",
    "UNBOUNDED",
    "UNION",
    "VARBINARY",
    "VARCHAR",
    "VIRTUAL",
    "WATERMARK",
    "WINDOW",
];

/// Words that are keywords only behind one of these.
const BEHIND: &[(&str, &[&str])] = &[
    ("ADD", &["*"]),
    ("AFTER", &["*"]),
    ("CATALOG", &["CURRENT", "USE"]),
    ("CATALOGS", &["SHOW"]),
    ("CHANGES", &["EMIT"]),
    ("COLUMNS", &["SHOW"]),
    ("COMMENT", &["*"]),
    ("CURRENT", &["SHOW", "AND", "BETWEEN"]),
    ("DATABASE", &["CREATE", "DROP", "CURRENT", "USE", "ALTER"]),
    ("DATABASES", &["SHOW"]),
    ("FINAL", &["EMIT"]),
    ("FIRST", &["NULLS", "*"]),
    ("FUNCTION", &["CREATE", "DROP", "REPLACE", "TEMPORARY"]),
    ("FUNCTIONS", &["SHOW", "USER"]),
    ("HEADER", &[]),
    ("JOB", &["STOP", "ANALYZE"]),
    ("JOBS", &["SHOW"]),
    ("KEY", &["PRIMARY"]),
    ("LAST", &["NULLS"]),
    ("LOCATION", &["PARQUET", "CSV", "JSON", "AVRO", "ARROW", "KAFKA"]),
    ("METADATA", &["*"]),
    ("OF", &["AS"]),
    ("OPTIONS", &["*"]),
    ("ORDINALITY", &["WITH"]),
    ("PRIMARY", &["*", "DROP", "ADD", "MODIFY", "(", ","]),
    ("RETURN", &["*"]),
    ("ROW", &["CURRENT"]),
    ("SETS", &["GROUPING"]),
    ("TABLES", &["SHOW"]),
    ("USER", &["SHOW"]),
    ("VIEW", &["CREATE", "DROP", "REPLACE", "TEMPORARY", "MATERIALIZED", "ALTER"]),
    ("VIEWS", &["SHOW", "MATERIALIZED"]),
];

/// Words that are keywords only before one of these; `0` is any number.
const BEFORE: [(&str, &[&str]); 2] =
    [("RANGE", &["BETWEEN", "UNBOUNDED", "CURRENT", "INTERVAL", "0"]), ("ROWS", &["BETWEEN", "UNBOUNDED", "CURRENT", "0"])];

/// Units of time, which are keywords behind the text of an interval.
const UNITS: [&str; 14] =
    ["DAY", "DAYS", "HOUR", "HOURS", "MILLISECOND", "MINUTE", "MINUTES", "MONTH", "MONTHS", "SECOND", "SECONDS", "WEEK", "YEAR", "YEARS"];

/// Words that are keywords only before an opening bracket: window functions, and other words that could be names.
const CALLS: [&str; 6] = ["CUMULATE", "DESCRIPTOR", "HOP", "SESSION", "TUMBLE", "UNNEST"];

/// Words that are names of types, and often of columns.
const TYPES: [&str; 4] = ["DATE", "ROW", "TIME", "TIMESTAMP"];

/// Keywords that are functions, too, if a bracket follows.
const BOTH: [&str; 5] = ["IF", "LEFT", "MAP", "REPLACE", "RIGHT"];

/// Behind these a name is declared or written to, whatever bracket follows.
const NAMED: [&str; 7] = ["AS", "EXISTS", "FUNCTION", "INTO", "JOIN", "TABLE", "VIEW"];

/// When a word is a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Always.
    Always,
    /// Behind one of these words; `*`: in a declaration, where a name cannot begin.
    Behind(&'static [&'static str]),
    /// Before one of these words.
    Before(&'static [&'static str]),
    /// Before a bracket.
    Call,
    /// Where a type stands.
    Type,
}

static ROLES: LazyLock<HashMap<&'static str, Role>> = LazyLock::new(|| {
    let phrases = BEGINS.iter().chain(&INSIDE).flat_map(|phrase| phrase.split(' ')).filter(|word| *word != "(");
    let always = phrases.chain(MORE.iter().copied()).map(|word| (word, Role::Always));
    let behind = BEHIND.iter().map(|(word, words)| (*word, Role::Behind(words)));
    let units = UNITS.iter().map(|word| (*word, Role::Behind(&["'"])));
    let before = BEFORE.iter().map(|(word, words)| (*word, Role::Before(words)));
    let calls = CALLS.iter().map(|word| (*word, Role::Call));
    let types = TYPES.iter().map(|word| (*word, Role::Type));
    // The later ones say more.
    always.chain(types).chain(behind).chain(before).chain(units).chain(calls).collect()
});

/// What stands around a word.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Around<'a> {
    /// The word or symbol before it, in upper case; empty where the text begins.
    pub(super) before: &'a str,
    /// An opening bracket stands behind it, with nothing between.
    pub(super) called: bool,
    /// The word behind it, or `0` for a number.
    pub(super) after: &'a str,
    /// A text follows: `DATE '2024-05-01'`.
    pub(super) text: bool,
    /// In a statement that declares.
    pub(super) declares: bool,
    /// A name stands before it.
    pub(super) named: bool,
    /// Directly in the brackets of a CAST.
    pub(super) cast: bool,
}

/// What an unquoted word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Keyword,
    Function,
    Name,
}

/// What an unquoted word is where it stands.
pub(super) fn word(word: &str, around: Around<'_>) -> Word {
    if around.before == "." {
        return if around.called { Word::Function } else { Word::Name };
    }
    let upper = word.to_ascii_uppercase();
    // A column's properties stand behind its name, its type, or each other.
    let word_before = around.before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ')' | '\'' | '`' | '_'));
    let inside = around.declares && word_before && !matches!(around.before, "AS" | "FOR" | "BY" | "TO" | "COLUMN" | "RENAME" | "TABLE");
    let keyword = match ROLES.get(upper.as_str()) {
        None => false,
        Some(Role::Always) => !(around.called && BOTH.contains(&upper.as_str())),
        Some(Role::Behind(words)) => words.iter().any(|word| *word == around.before || (*word == "*" && inside)),
        Some(Role::Before(words)) => words.iter().any(|word| word.eq_ignore_ascii_case(around.after)),
        Some(Role::Call) => around.called,
        Some(Role::Type) => {
            around.text
                || (around.declares && around.named)
                || matches!(around.before, "<" | "::" | "RETURNS")
                || (around.cast && around.before == "AS")
        }
    };
    match keyword {
        true => Word::Keyword,
        false if around.called && !NAMED.contains(&around.before) => Word::Function,
        false => Word::Name,
    }
}
