//! What options a connector or a format knows, and the error for one that nobody knows.

use std::borrow::Cow;

use crate::common::{Error, Result, suggest};

use super::TableSpec;

/// One option: its key, what it takes and what it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSpec {
    /// The key; one that ends in `*` stands for a whole family (`properties.*`).
    pub key: Cow<'static, str>,
    /// The values that are allowed; empty if any text is.
    pub values: &'static [&'static str],
    /// One line for help and completion.
    pub help: &'static str,
}

impl OptionSpec {
    /// An option that takes any text.
    pub const fn text(key: &'static str, help: &'static str) -> Self {
        Self { key: Cow::Borrowed(key), values: &[], help }
    }

    /// An option that takes one of these values.
    pub const fn one_of(key: &'static str, values: &'static [&'static str], help: &'static str) -> Self {
        Self { key: Cow::Borrowed(key), values, help }
    }

    /// The same option under a prefix (`value.` + `json.ignore-parse-errors`).
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self { key: Cow::Owned(format!("{prefix}{}", self.key)), ..self.clone() }
    }

    /// Whether a key is this option.
    pub fn matches(&self, key: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(family) => key.len() > family.len() && key.starts_with(family),
            None => self.key == key,
        }
    }
}

/// Checks every option of a table: unknown keys and values that are not allowed are errors that list what is known.
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
            return Err(Error::sql(format!("table `{}`: unknown option `{key}` of connector '{}'", table.name, table.connector))
                .hint(suggest::hint(key, &keys)));
        };
        if !spec.values.is_empty() && !spec.values.contains(&value) {
            return Err(
                Error::sql(format!("table `{}`: option `{key}` cannot be '{value}'", table.name)).hint(suggest::hint(value, spec.values))
            );
        }
    }
    Ok(())
}
