//! Batches in memory that are spilled to disk when memory runs out.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use arrow::array::{Array, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use parking_lot::{Mutex, RwLock};

use crate::common::{Error, Result};

use super::memory::{Evictable, StateMemory};
use super::spill::{Place, SpillFile};

/// The length beyond which a file gets no more batches, so that the space of dropped ones is freed.
const FILE_BYTES: usize = 64 << 20;

/// Batches of one schema that are written once and read in order: rows of a pane, of an exchange between stages, or for a sink.
///
/// If the job's [`StateMemory`] is exhausted, the oldest batches go to disk, and are read from there. Clones share the rows.
#[derive(Debug, Clone, Default)]
pub struct SpillableBatches(Vec<Arc<Part>>);

/// The destination of spilled batches: many share a file, because most are small.
#[derive(Debug, Clone)]
pub struct SpillContext {
    memory: Arc<StateMemory>,
    file: Arc<Mutex<Option<Arc<SpillFile>>>>,
}

/// One batch.
#[derive(Debug)]
struct Part {
    spill: SpillContext,
    body: RwLock<Body>,
    rows: usize,
    /// Its bytes when in memory.
    size: usize,
    made: u64,
    /// Bytes in memory, as accounted for.
    bytes: AtomicUsize,
}

#[derive(Debug)]
enum Body {
    Memory(RecordBatch),
    Disk(Arc<SpillFile>, Place),
}

impl SpillContext {
    /// A context with this memory budget.
    pub fn new(memory: &Arc<StateMemory>) -> Self {
        Self { memory: Arc::clone(memory), file: Arc::default() }
    }

    /// The memory.
    pub fn memory(&self) -> &Arc<StateMemory> {
        &self.memory
    }

    /// Holds these batches without copying them.
    ///
    /// # Errors
    /// When memory runs out and the disk cannot be written.
    pub fn keep(&self, batches: impl IntoIterator<Item = RecordBatch>) -> Result<SpillableBatches> {
        let mut run = SpillableBatches::default();
        batches.into_iter().try_for_each(|batch| run.push(self, batch))?;
        Ok(run)
    }

    /// Holds copies of batches that are slices of larger ones, which would otherwise stay in memory with them.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub fn keep_copies(&self, batches: impl IntoIterator<Item = RecordBatch>) -> Result<SpillableBatches> {
        self.keep(batches.into_iter().map(compacted).collect::<Result<Vec<_>>>()?)
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

impl SpillableBatches {
    /// Adds a batch.
    ///
    /// # Errors
    /// As [`SpillContext::keep`].
    pub fn push(&mut self, spill: &SpillContext, batch: RecordBatch) -> Result<()> {
        if batch.num_rows() > 0 {
            self.0.push(Part::new(spill, batch)?);
            spill.memory.balance()?;
        }
        Ok(())
    }

    /// Appends the batches of another one.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The batches; spilled ones are read from disk one by one.
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

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.0.iter().map(|part| part.rows).sum()
    }

    /// The bytes of all batches when in memory.
    pub fn size(&self) -> usize {
        self.0.iter().map(|part| part.size).sum()
    }

    /// The number of bytes in memory.
    pub fn in_memory(&self) -> usize {
        self.0.iter().map(|part| part.bytes()).sum()
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Part {
    fn new(spill: &SpillContext, batch: RecordBatch) -> Result<Arc<Self>> {
        let (memory, rows, size) = (&spill.memory, batch.num_rows(), own_bytes(&batch)?);
        memory.account(0, size);
        let body = RwLock::new(Body::Memory(batch));
        let part = Arc::new(Self { spill: spill.clone(), body, rows, size, made: memory.tick(), bytes: AtomicUsize::new(size) });
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

/// The bytes of a batch's rows, without those of others in shared buffers.
pub(super) fn own_bytes(batch: &RecordBatch) -> Result<usize> {
    batch.columns().iter().map(|column| Ok(column.to_data().get_slice_memory_size()?)).sum()
}

/// Copies a batch unless its buffers hold little more than its rows.
fn compacted(batch: RecordBatch) -> Result<RecordBatch> {
    if batch.get_array_memory_size() / 2 <= own_bytes(&batch)?.max(1 << 10) {
        return Ok(batch);
    }
    let rows = u32::try_from(batch.num_rows()).map_err(|_| Error::internal("a batch of more than 4 billion rows"))?;
    Ok(take_record_batch(&batch, &UInt32Array::from_iter_values(0..rows))?)
}

impl Evictable for Part {
    fn used(&self) -> u64 {
        self.made
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }

    fn evict(&self) -> Result<()> {
        let Some(mut body) = self.body.try_write() else { return Ok(()) };
        if let Body::Memory(batch) = &*body {
            let (file, place) = self.spill.write(batch)?;
            *body = Body::Disk(file, place);
            self.spill.memory.account(self.bytes.swap(0, Relaxed), 0);
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.spill.memory.account(self.bytes(), 0);
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
        let spill = SpillContext::new(&memory);
        let all: Vec<_> = (0..100).map(|i| batch(i * 1000..(i + 1) * 1000)).collect();
        let run = spill.keep(all.clone()).unwrap();
        assert_eq!((run.rows(), run.read().unwrap()), (100_000, all));
        assert!(memory.resident() <= 64 << 10 && run.in_memory() == memory.resident(), "{memory:?}");
        assert!(run.size() >= 800_000 && memory.on_disk() > 700_000, "{memory:?}");
        let other = run.clone();
        drop((run, spill));
        assert_eq!(other.rows(), 100_000);
        drop(other);
        assert_eq!((memory.resident(), memory.on_disk()), (0, 0));
    }

    #[test]
    fn a_slice_lets_the_rest_go() {
        let memory = StateMemory::unlimited();
        let large = batch(0..100_000);
        let run = SpillContext::new(&memory).keep_copies((0..100).map(|i| large.slice(i * 10, 10))).unwrap();
        let read = run.read().unwrap();
        assert_eq!(read[3], batch(30..40));
        assert!(read.iter().all(|batch| batch.get_array_memory_size() < 1 << 10));
        assert_eq!(memory.resident(), 100 * 80);
    }
}
