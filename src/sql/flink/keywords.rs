//! The keywords of Millstream's Flink SQL, for completion and highlighting.
//!
//! sqlparser's list holds a thousand words of all dialects, `name`, `status` and `value` among them, and lacks some of ours. A word is
//! listed here only if it has a meaning in a statement of Millstream.

use std::sync::LazyLock;

use crate::sql::keywords::{Keywords, Lists};

/// All of them.
pub(super) static KEYWORDS: LazyLock<Keywords> = LazyLock::new(|| {
    Keywords::new(&Lists {
        begins: BEGINS,
        inside: INSIDE,
        shown: SHOWN,
        more: MORE,
        behind: BEHIND,
        before: BEFORE,
        units: UNITS,
        calls: CALLS,
        types: TYPES,
        both: BOTH,
        named: NAMED,
    })
});

/// Phrases that begin a statement, in alphabetical order.
const BEGINS: &[&str] = &[
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

/// Phrases inside a statement, in alphabetical order.
const INSIDE: &[&str] = &[
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
const MORE: &[&str] = &[
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

/// Words that are keywords only after one of these.
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
const BEFORE: &[(&str, &[&str])] =
    &[("RANGE", &["BETWEEN", "UNBOUNDED", "CURRENT", "INTERVAL", "0"]), ("ROWS", &["BETWEEN", "UNBOUNDED", "CURRENT", "0"])];

/// Units of time, which are keywords after the text of an interval.
const UNITS: &[&str] =
    &["DAY", "DAYS", "HOUR", "HOURS", "MILLISECOND", "MINUTE", "MINUTES", "MONTH", "MONTHS", "SECOND", "SECONDS", "WEEK", "YEAR", "YEARS"];

/// Words that are keywords only before an opening parenthesis: window functions, and other words that could be names.
const CALLS: &[&str] = &["CUMULATE", "DESCRIPTOR", "HOP", "SESSION", "TUMBLE", "UNNEST"];

/// Words that are names of types, and often of columns.
const TYPES: &[&str] = &["DATE", "ROW", "TIME", "TIMESTAMP"];

/// Keywords that are also functions, if a parenthesis follows.
const BOTH: &[&str] = &["IF", "LEFT", "MAP", "REPLACE", "RIGHT"];

/// After these words a name is declared or written to, even if a parenthesis follows.
const NAMED: &[&str] = &["AS", "EXISTS", "FUNCTION", "INTO", "JOIN", "TABLE", "VIEW"];

/// Completions after SHOW.
const SHOWN: &[&str] = &["TABLES", "VIEWS", "DATABASES", "FUNCTIONS", "JOBS", "CREATE TABLE", "CREATE VIEW", "COLUMNS FROM"];
