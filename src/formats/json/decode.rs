//! JSON messages to columns, through arrow-json.
//!
//! All messages of a run go through one arrow-json decoder and are flushed once: that is what makes it fast. arrow-json reads
//! a byte stream and stops at the first thing that is wrong, so after each message we look whether exactly one value was
//! added and none is left open; when something fails, the run is cut around the bad message and the rest is read again.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, StructArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder as ArrowDecoder;
use std::collections::HashMap;

use crate::common::{Error, Result};
use crate::formats::{Decoded, Decoder, FormatOptions, Messages};

use super::guard::{self, Kind};
use super::{JsonOptions, stand_in, text};

/// Messages that are given to arrow-json at once; more would only make buffers larger.
const RUN: usize = 8192;

/// Reads JSON messages; see the format's page for how types are read.
///
/// arrow-json forgives a missing or doubled comma; everything else that is no JSON is rejected.
#[derive(Debug)]
pub struct JsonDecoder {
    schema: SchemaRef,
    options: JsonOptions,
    /// Objects: the projected columns as arrow-json reads them, all nullable (NULLs are checked here, with better words).
    object: Reader,
    /// Top-level arrays of such objects.
    array: Reader,
    /// The only column of a table that has just one, and its index in `schema` if it is projected.
    scalar: Option<(Reader, Option<DataType>)>,
}

impl JsonDecoder {
    /// A decoder of the columns `projection` out of `physical`.
    ///
    /// # Errors
    /// For a wrong option, or a type that JSON cannot hold.
    pub fn new(physical: &SchemaRef, projection: &[usize], options: &FormatOptions) -> Result<Self> {
        let options = JsonOptions::read(options)?;
        let schema = Arc::new(physical.project(projection)?);
        let read: Fields = schema.fields().iter().map(|f| Field::new(f.name(), stand_in::stand_in(f.data_type()), true)).collect();
        let lenient = options.ignore_parse_errors;
        let element = Field::new("element", DataType::Struct(read.clone()), false);
        let rows = Field::new("rows", DataType::List(Arc::new(element)), false);
        let scalar = match physical.fields().as_ref() {
            [only] => {
                let field = Field::new(only.name(), stand_in::stand_in(only.data_type()), true);
                let target = (!projection.is_empty()).then(|| only.data_type().clone());
                Some((Reader::new(Shape::Value(field), lenient), target))
            }
            _ => None,
        };
        let mut decoder = Self {
            schema,
            options,
            object: Reader::new(Shape::Objects(Arc::new(Schema::new(read))), lenient),
            array: Reader::new(Shape::Value(rows), lenient),
            scalar,
        };
        // A type that arrow-json cannot read is the table's error, not every message's.
        let decode_nothing = decoder.object.take();
        decoder.object.ready = Some(decode_nothing.map_err(|e| Error::sql(format!("format 'json' cannot read these columns: {e}")))?);
        Ok(decoder)
    }

    /// Reads a run of messages of one kind, cutting it until nothing in it fails.
    fn run(&mut self, kind: Kind, messages: &Messages, range: Range<usize>, out: &mut Output) -> Result<()> {
        let mut range = range;
        while !range.is_empty() {
            match self.attempt(kind, messages, range.clone()) {
                Ok(rows) => return self.settle(messages, rows, out),
                Err(Failure::At(bad, reason)) => {
                    if bad > range.start {
                        self.run(kind, messages, range.start..bad, out)?;
                    }
                    out.reject(bad, reason);
                    range.start = bad + 1;
                }
                Err(Failure::Within(reason)) if range.len() == 1 => {
                    out.reject(range.start, reason);
                    return Ok(());
                }
                Err(Failure::Within(_)) => {
                    let middle = range.start + range.len() / 2;
                    self.run(kind, messages, range.start..middle, out)?;
                    range.start = middle;
                }
            }
        }
        Ok(())
    }

    fn attempt(&mut self, kind: Kind, messages: &Messages, range: Range<usize>) -> std::result::Result<Rows, Failure> {
        let within = |e: String| Failure::Within(e);
        let index = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        let lenient = self.options.ignore_parse_errors;
        match kind {
            Kind::Object => {
                let batch = self.object.read(messages, range.clone())?;
                Ok(Rows { columns: self.restore(batch.columns())?, count: batch.num_rows(), origin: range.map(index).collect() })
            }
            Kind::Array => {
                let batch = self.array.read(messages, range.clone())?;
                let list = batch.column(0).as_list::<i32>();
                let values: &StructArray = list.values().as_struct();
                let lengths = list.offsets().lengths();
                let origin = range.zip(lengths).flat_map(|(i, n)| std::iter::repeat_n(index(i), n)).collect();
                Ok(Rows { columns: self.restore(values.columns())?, count: values.len(), origin })
            }
            Kind::Scalar => match &mut self.scalar {
                None => Err(Failure::At(range.start, "expected a JSON object".to_string())),
                Some((reader, target)) => {
                    let batch = reader.read(messages, range.clone())?;
                    let columns = match target {
                        Some(target) => vec![stand_in::restore(batch.column(0), target, lenient).map_err(within)?],
                        None => Vec::new(),
                    };
                    Ok(Rows { columns, count: batch.num_rows(), origin: range.map(index).collect() })
                }
            },
            Kind::Empty => Err(Failure::At(range.start, "empty".to_string())),
            Kind::TooDeep => Err(Failure::At(range.start, "nested too deeply".to_string())),
        }
    }

    fn restore(&self, columns: &[ArrayRef]) -> std::result::Result<Vec<ArrayRef>, Failure> {
        let restored = columns.iter().zip(self.schema.fields()).map(|(column, field)| {
            stand_in::restore(column, field.data_type(), self.options.ignore_parse_errors)
                .map_err(|e| Failure::Within(format!("field '{}': {e}", field.name())))
        });
        restored.collect()
    }

    /// Takes out the rows that a NOT NULL column or `fail-on-missing-field` forbids, and keeps the others.
    fn settle(&self, messages: &Messages, rows: Rows, out: &mut Output) -> Result<()> {
        let mut bad: Vec<(u32, String)> = Vec::new();
        for (field, column) in self.schema.fields().iter().zip(&rows.columns) {
            let Some(nulls) = column.nulls().filter(|n| n.null_count() > 0) else { continue };
            if field.is_nullable() && !self.options.fail_on_missing_field {
                continue;
            }
            for row in (0..rows.count).filter(|row| nulls.is_null(*row)) {
                let message = rows.origin[row];
                if !field.is_nullable() {
                    bad.push((message, format!("field '{}' is NOT NULL, but null or missing", field.name())));
                } else if lacks(messages.get(message as usize), field.name()) {
                    bad.push((message, format!("field '{}' is missing", field.name())));
                }
            }
        }
        bad.sort_by_key(|(message, _)| *message);
        bad.dedup_by_key(|(message, _)| *message);
        let schema = Arc::clone(&self.schema);
        let batch =
            RecordBatch::try_new_with_options(relaxed(&schema), rows.columns, &RecordBatchOptions::new().with_row_count(Some(rows.count)))?;
        let (batch, origin) = if bad.is_empty() {
            (batch, rows.origin)
        } else {
            let keep = |message: &u32| bad.binary_search_by_key(message, |(m, _)| *m).is_err();
            let mask: BooleanArray = rows.origin.iter().map(|m| Some(keep(m))).collect();
            (filter_record_batch(&batch, &mask)?, rows.origin.into_iter().filter(keep).collect())
        };
        let count = batch.num_rows();
        let batch =
            RecordBatch::try_new_with_options(schema, batch.columns().to_vec(), &RecordBatchOptions::new().with_row_count(Some(count)))?;
        for (message, reason) in bad {
            out.reject(message as usize, reason);
        }
        out.pieces.push(batch);
        out.origin.extend(origin);
        Ok(())
    }
}

/// The same columns, all nullable.
fn relaxed(schema: &SchemaRef) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>()))
}

/// Whether an object of the message (or one of the objects of an array) has no field of that name.
fn lacks(message: &[u8], name: &str) -> bool {
    type Object<'a> = HashMap<std::borrow::Cow<'a, str>, serde::de::IgnoredAny>;
    if let Ok(object) = serde_json::from_slice::<Object<'_>>(message) {
        return !object.contains_key(name);
    }
    serde_json::from_slice::<Vec<Object<'_>>>(message).is_ok_and(|all| all.iter().any(|object| !object.contains_key(name)))
}

impl Decoder for JsonDecoder {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn decode(&mut self, messages: &Messages) -> Result<Decoded> {
        let mut out = Output::default();
        let mut start = 0;
        while start < messages.len() {
            let kind = guard::kind(messages.get(start));
            let mut end = start + 1;
            while end < messages.len() && end - start < RUN && guard::kind(messages.get(end)) == kind {
                end += 1;
            }
            self.run(kind, messages, start..end, &mut out)?;
            start = end;
        }
        out.finish(&self.schema, messages.len())
    }
}

/// Rows with the message that each came from.
struct Rows {
    columns: Vec<ArrayRef>,
    count: usize,
    origin: Vec<u32>,
}

/// Why a run could not be read.
enum Failure {
    /// This message is bad.
    At(usize, String),
    /// One of them is, and only cutting finds out which.
    Within(String),
}

#[derive(Default)]
struct Output {
    pieces: Vec<RecordBatch>,
    origin: Vec<u32>,
    rejected: Vec<(u32, String)>,
}

impl Output {
    fn reject(&mut self, message: usize, reason: String) {
        self.rejected.push((u32::try_from(message).unwrap_or(u32::MAX), reason));
    }

    fn finish(mut self, schema: &SchemaRef, messages: usize) -> Result<Decoded> {
        let batch = match self.pieces.len() {
            0 => RecordBatch::new_empty(Arc::clone(schema)),
            1 => self.pieces.remove(0),
            _ if schema.fields().is_empty() => {
                let rows = RecordBatchOptions::new().with_row_count(Some(self.origin.len()));
                RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &rows)?
            }
            _ => concat_batches(schema, &self.pieces)?,
        };
        self.rejected.sort_by_key(|(message, _)| *message);
        let one_to_one = self.rejected.is_empty()
            && self.origin.len() == messages
            && self.origin.iter().enumerate().all(|(i, message)| *message as usize == i);
        Ok(Decoded { batch, origin: (!one_to_one).then_some(self.origin), rejected: self.rejected })
    }
}

/// What arrow-json is asked to read.
#[derive(Debug, Clone)]
enum Shape {
    Objects(SchemaRef),
    Value(Field),
}

/// An arrow-json decoder that is thrown away when something went wrong in it, since it cannot be cleaned.
#[derive(Debug)]
struct Reader {
    shape: Shape,
    lenient: bool,
    ready: Option<ArrowDecoder>,
}

impl Reader {
    fn new(shape: Shape, lenient: bool) -> Self {
        Self { shape, lenient, ready: None }
    }

    fn take(&mut self) -> std::result::Result<ArrowDecoder, String> {
        if let Some(ready) = self.ready.take() {
            return Ok(ready);
        }
        let builder = match &self.shape {
            Shape::Objects(schema) => ReaderBuilder::new(Arc::clone(schema)),
            Shape::Value(field) => ReaderBuilder::new_with_field(field.clone()),
        };
        builder
            // Never full: a run has at most RUN messages, and two values in one are noticed before more come.
            .with_batch_size(RUN + 2)
            .with_coerce_primitive(true)
            .with_ignore_type_conflicts(self.lenient)
            .build_decoder()
            .map_err(|e| text::reason(&e.to_string()))
    }

    fn read(&mut self, messages: &Messages, range: Range<usize>) -> std::result::Result<RecordBatch, Failure> {
        let mut decoder = self.take().map_err(Failure::Within)?;
        let say = |e: arrow::error::ArrowError| text::reason(&e.to_string());
        for (count, i) in range.enumerate() {
            let message = messages.get(i);
            let read = decoder.decode(message).map_err(|e| Failure::At(i, say(e)))?;
            // A number at the top ends only when something follows it.
            if decoder.has_partial_record() {
                decoder.decode(b"\n").map_err(|e| Failure::At(i, say(e)))?;
            }
            if decoder.has_partial_record() {
                return Err(Failure::At(i, "ends in the middle of a value".to_string()));
            }
            if decoder.len() != count + 1 || read != message.len() {
                return Err(Failure::At(i, "more than one JSON value in one message".to_string()));
            }
        }
        let batch = decoder.flush().map_err(|e| Failure::Within(say(e)))?;
        self.ready = Some(decoder);
        batch.ok_or_else(|| Failure::Within("nothing was read".to_string()))
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
