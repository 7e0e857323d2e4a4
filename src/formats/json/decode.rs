//! Decodes JSON messages into Arrow columns.
//!
//! ```text
//!   message ─ Cursor ─▶ Keys: which column? ─▶ Column: value to Arrow's vectors ─┐
//!             (checks)         no column: skip, checked all the same             │
//!                                                                                ▼
//!   no JSON, or a value that does not fit: the columns are cut back     RecordBatch, once per run
//! ```
//!
//! Every message is read separately, once, from left to right, so a bad one costs the others nothing. All of it is checked, whichever
//! columns are projected.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use crate::common::{Error, Projection, Result};
use crate::formats::{Decoded, Decoder, FormatOptions, Messages};

use super::JsonOptions;
use super::column::Row;
use super::cursor::{Cursor, Rules, Syntax};

/// Decodes JSON messages; see the format's page for how types are read.
#[derive(Debug)]
pub struct JsonDecoder {
    schema: SchemaRef,
    rules: Rules,
    /// Whether the table has just one column (projected or not), which a bare scalar fills.
    single: bool,
    rows: Row,
}

/// Why a message is bad.
enum Bad {
    /// It is not JSON.
    Syntax(Syntax),
    /// It is JSON, but does not fit the table.
    Unfit(String),
}

impl From<Syntax> for Bad {
    fn from(syntax: Syntax) -> Self {
        Self::Syntax(syntax)
    }
}

impl JsonDecoder {
    /// Creates a decoder for a projection of `physical`.
    ///
    /// # Errors
    /// For an invalid option, or a type that JSON cannot hold.
    pub fn new(physical: &SchemaRef, projection: &Projection, options: &FormatOptions) -> Result<Self> {
        let (options, any_case) = (JsonOptions::read(options)?, options.has_any_case());
        let schema = Arc::clone(projection.schema());
        let mut rows = Row::new(schema.fields()).map_err(|e| Error::sql(format!("format 'json' cannot read these columns: {e}")))?;
        if any_case {
            rows.take_any_case(physical.fields());
        }
        let rules = Rules { lenient: options.ignore_parse_errors, require: options.fail_on_missing_field };
        Ok(Self { schema, rules, single: physical.fields().len() == 1, rows })
    }

    /// Appends the rows of one message.
    fn message(&mut self, cursor: &mut Cursor<'_>) -> std::result::Result<(), Bad> {
        cursor.byte_order_mark();
        cursor.space();
        match cursor.peek() {
            b'{' => self.rows.read(cursor)?,
            b'[' => self.explode(cursor)?,
            _ if cursor.at_end() => return Err(Bad::Unfit("empty".to_string())),
            _ if self.single => self.rows.read_scalar(cursor)?,
            _ => return Err(Bad::Unfit("expected a JSON object".to_string())),
        }
        cursor.space();
        if !cursor.at_end() {
            return Err(Bad::Unfit("more than one JSON value in one message".to_string()));
        }
        if cursor.misfits > 0
            && let Some(reason) = self.rows.misfit("")
        {
            return Err(Bad::Unfit(reason));
        }
        Ok(())
    }

    /// Appends a row for each object of an array.
    fn explode(&mut self, cursor: &mut Cursor<'_>) -> std::result::Result<(), Bad> {
        if cursor.open(b']') {
            return Ok(());
        }
        loop {
            if cursor.peek() != b'{' {
                cursor.skip()?;
                return Err(Bad::Unfit("expected JSON objects in the array".to_string()));
            }
            self.rows.read(cursor)?;
            if !cursor.more(b']')? {
                return Ok(());
            }
        }
    }
}

impl Decoder for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        if i32::try_from(messages.byte_len()).is_err() {
            return Err(Error::internal("more than 2 GiB of messages to decode at once"));
        }
        self.rows.truncate(0);
        self.rows.reserve(messages.len());
        // A JSON message begins and ends with ASCII, so if the whole run is UTF-8, each message is.
        let all_text = simdutf8::basic::from_utf8(&messages.bytes).is_ok();
        let mut origin = Vec::with_capacity(messages.len());
        let mut rejected = Vec::new();
        let mut start = 0;
        for (i, end) in (0_u32..).zip(&messages.ends) {
            let ahead = messages.bytes.get(start..).unwrap_or_default();
            let mut cursor = Cursor::new(ahead, end - start, self.rules);
            start = *end;
            let before = self.rows.len();
            let not_text = if all_text { None } else { simdutf8::compat::from_utf8(cursor.rest()).err() };
            let read = match not_text {
                None => self.message(&mut cursor),
                Some(e) => Err(Bad::Unfit(format!("not UTF-8 from byte {} on", e.valid_up_to()))),
            };
            match read {
                Ok(()) => origin.extend(std::iter::repeat_n(i, self.rows.len() - before)),
                Err(bad) => {
                    self.rows.truncate(before);
                    rejected.push((i, reason(bad, &cursor)));
                }
            }
        }
        let one_to_one = rejected.is_empty() && origin.len() == messages.len() && origin.iter().zip(0_u32..).all(|(o, i)| *o == i);
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), self.rows.finish()?, &options)?;
        Ok(Decoded { batch, origin: (!one_to_one).then_some(origin), rejected })
    }
}

/// Describes why a message is bad.
#[cold]
fn reason(bad: Bad, cursor: &Cursor<'_>) -> String {
    let at = cursor.position();
    let syntax = match bad {
        Bad::Unfit(reason) => return reason,
        Bad::Syntax(syntax) => syntax,
    };
    match (syntax, String::from_utf8_lossy(cursor.rest()).chars().next()) {
        (Syntax::TooDeep, _) => "nested too deeply".to_string(),
        (Syntax::Escape, _) => format!("wrong escape sequence before byte {at}"),
        (Syntax::Unexpected, None) => "ends in the middle of a value".to_string(),
        (Syntax::Unexpected, Some(c)) if c.is_control() => format!("unexpected character {:#04x} at byte {at}", u32::from(c)),
        (Syntax::Unexpected, Some(c)) => format!("unexpected '{c}' at byte {at}"),
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "fuzz_tests.rs"]
mod fuzz;
