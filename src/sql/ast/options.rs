//! Options: `'key' = 'value'`, of a table, a SET or a hint.

use crate::common::{Error, Result};

use super::place::Pos;

/// `SET 'key' = 'value'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

/// The `'key' = 'value'` pairs of a WITH clause, in order, each with its position.
#[derive(Debug, Clone, Default)]
pub struct Options(Vec<(String, String, Pos)>);

/// Equal if they hold the same pairs in the same order; positions are ignored.
impl PartialEq for Options {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Options {
    /// Adds a pair; a duplicate key is an error.
    pub fn push(&mut self, key: String, value: String, pos: Pos) -> Result<()> {
        if self.get(&key).is_some() {
            return Err(Error::option(&key, "is given twice"));
        }
        self.0.push((key, value, pos));
        Ok(())
    }

    /// Sets a value, replacing an existing one.
    pub fn set(&mut self, key: &str, value: &str) {
        match self.0.iter_mut().find(|(k, ..)| k == key) {
            Some(pair) => pair.1 = value.to_string(),
            None => self.0.push((key.to_string(), value.to_string(), Pos::default())),
        }
    }

    /// Removes a key.
    pub fn unset(&mut self, key: &str) {
        self.0.retain(|(k, ..)| k != key);
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, ..)| k == key).map(|(_, v, _)| v.as_str())
    }

    /// The position of a key.
    pub fn pos(&self, key: &str) -> Pos {
        self.0.iter().find(|(k, ..)| k == key).map(|(.., p)| *p).unwrap_or_default()
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v, _)| (k.as_str(), v.as_str()))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same pairs without positions.
    #[must_use]
    pub fn without_places(self) -> Self {
        Self(self.0.into_iter().map(|(k, v, _)| (k, v, Pos::default())).collect())
    }
}
