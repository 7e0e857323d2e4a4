//! Cuts the bytes of a JSON file into values, which may extend over lines.

use super::record_splitter::Record;

/// Finds where values end: the elements of a top-level array, or a sequence of values.
///
/// ```text
///   [␤  {"a": 1},␤  {"a":␤   2}␤]        records: {"a": 1}   {"a":␤   2}
/// ```
#[derive(Debug, Default)]
pub struct ValueCutter {
    buffer: Vec<u8>,
    /// Where the current value begins; everything before `at` was scanned.
    start: usize,
    at: usize,
    /// How many brackets are open in it.
    depth: usize,
    quoted: bool,
    /// The byte before escapes the next one.
    escaped: bool,
    /// A value has begun.
    begun: bool,
    /// A top-level array is open.
    array: bool,
    /// Line ends before `at`, and before the value.
    line: u64,
    begun_in: u64,
    removed: u64,
}

impl ValueCutter {
    /// Appends bytes, after `passed` bytes that belong to no value.
    pub fn push(&mut self, passed: usize, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.removed += (self.start + passed) as u64;
        self.at -= self.start;
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// How many bytes wait for the end of their value.
    pub fn waiting(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Returns the next value; `last`: no more bytes will come.
    pub fn next(&mut self, last: bool) -> Option<Record<'_>> {
        while let Some(byte) = self.buffer.get(self.at).copied() {
            self.line += u64::from(byte == b'\n');
            if !self.begun {
                let between = byte.is_ascii_whitespace() || (self.array && byte == b',');
                if between || (!self.array && byte == b'[') || (self.array && byte == b']') {
                    self.array = if between { self.array } else { byte == b'[' };
                    self.at += 1;
                    self.start = self.at;
                    continue;
                }
                (self.begun, self.begun_in, self.start) = (true, self.line, self.at);
            }
            if self.quoted {
                self.at += 1;
                match byte {
                    _ if std::mem::take(&mut self.escaped) => {}
                    b'\\' => self.escaped = true,
                    b'"' => self.quoted = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.quoted = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        self.at += 1;
                        return Some(self.cut());
                    }
                }
                // The end of a value that is not an object.
                b',' | b']' if self.depth == 0 && self.array => return Some(self.cut()),
                b'\n' if self.depth == 0 => return Some(self.cut()),
                _ => {}
            }
            self.at += 1;
        }
        (last && self.begun).then(|| self.cut())
    }

    /// Cuts the value here.
    fn cut(&mut self) -> Record<'_> {
        let (from, to) = (self.start, self.at);
        self.start = self.at;
        (self.begun, self.quoted, self.escaped, self.depth) = (false, false, false, 0);
        Record { bytes: self.buffer.get(from..to).unwrap_or_default(), line: self.begun_in + 1, byte: self.removed + from as u64 }
    }
}

/// Whether the first value of a text extends over its first line. If a later line starts a new value, the first was cut off.
pub fn over_lines(beginning: &[u8]) -> bool {
    let text = beginning.trim_ascii_start();
    let Some(end) = memchr::memchr(b'\n', text) else { return false };
    let (first, rest) = text.split_at(end);
    let (mut open, mut quoted, mut escaped) = (Vec::new(), false, false);
    for byte in first {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => open.push(*byte),
            b'}' | b']' if !quoted => {
                open.pop();
            }
            _ => {}
        }
    }
    let inside = match (rest.trim_ascii_start().first(), first.trim_ascii_end().last()) {
        // An object on a later line: an element or a value of what is open, or a separate record.
        (Some(b'{'), Some(b'[' | b':')) => true,
        (Some(b'{'), Some(b',')) => open.last() == Some(&b'['),
        (Some(b'{'), _) => false,
        _ => true,
    };
    // A string never extends over lines.
    inside && !open.is_empty() && !quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_their_brackets_do() {
        let text = "[\n {\"a\": \"}\\\"\"},\n {\"a\":\n 2}\n, 7,\"x,\"]\n{\"b\": [1,\n2]} {}";
        for step in [1, 2, 7, 1000] {
            let mut cutter = ValueCutter::default();
            let mut all = Vec::new();
            let mut take = |cutter: &mut ValueCutter, last| {
                while let Some(value) = cutter.next(last) {
                    all.push((String::from_utf8_lossy(value.bytes).into_owned(), value.line, value.byte));
                }
            };
            for piece in text.as_bytes().chunks(step) {
                cutter.push(0, piece);
                take(&mut cutter, false);
            }
            take(&mut cutter, true);
            let expected = [("{\"a\": \"}\\\"\"}", 2), ("{\"a\":\n 2}", 3), ("7", 5), ("\"x,\"", 5), ("{\"b\": [1,\n2]}", 6), ("{}", 7)];
            assert_eq!(all.iter().map(|(text, line, _)| (text.as_str(), *line)).collect::<Vec<_>>(), expected, "{step}");
            assert!(all.iter().all(|(value, _, byte)| text[*byte as usize..].starts_with(value.as_str())), "{step}");
        }
    }

    #[test]
    fn the_first_line_tells() {
        for (text, over) in [
            ("{\"a\":1}\n{", false),
            ("\n[\n", true),
            ("{\"a\": \"{\"}\n", false),
            ("{\n", true),
            ("{\"a\": 1\n{\"a\": 2}\n", false),
            ("{\"a\": 1,\n{", false),
            ("[{},\n{", true),
            ("{\"a", false),
            ("{\"a\n", false),
        ] {
            assert_eq!(over_lines(text.as_bytes()), over, "{text}");
        }
    }
}
