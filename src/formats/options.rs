//! The options of one format, taken out of a table's.

use std::collections::BTreeMap;

use crate::common::{Error, Result};

/// What a table says to one format: `json.ignore-parse-errors = true`, without the `key.` or `value.` before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FormatOptions {
    /// How the table spells these options: ``, `key.` or `value.`; for messages.
    prefix: String,
    pairs: BTreeMap<String, String>,
    /// The columns of the table's primary key, if it has one: messages need not tell the row that goes when another one of its key comes.
    primary_key: Vec<String>,
    /// Fields are found by their names in another case, too.
    any_case: bool,
}

impl FormatOptions {
    /// Picks the options of `format` from all options of a table. Under a prefix (`value.`) the prefixed spelling wins,
    /// and the plain one is taken where that is missing.
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

    /// The same for a table with this primary key; empty: without one.
    #[must_use]
    pub fn keyed(self, primary_key: &[String]) -> Self {
        Self { primary_key: primary_key.to_vec(), ..self }
    }

    /// The same for files, of which columns are found in another case, too; messages are read as Flink does.
    #[must_use]
    pub fn in_any_case(self) -> Self {
        Self { any_case: true, ..self }
    }

    /// Whether fields are found by their names in another case, too.
    pub fn has_any_case(&self) -> bool {
        self.any_case
    }

    /// The columns of the table's primary key.
    pub fn primary_key(&self) -> &[String] {
        &self.primary_key
    }

    /// The options that a format hands on to the one it wraps: `debezium-json.a` as `json.a`.
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

    /// An option that is `true` or `false`; `None` if it is not given.
    ///
    /// # Errors
    /// When it is given as something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.get(key) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(self.wrong(key, text, "give `true` or `false`")),
        }
    }

    /// The error for a value that an option does not take.
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
