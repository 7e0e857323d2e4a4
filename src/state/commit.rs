//! One commit as one object: a header of the caller's, and sections of Arrow batches, each with a checksum.
//!
//! ```text
//! "MSCOMMIT" │ header length u32 │ header JSON: {body, sections:[{name, place, len, xxh3}]} │ section bytes … │ xxh3 of all before
//! ```
//! A section is an Arrow IPC stream. A section larger than [`INLINE_LIMIT`] is a separate object, written before the commit and named in
//! it, so that the deciding put stays small. A section that does not fit in memory is written in pieces ([`ChunkedSectionWriter`]), each an
//! IPC stream and an object.

use std::sync::Arc;

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use xxhash_rust::xxh3::xxh3_64;

use crate::common::{Error, Result};

use super::spillable_batches::own_bytes;
use super::store::{Created, StateStore};

const MAGIC: &[u8; 8] = b"MSCOMMIT";

/// Sections above this many bytes become separate objects.
pub const INLINE_LIMIT: usize = 1 << 20;

/// Named Arrow batches of one schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its name, unique in the commit.
    pub name: String,
    /// Its rows; at least one batch (which may be empty), so that the schema is known.
    pub batches: Vec<RecordBatch>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Directory<H> {
    body: H,
    sections: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    name: String,
    /// The path of the object, if the section is a separate one.
    object: Option<String>,
    /// The total length of its pieces, if it was written in pieces.
    len: usize,
    xxh3: u64,
    /// Its pieces in order, if it was written in pieces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<SectionPart>,
}

/// A piece of a large section.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SectionPart {
    object: String,
    xxh3: u64,
}

/// A section that is already in the store.
#[derive(Debug, Clone)]
pub struct WrittenSection(Entry);

/// An encoded commit, with its large sections as separate objects.
#[derive(Debug, Clone)]
pub struct CommitFile {
    /// The commit object.
    pub bytes: Bytes,
    /// Objects to write before it: path and bytes.
    pub objects: Vec<(String, Bytes)>,
}

impl CommitFile {
    /// Encodes a header and sections, and refers to those that are `written`; `stem` is the prefix of the names of large sections'
    /// objects and must be unique to the attempt.
    ///
    /// # Errors
    /// When a batch cannot be written as Arrow IPC.
    pub fn encode<H: Serialize>(body: &H, sections: &[Section], written: Vec<WrittenSection>, stem: &str) -> Result<Self> {
        let mut entries = Vec::with_capacity(sections.len());
        let mut inline = Vec::new();
        let mut objects = Vec::new();
        for section in sections {
            let bytes = to_ipc(&section.batches)?;
            let object = (bytes.len() > INLINE_LIMIT).then(|| format!("objects/{stem}-{}", entries.len()));
            let (name, xxh3) = (section.name.clone(), xxh3_64(&bytes));
            entries.push(Entry { name, object: object.clone(), len: bytes.len(), xxh3, pieces: Vec::new() });
            match object {
                Some(path) => objects.push((path, bytes.into())),
                None => inline.extend_from_slice(&bytes),
            }
        }
        entries.extend(written.into_iter().map(|w| w.0));
        let header = serde_json::to_vec(&Directory { body, sections: entries })?;
        let header_len = u32::try_from(header.len()).map_err(|_| Error::internal("a commit header of more than 4 GiB"))?;
        let mut bytes = Vec::with_capacity(20 + header.len() + inline.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&header_len.to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&inline);
        let sum = xxh3_64(&bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        Ok(Self { bytes: bytes.into(), objects })
    }

    /// Writes the large sections. A later attempt may write them again under another name.
    pub async fn write_objects(&self, store: &dyn StateStore) -> Result<()> {
        for (path, bytes) in &self.objects {
            create(store, path, bytes.clone()).await?;
        }
        Ok(())
    }
}

/// A commit that was read: the header, and sections that are fetched on demand.
#[derive(Debug)]
pub struct CommitReader<H> {
    /// The caller's header.
    pub body: H,
    path: String,
    sections: Vec<Entry>,
    inline: Bytes,
    /// Large sections that are still in memory, because this process wrote them.
    objects: Vec<(String, Bytes)>,
}

impl<H: DeserializeOwned> CommitReader<H> {
    /// Checks and opens a commit object.
    ///
    /// # Errors
    /// Names the damaged object.
    pub fn open(path: &str, bytes: Bytes) -> Result<Self> {
        let damaged = |why: &str| Error::state(format!("commit `{path}` is damaged: {why}"));
        let body_len = bytes.len().checked_sub(8).filter(|n| *n >= 12).ok_or_else(|| damaged("too short"))?;
        if &bytes[..8] != MAGIC {
            return Err(damaged("not a commit"));
        }
        let sum = u64::from_le_bytes(bytes[body_len..].try_into().map_err(|_| damaged("too short"))?);
        if sum != xxh3_64(&bytes[..body_len]) {
            return Err(damaged("its checksum does not fit"));
        }
        let header_len = u32::from_le_bytes(bytes[8..12].try_into().map_err(|_| damaged("too short"))?) as usize;
        let header = bytes.get(12..12 + header_len).ok_or_else(|| damaged("too short"))?;
        let directory: Directory<H> = serde_json::from_slice(header).map_err(|e| damaged("its header cannot be read").with_source(e))?;
        Ok(Self {
            body: directory.body,
            path: path.to_string(),
            sections: directory.sections,
            inline: bytes.slice(12 + header_len..body_len),
            objects: Vec::new(),
        })
    }

    /// Opens a commit that this process has just written. Large sections that `kept` selects stay in memory.
    pub fn from_file(path: &str, file: CommitFile, kept: impl Fn(&str) -> bool) -> Result<Self> {
        let mut reader = Self::open(path, file.bytes)?;
        let kept = |path: &str| reader.sections.iter().any(|s| s.object.as_deref() == Some(path) && kept(&s.name));
        reader.objects = file.objects.into_iter().filter(|(path, _)| kept(path)).collect();
        Ok(reader)
    }

    /// The names of its sections.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|s| s.name.as_str())
    }

    /// The size of a section in bytes; 0 if the commit has none of that name.
    pub fn section_len(&self, name: &str) -> usize {
        self.sections.iter().find(|s| s.name == name).map_or(0, |s| s.len)
    }

    /// The bytes of all sections.
    pub fn len(&self) -> usize {
        self.sections.iter().map(|s| s.len).sum()
    }

    /// Whether it holds no rows.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Reads a section; `None` if the commit has none of that name.
    ///
    /// # Errors
    /// When its bytes are missing or damaged.
    pub async fn section(&self, name: &str, store: &dyn StateStore) -> Result<Option<Vec<RecordBatch>>> {
        let mut batches = Vec::new();
        let found = self.each(name, store, |batch| {
            batches.push(batch);
            Ok(())
        });
        Ok(found.await?.then_some(batches))
    }

    /// Reads a section piece by piece, so that it need not fit into memory; false if the commit has none of that name.
    ///
    /// # Errors
    /// When its bytes are missing or damaged, and the errors of `take`.
    pub async fn each(&self, name: &str, store: &dyn StateStore, mut take: impl FnMut(RecordBatch) -> Result<()>) -> Result<bool> {
        let pieces = self.pieces(name);
        for index in 0..pieces {
            self.piece(name, index, store).await?.into_iter().try_for_each(&mut take)?;
        }
        Ok(pieces > 0)
    }

    /// The number of pieces of a section; 0 if the commit has none of that name.
    pub fn pieces(&self, name: &str) -> usize {
        self.sections.iter().find(|s| s.name == name).map_or(0, |s| s.pieces.len().max(1))
    }

    /// Reads a piece of a section.
    ///
    /// # Errors
    /// When its bytes are missing or damaged.
    pub async fn piece(&self, name: &str, index: usize, store: &dyn StateStore) -> Result<Vec<RecordBatch>> {
        let at = self.sections.iter().position(|s| s.name == name).unwrap_or(self.sections.len());
        let (before, rest) = self.sections.split_at(at);
        let entry = rest.first().ok_or_else(|| Error::internal(format!("commit `{}` has no section `{name}`", self.path)))?;
        let (object, xxh3) = match entry.pieces.get(index) {
            Some(piece) => (Some(&piece.object), piece.xxh3),
            None => (entry.object.as_ref(), entry.xxh3),
        };
        let bytes = match object {
            None => {
                let start = before.iter().filter(|s| s.object.is_none() && s.pieces.is_empty()).map(|s| s.len).sum::<usize>();
                self.inline.slice(start..start + entry.len)
            }
            Some(path) => match self.objects.iter().find(|(p, _)| p == path) {
                Some((_, bytes)) => bytes.clone(),
                None => {
                    let found = store.get(path).await?;
                    found.ok_or_else(|| Error::state(format!("commit `{}`: its object `{path}` is gone", self.path)))?
                }
            },
        };
        if xxh3_64(&bytes) != xxh3 {
            return Err(Error::state(format!("commit `{}`: section `{name}` is damaged", self.path)));
        }
        Ok(StreamReader::try_new(bytes.as_ref(), None)?.collect::<Result<_, _>>()?)
    }
}

/// Writes the batches of one section with bounded memory: a small section becomes part of the commit, a large one is
/// written in pieces while batches arrive.
pub struct ChunkedSectionWriter {
    store: Arc<dyn StateStore>,
    name: String,
    /// The prefix of the names of its objects.
    stem: String,
    /// The approximate size of a piece in bytes.
    piece: usize,
    waiting: Vec<RecordBatch>,
    bytes: usize,
    len: usize,
    pieces: Vec<SectionPart>,
    /// The piece being written while the next one is filled.
    writing: JoinSet<Result<()>>,
}

impl ChunkedSectionWriter {
    /// A writer of a section; `stem` is the prefix of the names of its objects and must be unique to the attempt and the section.
    /// `piece` is the approximate size of a piece in bytes.
    pub fn new(store: Arc<dyn StateStore>, name: String, stem: String, piece: usize) -> Self {
        Self { store, name, stem, piece, waiting: Vec::new(), bytes: 0, len: 0, pieces: Vec::new(), writing: JoinSet::new() }
    }

    /// Adds a batch; all of them have one schema.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        self.bytes += own_bytes(&batch)?;
        self.waiting.push(batch);
        if self.bytes >= self.piece { self.write().await } else { Ok(()) }
    }

    /// Adds batches one by one.
    ///
    /// # Errors
    /// As [`Self::push`], and the errors of the batches.
    pub async fn extend(&mut self, batches: impl IntoIterator<Item = Result<RecordBatch>>) -> Result<()> {
        for batch in batches {
            self.push(batch?).await?;
            // Yields: epochs run on the same threads.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn write(&mut self) -> Result<()> {
        let bytes = Bytes::from(to_ipc(&std::mem::take(&mut self.waiting))?);
        self.bytes = 0;
        self.len += bytes.len();
        let object = format!("objects/{}-{}", self.stem, self.pieces.len());
        self.pieces.push(SectionPart { object: object.clone(), xxh3: xxh3_64(&bytes) });
        self.written().await?;
        let store = Arc::clone(&self.store);
        self.writing.spawn(async move { create(store.as_ref(), &object, bytes).await });
        Ok(())
    }

    async fn written(&mut self) -> Result<()> {
        while let Some(done) = self.writing.join_next().await {
            done.map_err(|e| Error::internal("writing a section was cut off").with_source(e))??;
        }
        Ok(())
    }

    /// Ends the section, and adds it to `small` (to be encoded in the commit) or `large` (already written); to neither if it has no
    /// rows.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish_into(self, small: &mut Vec<Section>, large: &mut Vec<WrittenSection>) -> Result<()> {
        if self.pieces.is_empty() {
            if !self.waiting.is_empty() {
                small.push(Section { name: self.name, batches: self.waiting });
            }
            return Ok(());
        }
        large.extend(self.finish_outside().await?);
        Ok(())
    }

    /// Ends the section, and writes it to the store even if it is small; `None`: it has no rows.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish_outside(mut self) -> Result<Option<WrittenSection>> {
        if !self.waiting.is_empty() {
            self.write().await?;
        }
        self.written().await?;
        let entry = Entry { name: self.name, object: None, len: self.len, xxh3: 0, pieces: self.pieces };
        Ok((!entry.pieces.is_empty()).then_some(WrittenSection(entry)))
    }
}

async fn create(store: &dyn StateStore, path: &str, bytes: Bytes) -> Result<()> {
    match store.create(path, bytes).await? {
        Created::Won => Ok(()),
        Created::Lost => Err(Error::internal(format!("object `{path}` was written by another process"))),
    }
}

fn to_ipc(batches: &[RecordBatch]) -> Result<Vec<u8>> {
    let Some(first) = batches.first() else { return Err(Error::internal("a section without a batch has no schema")) };
    let mut writer = StreamWriter::try_new(Vec::new(), first.schema_ref())?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::state::object::RemoteStore;

    fn rows(n: i64) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from_iter_values(0..n))]).unwrap()
    }

    #[tokio::test]
    async fn small_sections_stand_inside_and_large_ones_outside() {
        let store = RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), "j".into(), "memory");
        let sections = ["a", "big", "c"]
            .map(|name| Section { name: name.into(), batches: vec![rows(if name == "big" { 300_000 } else { 3 }), rows(0)] });
        let file = CommitFile::encode(&serde_json::json!({"n": 7}), &sections, Vec::new(), "7-1-x").unwrap();
        assert_eq!(file.objects.len(), 1);
        file.write_objects(&store).await.unwrap();
        let read = CommitReader::<serde_json::Value>::open("commits/7", file.bytes.clone()).unwrap();
        assert_eq!(read.body["n"], 7);
        for section in &sections {
            assert_eq!(read.section(&section.name, &store).await.unwrap().unwrap(), section.batches);
        }
        assert!(read.section("d", &store).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_section_larger_than_memory_is_written_and_read_in_pieces() {
        let store: Arc<dyn StateStore> = Arc::new(RemoteStore::new(Arc::new(object_store::memory::InMemory::new()), "j".into(), "memory"));
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for (name, batches) in [("small", 2), ("large", 40)] {
            let mut writer = ChunkedSectionWriter::new(Arc::clone(&store), name.into(), format!("7-1-x-{name}"), 8 << 20);
            for _ in 0..batches {
                writer.push(rows(100_000)).await.unwrap();
            }
            writer.finish_into(&mut small, &mut large).await.unwrap();
        }
        let objects = store.list("objects").await.unwrap().len();
        assert!((3..=6).contains(&objects), "{objects} pieces of 32 MB");
        let file = CommitFile::encode(&0, &small, large, "7-1-x").unwrap();
        assert!(file.bytes.len() < 2000);
        file.write_objects(store.as_ref()).await.unwrap();
        let read = CommitReader::<i32>::open("commits/7", file.bytes).unwrap();
        for (name, batches) in [("small", 2), ("large", 40)] {
            assert_eq!(read.section(name, store.as_ref()).await.unwrap().unwrap(), vec![rows(100_000); batches]);
        }
        assert!(read.section_len("large") > 32_000_000);
        store.delete("objects/7-1-x-large-1").await.unwrap();
        let error = read.section("large", store.as_ref()).await.unwrap_err();
        assert!(error.message().contains("is gone"), "{error}");
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let file = CommitFile::encode(&1, &[Section { name: "a".into(), batches: vec![rows(3)] }], Vec::new(), "x").unwrap();
        for i in 0..file.bytes.len() {
            let mut broken = file.bytes.to_vec();
            broken[i] ^= 1;
            assert!(CommitReader::<u32>::open("commits/1", broken.into()).is_err(), "byte {i}");
        }
    }
}
