//! Rows that are kept, in memory as long as there is room.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use arrow::array::{Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use parking_lot::{Mutex, RwLock};

use crate::common::{Error, Result};

use super::memory::{Evict, StateMemory};
use super::spill::{Place, SpillFile};

/// A file that is longer than this gets no more batches, so that the space of old ones comes back.
const FILE_BYTES: usize = 64 << 20;

/// Batches of one schema that are written once and read in order: rows of a pane, of an exchange between stages, or for a sink.
///
/// Under the job's [`StateMemory`] those that were kept for longest go to disk, and are read from there. Clones share the rows.
#[derive(Debug, Clone, Default)]
pub struct Run(Vec<Arc<Part>>);

/// Where the parts of a run that leave memory go: many into one file, because most are small.
#[derive(Debug, Clone)]
pub struct SpillContext {
    memory: Arc<StateMemory>,
    file: Arc<Mutex<Option<Arc<SpillFile>>>>,
}

/// One batch.
#[derive(Debug)]
struct Part {
    shelf: SpillContext,
    body: RwLock<Body>,
    rows: usize,
    /// What it takes in memory, when it is there.
    size: usize,
    made: u64,
    /// Bytes in memory as they are accounted.
    bytes: AtomicUsize,
}

#[derive(Debug)]
enum Body {
    Memory(RecordBatch),
    Disk(Arc<SpillFile>, Place),
}

impl SpillContext {
    /// A shelf of this memory.
    pub fn new(memory: &Arc<StateMemory>) -> Self {
        Self { memory: Arc::clone(memory), file: Arc::default() }
    }

    /// The memory.
    pub fn memory(&self) -> &Arc<StateMemory> {
        &self.memory
    }

    /// Keeps these batches as they are.
    ///
    /// # Errors
    /// When there is no room in memory, and the disk cannot be written.
    pub fn keep(&self, batches: impl IntoIterator<Item = RecordBatch>) -> Result<Run> {
        let mut run = Run::default();
        batches.into_iter().try_for_each(|batch| run.push(self, batch))?;
        Ok(run)
    }

    /// Keeps copies of batches that are slices of something larger, which would stay in memory with them.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_alone(&self, batches: impl IntoIterator<Item = RecordBatch>) -> Result<Run> {
        self.keep(batches.into_iter().map(alone).collect::<Result<Vec<_>>>()?)
    }

    fn write(&self, rows: &RecordBatch) -> Result<(Arc<SpillFile>, Place)> {
        let mut current = self.file.lock();
        let file = match current.take().filter(|file| file.len() < FILE_BYTES) {
            Some(file) => file,
            None => Arc::new(SpillFile::new(&self.memory)?),
        };
        let place = file.append(rows)?;
        *current = Some(Arc::clone(&file));
        Ok((file, place))
    }
}

impl Run {
    /// Adds a batch.
    ///
    /// # Errors
    /// As [`SpillContext::keep`].
    pub fn push(&mut self, shelf: &SpillContext, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.0.push(Part::new(shelf, batch)?);
            shelf.memory.balance()?;
        }
        Ok(())
    }

    /// Adds the rows of another one behind its own.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The batches, read from disk one by one if they are there.
    pub fn batches(&self) -> impl Iterator<Item = Result<RecordBatch>> + Send + use<> {
        self.0.clone().into_iter().map(|part| part.read())
    }

    /// All batches.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn read(&self) -> Result<Vec<RecordBatch>> {
        self.batches().collect()
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.0.iter().map(|part| part.rows).sum()
    }

    /// How many bytes they are when all are in memory.
    pub fn size(&self) -> usize {
        self.0.iter().map(|part| part.size).sum()
    }

    /// How many bytes are in memory.
    pub fn in_memory(&self) -> usize {
        self.0.iter().map(|part| part.bytes()).sum()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Part {
    fn new(shelf: &SpillContext, batch: RecordBatch) -> Result<Arc<Self>> {
        let (memory, rows, size) = (&shelf.memory, batch.num_rows(), own_bytes(&batch)?);
        memory.account(0, size);
        let body = RwLock::new(Body::Memory(batch));
        let part = Arc::new(Self { shelf: shelf.clone(), body, rows, size, made: memory.tick(), bytes: AtomicUsize::new(size) });
        let weak: Weak<Self> = Arc::downgrade(&part);
        memory.register(weak);
        Ok(part)
    }

    fn read(&self) -> Result<RecordBatch> {
        match &*self.body.read() {
            Body::Memory(batch) => Ok(batch.clone()),
            Body::Disk(file, place) => file.reader().read(*place),
        }
    }
}

/// Bytes of a batch's own rows.
pub(super) fn own_bytes(batch: &RecordBatch) -> Result<usize> {
    batch.columns().iter().map(|column| Ok(column.to_data().get_slice_memory_size()?)).sum()
}

/// A batch that keeps little more than its own rows in memory.
fn alone(batch: RecordBatch) -> Result<RecordBatch> {
    if batch.get_array_memory_size() / 2 <= own_bytes(&batch)?.max(1 << 10) {
        return Ok(batch);
    }
    let rows = u32::try_from(batch.num_rows()).map_err(|_| Error::internal("a batch of more than 4 billion rows"))?;
    Ok(take_record_batch(&batch, &UInt32Array::from_iter_values(0..rows))?)
}

impl Evict for Part {
    fn used(&self) -> u64 {
        self.made
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn evict(&self) -> Result<()> {
        let Some(mut body) = self.body.try_write() else { return Ok(()) };
        if let Body::Memory(batch) = &*body {
            let (file, place) = self.shelf.write(batch)?;
            *body = Body::Disk(file, place);
            self.shelf.memory.account(self.bytes.swap(0, Relaxed), 0);
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.shelf.memory.account(self.bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch(values: std::ops::Range<i64>) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("v", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(values))]).unwrap()
    }

    #[test]
    fn what_does_not_fit_goes_to_disk_and_comes_back_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let memory = StateMemory::new(64 << 10, folder.path().into());
        let shelf = SpillContext::new(&memory);
        let all: Vec<_> = (0..100).map(|i| batch(i * 1000..(i + 1) * 1000)).collect();
        let run = shelf.keep(all.clone()).unwrap();
        assert_eq!((run.rows(), run.read().unwrap()), (100_000, all));
        assert!(memory.resident() <= 64 << 10 && run.in_memory() == memory.resident(), "{memory:?}");
        assert!(run.size() >= 800_000 && memory.on_disk() > 700_000, "{memory:?}");
        let other = run.clone();
        drop((run, shelf));
        assert_eq!(other.rows(), 100_000);
        drop(other);
        assert_eq!((memory.resident(), memory.on_disk()), (0, 0));
    }

    #[test]
    fn a_slice_lets_the_rest_go() {
        let memory = StateMemory::unlimited();
        let large = batch(0..100_000);
        let run = SpillContext::new(&memory).keep_alone((0..100).map(|i| large.slice(i * 10, 10))).unwrap();
        let read = run.read().unwrap();
        assert_eq!(read[3], batch(30..40));
        assert!(read.iter().all(|batch| batch.get_array_memory_size() < 1 << 10));
        assert_eq!(memory.resident(), 100 * 80);
    }
}
