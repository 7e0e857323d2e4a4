//! Cuts the bytes of a text file into records.

use memchr::{memchr, memchr2, memchr3};

use crate::formats::csv::CsvOptions;

/// The longest record, in bytes: with a quote that is never closed it is the rest of the file.
pub const LONGEST: usize = 256 << 20;

/// Finds where records end.
///
/// ```text
///   bytes as they come    7,"a␤b"␤  8,c␤  9,
///   records               7,"a␤b"   8,c           9, waits for the rest of it
/// ```
/// A line end inside quotes is part of a value, if `quotes` is set. If the text over several lines is not a row then, one quote is wrong:
/// the first line becomes a record by itself, and the lines after it are scanned again. Other faults of a record are not detected here: it
/// is cut all the same, and its neighbours are whole.
#[derive(Debug)]
pub struct Cutter {
    quotes: Option<Quotes>,
    rows: Option<CsvOptions>,
    /// The current record ends with its line, whatever its quotes say.
    given_up: bool,
    buffer: Vec<u8>,
    /// Where the current record begins.
    start: usize,
    /// Everything before it was scanned.
    at: usize,
    quoted: bool,
    /// Line ends before `start`.
    line: u64,
    /// How many bytes were removed from the buffer.
    removed: u64,
}

/// How values are quoted.
#[derive(Debug, Clone, Copy)]
pub struct Quotes {
    /// The byte around a value; only directly after a delimiter or a line end.
    pub quote: u8,
    /// Escapes the next byte.
    pub escape: Option<u8>,
    /// The byte between two values.
    pub delimiter: u8,
}

/// A record, and where it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Without the line end.
    pub bytes: &'a [u8],
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Its first byte, from 0.
    pub byte: u64,
}

impl Cutter {
    /// Cuts at line ends, except for those in quotes; `rows` decides which records are rows.
    pub fn new(quotes: Option<Quotes>, rows: Option<CsvOptions>) -> Self {
        Self { quotes, rows, given_up: false, buffer: Vec::new(), start: 0, at: 0, quoted: false, line: 0, removed: 0 }
    }

    /// Appends bytes to the buffer.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.removed += self.start as u64;
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The same, after `passed` bytes that belong to no record.
    pub fn push_behind(&mut self, passed: usize, bytes: &[u8]) {
        self.push(bytes);
        self.removed += passed as u64;
    }

    /// How many bytes wait for the end of their record.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Ends the waiting record with its first line; returns false if there is no more.
    pub fn give_up(&mut self) -> bool {
        self.given_up = self.first_line().is_some();
        self.given_up
    }

    /// Returns the next record; `last`: no more bytes will come.
    pub fn next(&mut self, last: bool) -> Option<Record<'_>> {
        let (from, mut end) = (self.start, self.end(last)?);
        if self.quotes.is_some() {
            let whole = self.buffer.get(from..end).unwrap_or_default();
            let broken = |rows: &CsvOptions| !rows.is_row(whole);
            if let Some(first) = memchr(b'\n', whole).filter(|_| self.rows.as_ref().is_some_and(broken)) {
                end = from + first;
            }
        }
        let (line, byte) = (self.line + 1, self.removed + from as u64);
        let whole = self.buffer.get(from..end).unwrap_or_default();
        let inside = if self.quotes.is_some() { memchr::memchr_iter(b'\n', whole).count() } else { 0 };
        self.line += inside as u64 + 1;
        self.start = (end + 1).min(self.buffer.len());
        self.at = self.start;
        self.quoted = false;
        Some(Record { bytes: whole.strip_suffix(b"\r").unwrap_or(whole), line, byte })
    }

    /// Finds the line end of the record that begins at `start`.
    fn end(&mut self, last: bool) -> Option<usize> {
        if std::mem::take(&mut self.given_up)
            && let Some(end) = self.first_line()
        {
            return Some(end);
        }
        let Some(Quotes { quote, escape, delimiter }) = self.quotes else {
            let found = memchr(b'\n', self.rest()).map(|i| self.at + i);
            self.at = self.buffer.len();
            return found.or((last && self.waiting() > 0).then_some(self.buffer.len()));
        };
        loop {
            let escape = escape.unwrap_or(quote);
            let found = if self.quoted { memchr2(quote, escape, self.rest()) } else { memchr3(b'\n', quote, escape, self.rest()) };
            let Some(i) = found.map(|i| self.at + i) else {
                self.at = self.buffer.len();
                return (last && self.waiting() > 0).then_some(self.buffer.len());
            };
            let (byte, next) = (self.buffer.get(i).copied(), self.buffer.get(i + 1).copied());
            // The next byte decides.
            if byte != Some(b'\n') && next.is_none() && !last {
                self.at = i;
                return None;
            }
            self.at = i + 1;
            match byte {
                Some(b'\n') => return Some(i),
                Some(b) if b != quote => self.at = i + 2,
                _ if !self.quoted => self.quoted = i == self.start || self.buffer.get(i - 1) == Some(&delimiter),
                _ if next == Some(quote) => self.at = i + 2,
                _ => self.quoted = false,
            }
            self.at = self.at.min(self.buffer.len());
        }
    }

    /// Finds the end of the first waiting line.
    fn first_line(&self) -> Option<usize> {
        memchr(b'\n', self.buffer.get(self.start..).unwrap_or_default()).map(|i| self.start + i)
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cuts a text that arrives in pieces of n bytes: text, line, byte of each record.
    fn cut(quotes: Option<Quotes>, text: &str, step: usize) -> Vec<(String, u64, u64)> {
        let mut cutter = Cutter::new(quotes, None);
        let mut all = Vec::new();
        let mut take = |cutter: &mut Cutter, last| {
            while let Some(record) = cutter.next(last) {
                all.push((String::from_utf8_lossy(record.bytes).into_owned(), record.line, record.byte));
            }
        };
        for piece in text.as_bytes().chunks(step) {
            cutter.push(piece);
            take(&mut cutter, false);
        }
        take(&mut cutter, true);
        all
    }

    #[test]
    fn records_end_at_line_ends_outside_of_quotes() {
        let csv = Some(Quotes { quote: b'"', escape: None, delimiter: b',' });
        let escaped = Some(Quotes { quote: b'\'', escape: Some(b'\\'), delimiter: b';' });
        for (quotes, text, records) in [
            (None, "", &[][..]),
            (None, "a\nb\r\n\nc", &[("a", 1, 0), ("b", 2, 2), ("", 3, 5), ("c", 4, 6)]),
            (None, "\"a\nb\"", &[("\"a", 1, 0), ("b\"", 2, 3)]),
            (csv, "1,\"a\nb\"\n2,c\n", &[("1,\"a\nb\"", 1, 0), ("2,c", 3, 8)]),
            (csv, "\"\"\"\n\"\"\",x\ny", &[("\"\"\"\n\"\"\",x", 1, 0), ("y", 3, 10)]),
            // A quote inside an unquoted value is an ordinary character.
            (csv, "5\" pipe,1\n6,2\n", &[("5\" pipe,1", 1, 0), ("6,2", 2, 10)]),
            (csv, "\"never closed\n1,2\n", &[("\"never closed\n1,2\n", 1, 0)]),
            (csv, "\"\",\"\"\nx", &[("\"\",\"\"", 1, 0), ("x", 2, 6)]),
            (escaped, "'it\\'s\nx';1\n'b'\n", &[("'it\\'s\nx';1", 1, 0), ("'b'", 3, 12)]),
            (escaped, "a\\\nb\n", &[("a\\\nb", 1, 0)]),
        ] {
            let expected: Vec<_> = records.iter().map(|(t, l, b)| (t.to_string(), *l, *b)).collect();
            for step in [1, 2, 3, 100] {
                assert_eq!(cut(quotes, text, step), expected, "{text:?} by {step}");
            }
        }
    }
}
