//! The options of one format, picked from those of a table.

use std::collections::BTreeMap;

use crate::common::{Error, Result};

/// The options of a format, `json.ignore-parse-errors = true`, without a prefix `key.` or `value.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// The prefix of these options in the table, ``, `key.` or `value.`; for messages.
    prefix: String,
    pairs: BTreeMap<String, String>,
    /// The columns of the table's primary key, if it has one: then messages need not hold the deleted row when another row of its key
    /// comes.
    primary_key: Vec<String>,
    /// Names of fields match regardless of case.
    any_case: bool,
}

impl FormatOptions {
    /// Picks the options of `format` from all options of a table. Under a prefix (`value.`) the prefixed spelling takes precedence over the
    /// plain one.
    pub fn pick<'a>(format: &str, prefix: &str, all: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let family = format!("{format}.");
        let mut pairs = BTreeMap::new();
        let mut prefixed = BTreeMap::new();
        for (key, value) in all {
            if key.starts_with(&family) {
                pairs.insert(key.to_string(), value.to_string());
            } else if let Some(rest) = key.strip_prefix(prefix).filter(|rest| rest.starts_with(&family)) {
                prefixed.insert(rest.to_string(), value.to_string());
            }
        }
        pairs.extend(prefixed);
        Self { prefix: prefix.to_string(), pairs, primary_key: Vec::new(), any_case: false }
    }

    /// The same options for a table with this primary key, or with none if it is empty.
    #[must_use]
    pub fn keyed(self, primary_key: &[String]) -> Self {
        Self { primary_key: primary_key.to_vec(), ..self }
    }

    /// The same for files, whose columns match regardless of case; messages match exactly, as in Flink.
    #[must_use]
    pub fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// Whether names of fields match regardless of case.
    pub fn has_any_case(&self) -> bool {
        self.any_case
    }

    /// The columns of the table's primary key.
    pub fn primary_key(&self) -> &[String] {
        &self.primary_key
    }

    /// Returns the options that a format passes to the one it wraps: `debezium-json.a` as `json.a`.
    #[must_use]
    pub fn wrapped(&self, outer: &str, inner: &str) -> Self {
        let rename = |(key, value): (&String, &String)| {
            let rest = key.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.'))?;
            Some((format!("{inner}.{rest}"), value.clone()))
        };
        Self { pairs: self.pairs.iter().filter_map(rename).collect(), ..self.clone() }
    }

    /// The value of an option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs.get(key).map(String::as_str)
    }

    /// Returns an option that is `true` or `false`; `None` if it is not given.
    ///
    /// # Errors
    /// When it has another value.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.wrong(key, text, "give `true` or `false`")),
        }
    }

    /// The error for an invalid value of an option.
    pub fn wrong(&self, key: &str, value: &str, hint: &str) -> Error {
        Error::option(&format!("{}{key}", self.prefix), format!("cannot be '{value}'")).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefixed_spelling_wins() {
        let all = [("json.a", "1"), ("value.json.a", "2"), ("json.b", "3"), ("key.json.a", "4"), ("raw.x", "5")];
        let options = FormatOptions::pick("json", "value.", all.into_iter());
        assert_eq!((options.get("json.a"), options.get("json.b"), options.get("raw.x")), (Some("2"), Some("3"), None));
        assert!(options.flag("json.a").is_err());
    }
}
