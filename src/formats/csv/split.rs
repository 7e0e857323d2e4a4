//! Splits a line of CSV into fields.

use super::CsvOptions;

/// Splits lines into fields.
///
/// A truncated message must not pass for a whole one, so faults that libraries forgive in files (a quote that is never closed, text after a
/// closing quote, a second line) are errors here.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    fields: Vec<Field>,
    /// Fields whose text differs from the line: with doubled quotes or escaped characters.
    text: String,
}

/// The position of a field, in the line or in [`Splitter::text`].
#[derive(Debug, Clone, Copy)]
struct Field {
    from: usize,
    to: usize,
    quoted: bool,
    in_text: bool,
}

/// Why a line cannot be split.
pub(super) type Broken = &'static str;

impl Splitter {
    pub(super) fn new(options: &CsvOptions) -> Self {
        let CsvOptions { delimiter, quote, escape, .. } = *options;
        Self { delimiter, quote, escape, fields: Vec::new(), text: String::new() }
    }

    /// Splits a line; afterwards [`Self::field`] returns its fields.
    ///
    /// # Errors
    /// When it is not a line of CSV.
    pub(super) fn split(&mut self, line: &str) -> Result<(), Broken> {
        self.text.clear();
        self.fields.clear();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut at = 0;
        loop {
            let quoted = self.quote.is_some() && line.as_bytes().get(at).copied() == self.quote;
            let end = if quoted { self.quoted(line, at + 1)? } else { self.bare(line, at)? };
            if end == line.len() {
                return Ok(());
            }
            at = end + 1;
        }
    }

    /// The number of fields.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Returns a field's text, and whether it was quoted; `line` is the line that was split.
    pub(super) fn field<'a>(&'a self, line: &'a str, i: usize) -> Option<(&'a str, bool)> {
        let field = self.fields.get(i)?;
        let within = if field.in_text { &self.text } else { line };
        Some((within.get(field.from..field.to)?, field.quoted))
    }

    /// Reads an unquoted field; returns the position of the delimiter, or the end.
    fn bare(&mut self, line: &str, from: usize) -> Result<usize, Broken> {
        let (mut at, start) = (from, self.text.len());
        let mut copied = from;
        loop {
            let stop = |b: &u8| *b == self.delimiter || *b == b'\n' || *b == b'\r' || Some(*b) == self.escape;
            let end = find(line, at, stop).unwrap_or(line.len());
            match line.as_bytes().get(end) {
                Some(b) if *b != self.delimiter && Some(*b) == self.escape => (copied, at) = self.escaped(line, copied, end)?,
                Some(b'\n' | b'\r') => return Err("more than one line"),
                _ => {
                    self.push(line, (from, copied, end), start, false);
                    return Ok(end);
                }
            }
        }
    }

    /// Reads a field after its opening quote; returns the position after the closing one.
    fn quoted(&mut self, line: &str, from: usize) -> Result<usize, Broken> {
        let (mut at, start) = (from, self.text.len());
        let mut copied = from;
        loop {
            let stop = |b: &u8| Some(*b) == self.quote || Some(*b) == self.escape;
            let end = find(line, at, stop).ok_or("a quote is not closed")?;
            let (byte, next) = (line.as_bytes().get(end).copied(), line.as_bytes().get(end + 1).copied());
            if byte != self.quote || next == byte {
                (copied, at) = self.escaped(line, copied, end)?;
            } else if next.is_some_and(|next| next != self.delimiter) {
                return Err("text behind a closing quote");
            } else {
                self.push(line, (from, copied, end), start, true);
                return Ok(end + 1);
            }
        }
    }

    /// Copies the text before an escape, and drops the escape. Returns where the uncopied text begins, and where to continue.
    fn escaped(&mut self, line: &str, copied: usize, escape: usize) -> Result<(usize, usize), Broken> {
        self.text.push_str(line.get(copied..escape).unwrap_or_default());
        let character = line.get(escape + 1..).and_then(|rest| rest.chars().next()).ok_or("nothing behind the escape character")?;
        Ok((escape + 1, escape + 1 + character.len_utf8()))
    }

    /// Adds a field that begins at `from` and ends at `end`, whose bytes before `copied` are in `text` from `start` on.
    fn push(&mut self, line: &str, (from, copied, end): (usize, usize, usize), start: usize, quoted: bool) {
        if copied == from {
            self.fields.push(Field { from, to: end, quoted, in_text: false });
        } else {
            self.text.push_str(line.get(copied..end).unwrap_or_default());
            self.fields.push(Field { from: start, to: self.text.len(), quoted, in_text: true });
        }
    }
}

/// Finds the first byte at or after `at` that `stops`.
fn find(line: &str, at: usize, stops: impl Fn(&u8) -> bool) -> Option<usize> {
    line.as_bytes().get(at..)?.iter().position(stops).map(|i| at + i)
}

#[cfg(test)]
mod tests {
    use super::super::CsvOptions;
    use super::*;
    use crate::formats::FormatOptions;

    fn split(line: &str, options: &[(&str, &str)]) -> Result<Vec<String>, Broken> {
        let options = FormatOptions::pick("csv", "", options.iter().copied());
        let mut splitter = Splitter::new(&CsvOptions::read(&options).unwrap());
        splitter.split(line)?;
        let mark = |(text, quoted): (&str, bool)| if quoted { format!("<{text}>") } else { text.to_string() };
        Ok((0..splitter.len()).map(|i| mark(splitter.field(line, i).unwrap())).collect())
    }

    #[test]
    fn lines_are_cut_into_fields() {
        let tab: &[(&str, &str)] = &[("csv.field-delimiter", "\\t")];
        let bar: &[(&str, &str)] = &[("csv.field-delimiter", "|"), ("csv.quote-character", "'"), ("csv.escape-character", "\\")];
        let none: &[(&str, &str)] = &[("csv.disable-quote-character", "true")];
        for (line, options, fields) in [
            ("", &[][..], vec![""]),
            ("a", &[], vec!["a"]),
            ("a,b", &[], vec!["a", "b"]),
            ("a,,", &[], vec!["a", "", ""]),
            ("a, b\r\n", &[], vec!["a", " b"]),
            ("\"a,b\",\"say \"\"x\"\"\",\"\"", &[], vec!["<a,b>", "<say \"x\">", "<>"]),
            ("\"two\nlines\",ä", &[], vec!["<two\nlines>", "ä"]),
            (r#"a"b,c"#, &[], vec!["a\"b", "c"]),
            ("a\tb,c", tab, vec!["a", "b,c"]),
            (r"a\|b|'it\'s'|'x|y'", bar, vec!["a|b", "<it's>", "<x|y>"]),
            (r#""a,b"#, none, vec!["\"a", "b"]),
        ] {
            assert_eq!(split(line, options), Ok(fields.into_iter().map(str::to_string).collect()), "{line}");
        }
        for (line, options, why) in [
            ("\"a", &[][..], "a quote is not closed"),
            ("\"a\"b,c", &[], "text behind a closing quote"),
            ("a\nb", &[], "more than one line"),
            ("a\\", bar, "nothing behind the escape character"),
        ] {
            assert_eq!(split(line, options), Err(why), "{line}");
        }
    }
}
