//! Formats: decode the bytes of a Kafka record's key or value to rows, and encode them.
//!
//! A [`Decoder`] turns a run of messages into one Arrow batch, because building columns is the main cost; a bad message is set aside with
//! the reason, and its neighbours are decoded. An [`Encoder`] writes one message per row.

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

/// The mark with which some programs begin a text.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A run of messages, end to end in one buffer so that decoding walks memory once.
#[derive(Debug, Default, Clone)]
pub struct Messages {
    bytes: Vec<u8>,
    /// `ends[i]` is the end of message i in `bytes`.
    ends: Vec<usize>,
}

impl Messages {
    /// Adds one message.
    pub fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        self.ends.push(self.bytes.len());
    }

    /// Adds the bytes that `message` writes as one message, unless it fails.
    ///
    /// # Errors
    /// The error of `message`.
    pub fn write<E>(&mut self, message: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let before = self.bytes.len();
        let written = message(&mut self.bytes);
        match &written {
            Ok(()) => self.ends.push(self.bytes.len()),
            Err(_) => self.bytes.truncate(before),
        }
        written
    }

    /// The number of messages.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no messages.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The number of bytes of all messages.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Message `i`.
    pub fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    /// Returns the messages one by one, in their shared memory.
    pub fn into_each(self) -> impl Iterator<Item = Bytes> {
        let (bytes, mut start) = (Bytes::from(self.bytes), 0);
        self.ends.into_iter().map(move |end| bytes.slice(std::mem::replace(&mut start, end)..end))
    }

    /// Removes all messages but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// The result of decoding a run of messages.
#[derive(Debug)]
pub struct Decoded {
    /// The rows, in the order of their messages.
    pub batch: RecordBatch,
    /// For every row the index of its message; `None` when every row i is message i.
    pub origin: Option<Vec<u32>>,
    /// Messages that could not be decoded: index and reason, in order.
    pub rejected: Vec<(u32, String)>,
}

/// Decodes messages into the columns of a fixed schema.
///
/// # Contract
/// The schema is given when the decoder is created and may be any subset of the table's columns (even none: then rows are only counted, but
/// broken messages are still found). A missing field is NULL. Every message is either in `origin` (once per row it yields) or in
/// `rejected`. `decode` keeps nothing between calls.
pub trait Decoder: Send {
    /// The columns of decoded batches: the projected ones, followed by [`WEIGHT`](crate::common::WEIGHT) if the format [tells
    /// changes](tells_changes).
    fn schema(&self) -> SchemaRef;

    /// Decodes all messages.
    ///
    /// # Errors
    /// Only when the failure does not concern one message (out of memory, a bug).
    fn decode(&mut self, messages: &Messages) -> Result<Decoded>;
}

/// Encodes rows as messages.
pub trait Encoder: Send {
    /// Appends one message per row of `batch` to `out`. The batch has the columns for which the encoder was created; in a changelog format
    /// a [`WEIGHT`](crate::common::WEIGHT) of 1 or −1 [may follow](tells_changes).
    ///
    /// # Errors
    /// When a value cannot be written in this format.
    fn encode(&mut self, batch: &RecordBatch, out: &mut Messages) -> Result<()>;

    /// Whether a row has no message at all: a NULL that the format cannot write becomes a null key, or a tombstone.
    fn absent(&self, _batch: &RecordBatch, _row: usize) -> bool {
        false
    }
}
