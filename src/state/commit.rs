//! One commit as one object: a header of the caller's, and sections of Arrow batches, each with a checksum.
//!
//! ```text
//! "MSCOMMIT" │ header length u32 │ header JSON: {body, sections:[{name, place, len, xxh3}]} │ section bytes … │ xxh3 of all before
//! ```
//! A section is an Arrow IPC stream. One that is larger than [`INLINE_LIMIT`] is an object of its own, written before the
//! commit and named in it, so that the put that decides stays small.

use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::common::{Error, Result};

use super::store::{Created, StateStore};

const MAGIC: &[u8; 8] = b"MSCOMMIT";

/// Sections above this many bytes become objects of their own.
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
    /// The object's path if the section stands outside.
    object: Option<String>,
    len: usize,
    xxh3: u64,
}

/// A commit that is encoded and whose large sections are split off.
#[derive(Debug, Clone)]
pub struct CommitFile {
    /// The commit object.
    pub bytes: Bytes,
    /// Objects to write before it: path and bytes.
    pub objects: Vec<(String, Bytes)>,
}

impl CommitFile {
    /// Encodes a header and sections; `stem` begins the names of large sections' objects and must be unique to the attempt.
    ///
    /// # Errors
    /// When a batch cannot be written as Arrow IPC.
    pub fn encode<H: Serialize>(body: &H, sections: &[Section], stem: &str) -> Result<Self> {
        let mut entries = Vec::with_capacity(sections.len());
        let mut inline = Vec::new();
        let mut objects = Vec::new();
        for section in sections {
            let bytes = to_ipc(&section.batches)?;
            let object = (bytes.len() > INLINE_LIMIT).then(|| format!("objects/{stem}-{}", entries.len()));
            entries.push(Entry { name: section.name.clone(), object: object.clone(), len: bytes.len(), xxh3: xxh3_64(&bytes) });
            match object {
                Some(path) => objects.push((path, bytes.into())),
                None => inline.extend_from_slice(&bytes),
            }
        }
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

    /// Writes the large sections. They may be written again by a later attempt under another name.
    pub async fn write_objects(&self, store: &dyn StateStore) -> Result<()> {
        for (path, bytes) in &self.objects {
            if store.create(path, bytes.clone()).await? == Created::Lost {
                return Err(Error::internal(format!("object `{path}` was written by somebody else")));
            }
        }
        Ok(())
    }
}

/// A commit as it was read: the header, and sections fetched when asked for.
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
    /// Says which object is damaged.
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
        let directory: Directory<H> = serde_json::from_slice(header).map_err(|e| damaged("its header cannot be read").because(e))?;
        Ok(Self {
            body: directory.body,
            path: path.to_string(),
            sections: directory.sections,
            inline: bytes.slice(12 + header_len..body_len),
            objects: Vec::new(),
        })
    }

    /// Opens a commit that this process has just written, without asking the store for its large sections again.
    pub fn from_file(path: &str, file: &CommitFile) -> Result<Self> {
        let mut reader = Self::open(path, file.bytes.clone())?;
        reader.objects = file.objects.clone();
        Ok(reader)
    }

    /// The names of its sections.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|s| s.name.as_str())
    }

    /// Paths of the objects that belong to it.
    pub fn object_paths(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().filter_map(|s| s.object.as_deref())
    }

    /// Reads a section; `None` if the commit has none of that name.
    ///
    /// # Errors
    /// When its bytes are gone or damaged.
    pub async fn section(&self, name: &str, store: &dyn StateStore) -> Result<Option<Vec<RecordBatch>>> {
        let mut start = 0;
        for entry in &self.sections {
            if entry.name != name {
                start += if entry.object.is_none() { entry.len } else { 0 };
                continue;
            }
            let bytes = match &entry.object {
                None => self.inline.slice(start..start + entry.len),
                Some(path) => match self.objects.iter().find(|(p, _)| p == path) {
                    Some((_, bytes)) => bytes.clone(),
                    None => store
                        .get(path)
                        .await?
                        .ok_or_else(|| Error::state(format!("commit `{}`: its object `{path}` is gone", self.path)))?,
                },
            };
            if xxh3_64(&bytes) != entry.xxh3 {
                return Err(Error::state(format!("commit `{}`: section `{name}` is damaged", self.path)));
            }
            return from_ipc(&bytes).map(Some);
        }
        Ok(None)
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

fn from_ipc(bytes: &[u8]) -> Result<Vec<RecordBatch>> {
    Ok(StreamReader::try_new(bytes, None)?.collect::<Result<Vec<_>, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        let file = CommitFile::encode(&serde_json::json!({"n": 7}), &sections, "7-1-x").unwrap();
        assert_eq!(file.objects.len(), 1);
        file.write_objects(&store).await.unwrap();
        let read = CommitReader::<serde_json::Value>::open("commits/7", file.bytes.clone()).unwrap();
        assert_eq!(read.body["n"], 7);
        for section in &sections {
            assert_eq!(read.section(&section.name, &store).await.unwrap().unwrap(), section.batches);
        }
        assert!(read.section("d", &store).await.unwrap().is_none());
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let file = CommitFile::encode(&1, &[Section { name: "a".into(), batches: vec![rows(3)] }], "x").unwrap();
        for i in 0..file.bytes.len() {
            let mut broken = file.bytes.to_vec();
            broken[i] ^= 1;
            assert!(CommitReader::<u32>::open("commits/1", broken.into()).is_err(), "byte {i}");
        }
    }
}
