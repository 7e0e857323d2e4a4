//! Bytes to rows and back: what stands inside a Kafka record's key or value.
//!
//! A [`Decoder`] turns a run of messages into one Arrow batch, many at a time, because building columns is what costs; a
//! message that does not fit is set aside with the reason, and never takes its neighbours down. An [`Encoder`] writes one
//! message per row.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use crate::common::Result;

pub mod avro;
pub mod conformance;
pub mod csv;
pub mod debezium;
pub mod json;
pub mod options;
pub mod raw;
pub mod registry;
pub mod widen;

pub use options::FormatOptions;
pub use registry::{decoder, encoder, known, options_of, tells_changes};

/// What some programs begin a text with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A run of messages, laid end to end in one buffer so that decoding walks memory once.
#[derive(Debug, Default, Clone)]
pub struct Messages {
    bytes: Vec<u8>,
    /// `ends[i]` is where message i stops in `bytes`.
    ends: Vec<usize>,
}

impl Messages {
    /// Adds one message.
    pub fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
    }

    /// Adds what is written as one message, unless that fails.
    ///
    /// # Errors
    /// That of `message`.
    pub fn write<E>(&mut self, message: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let before = self.bytes.len();
        let written = message(&mut self.bytes);
        match &written {
            Ok(()) => self.ends.push(self.bytes.len()),
            Err(_) => self.bytes.truncate(before),
        }
        written
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many bytes they hold together.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Message `i`.
    pub fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// The messages one by one, in the memory that they have together.
    pub fn into_each(self) -> impl Iterator<Item = Bytes> {
        let (bytes, mut start) = (Bytes::from(self.bytes), 0);
        self.ends.into_iter().map(move |end| bytes.slice(std::mem::replace(&mut start, end)..end))
    }

    /// Forgets all messages but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// What came out of a run of messages.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, in the order of their messages.
    pub batch: RecordBatch,
    /// For every row the index of its message; `None` when row i is message i for all of them.
    pub origin: Option<Vec<u32>>,
    /// Messages that could not be read: index and reason, in order.
    pub rejected: Vec<(u32, String)>,
}

/// Reads messages into the columns of a fixed schema.
///
/// # Contract
/// The schema is given when the decoder is made and may be any subset of the table's columns (even none: then rows are
/// only counted, but broken messages are still found). A field that is missing is NULL. Every message is either in
/// `origin` (once per row it yields) or in `rejected`. `decode` keeps nothing between calls.
pub trait Decoder: Send {
    /// The columns of the batches that come out: those that were asked for, and behind them
    /// [`WEIGHT`](crate::common::WEIGHT) if the format [tells changes](tells_changes).
    fn schema(&self) -> SchemaRef;

    /// Decodes all messages.
    ///
    /// # Errors
    /// Only for what is not a matter of one message (running out of memory, a bug).
    fn decode(&mut self, messages: &Messages) -> Result<Decoded>;
}

/// Writes rows as messages.
pub trait Encoder: Send {
    /// Appends one message per row of `batch` to `out`. The batch has the columns that the encoder was made for; for a format
    /// that [tells changes](tells_changes) there may be a [`WEIGHT`](crate::common::WEIGHT) behind them, of 1 or −1.
    ///
    /// # Errors
    /// When a value cannot be written in this format.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()>;

    /// Whether this row has no message at all: a NULL in a format that cannot write one becomes a null key, or a tombstone.
    fn absent(&self, _batch: &RecordBatch, _row: usize) -> bool {
        false
    }
}
