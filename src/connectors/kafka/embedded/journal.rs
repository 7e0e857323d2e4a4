//! The in-process topic log on disk: a journal that is written as it happens, and read again at the next start.

use std::fs::{self, File, TryLockError};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::common::{Error, Result};

use super::entry::Entry;

/// What the file begins with; another version of the layout begins with something else.
const MAGIC: &[u8; 8] = b"mstopic1";
/// Length and checksum before each entry.
const HEADER: usize = 12;
/// No entry is longer, so a length that was never written is not taken for one.
const LONGEST: usize = 1 << 30;

/// All changes of all topics, in order, in one append-only file.
///
/// ```text
///   topics/lock        held while the process lives: there is one reader and writer
///   topics/journal     mstopic1 | length, checksum, entry | length, checksum, entry | ...
/// ```
/// One file for all partitions, because a transaction is one entry then: it is there as a whole or not at all, without a protocol between
/// files. Records are kept in memory as well; the file is read from its beginning to its end, once, at the start.
///
/// # Invariants
/// - What [`Self::append`] with `sync` has returned from survives a power cut.
/// - An entry whose end or checksum is missing has never happened: it is cut off at the next start, with what follows.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Where the last whole entry ends.
    end: u64,
    /// Half an entry stands behind that and could not be taken back.
    broken: bool,
    /// Held, not used.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, which is made if it is missing, and hands out what is in it.
    ///
    /// # Errors
    /// When another process has it open, or the files cannot be used.
    pub(super) fn open(folder: &Path, mut each: impl FnMut(Entry)) -> Result<Self> {
        let failed = |e: std::io::Error| Error::state(format!("cannot use {}", folder.display())).because(e);
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = File::create(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::state(format!("the embedded topics in {} are open in another process", folder.display()))
                    .hint("one process at a time has them; use another folder with --data, or a real Kafka"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(folder.join("journal")).map_err(failed)?;
        let mut reader = BufReader::new(&file);
        let mut magic = Vec::new();
        reader.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        // A file that was cut off within its first bytes has held nothing.
        if magic.len() == MAGIC.len() && magic != MAGIC {
            return Err(Error::state(format!("{} is not a journal of this version", folder.join("journal").display()))
                .hint("move the folder away to begin anew"));
        }
        let mut end = MAGIC.len() as u64;
        if magic.len() == MAGIC.len() {
            while let Some((entry, length)) = next(&mut reader).map_err(failed)? {
                each(entry);
                end += length;
            }
        } else {
            file.set_len(0).map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            file.write_all(MAGIC).map_err(failed)?;
        }
        let length = file.metadata().map_err(failed)?.len();
        if length > end {
            tracing::warn!("{}: {} bytes from the first unfinished or damaged entry on are cut off", folder.display(), length - end);
            file.set_len(end).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self { file, end, broken: false, _lock: lock })
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// When it cannot be brought there.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::state("the embedded topics cannot be written").because(e))
    }

    /// Writes an entry; with `sync` it is on the disk when this returns.
    ///
    /// # Errors
    /// When the disk is full or gone; then nothing was written. When an earlier entry could not be taken back either.
    pub(super) fn append(&mut self, entry: &Entry, sync: bool) -> Result<()> {
        if self.broken {
            return Err(Error::state("the embedded topics take no more: an entry was cut off, and its beginning could not be taken back")
                .hint("start again: what is whole is read then"));
        }
        let body = entry.encode_to_vec();
        let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= LONGEST);
        let length = length.ok_or_else(|| Error::data("more than 1 GiB in one transaction of the embedded log"))?;
        let mut bytes = Vec::with_capacity(HEADER + body.len());
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        let written = self.file.write_all(&bytes).and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => self.end += bytes.len() as u64,
            Err(e) => {
                // What follows must not stand behind half an entry, where nobody would find it.
                let back = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
                self.broken = back.inspect_err(|e| tracing::error!("the journal of the embedded topics cannot be repaired: {e}")).is_err();
                return Err(Error::state("the embedded topics cannot be written").because(e));
            }
        }
        Ok(())
    }
}

/// The next entry and its length in the file; `None` where whole entries end.
fn next(reader: &mut impl Read) -> std::io::Result<Option<(Entry, u64)>> {
    let (mut length, mut sum) = ([0; 4], [0; 8]);
    match reader.read_exact(&mut length).and_then(|()| reader.read_exact(&mut sum)) {
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    let (length, sum) = (u32::from_le_bytes(length) as usize, u64::from_le_bytes(sum));
    if length > LONGEST {
        return Ok(None);
    }
    let mut body = Vec::new();
    reader.by_ref().take(length as u64).read_to_end(&mut body)?;
    if body.len() < length || xxh3_64(&body) != sum {
        return Ok(None);
    }
    // With the right checksum it is what was written.
    Ok(Entry::decode(body.as_slice()).ok().map(|entry| (entry, (HEADER + length) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_behind_half_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), |_| ()).unwrap();
        // Neither takes an entry nor lets go of a part of one.
        let unwilling = File::open(folder.path().join("journal")).unwrap();
        let file = std::mem::replace(&mut journal.file, unwilling);
        assert!(journal.append(&Entry::default(), true).is_err());
        journal.file = file;
        let refused = journal.append(&Entry::default(), true).unwrap_err();
        assert!(refused.message().contains("take no more"), "{refused}");
    }
}
