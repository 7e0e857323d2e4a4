//! Spill files: batches that do not fit into memory.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use parking_lot::Mutex;

use crate::common::blocking::in_place;
use crate::common::{Error, Result, private};

use super::memory::{StateMemory, cannot_use};

/// A sequence of batches, each an Arrow IPC stream; the file is removed when it is dropped. Batches are not compressed, so
/// that reading makes no copies; the file is mostly in the page cache.
#[derive(Debug)]
pub(super) struct SpillFile {
    memory: Arc<StateMemory>,
    path: PathBuf,
    len: AtomicUsize,
    appending: Mutex<()>,
}

/// The position of a batch in its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: usize,
    len: usize,
}

/// Reads batches of a file, which it opens on the first read.
pub(super) struct Reader<'f> {
    file: &'f SpillFile,
    open: Option<File>,
}

impl SpillFile {
    /// A new file, which the first write creates.
    pub(super) fn new(memory: &Arc<StateMemory>) -> Result<Self> {
        Ok(Self { memory: Arc::clone(memory), path: memory.new_file()?, len: AtomicUsize::new(0), appending: Mutex::default() })
    }

    /// Bytes in it.
    pub(super) fn len(&self) -> usize {
        self.len.load(SeqCst)
    }

    /// Adds a batch.
    pub(super) fn append(&self, rows: &RecordBatch) -> Result<Place> {
        let mut writer = StreamWriter::try_new(Vec::new(), rows.schema_ref())?;
        writer.write(rows)?;
        let bytes = writer.into_inner()?;
        let _one = self.appending.lock();
        let start = self.len();
        let write = || -> std::io::Result<()> {
            let mut file = private::options().create(true).write(true).truncate(false).open(&self.path)?;
            file.seek(SeekFrom::Start(start as u64))?; // not its end: a failed write may have left bytes there
            file.write_all(&bytes)
        };
        in_place(write).map_err(|e| cannot_use(&self.path, e))?;
        self.memory.account_disk(0, bytes.len());
        self.len.store(start + bytes.len(), SeqCst);
        Ok(Place { start, len: bytes.len() })
    }

    /// A reader of the file.
    pub(super) fn reader(&self) -> Reader<'_> {
        Reader { file: self, open: None }
    }
}

impl Reader<'_> {
    /// Reads a batch.
    pub(super) fn read(&mut self, place: Place) -> Result<RecordBatch> {
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(File::open(&self.file.path).map_err(|e| cannot_use(&self.file.path, e))?),
        };
        let mut bytes = Vec::with_capacity(place.len);
        let read = || file.seek(SeekFrom::Start(place.start as u64)).and_then(|_| file.take(place.len as u64).read_to_end(&mut bytes));
        in_place(read).map_err(|e| cannot_use(&self.file.path, e))?;
        let rows = StreamDecoder::new().decode(&mut Buffer::from_vec(bytes))?;
        rows.ok_or_else(|| Error::state(format!("{}: state that was written to disk has been cut off", self.file.path.display())))
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        fs::remove_file(&self.path).ok(); // it does not exist if nothing was written
        self.memory.account_disk(self.len(), 0);
    }
}
