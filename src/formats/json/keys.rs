//! Matches the keys of an object to columns.
//!
//! Messages of one topic mostly have the same keys in the same order, with the same whitespace. So for the n-th field the bytes between the
//! previous value and its own value (`, "user_id": `) are cached with its column. If the next message has the same bytes there, they need
//! not be parsed again: one comparison replaces a comma, a string, a search and a colon. If not, the key is parsed, looked up, and cached.

use std::collections::HashMap;

use super::cursor::{Cursor, Syntax};

/// How many bytes are compared at once; longer keys are parsed each time.
const WIDTH: usize = 32;
/// How many fields of an object are cached.
const FIELDS: usize = 256;
/// From this number of names on, a hash map is cheaper than a linear search.
const MANY: usize = 12;

/// What comes next in an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The value of this column.
    Column(usize),
    /// The value of this column, unless a field follows whose name matches exactly.
    OfAnotherCase(usize),
    /// A value that is not projected.
    Unknown,
    /// The end of the object; the bracket was read.
    End,
}

/// The bytes before the value of a field.
#[derive(Debug, Clone, Copy)]
struct Seen {
    bytes: [u128; 2],
    mask: [u128; 2],
    len: usize,
    next: Next,
}

/// The names of an object's columns, and the order in which they came last.
#[derive(Debug)]
pub(super) struct Keys {
    names: Vec<Box<[u8]>>,
    by_name: HashMap<Box<[u8]>, usize>,
    /// The names of all columns, projected or not, if fields match regardless of case.
    any_case: Vec<Box<[u8]>>,
    seen: Vec<Seen>,
}

impl Keys {
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<Box<[u8]>> = names.map(|name| name.as_bytes().into()).collect();
        let by_name = if names.len() < MANY {
            HashMap::new()
        } else {
            // Of two columns with the same name the first is read.
            names.iter().cloned().enumerate().rev().map(|(i, name)| (name, i)).collect()
        };
        Self { names, by_name, any_case: Vec::new(), seen: Vec::new() }
    }

    /// Matches a field to a column whose name differs in case only, if there is just one such among `all` columns.
    pub(super) fn take_any_case<'a>(&mut self, all: impl Iterator<Item = &'a str>) {
        self.any_case = all.map(|name| name.as_bytes().into()).collect();
    }

    /// Moves to the value of field `n`. The cursor is after the opening bracket if `n` is 0, else after the previous value.
    #[inline]
    pub(super) fn next(&mut self, n: usize, cursor: &mut Cursor<'_>) -> Result<Next, Syntax> {
        if let Some(seen) = self.seen.get(n)
            && let Some(here) = halves(cursor.beyond())
            && (here[0] ^ seen.bytes[0]) & seen.mask[0] == 0
            && (here[1] ^ seen.bytes[1]) & seen.mask[1] == 0
            && cursor.has(seen.len)
        {
            cursor.advance(seen.len);
            // There may be more whitespace than last time.
            cursor.space();
            return Ok(seen.next);
        }
        self.read(n, cursor)
    }

    #[inline(never)]
    fn read(&mut self, n: usize, cursor: &mut Cursor<'_>) -> Result<Next, Syntax> {
        let from = cursor.position();
        if n == 0 {
            cursor.space();
            if cursor.peek() == b'}' {
                cursor.advance(1);
                return Ok(Next::End);
            }
        } else if !cursor.more(b'}')? {
            return Ok(Next::End);
        }
        let name = cursor.string()?;
        cursor.colon()?;
        let next = if name.escaped {
            let mut plain = Vec::with_capacity(name.text.len());
            name.append_to(&mut plain);
            self.find(&plain)
        } else {
            self.find(name.text)
        };
        self.remember(n, cursor.since(from), next);
        Ok(next)
    }

    fn find(&self, name: &[u8]) -> Next {
        let found =
            if self.by_name.is_empty() { self.names.iter().position(|known| **known == *name) } else { self.by_name.get(name).copied() };
        if let Some(column) = found {
            return Next::Column(column);
        }
        let mut same = self.any_case.iter().filter(|known| known.eq_ignore_ascii_case(name));
        let (Some(other), None) = (same.next(), same.next()) else { return Next::Unknown };
        // Columns that are not projected count too: the key may be theirs.
        self.names.iter().position(|known| known == other && **known != *name).map_or(Next::Unknown, Next::OfAnotherCase)
    }

    fn remember(&mut self, n: usize, bytes: &[u8], next: Next) {
        let mut padded = [0; WIDTH];
        let mut mask = [0; WIDTH];
        let (Some(place), Some(used)) = (padded.get_mut(..bytes.len()), mask.get_mut(..bytes.len())) else { return };
        place.copy_from_slice(bytes);
        used.fill(0xff);
        let (Some(bytes), Some(mask), len) = (halves(&padded), halves(&mask), bytes.len()) else { return };
        let seen = Seen { bytes, mask, len, next };
        if let Some(place) = self.seen.get_mut(n) {
            *place = seen;
        } else if n == self.seen.len() && n < FIELDS {
            self.seen.push(seen);
        }
    }
}

/// Returns the first [`WIDTH`] bytes, if there are that many.
#[inline]
fn halves(bytes: &[u8]) -> Option<[u128; 2]> {
    let bytes = bytes.first_chunk::<WIDTH>()?;
    let (low, high) = bytes.split_first_chunk::<16>()?;
    Some([u128::from_le_bytes(*low), u128::from_le_bytes(*high.first_chunk::<16>()?)])
}
