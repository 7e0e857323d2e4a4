//! Reads one message from left to right, each byte once, without recursion: JSON of RFC 8259, with unescaped control characters allowed in
//! strings.

use crate::formats::BYTE_ORDER_MARK;

use super::find;

/// Deeper nesting is refused: it comes from corrupt or hostile input.
const MAX_DEPTH: usize = 1_000;

/// Why a message is not JSON. The error is at the cursor's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// This byte is not allowed here; at the end of the message, the message must not end here.
    Unexpected,
    /// An escape `\x` that JSON does not have, or half of a surrogate pair.
    Escape,
    /// More than [`MAX_DEPTH`] brackets are open.
    TooDeep,
}

/// The options for fields that do not fit or are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    /// A value that does not fit its column is NULL.
    pub(super) lenient: bool,
    /// A missing field makes the message bad.
    pub(super) require: bool,
}

/// A string between its quotes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    pub(super) text: &'a [u8],
    /// Whether it has escapes (all of them are valid).
    pub(super) escaped: bool,
}

/// A position in a message whose bytes are valid UTF-8.
///
/// Each method that reads something expects the cursor at its first byte and leaves the cursor right after it.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    /// The message.
    text: &'a [u8],
    /// The message with the following bytes of the buffer, so that whole chunks can be loaded near its end.
    ahead: &'a [u8],
    pos: usize,
    pub(super) rules: Rules,
    /// How often a value did not fit its column.
    pub(super) misfits: usize,
}

impl<'a> Cursor<'a> {
    /// Creates a cursor at the beginning of the message, which is the first `len` bytes of `ahead`.
    #[inline]
    pub(super) fn new(ahead: &'a [u8], len: usize, rules: Rules) -> Self {
        Self { text: ahead.get(..len).unwrap_or(ahead), ahead, pos: 0, rules, misfits: 0 }
    }

    #[inline]
    pub(super) fn position(&self) -> usize {
        self.pos
    }

    /// Returns to an earlier position.
    pub(super) fn rewind(&mut self, to: usize) {
        self.pos = to;
    }

    /// The message from here on.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.get(self.pos..).unwrap_or_default()
    }

    /// The bytes from here on, beyond the message's end: a hint that may not belong to it.
    #[inline]
    pub(super) fn beyond(&self) -> &'a [u8] {
        self.ahead.get(self.pos..).unwrap_or_default()
    }

    /// The bytes read since `from`.
    #[inline]
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.pos).unwrap_or_default()
    }

    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        self.pos += bytes;
    }

    /// Whether the message has `bytes` more bytes.
    #[inline]
    pub(super) fn has(&self, bytes: usize) -> bool {
        self.text.len() - self.pos >= bytes
    }

    /// Returns the byte here; at the end 0, which is not allowed outside of strings.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.text.get(self.pos).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn at_end(&self) -> bool {
        self.pos >= self.text.len()
    }

    /// Skips the byte order mark with which some programs begin a text.
    #[inline]
    pub(super) fn byte_order_mark(&mut self) {
        if self.rest().starts_with(BYTE_ORDER_MARK) {
            self.pos += BYTE_ORDER_MARK.len();
        }
    }

    #[inline]
    pub(super) fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
        }
    }

    /// Reads this byte.
    #[inline]
    pub(super) fn expect(&mut self, byte: u8) -> Result<(), Syntax> {
        if self.peek() != byte {
            return Err(Syntax::Unexpected);
        }
        self.pos += 1;
        Ok(())
    }

    /// Reads a colon and the whitespace around it.
    #[inline]
    pub(super) fn colon(&mut self) -> Result<(), Syntax> {
        self.space();
        self.expect(b':')?;
        self.space();
        Ok(())
    }

    /// After an element: reads a comma with the whitespace around it (true) or the closing bracket (false).
    #[inline]
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Syntax> {
        self.space();
        let byte = self.peek();
        if byte == b',' {
            self.pos += 1;
            self.space();
            return Ok(true);
        }
        self.expect(close)?;
        Ok(false)
    }

    /// Reads an opening bracket and the whitespace after it; returns true if it is closed at once, after reading that bracket, too.
    #[inline]
    pub(super) fn open(&mut self, close: u8) -> bool {
        self.pos += 1;
        self.space();
        let empty = self.peek() == close;
        self.pos += usize::from(empty);
        empty
    }

    /// Reads `true`, `false` or `null`.
    #[inline]
    pub(super) fn literal(&mut self, word: &'static [u8]) -> Result<(), Syntax> {
        if self.rest().starts_with(word) {
            self.pos += word.len();
            return Ok(());
        }
        let same = self.rest().iter().zip(word).take_while(|(a, b)| a == b).count();
        self.pos += same;
        Err(Syntax::Unexpected)
    }

    /// Reads a string.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Quoted<'a>, Syntax> {
        self.expect(b'"')?;
        let start = self.pos;
        let mut escaped = false;
        loop {
            self.pos = find::special(self.ahead, self.pos);
            match self.text.get(self.pos) {
                Some(b'"') => {
                    let text = self.since(start);
                    self.pos += 1;
                    return Ok(Quoted { text, escaped });
                }
                Some(b'\\') => {
                    self.escape()?;
                    escaped = true;
                }
                // A control character should be escaped; Flink accepts it as it is.
                Some(_) => self.pos += 1,
                None => {
                    self.pos = self.text.len();
                    return Err(Syntax::Unexpected);
                }
            }
        }
    }

    /// Reads an escape.
    #[cold]
    fn escape(&mut self) -> Result<(), Syntax> {
        self.pos += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.pos += 1,
            b'u' => match self.unit()? {
                0xD800..=0xDBFF => {
                    if self.peek() != b'\\' || self.text.get(self.pos + 1) != Some(&b'u') {
                        return Err(if self.at_end() { Syntax::Unexpected } else { Syntax::Escape });
                    }
                    self.pos += 1;
                    if !(0xDC00..=0xDFFF).contains(&self.unit()?) {
                        return Err(Syntax::Escape);
                    }
                }
                0xDC00..=0xDFFF => return Err(Syntax::Escape),
                _ => {}
            },
            _ if self.at_end() => return Err(Syntax::Unexpected),
            _ => return Err(Syntax::Escape),
        }
        Ok(())
    }

    /// Reads `u` and four hexadecimal digits.
    fn unit(&mut self) -> Result<u32, Syntax> {
        self.pos += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()).to_digit(16) else {
                return Err(if self.at_end() { Syntax::Unexpected } else { Syntax::Escape });
            };
            unit = unit * 16 + digit;
            self.pos += 1;
        }
        Ok(unit)
    }

    /// Reads a number; returns true if it is an integer, without point or exponent.
    pub(super) fn number(&mut self) -> Result<bool, Syntax> {
        self.pos += usize::from(self.peek() == b'-');
        match self.peek() {
            b'0' => self.pos += 1,
            _ => self.digits()?,
        }
        let mut whole = true;
        if self.peek() == b'.' {
            self.pos += 1;
            self.digits()?;
            whole = false;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.pos += 1;
            self.pos += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
            whole = false;
        }
        Ok(whole)
    }

    #[inline]
    fn digits(&mut self) -> Result<(), Syntax> {
        let from = self.pos;
        while self.peek().is_ascii_digit() {
            self.pos += 1;
        }
        if self.pos == from { Err(Syntax::Unexpected) } else { Ok(()) }
    }

    /// Skips any value. It is checked all the same: a broken message is bad whichever fields are projected.
    #[inline]
    pub(super) fn skip(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            b'{' | b'[' => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    #[inline]
    fn skip_scalar(&mut self) -> Result<(), Syntax> {
        match self.peek() {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => Err(Syntax::Unexpected),
        }
    }

    fn skip_nested(&mut self) -> Result<(), Syntax> {
        // The open brackets, one bit each: set for an object.
        let mut open = [0_u64; MAX_DEPTH.div_ceil(64)];
        let mut depth = 0_usize;
        loop {
            // At the first byte of a value.
            let byte = self.peek();
            if matches!(byte, b'{' | b'[') {
                let object = byte == b'{';
                if !self.open(if object { b'}' } else { b']' }) {
                    let (word, bit) = (depth / 64, 1 << (depth % 64));
                    match open.get_mut(word).filter(|_| depth < MAX_DEPTH) {
                        Some(bits) if object => *bits |= bit,
                        Some(bits) => *bits &= !bit,
                        None => return Err(Syntax::TooDeep),
                    }
                    depth += 1;
                    if object {
                        self.string()?;
                        self.colon()?;
                    }
                    continue;
                }
            } else {
                self.skip_scalar()?;
            }
            // After a value: close brackets until something follows.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                let object = open.get((depth - 1) / 64).is_some_and(|bits| bits & (1 << ((depth - 1) % 64)) != 0);
                if self.more(if object { b'}' } else { b']' })? {
                    if object {
                        self.string()?;
                        self.colon()?;
                    }
                    break;
                }
                depth -= 1;
            }
        }
    }
}

impl Quoted<'_> {
    /// Appends the text with its escapes resolved.
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        if !self.escaped {
            out.extend_from_slice(self.text);
            return;
        }
        let mut rest = self.text;
        while let Some(at) = rest.iter().position(|b| *b == b'\\') {
            out.extend_from_slice(&rest[..at]);
            let tail = &rest[at + 1..];
            let (plain, taken) = match tail.first() {
                Some(b'b') => (0x08, 1),
                Some(b'f') => (0x0c, 1),
                Some(b'n') => (b'\n', 1),
                Some(b'r') => (b'\r', 1),
                Some(b't') => (b'\t', 1),
                Some(b'u') => {
                    let (c, taken) = unicode(tail);
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = tail.get(taken..).unwrap_or_default();
                    continue;
                }
                Some(other) => (*other, 1),
                None => return,
            };
            out.push(plain);
            rest = tail.get(taken..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
    }
}

/// Decodes the character of `uXXXX` or `uXXXX\uXXXX`, and returns how many bytes it has.
fn unicode(tail: &[u8]) -> (char, usize) {
    let unit = |from: usize| -> u32 {
        let digits = tail.get(from..from + 4).unwrap_or_default();
        digits.iter().fold(0, |unit, b| unit * 16 + char::from(*b).to_digit(16).unwrap_or(0))
    };
    let first = unit(1);
    if (0xD800..=0xDBFF).contains(&first) {
        let code = 0x10000 + ((first - 0xD800) << 10) + unit(7).saturating_sub(0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 11);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5)
}
