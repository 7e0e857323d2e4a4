//! Decodes CSV messages into Arrow columns.

use arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};

use crate::common::{Projection, Result};
use crate::formats::json::{JsonDecoder, quote};
use crate::formats::{BYTE_ORDER_MARK, Decoded, Decoder, FormatOptions, Messages};

use super::split::Splitter;
use super::{CsvOptions, check};

/// Decodes CSV messages, by way of JSON:
///
/// ```text
///   message ─ Splitter ─▶ fields by position ─▶ {"id":"7","tags":["a","b"]} ─ JsonDecoder ─▶ columns
///               (cut, count)     only those that are wanted                    (types, NOT NULL)
/// ```
#[derive(Debug)]
pub struct CsvDecoder {
    physical: SchemaRef,
    options: CsvOptions,
    splitter: Splitter,
    /// The projected columns: the index in a line, the projected field, and the JSON text before its value.
    wanted: Vec<(usize, FieldRef, Vec<u8>)>,
    json: JsonDecoder,
    lines: Messages,
}

impl CsvDecoder {
    /// Creates a decoder for a projection of `physical`.
    ///
    /// # Errors
    /// For an invalid option, or a type that CSV cannot hold.
    pub fn new(physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Self> {
        let read = CsvOptions::read(options)?;
        check(physical)?;
        Ok(Self {
            splitter: Splitter::new(&read),
            physical: SchemaRef::clone(physical),
            options: read,
            wanted: projection.iter().enumerate().map(|(n, (i, field))| (i, FieldRef::clone(field), before(n, field.name()))).collect(),
            json: JsonDecoder::new(physical, projection, &options.wrapped("csv", "json"))?,
            lines: Messages::default(),
        })
    }

    /// Writes the projected fields of one message as JSON.
    fn line(&mut self, message: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), String> {
        let message = message.strip_prefix(BYTE_ORDER_MARK).unwrap_or(message);
        let line = simdutf8::compat::from_utf8(message).map_err(|e| format!("not UTF-8 from byte {} on", e.valid_up_to()))?;
        self.splitter.split(line)?;
        let (found, declared) = (self.splitter.len(), self.physical.fields().len());
        if found != declared && !self.options.lenient {
            return Err(format!("{found} fields where {declared} belong"));
        }
        out.push(b'{');
        for (i, field, before) in &self.wanted {
            out.extend_from_slice(before);
            match self.splitter.field(line, *i) {
                Some((text, quoted)) => self.options.value(text, quoted, self.physical.field(*i), field.data_type(), out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        Ok(())
    }
}

/// Returns the JSON text before the n-th field of an object.
fn before(n: usize, name: &str) -> Vec<u8> {
    let mut text = if n > 0 { vec![b','] } else { Vec::new() };
    quote(name, &mut text);
    text.push(b':');
    text
}

impl CsvOptions {
    /// Writes a field as JSON. `wanted` may have fewer fields of a ROW than `declared`.
    fn value(&self, text: &str, quoted: bool, declared: &Field, wanted: &DataType, out: &mut Vec<u8>) {
        // A quoted NULL literal is a text.
        if !quoted && self.null.as_deref() == Some(text) {
            out.extend_from_slice(b"null");
            return;
        }
        match (declared.data_type(), wanted) {
            (DataType::List(element), _) => {
                out.push(b'[');
                for (n, part) in self.parts(text).enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    self.single(part, false, element.data_type(), out);
                }
                out.push(b']');
            }
            (DataType::Struct(_), _) if text.is_empty() && !quoted => out.extend_from_slice(b"null"),
            (DataType::Struct(fields), DataType::Struct(wanted)) => {
                out.push(b'{');
                let mut first = true;
                for (field, part) in fields.iter().zip(self.parts(text)) {
                    if wanted.find(field.name()).is_none() {
                        continue;
                    }
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    quote(field.name(), out);
                    out.push(b':');
                    self.single(part, false, field.data_type(), out);
                }
                out.push(b'}');
            }
            (single, _) => self.single(text, quoted, single, out),
        }
    }

    fn parts<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(self.element.as_str()).filter(move |_| !text.is_empty())
    }

    fn single(&self, text: &str, quoted: bool, data_type: &DataType, out: &mut Vec<u8>) {
        let trimmed = text.trim();
        match data_type {
            _ if !quoted && self.null.as_deref() == Some(text) => out.extend_from_slice(b"null"),
            DataType::Utf8 if self.empty_is_null && !quoted && text.is_empty() => out.extend_from_slice(b"null"),
            DataType::Utf8 => quote(text, out),
            DataType::Binary if quoted => quote(trimmed, out),
            _ if trimmed.is_empty() => out.extend_from_slice(b"null"),
            DataType::Boolean if trimmed.eq_ignore_ascii_case("true") => out.extend_from_slice(b"true"),
            DataType::Boolean if trimmed.eq_ignore_ascii_case("false") => out.extend_from_slice(b"false"),
            _ => quote(trimmed, out),
        }
    }
}

impl Decoder for CsvDecoder {
    fn schema(&self) -> SchemaRef {
        self.json.schema()
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        let mut lines = std::mem::take(&mut self.lines);
        lines.clear();
        // The message of each JSON line.
        let (mut of_line, mut rejected) = (Vec::with_capacity(messages.len()), Vec::new());
        for (i, n) in (0..messages.len()).zip(0_u32..) {
            let message = messages.get(i);
            if self.options.comments && message.starts_with(b"#") {
                continue;
            }
            match lines.write(|out| self.line(message, out)) {
                Ok(()) => of_line.push(n),
                Err(reason) => rejected.push((n, reason)),
            }
        }
        let decoded = self.json.decode(&lines);
        self.lines = lines;
        let decoded = decoded?;
        if of_line.len() == messages.len() {
            return Ok(decoded);
        }
        let message = |line: u32| of_line.get(line as usize).copied().unwrap_or(u32::MAX);
        rejected.extend(decoded.rejected.into_iter().map(|(line, reason)| (message(line), reason)));
        rejected.sort_by_key(|(n, _)| *n);
        let origin = match decoded.origin {
            Some(origin) => origin.into_iter().map(message).collect(),
            None => of_line,
        };
        Ok(Decoded { batch: decoded.batch, origin: Some(origin), rejected })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
