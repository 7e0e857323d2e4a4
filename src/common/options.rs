//! The specification of an option of a connector or a format, for errors, completion and documentation.

use std::borrow::Cow;

/// One option: its key, its values and its purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSpec {
    /// The key; one that ends in `*` denotes a whole family (`properties.*`).
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

    /// An option that is `true` or `false`.
    pub const fn flag(key: &'static str, help: &'static str) -> Self {
        Self::one_of(key, &["true", "false"], help)
    }

    /// The same option under a prefix (`value.` + `json.ignore-parse-errors`).
    #[must_use]
    pub fn prefixed(&self, prefix: &str) -> Self {
        Self { key: Cow::Owned(format!("{prefix}{}", self.key)), ..self.clone() }
    }

    /// Whether a key matches this option. A family may have its star inside: `fields.*.kind`.
    pub fn matches(&self, key: &str) -> bool {
        match self.key.split_once('*') {
            Some((before, after)) => key.len() > before.len() + after.len() && key.starts_with(before) && key.ends_with(after),
            None => self.key == key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_match_what_they_stand_for() {
        let family = OptionSpec::text("properties.*", "");
        assert!(family.matches("properties.group.id"));
        assert!(!family.matches("properties."));
        let inner = OptionSpec::text("fields.*.kind", "");
        assert!(inner.matches("fields.a.b.kind"));
        assert!(!inner.matches("fields..kind"));
        assert!(!inner.matches("fields.a.min"));
    }
}
