//! The blocks of an Avro file. The library that decodes rows takes the end of the file for the end of its rows, wherever that is, and does
//! not check what is between blocks.
//!
//! A truncated file is detected when it is opened, by its last bytes. Damage in the middle is detected where the rows are read: as in other
//! formats it is an error after the rows before it. So each file is read once.
//!
//! ```text
//!   Obj␁  {avro.schema, avro.codec}  sync │ count  size  ▒▒▒▒▒▒▒▒▒  sync │ count  size  ▒▒▒▒  sync
//! ```

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow_avro::reader::ReaderBuilder;
use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::common::{Error, Result};

use crate::connectors::files::table::listing::File;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;
/// How many bytes of a file are read at first to find its header.
const FIRST: u64 = 64 << 10;

/// Checks the beginning and the end of a file. Returns its columns.
///
/// # Errors
/// When it has no header, or does not end with a sync marker.
pub async fn check(objects: &dyn ObjectStore, file: &File) -> Result<Schema> {
    let size = file.meta.size;
    let bytes = async |range: Range<u64>| -> Result<Bytes> {
        Ok(objects.get_range(&file.meta.location, range).await.map_err(std::io::Error::from)?)
    };
    let mut read = FIRST.min(size);
    let (begin, len, sync) = loop {
        let begin = if read == 0 { Bytes::new() } else { bytes(0..read).await? };
        match header(&begin)? {
            Some((len, sync)) => break (begin, len, sync),
            None if read == size => return Err(Error::data("the file ends within its header: it was cut off")),
            None => read = read.saturating_mul(8).min(size),
        }
    };
    let end = bytes(size.saturating_sub(SYNC as u64)..size).await?;
    if end != sync.as_slice() {
        return Err(Error::data("the file does not end with a whole block: it was cut off"));
    }
    let reader = ReaderBuilder::new().build(begin.get(..len).unwrap_or_default())?;
    Ok(Schema::new(reader.schema().fields().iter().map(plain).collect::<Vec<_>>()))
}

/// Returns a column without Avro's own metadata, which SQL does not use.
fn plain(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain).collect()),
        DataType::List(element) => DataType::List(plain(element)),
        DataType::Map(entries, sorted) => DataType::Map(plain(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}

/// A block of rows, possibly compressed.
#[derive(Debug)]
pub(super) struct Block {
    /// The number of the block, from 1.
    pub(super) number: u64,
    /// The number of its rows.
    pub(super) count: usize,
    /// Their bytes.
    pub(super) data: Vec<u8>,
}

/// Finds the blocks in the bytes of a file.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The size of the file.
    size: u64,
    /// The blocks found since the last `take`.
    found: Vec<Block>,
    /// All bytes before the first block.
    header: Vec<u8>,
    /// Bytes that were read but not passed yet.
    buffer: Vec<u8>,
    sync: Option<[u8; SYNC]>,
    /// Of the current block: the number of its rows, and their bytes so far.
    count: usize,
    data: Vec<u8>,
    /// How many bytes of the block's rows are still to come.
    rows: u64,
    /// All rows were read; the sync marker comes next.
    at_marker: bool,
    /// The number of blocks so far.
    blocks: u64,
}

impl Walk {
    /// A walk through a file of this size.
    pub(super) fn new(size: u64) -> Self {
        Self { size, ..Self::default() }
    }

    /// All bytes before the first block, with the sync marker that ends blocks.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Returns the blocks that were found since the last call.
    pub(super) fn take(&mut self) -> Vec<Block> {
        std::mem::take(&mut self.found)
    }

    /// Processes the next bytes.
    ///
    /// # Errors
    /// When a sync marker is missing, or a block claims to be larger than the file.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let rest = self.pass(bytes);
        self.buffer.extend_from_slice(rest);
        loop {
            let Some(sync) = self.sync else {
                let Some((len, sync)) = header(&self.buffer)? else { return Ok(()) };
                self.header = self.buffer.drain(..len).collect();
                self.sync = Some(sync);
                continue;
            };
            if self.rows > 0 {
                return Ok(());
            }
            if self.at_marker {
                let Some(found) = self.buffer.first_chunk::<SYNC>() else { return Ok(()) };
                if *found != sync {
                    return Err(Error::data(format!("block {} does not end as it should: the file is damaged", self.blocks + 1)));
                }
                self.buffer.drain(..SYNC);
                (self.at_marker, self.blocks) = (false, self.blocks + 1);
                let data = std::mem::take(&mut self.data);
                self.found.push(Block { number: self.blocks, count: self.count, data });
                continue;
            }
            let mut rest = self.buffer.as_slice();
            let (Some(count), Some(size)) = (long(&mut rest)?, long(&mut rest)?) else { return Ok(()) };
            let size = u64::try_from(size).ok().filter(|size| *size <= self.size && count >= 0);
            self.rows = size.ok_or_else(|| Error::data(format!("block {} is said to be larger than the file", self.blocks + 1)))?;
            self.count = usize::try_from(count).unwrap_or(usize::MAX);
            self.at_marker = true;
            let rest = rest.to_vec();
            self.buffer = self.pass(&rest).to_vec();
        }
    }

    /// Takes the bytes of rows.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let passed = usize::try_from(self.rows).unwrap_or(usize::MAX).min(bytes.len());
        self.rows -= passed as u64;
        self.data.extend_from_slice(bytes.get(..passed).unwrap_or_default());
        bytes.get(passed..).unwrap_or_default()
    }

    /// Checks that the file may end here.
    ///
    /// # Errors
    /// When a block is incomplete.
    pub(super) fn end(&self) -> Result<()> {
        if self.sync.is_none() || self.at_marker || !self.buffer.is_empty() {
            return Err(Error::data(format!("the file ends within block {}: it was cut off", self.blocks + 1)));
        }
        Ok(())
    }
}

/// Returns the length of the header and its sync marker; `None` if it is incomplete.
fn header(bytes: &[u8]) -> Result<Option<(usize, [u8; SYNC])>> {
    let known = bytes.len().min(MAGIC.len());
    if bytes.get(..known) != MAGIC.get(..known) {
        return Err(Error::data("it is no Avro file"));
    }
    let Some(mut rest) = bytes.get(MAGIC.len()..) else { return Ok(None) };
    loop {
        let Some(count) = long(&mut rest)? else { return Ok(None) };
        if count == 0 {
            let Some(sync) = rest.first_chunk::<SYNC>() else { return Ok(None) };
            return Ok(Some((bytes.len() - rest.len() + SYNC, *sync)));
        }
        if count < 0 && long(&mut rest)?.is_none() {
            return Ok(None);
        }
        // Each entry is a key and a value.
        for _ in 0..count.unsigned_abs().saturating_mul(2) {
            let Some(len) = long(&mut rest)? else { return Ok(None) };
            let len = usize::try_from(len).map_err(|_| Error::data("the header of the Avro file is damaged"))?;
            let Some(behind) = rest.get(len..) else { return Ok(None) };
            rest = behind;
        }
    }
}

/// Reads an Avro long; `None` if it is incomplete.
fn long(bytes: &mut &[u8]) -> Result<Option<i64>> {
    let mut value = 0_u64;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *bytes = bytes.get(i + 1..).unwrap_or_default();
            return Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)));
        }
    }
    if bytes.len() >= 10 { Err(Error::data("a number in the Avro file is damaged")) } else { Ok(None) }
}
