//! One line to its fields.

use super::CsvOptions;

/// Cuts lines into fields.
///
/// A message that was cut off must not pass for a whole one, so what libraries forgive in files (a quote that is never closed, text
/// behind a closing one, a second line) is an error here.
#[derive(Debug)]
pub(super) struct Splitter {
    delimiter: u8,
    quote: Option<u8>,
    escape: Option<u8>,
    text: Vec<u8>,
    /// Where each field ends in `text`, and whether it stood in quotes.
    ends: Vec<(usize, bool)>,
}

/// Why a line cannot be cut.
pub(super) type Broken = &'static str;

impl Splitter {
    pub(super) fn new(options: &CsvOptions) -> Self {
        let CsvOptions { delimiter, quote, escape, .. } = *options;
        Self { delimiter, quote, escape, text: Vec::new(), ends: Vec::new() }
    }

    /// Cuts a line; [`Self::field`] has its fields then. The line has to be UTF-8.
    ///
    /// # Errors
    /// When it is no line of CSV.
    pub(super) fn split(&mut self, line: &str) -> Result<(), Broken> {
        self.text.clear();
        self.ends.clear();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut rest = line.strip_suffix('\r').unwrap_or(line).as_bytes();
        loop {
            let quoted = rest.first().is_some_and(|first| Some(*first) == self.quote);
            rest = if quoted { self.quoted(rest.get(1..).unwrap_or_default())? } else { self.bare(rest)? };
            self.ends.push((self.text.len(), quoted));
            match rest.split_first() {
                None => return Ok(()),
                Some((_, more)) => rest = more,
            }
        }
    }

    /// How many fields there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// A field's text, and whether it stood in quotes.
    pub(super) fn field(&self, i: usize) -> Option<(&str, bool)> {
        let (end, quoted) = *self.ends.get(i)?;
        let start = i.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(end, _)| *end);
        // Only ASCII was taken out of a text, so the rest is one still.
        Some((std::str::from_utf8(self.text.get(start..end)?).ok()?, quoted))
    }

    /// Up to the delimiter, or the end.
    fn bare<'a>(&mut self, line: &'a [u8]) -> Result<&'a [u8], Broken> {
        let mut bytes = line.iter().enumerate();
        while let Some((i, byte)) = bytes.next() {
            match *byte {
                b if b == self.delimiter => return Ok(line.get(i..).unwrap_or_default()),
                b if Some(b) == self.escape => self.text.push(*bytes.next().ok_or("nothing behind the escape character")?.1),
                b'\n' | b'\r' => return Err("more than one line"),
                b => self.text.push(b),
            }
        }
        Ok(&[])
    }

    /// Behind an opening quote: up to what follows the closing one.
    fn quoted<'a>(&mut self, line: &'a [u8]) -> Result<&'a [u8], Broken> {
        let mut bytes = line.iter().enumerate().peekable();
        while let Some((i, byte)) = bytes.next() {
            match *byte {
                b if Some(b) == self.escape && Some(b) != self.quote => {
                    self.text.push(*bytes.next().ok_or("nothing behind the escape character")?.1);
                }
                b if Some(b) == self.quote => match bytes.peek() {
                    Some((_, next)) if Some(**next) == self.quote => {
                        self.text.push(b);
                        bytes.next();
                    }
                    Some((_, next)) if **next != self.delimiter => return Err("text behind a closing quote"),
                    _ => return Ok(line.get(i + 1..).unwrap_or_default()),
                },
                b => self.text.push(b),
            }
        }
        Err("a quote is not closed")
    }
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
        Ok((0..splitter.len()).map(|i| mark(splitter.field(i).unwrap())).collect())
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
