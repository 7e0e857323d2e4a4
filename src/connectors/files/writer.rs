//! A continuous job's rows into files, each row once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use object_store::path::Path;

use crate::common::{Error, Result};
use crate::connectors::{SinkWriter, Writer};

use super::config::Config;
use super::encode::Encoder;
use super::output::{Output, local};
use super::record::Record;
use super::rolling::{Held, Rolling};
use super::target::by_partition;

/// Rows of several commits on their way into one file per partition.
///
/// ```text
///   commit 5  commit 6  commit 7 │ commit 8 ...
///   ─────────────────────────────┘
///   dt=2024-05-01/part-<job>-<sink>-5.parquet       hidden until it rolls; then all partitions are shown together,
///   dt=2024-05-02/part-<job>-<sink>-5.parquet       and the commits 5 to 7 are settled
/// ```
/// # Invariants
/// * A file's rows are those of whole commits, and its name tells the first of them. What is not settled comes again after a restart,
///   and rolls at the same commit ([`Record`]), so that a file that was shown already is replaced by the same.
/// * Nothing is shown before the record says up to which commit.
pub struct FilesWriter {
    config: Arc<Config>,
    rolling: Rolling,
    header: bool,
    content: SchemaRef,
    record: Record,
    /// What begins the names of files.
    stem: String,
    held: Option<Held>,
    open: BTreeMap<String, (Encoder, Output)>,
}

impl FilesWriter {
    /// Takes over from older copies; also returns the newest commit that is in files, if that is known.
    ///
    /// # Errors
    /// When the folder cannot be used, or a newer copy has taken over.
    pub async fn open(config: Arc<Config>, rolling: Rolling, header: bool, writer: &Writer) -> Result<(Self, Option<u64>)> {
        let (record, last) = Record::claim(&config, writer).await?;
        let plain = |text: &str| -> String { text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect() };
        let life: String = writer.job_uuid.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let stem = format!("part-{}-{}-{life}", plain(&writer.job), plain(&writer.sink));
        if config.store.local {
            // What a killed process has left; it was never shown.
            remove_temporary(&local(&config.location.base), &format!(".{stem}-"));
        }
        let content = Arc::new(Schema::new(config.content.clone()));
        Ok((Self { config, rolling, header, content, record, stem, held: None, open: BTreeMap::new() }, last))
    }

    async fn file(&mut self, partition: &str, first: u64) -> Result<&mut (Encoder, Output)> {
        if !self.open.contains_key(partition) {
            let path = self.path(partition, &format!("{}-{first}.{}", self.stem, self.config.format.extension()))?;
            let encoder = Encoder::new(&self.config.format, self.config.format.compression_of(&path), self.header, &self.content)?;
            let output = Output::create(&self.config.store, &path, &self.config.location.show(&path)).await?;
            self.open.insert(partition.to_string(), (encoder, output));
        }
        self.open.get_mut(partition).ok_or_else(|| Error::internal("a file that was just opened is gone"))
    }

    fn path(&self, partition: &str, name: &str) -> Result<Path> {
        let parts: Vec<&str> = [self.config.location.base.as_ref(), partition, name].into_iter().filter(|p| !p.is_empty()).collect();
        Path::parse(parts.join("/")).map_err(|e| Error::data(format!("`{partition}` cannot be the name of a folder")).because(e))
    }

    /// Shows everything up to the newest commit that has rows.
    async fn roll(&mut self) -> Result<()> {
        let Some(held) = self.held else { return Ok(()) };
        let mut whole = Vec::with_capacity(self.open.len());
        for (partition, (encoder, mut output)) in std::mem::take(&mut self.open) {
            output.write(encoder.finish()?).await?;
            whole.push((partition, output));
        }
        self.record.announce(&self.config, held.last).await?;
        let mut partitions = Vec::with_capacity(whole.len());
        for (partition, output) in whole {
            output.show().await?;
            partitions.push(partition);
        }
        if let Some(name) = self.rolling.success_file.clone() {
            for partition in &partitions {
                let path = self.path(partition, &name)?;
                let owner = format!("{}-", self.stem);
                Output::create_for(&owner, &self.config.store, &path, &self.config.location.show(&path)).await?.show().await?;
            }
        }
        self.record.done(&self.config, held.last).await?;
        self.held = None;
        Ok(())
    }
}

/// Removes temporary files with this at the beginning of their names, in a folder and below it. What cannot be removed stays: it is
/// hidden, and of no harm.
fn remove_temporary(folder: &std::path::Path, start: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            remove_temporary(&entry.path(), start);
        } else if name.starts_with(start) && name.ends_with(".tmp") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[async_trait]
impl SinkWriter for FilesWriter {
    async fn write(&mut self, n: u64, rows: &[RecordBatch]) -> Result<()> {
        let now = Instant::now();
        let held = self.held.get_or_insert(Held { first: n, last: n, since: now, touched: now });
        (held.last, held.touched) = (n, now);
        let first = held.first;
        for batch in rows {
            for (partition, rows) in by_partition(&self.config, &self.content, batch)? {
                let (encoder, output) = self.file(&partition, first).await?;
                encoder.write(&rows)?;
                output.write(encoder.take()).await?;
            }
        }
        Ok(())
    }

    async fn commit(&mut self, n: u64) -> Result<()> {
        let Some(held) = self.held else { return Ok(()) };
        let full = match self.record.rolling() {
            // What was being shown when the process ended is shown again, and no more with it.
            Some(until) => n >= until,
            None => self.rolling.is_full(&held, self.open.values().map(|(encoder, _)| encoder.len()).max().unwrap_or(0)),
        };
        if full { self.roll().await } else { Ok(()) }
    }

    fn settled(&self, n: u64) -> u64 {
        self.held.map_or(n, |held| held.first.saturating_sub(1))
    }

    fn due(&self) -> Option<Instant> {
        self.held.filter(|_| self.record.rolling().is_none()).map(|held| self.rolling.due(&held))
    }

    async fn flush(&mut self) -> Result<()> {
        // Before the commits have come again that were being shown there is nothing whole to show.
        if self.record.rolling().is_some() { Ok(()) } else { self.roll().await }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::DataType;

    use super::*;
    use crate::common::ErrorKind;
    use crate::connectors::{TableColumn, TableSpec};
    use crate::sql::ast::Options;

    fn table(folder: &std::path::Path) -> TableSpec {
        let mut options = Options::default();
        options.set("path", &folder.to_string_lossy());
        options.set("format", "csv");
        let column =
            |name: &str, data_type| TableColumn { name: name.into(), data_type, nullable: true, metadata: None, is_virtual: false };
        TableSpec {
            name: "t".into(),
            connector: "filesystem".into(),
            columns: vec![column("k", DataType::Int64), column("p", DataType::Utf8)],
            primary_key: Vec::new(),
            partitioned_by: vec!["p".into()],
            options,
        }
    }

    /// The rows of commit n: one in each of two partitions.
    fn rows(n: u64) -> Vec<RecordBatch> {
        let k: ArrayRef = Arc::new(Int64Array::from(vec![n as i64, n as i64]));
        let p: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        vec![RecordBatch::try_from_iter([("k", k), ("p", p)]).unwrap()]
    }

    fn shown(folder: &std::path::Path) -> Vec<String> {
        let mut all = Vec::new();
        for p in ["p=a", "p=b"] {
            let mut files: Vec<_> = std::fs::read_dir(folder.join(p)).into_iter().flatten().map(|e| e.unwrap().path()).collect();
            files.retain(|f| !f.file_name().unwrap().to_string_lossy().starts_with('.'));
            files.sort();
            all.extend(files.iter().map(|f| format!("{p} {}", std::fs::read_to_string(f).unwrap().trim().replace('\n', " "))));
        }
        all
    }

    #[tokio::test]
    async fn a_roll_that_was_cut_off_is_the_same_when_it_is_done_again() {
        let dir = tempfile::tempdir().unwrap();
        let spec = table(dir.path());
        let config = Arc::new(Config::read(&spec).unwrap());
        let open = |incarnation: u64| {
            let writer = Writer { job: "j".into(), job_uuid: "u".into(), incarnation, sink: "t".into() };
            let (config, rolling) = (Arc::clone(&config), Rolling::read(&spec).unwrap());
            async move { FilesWriter::open(config, rolling, false, &writer).await }
        };
        let (mut first, last) = open(1).await.unwrap();
        assert_eq!(last, None);
        for n in 1..=2 {
            first.write(n, &rows(n)).await.unwrap();
            first.commit(n).await.unwrap();
        }
        assert_eq!((first.settled(2), shown(dir.path())), (0, Vec::new()));
        // As in roll(), up to the first of two files.
        first.record.announce(&config, 2).await.unwrap();
        let (_, (encoder, mut output)) = first.open.pop_first().unwrap();
        output.write(encoder.finish().unwrap()).await.unwrap();
        output.show().await.unwrap();
        // A kill leaves the temporary file.
        std::fs::write(dir.path().join(format!("p=b/.{}-1.csv.x.tmp", first.stem)), "").unwrap();
        drop(first);
        assert_eq!(shown(dir.path()), ["p=a 1 2"]);

        let (mut second, last) = open(2).await.unwrap();
        assert_eq!(last, Some(0));
        for n in 1..=3 {
            second.write(n, &rows(n)).await.unwrap();
            second.commit(n).await.unwrap();
        }
        assert_eq!((second.settled(3), shown(dir.path())), (2, vec!["p=a 1 2".to_string(), "p=b 1 2".to_string()]));
        second.flush().await.unwrap();
        assert_eq!((second.settled(3), shown(dir.path())), (3, ["p=a 1 2", "p=a 3", "p=b 1 2", "p=b 3"].map(String::from).to_vec()));
        assert_eq!(std::fs::read_dir(dir.path().join("p=b")).unwrap().count(), 2);

        assert_eq!(open(1).await.err().map(|e| e.kind()), Some(ErrorKind::Fenced));
        assert_eq!(open(3).await.unwrap().1, Some(3));
    }
}
