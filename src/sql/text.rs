//! A script's text with its lines, to cut statements out of it and to locate errors.

use std::borrow::Cow;

use sqlparser::tokenizer::Location;

use crate::common::Error;

use super::ast::{Pos, Source};

/// The distance in characters between stored offsets.
const STEP: usize = 64;

/// A [`Source`] with an index of its lines.
pub(super) struct Text<'a> {
    /// The text.
    pub(super) source: &'a Source,
    /// The number of characters before each line.
    starts: Vec<usize>,
    /// The byte offset of every [`STEP`]th character: a line may be as long as the text, and thousands of positions in it are looked up.
    offsets: Vec<usize>,
    /// The variables replaced so far, in order: start, end, and the literal in place of the variable.
    filled: Vec<(Location, Location, String)>,
}

impl<'a> Text<'a> {
    pub(super) fn new(source: &'a Source) -> Self {
        let (mut starts, mut offsets) = (vec![0], Vec::new());
        for (n, (at, char)) in source.text.char_indices().enumerate() {
            if n.is_multiple_of(STEP) {
                offsets.push(at);
            }
            if char == '\n' {
                starts.push(n + 1);
            }
        }
        Self { source, starts, offsets, filled: Vec::new() }
    }

    /// The byte offset of a line and column; the tokenizer counts columns in characters.
    pub(super) fn offset(&self, at: Location) -> usize {
        let text = &self.source.text;
        let line = usize::try_from(at.line).unwrap_or(usize::MAX).saturating_sub(1);
        let column = usize::try_from(at.column).unwrap_or(usize::MAX).saturating_sub(1);
        let Some(&start) = self.starts.get(line) else { return text.len() };
        let character = start.saturating_add(column);
        let Some(&near) = self.offsets.get(character / STEP) else { return text.len() };
        text[near..].char_indices().nth(character % STEP).map_or(text.len(), |(i, _)| near + i)
    }

    /// Replaces the text between two positions by a literal; must be called in the order of positions.
    pub(super) fn fill(&mut self, from: Location, to: Location, literal: String) {
        self.filled.push((from, to, literal));
    }

    /// The text between two positions, with literals in place of variables.
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

    /// The original text between two positions.
    fn written(&self, from: Location, to: Location) -> &'a str {
        let (from, to) = (self.offset(from), self.offset(to));
        self.source.text.get(from..to.max(from)).unwrap_or("")
    }

    /// An error at a position; a position that is not known is omitted.
    pub(super) fn error(&self, at: Pos, message: impl Into<String>) -> Error {
        self.place(at, Error::sql(message))
    }

    /// Adds a position to an error.
    pub(super) fn place(&self, at: Pos, error: Error) -> Error {
        if at.line == 0 { error } else { error.at(self.source.place(at.line, at.column)) }
    }
}

/// Converts a tokenizer's location.
pub(super) fn pos(at: Location) -> Pos {
    Pos { line: usize::try_from(at.line).unwrap_or(0), column: usize::try_from(at.column).unwrap_or(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_by_characters() {
        let long = "äb\u{1F600}".repeat(100);
        let source = Source::new("t", format!("{long}\n\nx{long}"));
        let text = Text::new(&source);
        let plain = |line: u64, column: u64| {
            let start = source.text.split_inclusive('\n').take(usize::try_from(line).unwrap() - 1).map(str::len).sum::<usize>();
            let rest = source.text.get(start..).unwrap();
            rest.char_indices().nth(usize::try_from(column).unwrap() - 1).map_or(source.text.len(), |(i, _)| start + i)
        };
        for (line, column) in (1..=3).flat_map(|line| (1..400).map(move |column| (line, column))) {
            assert_eq!(text.offset(Location { line, column }), plain(line, column), "{line}:{column}");
        }
        for (line, column) in [(4, 1), (9, 9), (1, u64::MAX)] {
            assert_eq!(text.offset(Location { line, column }), source.text.len());
        }
        assert_eq!(Text::new(&Source::new("t", "")).offset(Location { line: 1, column: 1 }), 0);
    }
}
