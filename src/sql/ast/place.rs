//! Source texts and positions in them, for error messages.

use std::sync::Arc;

use crate::common::error::Place;
use crate::common::secret;

/// The text of one file (or of a `-c` argument, or of interactive input), kept for error messages.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in messages: the file as given, or `<sql>`.
    pub name: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// Creates a source text with a name.
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        secret::learn_text(&text);
        Self { name: name.into(), text }
    }

    /// The place at a line and column (both from 1) in this text, with the line's text for the caret.
    pub fn place(&self, line: usize, column: usize) -> Place {
        Place { file: self.name.to_string(), line, column, line_shown: secret::masked_line(&self.text, line, column) }
    }
}

/// A position in a [`Source`]: line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pos {
    /// Line, from 1; 0 when unknown.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}
