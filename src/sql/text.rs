//! A script's text with its lines, to cut statements out of it and to say where an error is.

use std::borrow::Cow;

use sqlparser::tokenizer::Location;

use crate::common::Error;

use super::ast::{Pos, Source};

/// A [`Source`] that knows where its lines begin.
pub(super) struct Text<'a> {
    /// The text.
    pub(super) source: &'a Source,
    /// Byte offset of each line.
    starts: Vec<usize>,
    /// What stands for a variable: from where, to where, and the literal in its place. In order.
    filled: Vec<(Location, Location, String)>,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let starts = std::iter::once(0).chain(source.text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Self { source, starts, filled: Vec::new() }
    }

    /// The byte offset of a line and column; the tokenizer counts columns in characters.
    pub(super) fn offset(&self, at: Location) -> usize {
        let text = &self.source.text;
        let line = usize::try_from(at.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&start) = self.starts.get(line) else { return text.len() };
        text[start..].char_indices().nth(column).map_or(text.len(), |(i, _)| start + i)
    }

    /// From now on a literal stands between two places; to be called in the order of the places.
    pub(super) fn fill(&mut self, from: Location, to: Location, literal: String) {
        self.filled.push((from, to, literal));
    }

    /// The text between two places, with literals for variables.
    pub(super) fn slice(&self, from: Location, to: Location) -> Cow<'a, str> {
        let first = self.filled.partition_point(|(start, ..)| *start < from);
        let (mut out, mut at) = (String::new(), from);
        for (start, end, literal) in self.filled[first..].iter().take_while(|(_, end, _)| *end <= to) {
            out += self.written(at, *start);
            out += literal;
            at = *end;
        }
        let rest = self.written(at, to);
        if out.is_empty() { Cow::Borrowed(rest) } else { Cow::Owned(out + rest) }
    }

    /// The text between two places, as it is written.
    fn written(&self, from: Location, to: Location) -> &'a str {
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
