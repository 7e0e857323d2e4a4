//! Checks a table's options against what its connector and formats know.

pub use crate::common::OptionSpec;
use crate::common::{Error, Result, Subject, suggest};

use super::TableSpec;

/// Checks every option of a table: unknown keys and values that are not allowed are errors that list the valid ones.
///
/// # Errors
/// Names the option, the nearest spelling and all known ones.
pub fn check(table: &TableSpec, known: &[OptionSpec]) -> Result<()> {
    for (key, value) in table.options.iter() {
        if key == "connector" {
            continue;
        }
        let Some(spec) = known.iter().find(|spec| spec.matches(key)) else {
            let keys: Vec<&str> = known.iter().map(|spec| spec.key.as_ref()).collect();
            return Err(Error::sql(format!("unknown option `{key}` of connector '{}'", table.connector))
                .about(Subject::Option(key.to_string()))
                .in_table(&table.name)
                .hint(suggest::hint(key, &keys)));
        };
        if !spec.values.is_empty() && !spec.values.iter().any(|allowed| allowed.eq_ignore_ascii_case(value)) {
            return Err(Error::option(key, format!("cannot be '{value}'")).in_table(&table.name).hint(suggest::hint(value, spec.values)));
        }
    }
    Ok(())
}

/// Parses an option of a table; the error names the option.
///
/// # Errors
/// When the value is invalid.
pub fn parse<T: std::str::FromStr>(table: &TableSpec, key: &str, expected: &str) -> Result<Option<T>> {
    let Some(text) = table.option(key) else { return Ok(None) };
    match text.trim().parse() {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(Error::option(key, format!("cannot be '{text}'")).in_table(&table.name).hint(format!("give {expected}"))),
    }
}

/// An option of a table that is a whole number above 0.
///
/// # Errors
/// When its text is something else.
pub fn positive<T: std::str::FromStr + Default + PartialOrd>(table: &TableSpec, key: &str) -> Result<Option<T>> {
    const EXPECTED: &str = "a whole number above 0";
    match parse::<T>(table, key, EXPECTED)? {
        Some(n) if n <= T::default() => {
            let text = table.option(key).unwrap_or_default();
            Err(Error::option(key, format!("cannot be '{}'", text.trim())).in_table(&table.name).hint(format!("give {EXPECTED}")))
        }
        other => Ok(other),
    }
}
