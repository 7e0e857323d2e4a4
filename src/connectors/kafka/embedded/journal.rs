//! The in-process topic log on disk: a journal that is appended to by every change, and read again at the next start.

use std::fs::{File, TryLockError};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use prost::Message;
use xxhash_rust::xxh3::xxh3_64;

use crate::common::{Error, Result, private};

use super::entry::Entry;

/// The first bytes of the file; another version of the layout begins with others.
const MAGIC: &[u8; 8] = b"mstopic2";
/// The version before this one, whose headers have no checksum; its files are read and continued in their own layout.
const OLDER: &[u8; 8] = b"mstopic1";
/// Length and checksum before each entry, and a checksum of both.
const HEADER: usize = 16;
const OLDER_HEADER: usize = 12;
/// A journal is compacted only after this many new bytes.
const SHORT: u64 = 16 << 20;
/// The limit on the length of an entry, so that bytes that were never written are not taken for a length.
const LONGEST: usize = 1 << 30;

/// All changes of all topics, in order, in one append-only file.
///
/// ```text
///   topics/lock        held while the process lives: there is one reader and writer
///   topics/journal     mstopic2 | length, checksum, header's checksum, entry | ...
/// ```
/// One file holds all partitions, because then a transaction is one entry: it is complete or absent, without a protocol between files.
/// Records are kept in memory as well; the file is read once, at the start. When retention has removed most of its records from the topics,
/// it is compacted into a new file, which replaces the old one atomically.
///
/// # Invariants
/// - Entries for which [`Self::append`] with `sync` has returned survive a power cut.
/// - An unfinished entry at the end of the file has never happened: the next start cuts it off.
/// - Any other difference from what was written is damage, and refused: the entries after it are not given up.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// The length of each entry's header.
    header: usize,
    /// The end of the last whole entry.
    end: u64,
    folder: PathBuf,
    /// The file's length at the last attempt to compact it.
    written: u64,
    /// Half an entry follows `end` and could not be removed.
    broken: bool,
    /// Held, not used.
    _lock: File,
}

impl Journal {
    /// Opens the journal of a folder, which is created if it is missing, and passes its entries to `each`.
    ///
    /// # Errors
    /// When another process has it open, or the files cannot be read or written.
    pub(super) fn open(folder: &Path, mut each: impl FnMut(Entry)) -> Result<Self> {
        let failed = |e: std::io::Error| Error::state(format!("cannot use {}", folder.display())).with_source(e);
        private::create_folder(folder).map_err(failed)?;
        let lock = private::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::state(format!("the embedded topics in {} are open in another process", folder.display()))
                    .hint("one process at a time has them; use another folder with --data, or a real Kafka"));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        private::remove_unfinished(folder);
        let mut file =
            private::options().read(true).write(true).create(true).truncate(false).open(folder.join("journal")).map_err(failed)?;
        let mut reader = BufReader::new(&file);
        let mut magic = Vec::new();
        reader.by_ref().take(MAGIC.len() as u64).read_to_end(&mut magic).map_err(failed)?;
        let path = folder.join("journal");
        let header = match magic.as_slice() {
            begun if begun == MAGIC => HEADER,
            begun if begun == OLDER => OLDER_HEADER,
            // A file that was cut off within its first bytes never held an entry.
            begun if begun.len() < MAGIC.len() && MAGIC.starts_with(begun) => HEADER,
            _ => {
                return Err(
                    Error::state(format!("{} is not a journal of this version", path.display())).hint("move the folder away to begin anew")
                );
            }
        };
        let mut end = MAGIC.len() as u64;
        let length = file.metadata().map_err(failed)?.len();
        if magic.len() == MAGIC.len() {
            loop {
                match next(&mut reader, header, length - end).map_err(failed)? {
                    Next::Entry(entry, taken) => {
                        each(entry);
                        end += taken;
                    }
                    Next::End => break,
                    Next::Damaged => {
                        let rest = length - end;
                        return Err(Error::state(format!("{} is damaged at byte {end}: {rest} bytes from there on are not as they were written", path.display()))
                            .hint(format!("restore the file from a copy; or give up what stands behind that place with `truncate -s {end} FILE`, or move the folder away to begin anew")));
                    }
                }
            }
        } else {
            file.set_len(0).map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            file.write_all(MAGIC).map_err(failed)?;
        }
        if length > end && magic.len() == MAGIC.len() {
            tracing::warn!("{}: {} bytes of an entry that was not written to its end are cut off", folder.display(), length - end);
            file.set_len(end).map_err(failed)?;
        }
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(Self { file, header, end, folder: folder.to_path_buf(), written: 0, broken: false, _lock: lock })
    }

    /// Whether most of the file is useless, when about this many bytes are used.
    pub(super) fn is_worn(&self, used: u64) -> bool {
        self.end > self.written + SHORT && self.end / 2 > used
    }

    /// Compacts the file to these entries. On failure, the file is unchanged.
    ///
    /// # Errors
    /// When the disk is full or gone.
    pub(super) fn rewrite(&mut self, entries: impl Iterator<Item = Entry>) -> Result<()> {
        // Even on failure: the next attempt is after the same number of new bytes.
        self.written = self.end;
        let failed = |e: std::io::Error| Error::state("the embedded topics cannot be written").with_source(e);
        let begun = self.folder.join(".journal.tmp");
        let written = written_anew(&begun, entries).and_then(|(file, end)| {
            std::fs::rename(&begun, self.folder.join("journal")).map_err(failed)?;
            Ok((file, end))
        });
        let (file, end) = written.inspect_err(|_| drop(std::fs::remove_file(&begun)))?;
        (self.file, self.header, self.end, self.written, self.broken) = (file, HEADER, end, end, false);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// Waits until everything is on disk.
    ///
    /// # Errors
    /// When syncing fails.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::state("the embedded topics cannot be written").with_source(e))
    }

    /// Writes an entry; with `sync` it is on disk when this returns.
    ///
    /// # Errors
    /// When the disk is full or gone (then nothing was written), and after an earlier entry could not be removed either.
    pub(super) fn append(&mut self, entry: &Entry, sync: bool) -> Result<()> {
        if self.broken {
            return Err(Error::state("the embedded topics take no more: an entry was cut off, and its beginning could not be taken back")
                .hint("start again: what is whole is read then"));
        }
        let bytes = framed(entry, self.header)?;
        let written = self.file.write_all(&bytes).and_then(|()| if sync { self.file.sync_data() } else { Ok(()) });
        match written {
            Ok(()) => self.end += bytes.len() as u64,
            Err(e) => {
                // Later entries must not follow half an entry: recovery stops there.
                let back = self.file.set_len(self.end).and_then(|()| self.file.seek(SeekFrom::Start(self.end)));
                self.broken = back.inspect_err(|e| tracing::error!("the journal of the embedded topics cannot be repaired: {e}")).is_err();
                return Err(Error::state("the embedded topics cannot be written").with_source(e));
            }
        }
        Ok(())
    }
}

/// Writes a whole journal to disk; returns the file and its length.
fn written_anew(path: &Path, entries: impl Iterator<Item = Entry>) -> Result<(File, u64)> {
    let failed = |e: std::io::Error| Error::state("the embedded topics cannot be written").with_source(e);
    let file = private::options().read(true).write(true).create(true).truncate(true).open(path).map_err(failed)?;
    let (mut out, mut end) = (BufWriter::new(file), MAGIC.len() as u64);
    out.write_all(MAGIC).map_err(failed)?;
    for entry in entries.filter(|entry| !entry.is_empty()) {
        let bytes = framed(&entry, HEADER)?;
        out.write_all(&bytes).map_err(failed)?;
        end += bytes.len() as u64;
    }
    let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok((file, end))
}

/// Encodes an entry with its header.
fn framed(entry: &Entry, header: usize) -> Result<Vec<u8>> {
    let body = entry.encode_to_vec();
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= LONGEST);
    let length = length.ok_or_else(|| Error::data("more than 1 GiB in one transaction of the embedded log"))?;
    let mut bytes = Vec::with_capacity(header + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&xxh3_64(&body).to_le_bytes());
    if header == HEADER {
        bytes.extend_from_slice(&check(&bytes));
    }
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The checksum of a header.
fn check(header: &[u8]) -> [u8; 4] {
    let [a, b, c, d, ..] = xxh3_64(header).to_le_bytes();
    [a, b, c, d]
}

/// The next item in the file.
enum Next {
    /// An entry, and its length in the file.
    Entry(Entry, u64),
    /// The end, or an unfinished entry.
    End,
    /// Bytes that differ from what was written.
    Damaged,
}

/// Reads the next item of the file, of which `left` bytes remain.
fn next(reader: &mut impl Read, header: usize, left: u64) -> std::io::Result<Next> {
    let mut head = [0; HEADER];
    let head = &mut head[..header];
    if left < header as u64 {
        return Ok(Next::End);
    }
    reader.read_exact(head)?;
    let (length, sum) = (number(&head[..4]), number(&head[4..12]));
    if header == HEADER && head[12..] != check(&head[..12]) {
        // A file that grew before its bytes reached the disk ends in zeros.
        return rest_is_zero(reader, head);
    }
    if length > left - header as u64 {
        // Without a header checksum a too large length may also be damage, after which entries follow.
        return Ok(if length > LONGEST as u64 { Next::Damaged } else { Next::End });
    }
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body)?;
    if xxh3_64(&body) != sum {
        let last = length == left - header as u64;
        // The last entry may have grown the file before its bytes reached the disk: then it ends in zeros.
        let zeros = body.iter().rev().take(16).all(|byte| *byte == 0);
        return Ok(if last && zeros { Next::End } else { Next::Damaged });
    }
    // With the right checksum the bytes are those that were written.
    Ok(Entry::decode(body.as_slice()).map_or(Next::Damaged, |entry| Next::Entry(entry, header as u64 + length)))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn rest_is_zero(reader: &mut impl Read, head: &[u8]) -> std::io::Result<Next> {
    if head.iter().any(|byte| *byte != 0) {
        return Ok(Next::Damaged);
    }
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Next::End),
            n if buffer[..n].iter().any(|byte| *byte != 0) => return Ok(Next::Damaged),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_behind_half_an_entry() {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(folder.path(), |_| ()).unwrap();
        // A file opened for reading only refuses both writes and truncation.
        let unwilling = File::open(folder.path().join("journal")).unwrap();
        let file = std::mem::replace(&mut journal.file, unwilling);
        assert!(journal.append(&Entry::default(), true).is_err());
        journal.file = file;
        let refused = journal.append(&Entry::default(), true).unwrap_err();
        assert!(refused.message().contains("take no more"), "{refused}");
    }
}
