//! JSON as Flink reads and writes it: one object per message, a field per column.
//!
//! | SQL type | JSON |
//! |---|---|
//! | STRING | a string; a number or boolean is read as its text, an object or array as compact JSON |
//! | BOOLEAN, numbers | the same; numbers are read from strings, too |
//! | DECIMAL | a number or a string; written as a plain number, never as `1E+2` |
//! | BYTES | base64 |
//! | DATE, TIME, TIMESTAMP | `2024-05-01`, `12:00:00.5`, `2024-05-01 12:00:00.345`; years 0001 to 9999 |
//! | TIMESTAMP_LTZ | as TIMESTAMP, followed by `Z` |
//! | ROW, ARRAY, MAP | object, array, object |
//!
//! Strings may hold unescaped control characters, and a message may begin with a byte order mark. A top-level array explodes to rows; a
//! bare scalar fills the only column of a table with one column.

use crate::common::{OptionSpec, Result};

use super::FormatOptions;

mod base64;
mod column;
mod compact;
mod cursor;
mod decimal;
mod decode;
mod encode;
mod find;
mod guess;
mod keys;
mod leaf;
mod moment;
mod show;
mod text;

pub use decode::JsonDecoder;
pub(super) use encode::write_plain;
pub use encode::{JsonEncoder, write_value};
pub use guess::guess;
pub use show::shown;
pub(super) use text::quote;

/// Parses the text of a timestamp, if it is one.
pub fn point_in_time(text: &str, unit: arrow::datatypes::TimeUnit) -> Option<i64> {
    moment::parse(text, unit, None)
}

const IGNORE_PARSE_ERRORS: &str = "json.ignore-parse-errors";
const FAIL_ON_MISSING_FIELD: &str = "json.fail-on-missing-field";
const TIMESTAMP_STANDARD: &str = "json.timestamp-format.standard";
const MAP_NULL_KEY_MODE: &str = "json.map-null-key.mode";
const MAP_NULL_KEY_LITERAL: &str = "json.map-null-key.literal";
const PLAIN_DECIMAL: &str = "json.encode.decimal-as-plain-number";
const IGNORE_NULL_FIELDS: &str = "json.encode.ignore-null-fields";

/// The options of this format.
pub fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::flag(IGNORE_PARSE_ERRORS, "true: a field that does not fit becomes NULL; false: a bad record stops the job"),
        OptionSpec::flag(FAIL_ON_MISSING_FIELD, "true: a record without one of the fields is bad"),
        OptionSpec::one_of(TIMESTAMP_STANDARD, &["SQL", "ISO-8601", "ISO-8601-WITH-OFFSET"], "how timestamps are written; both are read"),
        OptionSpec::one_of(MAP_NULL_KEY_MODE, &["FAIL", "DROP", "LITERAL"], "what to do with a NULL key of a MAP"),
        OptionSpec::text(MAP_NULL_KEY_LITERAL, "what a NULL key of a MAP is written as with mode LITERAL"),
        OptionSpec::flag(PLAIN_DECIMAL, "accepted; decimals are always written as plain numbers"),
        OptionSpec::flag(IGNORE_NULL_FIELDS, "true: fields that are NULL are left out"),
        OptionSpec::flag("json.decode.json-parser.enabled", "accepted; has no meaning here"),
    ]
}

/// What a NULL key of a map becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NullKey {
    Fail,
    Drop,
    Literal(String),
}

/// The options, parsed.
#[derive(Debug, Clone)]
struct JsonOptions {
    /// A field that does not fit becomes NULL, as in Flink.
    ignore_parse_errors: bool,
    fail_on_missing_field: bool,
    iso: bool,
    null_key: NullKey,
    ignore_null_fields: bool,
}

impl JsonOptions {
    fn read(options: &FormatOptions) -> Result<Self> {
        let iso = match options.get(TIMESTAMP_STANDARD).map(str::to_ascii_uppercase).as_deref() {
            None | Some("SQL") => false,
            // TIMESTAMP_LTZ is UTC, whose offset is the `Z` that is written anyway.
            Some("ISO-8601" | "ISO-8601-WITH-OFFSET") => true,
            Some(other) => return Err(options.wrong(TIMESTAMP_STANDARD, other, "give `SQL` or `ISO-8601`")),
        };
        let null_key = match options.get(MAP_NULL_KEY_MODE).map(str::to_ascii_uppercase).as_deref() {
            None | Some("FAIL") => NullKey::Fail,
            Some("DROP") => NullKey::Drop,
            Some("LITERAL") => NullKey::Literal(options.get(MAP_NULL_KEY_LITERAL).unwrap_or("null").to_string()),
            Some(other) => return Err(options.wrong(MAP_NULL_KEY_MODE, other, "give `FAIL`, `DROP` or `LITERAL`")),
        };
        options.flag(PLAIN_DECIMAL)?;
        Ok(Self {
            ignore_parse_errors: options.flag(IGNORE_PARSE_ERRORS)?.unwrap_or(false),
            fail_on_missing_field: options.flag(FAIL_ON_MISSING_FIELD)?.unwrap_or(false),
            iso,
            null_key,
            ignore_null_fields: options.flag(IGNORE_NULL_FIELDS)?.unwrap_or(false),
        })
    }
}
