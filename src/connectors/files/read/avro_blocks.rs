//! Whether an Avro file is whole: the library that reads it takes the end of the file for the end of its rows wherever that is, and does
//! not look at what stands between blocks.
//!
//! ```text
//!   Obj␁  {avro.schema, avro.codec}  sync │ count  size  ▒▒▒▒▒▒▒▒▒  sync │ count  size  ▒▒▒▒  sync
//! ```

use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::common::{Error, Result};

use crate::connectors::files::table::listing::File;

const MAGIC: &[u8] = b"Obj\x01";
const SYNC: usize = 16;

/// Walks through a file from block to block.
///
/// # Errors
/// When it ends within one, or what ends a block is not there.
pub async fn check(objects: &dyn ObjectStore, file: &File) -> Result<()> {
    let bytes = objects.get(&file.meta.location).await.map_err(std::io::Error::from)?;
    let mut bytes = bytes.into_stream();
    let mut walk = Walk { size: file.meta.size, ..Walk::default() };
    while let Some(bytes) = bytes.try_next().await.map_err(std::io::Error::from)? {
        walk.push(&bytes)?;
    }
    walk.end()
}

#[derive(Debug, Default)]
struct Walk {
    /// Of the file.
    size: u64,
    /// What was read and not passed yet.
    buffer: Vec<u8>,
    sync: Option<[u8; SYNC]>,
    /// So many bytes of a block's rows are still to come.
    rows: u64,
    /// They are over, and the mark comes.
    behind_rows: bool,
    /// How many blocks there were.
    blocks: u64,
}

impl Walk {
    fn push(&mut self, bytes: &[u8]) -> Result<()> {
        let rest = self.pass(bytes);
        self.buffer.extend_from_slice(rest);
        loop {
            let Some(sync) = self.sync else {
                let Some((len, sync)) = header(&self.buffer)? else { return Ok(()) };
                self.buffer.drain(..len);
                self.sync = Some(sync);
                continue;
            };
            if self.rows > 0 {
                return Ok(());
            }
            if self.behind_rows {
                let Some(found) = self.buffer.first_chunk::<SYNC>() else { return Ok(()) };
                if *found != sync {
                    return Err(Error::data(format!("block {} does not end as it should: the file is damaged", self.blocks + 1)));
                }
                self.buffer.drain(..SYNC);
                (self.behind_rows, self.blocks) = (false, self.blocks + 1);
                continue;
            }
            let mut rest = self.buffer.as_slice();
            let (Some(count), Some(size)) = (long(&mut rest)?, long(&mut rest)?) else { return Ok(()) };
            let size = u64::try_from(size).ok().filter(|size| *size <= self.size && count >= 0);
            self.rows = size.ok_or_else(|| Error::data(format!("block {} is said to be larger than the file", self.blocks + 1)))?;
            self.behind_rows = true;
            let rest = rest.to_vec();
            self.buffer = self.pass(&rest).to_vec();
        }
    }

    /// Passes over rows.
    fn pass<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let passed = usize::try_from(self.rows).unwrap_or(usize::MAX).min(bytes.len());
        self.rows -= passed as u64;
        bytes.get(passed..).unwrap_or_default()
    }

    fn end(&self) -> Result<()> {
        if self.sync.is_none() || self.behind_rows || !self.buffer.is_empty() {
            return Err(Error::data(format!("the file ends within block {}: it was cut off", self.blocks + 1)));
        }
        Ok(())
    }
}

/// How long the header is, and the mark that it ends with; `None` if it is not all there.
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
        // A key and a value each.
        for _ in 0..count.unsigned_abs().saturating_mul(2) {
            let Some(len) = long(&mut rest)? else { return Ok(None) };
            let len = usize::try_from(len).map_err(|_| Error::data("the header of the Avro file is damaged"))?;
            let Some(behind) = rest.get(len..) else { return Ok(None) };
            rest = behind;
        }
    }
}

/// A number of Avro; `None` if it is not all there.
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
