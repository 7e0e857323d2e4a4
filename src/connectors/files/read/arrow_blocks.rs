//! Checks that the sizes that an Arrow file declares fit into it. The library that reads it allocates memory for whatever sizes a damaged
//! file declares, and takes a file with a damaged end for a stream whose first length is `ARRO`.
//!
//! ```text
//!   ARROW1␀␀  schema │ metadata  buffers │ metadata  buffers │ footer: where they are  its length  ARROW1
//!   a stream:   length  metadata  buffers │ length  metadata  buffers │ ...
//! ```

use std::ops::Range;

use arrow::datatypes::Schema;
use arrow::ipc::convert::fb_to_schema;
use arrow::ipc::{self, Endianness, MessageHeader};
use object_store::{ObjectStore, ObjectStoreExt};

use crate::common::{Error, Result, panics};

use crate::connectors::files::table::listing::File;

const MAGIC: &[u8] = b"ARROW1";
/// After the footer: its length, and the magic word again.
const TAIL: u64 = 10;
const CONTINUES: u32 = u32::MAX;
/// The largest ratio by which a buffer may unpack; codecs reach it only with nearly constant data.
const UNPACKED: u64 = 4_000;
/// A small buffer may unpack to this size whatever it holds.
const SMALL: u64 = 16 << 20;

/// Checks all sizes that a file declares. Returns its columns.
///
/// # Errors
/// When a size reaches beyond the file.
pub async fn check(objects: &dyn ObjectStore, file: &File) -> Result<Schema> {
    let of = Sized { objects, file, size: file.meta.size };
    let begin = of.bytes(0..of.size.min(8)).await?;
    if begin.starts_with(MAGIC) { of.blocks().await } else { of.messages().await }
}

struct Sized<'a> {
    objects: &'a dyn ObjectStore,
    file: &'a File,
    size: u64,
}

impl Sized<'_> {
    async fn bytes(&self, range: Range<u64>) -> Result<bytes::Bytes> {
        if range.start > range.end || range.end > self.size {
            return Err(damaged());
        }
        if range.is_empty() {
            return Ok(bytes::Bytes::new());
        }
        Ok(self.objects.get_range(&self.file.meta.location, range).await.map_err(std::io::Error::from)?)
    }

    /// Checks a file, whose footer lists all blocks.
    async fn blocks(&self) -> Result<Schema> {
        let tail = self.bytes(self.size.checked_sub(TAIL).ok_or_else(cut_off)?..self.size).await?;
        if tail.get(4..) != Some(MAGIC) {
            return Err(cut_off());
        }
        let length = u64::from(number(&tail).ok_or_else(damaged)?);
        let end = self.size - TAIL;
        let footer = self.bytes(end.checked_sub(length).ok_or_else(damaged)?..end).await?;
        let footer = ipc::root_as_footer(&footer).map_err(|_| damaged())?;
        let positive = |n: i64| u64::try_from(n).map_err(|_| damaged());
        let all = footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
        for block in all {
            let (start, metadata, body) =
                (positive(block.offset())?, positive(block.metaDataLength().into())?, positive(block.bodyLength())?);
            let buffers = start.checked_add(metadata).ok_or_else(damaged)?;
            if buffers.checked_add(body).is_none_or(|behind| behind > end - length) {
                return Err(damaged());
            }
            let found = self.bytes(start..buffers).await?;
            // The length precedes the metadata, in old files without the continuation marker.
            let skipped = if number(&found) == Some(CONTINUES) { 8 } else { 4 };
            self.message(found.get(skipped..).ok_or_else(damaged)?, buffers, body).await?;
        }
        schema(footer.schema().ok_or_else(damaged)?)
    }

    /// Checks a stream, in which each message has its length.
    async fn messages(&self) -> Result<Schema> {
        let (mut at, mut columns) = (0, None);
        while at + 4 <= self.size {
            let begin = self.bytes(at..self.size.min(at + 8)).await?;
            let (skipped, length) = match (number(&begin), begin.get(4..).and_then(number)) {
                (Some(CONTINUES), Some(length)) => (8, length),
                (Some(CONTINUES), None) => return Err(cut_off()),
                (Some(length), _) => (4, length),
                (None, _) => return Err(cut_off()),
            };
            if length == 0 {
                break;
            }
            let buffers = at + skipped + u64::from(length);
            let metadata = self.bytes(at + skipped..buffers).await?;
            let message = ipc::root_as_message(&metadata).map_err(|_| damaged())?;
            let body = u64::try_from(message.bodyLength()).map_err(|_| damaged())?;
            if let (None, Some(found)) = (&columns, message.header_as_schema()) {
                columns = Some(schema(found)?);
            }
            self.message(&metadata, buffers, body).await?;
            at = buffers.checked_add(body).filter(|behind| *behind <= self.size).ok_or_else(cut_off)?;
        }
        columns.ok_or_else(cut_off)
    }

    /// Checks the buffers of one message, which begin at `start`.
    async fn message(&self, metadata: &[u8], start: u64, body: u64) -> Result<()> {
        let message = ipc::root_as_message(metadata).map_err(|_| damaged())?;
        let batch = match message.header_type() {
            MessageHeader::RecordBatch => message.header_as_record_batch(),
            MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()),
            _ => return Ok(()),
        };
        let batch = batch.ok_or_else(damaged)?;
        for buffer in batch.buffers().into_iter().flatten() {
            let sizes = (u64::try_from(buffer.offset()).ok(), u64::try_from(buffer.length()).ok());
            let (Some(offset), Some(length)) = sizes else { return Err(damaged()) };
            if offset.checked_add(length).is_none_or(|end| end > body) {
                return Err(damaged());
            }
            if batch.compression().is_some() && length > 0 {
                let unpacked = self.bytes(start + offset..start + offset + length.min(8)).await?;
                let unpacked = unpacked.first_chunk::<8>().map(|bytes| i64::from_le_bytes(*bytes)).ok_or_else(damaged)?;
                // −1: the buffer is not compressed.
                let fits = |unpacked: u64| unpacked <= SMALL.max(length.saturating_mul(UNPACKED));
                if unpacked != -1 && !u64::try_from(unpacked).is_ok_and(fits) {
                    return Err(damaged());
                }
            }
        }
        Ok(())
    }
}

/// Reads the columns. The library may panic on those of a damaged file.
fn schema(found: ipc::Schema<'_>) -> Result<Schema> {
    if found.endianness() != Endianness::Little {
        return Err(Error::data("its numbers are said to be big-endian, which is not supported, unless the file is damaged"));
    }
    panics::catch(damaged, || Ok(fb_to_schema(found)))
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk::<4>().map(|bytes| u32::from_le_bytes(*bytes))
}

fn damaged() -> Error {
    Error::data("it is damaged: what it says of its sizes does not fit")
}

fn cut_off() -> Error {
    Error::data("it does not end as an Arrow file does: it was cut off, or is damaged")
}
