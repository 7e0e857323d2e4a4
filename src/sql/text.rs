//! A script's text with its lines, to cut statements out of it and to say where an error is.

use sqlparser::tokenizer::Location;

use crate::common::Error;

use super::ast::{Pos, Source};

/// A [`Source`] that knows where its lines begin.
pub(super) struct Text<'a> {
    /// The text.
    pub(super) source: &'a Source,
    /// Byte offset of each line.
    starts: Vec<usize>,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { source, starts }
    }

    /// The byte offset of a line and column; the tokenizer counts columns in characters.
    fn offset(&self, at: Location) -> usize {
        let text = &self.source.text;
        let line = usize::try_from(at.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&start) = self.starts.get(line) else { return text.len() };
        text[start..].char_indices().nth(column).map_or(text.len(), |(i, _)| start + i)
    }

    /// The text between two places.
    pub(super) fn slice(&self, from: Location, to: Location) -> &'a str {
        let (from, to) = (self.offset(from), self.offset(to));
        self.source.text.get(from..to.max(from)).unwrap_or("")
    }

    /// An error at a place; a place that is not known leaves it out.
    pub(super) fn error(&self, at: Pos, message: impl Into<String>) -> Error {
        self.place(at, Error::sql(message))
    }

    /// Gives an error a place.
    pub(super) fn place(&self, at: Pos, error: Error) -> Error {
        if at.line == 0 { error } else { error.at(self.source.place(at.line, at.column)) }
    }
}

/// A tokenizer's location as ours.
pub(super) fn pos(at: Location) -> Pos {
    Pos { line: usize::try_from(at.line).unwrap_or(0), column: usize::try_from(at.column).unwrap_or(0) }
}
